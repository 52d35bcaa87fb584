"""Findings settled by edits, all together and, where that fails, in ever smaller groups, until nothing is left.

What is accepted has been parsed and linted again, but nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from pathlib import Path

from trainlint.attempt import Edits, Standing, attempt
from trainlint.diagnostic import Diagnostic, Report
from trainlint.lint import Effort
from trainlint.records import dataclass
from trainlint.source import Source

MOST_ROUNDS = 10  # beyond those that end with a refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """A fix that was not applied, and why."""

    diagnostic: Diagnostic
    reason: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file with its content before and after, as bytes and as people read it."""

    file: Path
    path: str
    before: bytes
    after: bytes
    encoding: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """What editing comes to: what remains to be said, what was settled, what was refused, what to write."""

    report: Report
    fixed: tuple[Diagnostic, ...] = ()
    refused: tuple[Refused, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()


@dataclass(slots=True)
class Repair:
    """Work in progress: how things stand, and what happened so far."""

    standing: Standing
    effort: Effort
    fixed: list[Diagnostic] = field(default_factory=list)
    refused: dict[tuple[str, str, str], Refused] = field(default_factory=dict)
    originals: dict[Path, Source] = field(default_factory=dict)

    def refuse(self, diagnostic: Diagnostic, reason: str) -> None:
        self.refused[_key(diagnostic)] = Refused(diagnostic, reason)

    def open(self) -> tuple[Diagnostic, ...]:
        """What is still to be said, less what was refused."""
        return tuple(d for d in self.standing.report.diagnostics if _key(d) not in self.refused)

    def run(
        self,
        choose: Callable[[], Iterable[Diagnostic]],
        edit: Callable[[Sequence[Diagnostic]], Edits],
    ) -> Fixed:
        """Settle what is chosen, round by round."""
        rounds = 0
        while rounds < MOST_ROUNDS + len(self.refused):
            batch = tuple(choose())
            if not batch:
                break
            self.advance(batch, edit)
            rounds += 1
        return self.result()

    def advance(self, batch: Sequence[Diagnostic], edit: Callable[[Sequence[Diagnostic]], Edits]) -> None:
        """Settle as many of these as go together; if not even the first goes alone, refuse it."""
        while True:
            edits = edit(batch)
            before = {file: self.standing.source(file) for file in edits}
            outcome = attempt(self.standing, edits, batch, self.effort)
            if isinstance(outcome, Standing):
                self.standing = outcome
                self.fixed += batch
                self.originals = {**before, **self.originals}
                return
            if len(batch) == 1:
                self.refuse(batch[0], outcome)
                return
            batch = batch[: len(batch) // 2]

    def result(self) -> Fixed:
        pairs = ((file, old, self.standing.source(file)) for file, old in sorted(self.originals.items()))
        rewritten = (
            Rewritten(file, old.path, old.apply(()), new.apply(()), old.encoding.name)
            for file, old, new in pairs
        )
        changed = tuple(change for change in rewritten if change.before != change.after)
        return Fixed(self.standing.report, tuple(self.fixed), tuple(self.refused.values()), changed)


def _key(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.name, diagnostic.where.path, diagnostic.fingerprint
