"""Adopt the linter on an old repository: a comment that silences it at each finding there is today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.attempt import Standing, stand
from trainlint.book import MACHINE
from trainlint.diagnostic import Diagnostic, Edit
from trainlint.lint import USUAL, Effort, open_scopes
from trainlint.logical_lines import logical_lines
from trainlint.repair import Fixed, Repair

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.config import Configurations
    from trainlint.source import Source


def add_ignores(
    paths: Sequence[Path | str],
    configurations: Configurations,
    book: Book,
    *,
    reason: str = "",
    wanted: Callable[[Diagnostic], bool] | None = None,
    cwd: Path | None = None,
    effort: Effort = USUAL,
) -> Fixed:
    """What files come to with a comment at each finding (that is wanted). Writes nothing."""
    scopes, missing = open_scopes(paths, configurations, book, cwd=cwd)
    repair = Repair(stand(scopes, missing, effort), replace(effort, progress=None))

    def choose() -> Iterable[Diagnostic]:
        return (d for d in repair.open() if d.family != MACHINE and (wanted is None or wanted(d)))

    return repair.run(choose, lambda batch: _comments(repair.standing, batch, " ".join(reason.split())))


def _comments(standing: Standing, batch: Iterable[Diagnostic], reason: str) -> dict[Path, list[Edit]]:
    by_file: dict[Path, list[Diagnostic]] = defaultdict(list)
    for diagnostic in batch:
        by_file[standing.files[diagnostic.where.path]].append(diagnostic)
    return {file: _comments_in(standing.source(file), found, reason) for file, found in by_file.items()}


def _comments_in(source: Source, diagnostics: Iterable[Diagnostic], reason: str) -> list[Edit]:
    """One comment for each statement, at the end of its last line, where nothing but a comment can stand."""
    lines = logical_lines(source)
    names: dict[int, set[str]] = defaultdict(set)
    for diagnostic in diagnostics:
        start = diagnostic.where.start
        first, end = lines.around(start, start)
        names[first + len(source.text[first:end].rstrip())].add(diagnostic.name)
    return [_comment(source, end, sorted(listed), reason) for end, listed in names.items()]


def _comment(source: Source, end: int, names: Sequence[str], reason: str) -> Edit:
    line, _ = source.line_and_column(end)
    for comment in source.suppressions.comments:
        on_this_line = source.line_and_column(comment.where.start)[0] == line
        if comment.kind == "ignore" and comment.brackets is not None and on_this_line:
            merged = dict.fromkeys((*comment.names, *names))
            return Edit(comment.brackets, f"[{', '.join(merged)}]")
    text = f"  # trainlint: ignore[{', '.join(names)}]{reason and ' ' + reason}"
    return Edit(source.location(end, end), text)
