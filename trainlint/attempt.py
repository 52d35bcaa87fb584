"""A change that is tried before it counts: edits laid over files that stay as they are, and everything read again.

A change stands if what it touches still parses, what it was made for is gone, and nobody says anything new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainlint.book import MACHINE
from trainlint.diagnostic import Diagnostic, Edit, Failure, Location, Report
from trainlint.entries import reached_from
from trainlint.examine import Outcome, Scope
from trainlint.lint import Effort, finish, read_all
from trainlint.records import dataclass
from trainlint.source import Source, SourceError, source_from_text

Outcomes = Mapping[tuple[int, Path], Outcome]
Edits = Mapping[Path, Sequence[Edit]]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """Files as they are now, tried changes included, and what there is to say about them."""

    scopes: tuple[Scope, ...]
    outcomes: Outcomes
    missing: tuple[Failure, ...]
    report: Report
    files: Mapping[str, Path]  # the requested ones, by the path in reports

    def source(self, file: Path) -> Source:
        return next(s.project.source(file) for s in self.scopes if file in s.requested)


def stand(scopes: Sequence[Scope], missing: tuple[Failure, ...], effort: Effort) -> Standing:
    """Read everything once."""
    outcomes = read_all(scopes, effort)
    files = {scope.project.display(file): file for scope in scopes for file in scope.requested}
    return Standing(tuple(scopes), outcomes, missing, finish(scopes, outcomes, missing), files)


def attempt(
    standing: Standing, edits: Edits, made_for: Sequence[Diagnostic], effort: Effort
) -> Standing | str:
    """The standing after the edits, or why they cannot be: then nothing has changed."""
    before = {file: standing.source(file) for file in edits}
    try:
        after = {file: _edited(source, edits[file]) for file, source in before.items()}
    except (SourceError, UnicodeError) as error:
        return f"the result could not be read: {error}"
    touched = _affected(standing, before)
    _lay_over(standing, after)
    touched |= _affected(standing, after)
    outcomes = {key: said for key, said in standing.outcomes.items() if key[1] not in touched}
    outcomes |= read_all(standing.scopes, effort, touched, outcomes)
    new = replace(standing, outcomes=outcomes, report=finish(standing.scopes, outcomes, standing.missing))
    complaint = _complaint(standing, new, edits, made_for)
    if complaint:
        _lay_over(standing, before)
        return complaint
    return new


def _edited(source: Source, edits: Sequence[Edit]) -> Source:
    return source_from_text(source.apply(edits), source.path)


def _lay_over(standing: Standing, sources: Mapping[Path, Source]) -> None:
    for scope in standing.scopes:
        for file, source in sources.items():
            if file in scope.requested or file.is_relative_to(scope.project.root):
                scope.lay_over(file, source)


def _affected(standing: Standing, files: Iterable[Path]) -> frozenset[Path]:
    """The entries that run one of the files, and those that hold functions which one of the files may call."""
    files = tuple(files)
    found: set[Path] = set()
    for scope in standing.scopes:
        found |= scope.project.dependents(files) | reached_from(scope.project, files)
    return frozenset(found)


# What may be said afterwards


def _complaint(old: Standing, new: Standing, edits: Edits, made_for: Sequence[Diagnostic]) -> str:
    """The first reason why a change must not stand, empty if there is none."""
    return next(_failures(old, new), "") or next(_findings(old, new, edits, made_for), "")


def _failures(old: Standing, new: Standing) -> Iterator[str]:
    known = Counter((f.path, f.kind) for f in old.report.failures)
    for failure in new.report.failures:
        known[failure.path, failure.kind] -= 1
        if known[failure.path, failure.kind] < 0:
            place = failure.path if failure.line is None else f"{failure.path}:{failure.line}"
            yield f"the result fails: {place}: {failure.message}"


def _findings(old: Standing, new: Standing, edits: Edits, made_for: Sequence[Diagnostic]) -> Iterator[str]:
    fixed = {(d.name, d.where) for d in made_for}
    gone: dict[tuple[str, str], list[Span]] = defaultdict(list)
    there: dict[tuple[str, str], list[Span]] = defaultdict(list)
    marks: set[tuple[str, str, str]] = set()
    moves = {old.source(file).path: _Moves(listed) for file, listed in edits.items()}
    for said in _everything_said(old):
        path = said.where.path
        span = moves[path].span(said.where) if path in moves else (said.where.start, said.where.end)
        (gone if (said.name, said.where) in fixed else there)[said.name, path].append(span)
    for known in old.report.diagnostics:
        if (known.name, known.where) not in fixed:
            marks.add((known.name, known.where.path, known.fingerprint))
    for diagnostic in new.report.diagnostics:
        key = diagnostic.name, diagnostic.where.path
        if diagnostic.family == MACHINE or (*key, diagnostic.fingerprint) in marks:
            continue
        if _meets(diagnostic.where, there[key]):
            continue
        place = f"{diagnostic.where.path}:{diagnostic.where.line}"
        if _meets(diagnostic.where, gone[key]):
            yield f"{diagnostic.name} would still be there ({place})"
        else:
            yield f"{diagnostic.name} would be new ({place})"


def _everything_said(standing: Standing) -> Iterator[Diagnostic]:
    """Also what was silenced or gave way to another finding: it is not new when it shows."""
    for outcome in standing.outcomes.values():
        yield from outcome.diagnostics


def _meets(where: Location, spans: Iterable[Span]) -> bool:
    return any(start <= where.end and where.start <= end for start, end in spans)


class _Moves:
    """Where offsets of the old text are in the new one."""

    __slots__ = ("edits",)

    def __init__(self, edits: Sequence[Edit]) -> None:
        self.edits = sorted({(e.where.start, e.where.end, len(e.text)) for e in edits})

    def span(self, where: Location) -> Span:
        return self._moved(where.start, at_end=False), self._moved(where.end, at_end=True)

    def _moved(self, offset: int, *, at_end: bool) -> int:
        shift = 0
        for start, end, length in self.edits:
            if end < offset or (end == offset and not (at_end and start == end)):
                shift += length - (end - start)
            elif start < offset:  # inside what is replaced
                return start + shift + (length if at_end else 0)
        return offset + shift
