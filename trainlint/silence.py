"""Findings that a comment in the author's own file silences, and comments that silence nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.book import MACHINE
from trainlint.diagnostic import LEVELS, Diagnostic, Edit, Fix, Location
from trainlint.examine import Scope, path_in_project
from trainlint.fingerprint import anchor, numbered
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.logical_lines import LogicalLines
    from trainlint.page import Page
    from trainlint.source import Source
    from trainlint.suppressions import Suppressions

Said = tuple[str, int, int]  # a name that a rule answers to, and two lines on which a comment silences it


@dataclass(frozen=True, slots=True)
class Silenced:
    """What is left of a file's diagnostics, remarks on its comments included."""

    kept: tuple[Diagnostic, ...]
    suppressed: int = 0


@dataclass(frozen=True)
class Comments:
    """The comments of one file, and what they are to a finding. `names`: what each rule answers to."""

    source: Source
    names: Mapping[str, Sequence[str]]

    @cached_property
    def lines(self) -> LogicalLines:
        from trainlint.logical_lines import logical_lines  # few files have such comments

        return logical_lines(self.source)

    @property
    def suppressions(self) -> Suppressions:
        return self.source.suppressions

    def silence(self, diagnostic: Diagnostic) -> bool:
        return any(self.suppressions.covers(*said) for said in self.said(diagnostic))

    def said(self, diagnostic: Diagnostic) -> Iterator[Said]:
        """A comment counts on the first and last line of what was found, and on those of its statement."""
        where = diagnostic.where
        for span in ((where.start, where.end), self.lines.around(where.start, where.end)):
            for name in self.names.get(diagnostic.name, (diagnostic.name,)):
                yield name, *self.source.lines(*span)


def silence(
    scope: Scope,
    file: Path,
    diagnostics: Sequence[Diagnostic],
    said: Sequence[Diagnostic],
    judge: bool,
    ignored: frozenset[str],
) -> Silenced:
    """What of a file's diagnostics remains, and what is to be said about its comments.

    `said`: everything that was found, that which gave way to another finding included. `judge`: whether so
    much of the program was understood that a comment can be called unused. `ignored`: rules ignored here.
    """
    if "trainlint:" not in (scope.project.text(file) or ""):
        return Silenced(tuple(diagnostics))
    names = {page.name: (page.name, *page.rule.renamed_from) for page in scope.pages}
    comments = Comments(scope.project.source(file), names)
    kept = tuple(d for d in diagnostics if not comments.silence(d))
    remarks: tuple[Diagnostic, ...] = ()
    page = next((p for p in scope.pages if p.family == MACHINE and p.name not in ignored), None)
    if page is not None and not comments.suppressions.skip_file:
        found = _malformed(page, scope, comments)
        unused = _unused(page, scope, comments, said, ignored) if judge else ()
        remarks = numbered(sorted((*found, *unused), key=lambda d: d.where.start))
    return Silenced((*kept, *remarks), len(diagnostics) - len(kept))


def _unused(
    page: Page, scope: Scope, comments: Comments, said: Sequence[Diagnostic], ignored: frozenset[str]
) -> Iterator[Diagnostic]:
    asked = {p.name for p in scope.pages if p.family != MACHINE} - ignored
    names = [name for rule in asked for name in comments.names[rule]]
    complete = all(p.name in asked for p in scope.book.pages if p.rule.default and p.family != MACHINE)
    used = [line for diagnostic in said for line in comments.said(diagnostic)]
    for unused in comments.suppressions.unused(used, names, complete):
        if not _is_meant(comments.suppressions, unused.where, page.name):
            listed = ", ".join(f"`{name}`" for name in unused.names)
            message = f"nothing to suppress here for {listed}" if listed else "nothing to suppress here"
            title = "Remove the suppression" if not listed else f"Remove {listed} from the suppression"
            yield _remark(page, scope, comments.source, unused.where, message, (unused.removal, title))


def _malformed(page: Page, scope: Scope, comments: Comments) -> Iterator[Diagnostic]:
    for malformed in comments.suppressions.malformed:
        yield _remark(page, scope, comments.source, malformed.where, malformed.message, None)


def _is_meant(suppressions: Suppressions, where: Location, name: str) -> bool:
    """Whether the comment itself names the rule about unused ones."""
    return any(comment.where == where and name in comment.names for comment in suppressions.comments)


def _remark(
    page: Page, scope: Scope, source: Source, where: Location, message: str, removal: tuple[Edit, str] | None
) -> Diagnostic:
    configured = scope.book.level(page, scope.config)
    text = source.written[where.start : where.end]
    return Diagnostic(
        page.name,
        page.family,
        next(level for level in LEVELS if level == configured),
        message,
        where,
        fix=Fix(removal[1], "safe", (removal[0],)) if removal else None,
        fingerprint=anchor(page.name, path_in_project(where.path, scope.project), "", text),
    )
