"""How much advice one file gets: a handful, that which gains most.

Errors and warnings are always told. Advice is what a script could do better, and nobody reads a long list of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Report


def handful(report: Report, most: Callable[[str], int], gains: Mapping[str, int]) -> Report:
    """The report with no more advice per file than `most` says of its path; the rest is counted as withheld.

    Where a file has more, each rule speaks once, and of the rules those speak whose `gains` are greatest, the
    earlier place first among equals. Comments that suppress nothing are named whatever else there is.
    """
    advice: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    for diagnostic in report.diagnostics:
        if diagnostic.level == "advice" and gains.get(diagnostic.name):
            advice[diagnostic.where.path].append(diagnostic)
    withheld: set[int] = set()
    for path, given in advice.items():
        if len(given) > most(path):
            told = _told(given, most(path), gains)
            withheld |= {id(diagnostic) for diagnostic in given if id(diagnostic) not in told}
    if not withheld:
        return report
    kept = tuple(d for d in report.diagnostics if id(d) not in withheld)
    return replace(report, diagnostics=kept, withheld=len(withheld))


def _told(given: list[Diagnostic], most: int, gains: Mapping[str, int]) -> set[int]:
    first: dict[str, Diagnostic] = {}
    for diagnostic in given:
        first.setdefault(diagnostic.name, diagnostic)
    chosen = sorted(first.values(), key=lambda d: -gains[d.name])[
        :most
    ]  # stable: in the order of their places
    return {id(diagnostic) for diagnostic in chosen}
