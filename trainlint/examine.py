"""One entry under the selected rules: the wall behind which anything may go wrong.

A rule that raises costs its own findings on this entry and one line in the report, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from trainlint.callers import Callers
from trainlint.deep_thread import describe_error
from trainlint.diagnostic import LEVELS, Because, Diagnostic, Failure, Fix, Level
from trainlint.entries import Entry
from trainlint.fingerprint import anchor
from trainlint.records import dataclass
from trainlint.source import SourceError, source_from_text

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.config import Config
    from trainlint.meaning.program import Program
    from trainlint.page import Page
    from trainlint.project import Project
    from trainlint.rule import Finding
    from trainlint.source import Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the selected rules said about one entry, anchors in place of fingerprints.

    `entered`: the functions that train, by file, which it came through. `left`: those of its own that it left to others.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[Failure, ...] = ()
    entered: frozenset[tuple[Path, str]] = frozenset()
    left: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scope:
    """Requested files that share a project and a configuration.

    `named`: those given one by one. `overlays`: texts that are not (yet) on disk.
    """

    project: Project
    config: Config
    book: Book
    pages: tuple[Page, ...]
    requested: frozenset[Path]
    named: frozenset[Path] = frozenset()
    overlays: dict[Path, Source] = field(default_factory=dict)

    @cached_property
    def callers(self) -> Callers:
        return Callers(self.project, self.requested)

    @cached_property
    def files(self) -> dict[str, Path]:
        """The requested files by their paths in reports."""
        return {self.project.display(file): file for file in self.requested}

    def listens(self, entry: Path, path: str) -> bool:
        """Whether what an entry says about a file counts, so that it does not depend on what else is asked."""
        file = self.files.get(path)
        return file is not None and (file == entry or self.callers.may_run(entry, file))

    def lay_over(self, file: Path, source: Source) -> None:
        """From now on the file reads like this."""
        self.overlays[file] = source
        self.__dict__.pop("callers", None)
        self.project.overlay(file, source)

    def __reduce__(self) -> tuple[Callable[..., Scope], tuple[Any, ...]]:
        """For a process that shares nothing: no tree, no text that it can read itself, no rule's function."""
        project = self.project
        texts = {file: (source.apply(()), source.path) for file, source in self.overlays.items()}
        built = (project.root, project.cwd, project.excludes, project.given)
        names = tuple(page.name for page in self.pages)
        return _rebuild, (built, self.config, self.book.folders, names, self.requested, self.named, texts)


def _rebuild(
    built: tuple[Any, ...],
    config: Config,
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    requested: frozenset[Path],
    named: frozenset[Path],
    texts: Mapping[Path, tuple[bytes, str]],
) -> Scope:
    from trainlint.book import open_book
    from trainlint.project import Project

    book = open_book(folders)
    pages = tuple(page for page in book.pages if page.name in names)
    scope = Scope(Project(*built), config, book, pages, requested, named)
    for file, (content, path) in texts.items():
        scope.lay_over(file, source_from_text(content, path))
    return scope


def start_examining(scopes: tuple[Scope, ...]) -> Callable[[tuple[int, Entry]], Outcome]:
    """What a worker does with the entries of these scopes."""
    return lambda item: examine(scopes[item[0]], item[1])


def examine(scope: Scope, entry: Entry) -> Outcome:
    """Read an entry and ask its rules."""
    from trainlint.meaning.forgetting import forget
    from trainlint.meaning.program import read

    path = scope.project.display(entry.file)
    try:
        source = scope.project.source(entry.file)
        _ = source.tree
    except SourceError as error:
        failure = Failure(error.path, error.line, error.message, _kind(error))
        return Outcome(failures=(failure,) if _is_to_be_named(scope, entry) else ())
    failures = source.failures
    if failures and not _is_to_be_named(scope, entry):
        failures = ()
    if not entry.rules:
        return Outcome(failures=failures)
    try:
        program = read(scope.project, entry.file, entry.unseen)
    except Exception as error:
        return Outcome(failures=(*failures, _internal(path, "meaning", error)))
    found, broken = _ask_rules(scope, entry, program, path)
    entered, left = program.reading.entered, frozenset(program.reading.left)
    forget(program)
    return Outcome(tuple(found), (*failures, *broken), entered, left)


def _is_to_be_named(scope: Scope, entry: Entry) -> bool:
    """Whether a failure to parse is to be reported: not where the author wants the file to be skipped."""
    try:
        return entry.judged and not scope.project.source(entry.file).suppressions.skip_file
    except SourceError:  # it cannot even be read
        return entry.judged


def _kind(error: SourceError) -> Any:
    return "syntax" if error.kind == "syntax" else "unreadable"


def _ask_rules(
    scope: Scope, entry: Entry, program: Program, path: str
) -> tuple[list[Diagnostic], list[Failure]]:
    found: list[Diagnostic] = []
    broken: list[Failure] = []
    for page in scope.pages:
        if page.name not in entry.rules:
            continue
        try:
            found += (
                said for said in _ask(scope, page, program) if scope.listens(entry.file, said.where.path)
            )
        except Exception as error:
            broken.append(_internal(path, f"rule {page.name}", error))
    return found, broken


def _ask(scope: Scope, page: Page, program: Program) -> Iterator[Diagnostic]:
    options = scope.book.options(page, scope.config)
    for finding in page.rule.check(program, options):
        if finding.known != "guessed":
            yield _describe(scope, page, finding)


def _describe(scope: Scope, page: Page, finding: Finding) -> Diagnostic:
    from trainlint.meaning.place import locate, qualified_name, statement_text

    where = locate(finding.place)
    root_path = path_in_project(where.path, scope.project)
    return Diagnostic(
        page.name,
        page.family,
        _level(page.rule.level, scope.book.level(page, scope.config), finding),
        finding.message,
        where,
        tuple(Because(locate(place), message) for place, message in finding.because),
        finding.known,
        _fix(page, finding, finding.fix),
        _fix(page, finding, finding.control),
        _fix(page, finding, finding.plant),
        anchor(page.name, root_path, qualified_name(finding.place), statement_text(finding.place)),
        beside=_fix(page, finding, finding.beside),
    )


def path_in_project(path: str, project: Project) -> str:
    """From the project's root, so that it is the same in whatever folder the linter is started."""
    absolute = project.cwd / path
    inside = absolute.is_relative_to(project.root)
    return (absolute.relative_to(project.root) if inside else PurePath(path)).as_posix()


def _level(promised: Level, configured: str, finding: Finding) -> Level:
    """The configured level, unless the finding says less than its rule promises; convention is no error."""
    said = finding.level or promised
    level = next(level for level in LEVELS if level == configured)
    if _milder(said, promised) != promised:
        level = _milder(said, level)
    return _milder(level, "warning") if finding.known == "conventional" else level


def _milder(one: Level, other: Level) -> Level:
    return max(one, other, key=LEVELS.index)


def _fix(page: Page, finding: Finding, changes: Any) -> Fix | None:
    from trainlint.meaning.place import edits

    written = edits(changes) if changes else ()
    if not written:
        return None
    title = finding.title or f"Resolve {page.name}"
    return Fix(title, finding.applicability or page.rule.fix or "unsafe", written)


def _internal(path: str, what: str, error: Exception) -> Failure:
    import traceback  # where something went wrong only

    frames = traceback.extract_tb(error.__traceback__)
    origin = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return Failure(path, None, f"{what} failed: {describe_error(error)}{origin}", "internal-error")
