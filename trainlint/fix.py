"""Fixes of findings, applied until nothing changes.

A fix that leaves its own finding, breaks the file or brings another finding is refused. Nothing is written here:
`rewrite` does that with what comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.attempt import Standing, stand
from trainlint.diagnostic import Diagnostic, Edit, Failure, Report
from trainlint.lint import USUAL, Effort, open_scopes, open_text
from trainlint.repair import Fixed, Refused, Repair, Rewritten
from trainlint.rewrite import diff, write

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.config import Configurations

__all__ = ["Fixed", "Refused", "Rewritten", "diff", "fix", "fix_source", "write"]

Wanted = Callable[[Diagnostic], bool]


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
    repair = Repair(standing, replace(effort, progress=None))
    files = standing.files

    def is_chosen(diagnostic: Diagnostic) -> bool:
        if diagnostic.fix is None or (wanted is not None and not wanted(diagnostic)):
            return False
        return unsafe or diagnostic.fix.applicability == "safe"

    return repair.run(
        lambda: _apart(repair, filter(is_chosen, repair.open())), lambda batch: _edits_by_file(batch, files)
    )


def _apart(repair: Repair, diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Those that can be fixed together: no two change the same place. The others' turn comes later."""
    claimed: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for diagnostic in diagnostics:
        edits = diagnostic.fix.edits if diagnostic.fix else ()
        reason = _unfit(edits, repair.standing.files)
        if reason:
            repair.refuse(diagnostic, reason)
        elif not any(_touches(edit, claimed[edit.where.path]) for edit in edits):
            for edit in edits:
                claimed[edit.where.path].append((edit.where.start, edit.where.end))
            yield diagnostic


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
