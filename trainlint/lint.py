"""Files in, one report out: what is asked for, who reads it, and what is left to say.

    paths -> scopes -> entries -> (workers) outcomes -> report

The results do not depend on the number of workers, on the order of the paths, or on what else was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from trainlint.book import MACHINE
from trainlint.deep_thread import Lost
from trainlint.diagnostic import Failure, Report
from trainlint.discovery import Discovery, Excludes, discover, in_order
from trainlint.entries import Entry, find_entries
from trainlint.examine import Outcome, Scope, start_examining
from trainlint.project import Project, find_root, is_workplace
from trainlint.records import dataclass
from trainlint.settle import join, settle
from trainlint.source import SourceError, source_from_text
from trainlint.workers import LIMIT_SECONDS, Progress, answer_each, forks, usable_processors

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.config import Config, Configurations

LITTLE = 120_000  # characters that are read faster than processes start


@dataclass(frozen=True, slots=True)
class Effort:
    """How to work. `jobs`: worker processes; None for one per processor, 0 for this process alone."""

    jobs: int | None = None
    limit: float = LIMIT_SECONDS  # seconds for one entry
    progress: Progress | None = None


USUAL = Effort()


def lint(
    paths: Sequence[Path | str],
    configurations: Configurations,
    book: Book,
    *,
    cwd: Path | None = None,
    effort: Effort = USUAL,
) -> Report:
    """Lint files and folders. A baseline that the configuration names is applied."""
    scopes, failures = open_scopes(paths, configurations, book, cwd=cwd)
    return finish(scopes, read_all(scopes, effort), failures)


def lint_source(
    content: str | bytes,
    file: Path,
    configurations: Configurations,
    book: Book,
    *,
    cwd: Path | None = None,
    effort: Effort = USUAL,
) -> Report:
    """Lint a text as if it were this file's: standard input or an editor's buffer."""
    scope = open_text(content, file, configurations, book, cwd=cwd)
    if isinstance(scope, Failure):
        return Report(failures=(scope,), files=1)
    return finish((scope,), read_all((scope,), effort), ())


def find_files(paths: Iterable[Path | str], configurations: Configurations, cwd: Path) -> Discovery:
    """The files that paths mean, each under the excludes of the configuration that is in force for it."""
    files: dict[Path, None] = {}
    failures: dict[Failure, None] = {}
    for path in paths:
        absolute = Path(os.path.abspath(cwd / path))
        config = configurations.config_for(absolute)
        found = discover(
            [absolute],
            cwd=cwd,
            exclude=config.exclude,
            extend_exclude=config.extend_exclude,
            force_exclude=config.force_exclude,
            base=config.root,
        )
        failures |= dict.fromkeys(found.failures)
        files |= dict.fromkeys(_less_excluded(found.files, absolute, config, configurations))
    return Discovery(in_order(files), tuple(failures))


def _less_excluded(
    files: Iterable[Path], given: Path, above: Config, configurations: Configurations
) -> Iterable[Path]:
    """A configuration further down may exclude what the one above does not."""
    for file in files:
        config = configurations.config_for(file)
        if file == given or config is above or not _excludes(config).match_above(file):
            yield file


def _excludes(config: Config) -> Excludes:
    return Excludes(config.root, (*config.exclude, *config.extend_exclude), config.force_exclude)


def open_scopes(
    paths: Sequence[Path | str], configurations: Configurations, book: Book, *, cwd: Path | None = None
) -> tuple[tuple[Scope, ...], tuple[Failure, ...]]:
    """The files to lint, grouped by project and configuration, and what could not be found."""
    cwd = Path(os.path.abspath(cwd or Path.cwd()))
    found = find_files(paths, configurations, cwd)
    named = frozenset(Path(os.path.abspath(cwd / path)) for path in paths)
    holders = around(named, cwd)
    groups: dict[tuple[Path, Config], list[Path]] = {}
    roots: dict[Path, Path] = {}
    for file in found.files:
        if file.parent not in roots:
            roots[file.parent] = find_root(file, holders)
        groups.setdefault((roots[file.parent], configurations.config_for(file)), []).append(file)
    scopes = tuple(
        _scope(root, config, book, frozenset(files), named, cwd) for (root, config), files in groups.items()
    )
    return scopes, found.failures


def around(named: Iterable[Path], cwd: Path) -> list[Path]:
    """Folders that the user means as a whole: those on the command line, and the one worked in."""
    return [*filter(os.path.isdir, named), *([cwd] if is_workplace(cwd) else [])]


def open_text(
    content: str | bytes,
    file: Path,
    configurations: Configurations,
    book: Book,
    *,
    cwd: Path | None = None,
) -> Scope | Failure:
    """A scope for one text that stands for a file, which need not exist."""
    cwd = Path(os.path.abspath(cwd or Path.cwd()))
    file = Path(os.path.abspath(cwd / file))
    files = frozenset([file])
    scope = _scope(find_root(file, around((), cwd)), configurations.config_for(file), book, files, files, cwd)
    try:
        scope.lay_over(file, source_from_text(content, scope.project.display(file)))
    except SourceError as error:
        return Failure(error.path, error.line, error.message)
    return scope


def _scope(
    root: Path, config: Config, book: Book, files: frozenset[Path], named: frozenset[Path], cwd: Path
) -> Scope:
    project = Project(root, cwd, _excludes(config), tuple(sorted(files)))
    return Scope(project, config, book, book.select(config), files, files & named)


def read_all(
    scopes: Sequence[Scope],
    effort: Effort,
    only: frozenset[Path] | None = None,
    known: Mapping[tuple[int, Path], Outcome] = MappingProxyType({}),
) -> dict[tuple[int, Path], Outcome]:
    """What the entries of all scopes (or only these, where those of the others are known) say, by scope and file."""
    work = [
        (number, entry)
        for number, scope in enumerate(scopes)
        for entry in entries_of(scope)
        if only is None or entry.file in only
    ]
    said = _read(scopes, work, effort)
    again = list(_unseen(work, {**known, **said}))
    for key, second in _read(scopes, again, effort).items() if again else ():
        first = said[key]
        if len(second.failures) <= len(first.failures):
            said[key] = replace(second, entered=first.entered, left=first.left)
    return said


def _read(
    scopes: Sequence[Scope], work: Sequence[tuple[int, Entry]], effort: Effort
) -> dict[tuple[int, Path], Outcome]:
    jobs = _jobs(scopes, work, effort.jobs)
    if jobs and forks():
        _ = source_from_text("", "empty.py").tree  # LibCST is imported once, not in every worker
    answers = answer_each(
        start_examining, tuple(scopes), work, jobs=jobs, limit=effort.limit, progress=effort.progress
    )
    return {
        (number, entry.file): _outcome(scopes[number], entry, answer)
        for (number, entry), answer in zip(work, answers, strict=True)
    }


def _unseen(
    work: Iterable[tuple[int, Entry]], said: Mapping[tuple[int, Path], Outcome]
) -> Iterator[tuple[int, Entry]]:
    """The entries with something that trains and that each left to others, none of which came by: a look of its own."""
    entered: dict[int, set[tuple[Path, str]]] = {}
    for (number, _), outcome in said.items():
        entered.setdefault(number, set()).update(outcome.entered)
    for number, entry in work:
        left = said[number, entry.file].left
        missed = frozenset(name for name in left if (entry.file, name) not in entered[number])
        if missed:
            yield number, replace(entry, unseen=missed)


def entries_of(scope: Scope) -> tuple[Entry, ...]:
    """The files that have to be read for a scope."""
    asked, there = ([p for p in pages if p.family != MACHINE] for pages in (scope.pages, scope.book.pages))
    return find_entries(scope.callers, scope.named, asked, there)


def _jobs(scopes: Sequence[Scope], work: Sequence[tuple[int, Entry]], jobs: int | None) -> int:
    """No process where there is little to read."""
    if jobs == 0 or len(work) < 2:
        return 0
    sizes = (len(scopes[number].project.text(entry.file) or "") for number, entry in work)
    return 0 if sum(sizes) < LITTLE else jobs or usable_processors()


def _outcome(scope: Scope, entry: Entry, answer: Outcome | Lost) -> Outcome:
    if isinstance(answer, Outcome):
        return answer
    path = scope.project.display(entry.file)
    return Outcome(failures=(Failure(path, None, answer.reason, "internal-error"),))


def finish(
    scopes: Sequence[Scope], outcomes: Mapping[tuple[int, Path], Outcome], failures: Iterable[Failure]
) -> Report:
    """The report on all scopes."""
    reports = (
        settle(scope, (said for (owner, _), said in outcomes.items() if owner == number))
        for number, scope in enumerate(scopes)
    )
    return join((*reports, Report(failures=tuple(failures))))
