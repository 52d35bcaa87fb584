"""Fixes of findings, tried together and, where that fails, in ever smaller groups, until nothing changes.

Nothing is written here but by `write`; what it writes has been parsed and linted again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.attempt import Standing, attempt, stand
from trainlint.diagnostic import Diagnostic, Edit, Failure, Report
from trainlint.edits import write_atomically
from trainlint.lint import USUAL, Effort, open_scopes, open_text
from trainlint.source import Source

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.config import Configurations

MOST_ROUNDS = 10  # beyond those that end with a refusal

Wanted = Callable[[Diagnostic], bool]


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
    """What fixing comes to: what remains to be said, what was resolved, what was refused, what to write."""

    report: Report
    fixed: tuple[Diagnostic, ...] = ()
    refused: tuple[Refused, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()


@dataclass(slots=True)
class _Repair:
    """Fixing in progress: how things stand, and what happened so far."""

    standing: Standing
    effort: Effort
    fixed: list[Diagnostic] = field(default_factory=list)
    refused: dict[tuple[str, str, str], Refused] = field(default_factory=dict)
    originals: dict[Path, Source] = field(default_factory=dict)

    def refuse(self, diagnostic: Diagnostic, reason: str) -> None:
        self.refused[_key(diagnostic)] = Refused(diagnostic, reason)

    def candidates(self, wanted: Wanted) -> Iterator[Diagnostic]:
        """What can be fixed now, no two at the same place."""
        claimed: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for diagnostic in self.standing.report.diagnostics:
            if diagnostic.fix is None or _key(diagnostic) in self.refused or not wanted(diagnostic):
                continue
            edits = diagnostic.fix.edits
            reason = _unfit(edits, self.standing.files)
            if reason:
                self.refuse(diagnostic, reason)
            elif not any(_touches(edit, claimed[edit.where.path]) for edit in edits):
                for edit in edits:
                    claimed[edit.where.path].append((edit.where.start, edit.where.end))
                yield diagnostic

    def advance(self, batch: Sequence[Diagnostic]) -> None:
        """Apply as many of these as go together; if not even the first goes alone, refuse it."""
        while True:
            edits = _edits_by_file(batch, self.standing.files)
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


def fix(
    paths: Sequence[Path | str],
    configurations: Configurations,
    book: Book,
    *,
    unsafe: bool = False,
    wanted: Wanted | None = None,
    cwd: Path | None = None,
    effort: Effort = USUAL,
) -> Fixed:
    """What fixing the findings in files and folders comes to; `wanted` chooses among them. Writes nothing."""
    scopes, missing = open_scopes(paths, configurations, book, cwd=cwd)
    return _fix_all(stand(scopes, missing, effort), unsafe, wanted, effort)


def fix_source(
    content: str | bytes,
    file: Path,
    configurations: Configurations,
    book: Book,
    *,
    unsafe: bool = False,
    wanted: Wanted | None = None,
    cwd: Path | None = None,
    effort: Effort = USUAL,
) -> Fixed:
    """What fixing a text comes to that stands for this file."""
    scope = open_text(content, file, configurations, book, cwd=cwd)
    if isinstance(scope, Failure):
        return Fixed(Report(failures=(scope,), files=1))
    return _fix_all(stand([scope], (), effort), unsafe, wanted, effort)


def _fix_all(standing: Standing, unsafe: bool, wanted: Wanted | None, effort: Effort) -> Fixed:
    repair = _Repair(standing, replace(effort, progress=None))

    def chosen(diagnostic: Diagnostic) -> bool:
        allowed = unsafe or (diagnostic.fix is not None and diagnostic.fix.applicability == "safe")
        return allowed and (wanted is None or wanted(diagnostic))

    rounds = 0
    while rounds < MOST_ROUNDS + len(repair.refused):
        batch = tuple(repair.candidates(chosen))
        if not batch:
            break
        repair.advance(batch)
        rounds += 1
    return repair.result()


def write(rewritten: Iterable[Rewritten]) -> tuple[Failure, ...]:
    """Write what was rewritten; a file that changed meanwhile or cannot be written stays, and is named."""
    return tuple(failure for failure in map(_write_one, rewritten) if failure is not None)


def _write_one(change: Rewritten) -> Failure | None:
    try:
        if change.file.read_bytes() != change.before:
            return Failure(change.path, None, "not written: it was changed by somebody else meanwhile")
        write_atomically(change.file, change.after)
    except OSError as error:
        return Failure(change.path, None, f"not written: {error.strerror or error}")
    return None


def diff(rewritten: Iterable[Rewritten]) -> str:
    """What would be written, as a patch."""
    return "".join(line for change in rewritten for line in _diff_lines(change))


def _diff_lines(change: Rewritten) -> Iterator[str]:
    before, after = (
        re.findall(r"[^\n]*\n|[^\n]+", content.decode(change.encoding, "replace"))
        for content in (change.before, change.after)
    )
    for line in unified_diff(before, after, change.path, change.path):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _key(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.name, diagnostic.where.path, diagnostic.fingerprint


def _unfit(edits: Sequence[Edit], files: Mapping[str, Path]) -> str:
    """Why edits must not even be tried, empty if they may."""
    elsewhere = sorted({edit.where.path for edit in edits} - set(files))
    if elsewhere:
        return f"it would also change {', '.join(elsewhere)}, which was not given"
    ordered = sorted(edits, key=lambda edit: (edit.where.path, edit.where.start, edit.where.end))
    for one, other in pairwise(ordered):
        if one.where.path == other.where.path and other.where.start < one.where.end and one != other:
            return "its edits overlap"
    return ""


def _touches(edit: Edit, claimed: Iterable[tuple[int, int]]) -> bool:
    return any(start <= edit.where.end and edit.where.start <= end for start, end in claimed)


def _edits_by_file(batch: Iterable[Diagnostic], files: Mapping[str, Path]) -> dict[Path, list[Edit]]:
    found: dict[Path, list[Edit]] = defaultdict(list)
    for diagnostic in batch:
        for edit in diagnostic.fix.edits if diagnostic.fix else ():
            found[files[edit.where.path]].append(edit)
    return dict(found)
