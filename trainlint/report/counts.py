"""How much of what a report holds, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from trainlint.diagnostic import LEVELS
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.diagnostic import Report

_PLURALS = {"advice": "advice", "entry": "entries"}
STATES = ("confirmed", "refuted", "inconclusive")


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of a report. `unsafe` counts fixes that have to be asked for, beside the `fixable`."""

    files: int
    failures: int
    suppressed: int
    baselined: int
    withheld: int
    unconfirmed: int
    stale: int
    levels: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    fixable: int = 0
    unsafe: int = 0
    earlier: int = 0  # verdicts that are remembered from a run before this one

    @property
    def findings(self) -> int:
        return sum(self.levels.values())

    @property
    def by_level(self) -> str:
        """`3 errors, 1 warning`."""
        return ", ".join(how_many(self.levels[level], level) for level in LEVELS if self.levels[level])

    @property
    def hidden(self) -> str:
        """What comments, the baseline, `max-advice` and `--only-confirmed` kept out of the report, in words."""
        counted = (
            (self.suppressed, "suppressed by comments"),
            (self.baselined, "known to the baseline"),
            (self.withheld, "more advice (see `max-advice`)"),
            (self.unconfirmed, "not confirmed"),
        )
        return ", ".join(f"{number} {how}" for number, how in counted if number)

    @property
    def verdicts(self) -> str:
        return ", ".join(f"{self.states[state]} {state}" for state in STATES if self.states[state])


def count(report: Report) -> Counts:
    """The numbers of a report."""
    found = report.diagnostics
    fixes = Counter(diagnostic.fix.applicability for diagnostic in found if diagnostic.fix)
    return Counts(
        files=report.files,
        failures=len(report.failures),
        suppressed=report.suppressed,
        baselined=report.baselined,
        withheld=report.withheld,
        unconfirmed=report.unconfirmed,
        stale=report.stale,
        levels=Counter(diagnostic.level for diagnostic in found),
        states=Counter(diagnostic.verdict.state for diagnostic in found if diagnostic.verdict),
        fixable=fixes["safe"],
        unsafe=fixes["unsafe"],
        earlier=sum(diagnostic.verdict is not None and diagnostic.verdict.earlier for diagnostic in found),
    )


def how_many(number: int, noun: str) -> str:
    """`1 error`, `3 errors`, `2 advice`."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"
