"""Which files have to be read for what was asked, and with which rules: the text gate.

A file is read if it, or something that it imports, holds the words that a selected rule lives on, and if it
may run code of a requested file. `main.py` that only calls `engine.train()` has none of the words
and is still what gives `engine.py` its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.callers import Callers
    from trainlint.page import Page
    from trainlint.project import Project


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to read as a program. `rules` are those that can have something to say about it.

    `judged`: a failure to parse it is to be reported, whatever rules are selected. `unseen`: what trains in it,
    is named by other files, and yet was entered from none of them.
    """

    file: Path
    rules: tuple[str, ...]
    judged: bool
    unseen: frozenset[str] = frozenset()


def find_entries(
    callers: Callers,
    named: frozenset[Path],
    selected: Sequence[Page],
    all_pages: Sequence[Page],
) -> tuple[Entry, ...]:
    """The entries that findings in the requested files can come from, in the order of their paths."""
    project, requested = callers.project, callers.asked
    judged = named | frozenset(file for file in requested if _is_judged(project, file, all_pages))
    candidates = callers.of(requested)
    rules = _rules_by_file(project, candidates, selected)
    return tuple(
        Entry(file, rules[file], file in judged)
        for file in sorted(candidates, key=lambda file: file.parts)
        if rules[file] or file in judged
    )


def reached_from(project: Project, files: Iterable[Path]) -> frozenset[Path]:
    """The files and everything that they import, directly or not."""
    reached = set(files)
    pending = list(reached)
    while pending:
        new = project.imports(pending.pop()) - reached
        reached |= new
        pending += new
    return frozenset(reached)


def _is_judged(project: Project, file: Path, pages: Iterable[Page]) -> bool:
    """Whether any rule at all could have something to say about a file; of an unreadable one nobody knows."""
    words = project.words(file)
    return project.text(file) is None or any(_holds(words, page) for page in pages)


def _holds(words: frozenset[str], page: Page) -> bool:
    return not page.rule.words or not words.isdisjoint(page.rule.words)


def _rules_by_file(
    project: Project, candidates: frozenset[Path], selected: Sequence[Page]
) -> dict[Path, tuple[str, ...]]:
    """For each candidate the rules whose words it holds itself or through an import."""
    held = {
        file: frozenset(page.name for page in selected if _holds(project.words(file), page))
        for file in reached_from(project, candidates)
    }
    importers: dict[Path, list[Path]] = {file: [] for file in held}
    for file in held:
        for imported in project.imports(file):
            importers[imported].append(file)
    pending = [file for file, rules in held.items() if rules]
    while pending:
        file = pending.pop()
        for importer in importers[file]:
            if not held[file] <= held[importer]:
                held[importer] |= held[file]
                pending.append(importer)
    return {file: tuple(sorted(held[file])) for file in candidates}
