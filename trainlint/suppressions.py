"""Comments that silence findings, and what is wrong with such comments.

    loss = total / 2  # trainlint: ignore[loss-detached] the sum is only printed
    # trainlint: ignore-next-line[loss-detached, missing-no-grad]
    # trainlint: skip-file

A bare `ignore` silences every rule. Lines count over the whole text, over all code cells of a notebook:
`Source.lines` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from trainlint.comments import comments_in
from trainlint.diagnostic import Edit, Location
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.source import Source

Kind = Literal["ignore", "ignore-next-line", "skip-file"]
KINDS: tuple[Kind, ...] = ("ignore", "ignore-next-line", "skip-file")
Silenced = tuple[str, int, int]  # a rule's name, first and last line of what it said

_DIRECTIVE = re.compile(
    r"#[ \t]*trainlint:(?P<body>.*?)(?=\s*(?<=\s)#(?!\d)|\s*\Z)"
)  # `#12` is an issue, not a comment
_BODY = re.compile(r"[ \t]*(?P<word>[^\s\[(:,]*)[ \t]*(?P<names>\[[^\]]*\])?(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][\w-]*")
_LIKE_A_NAME = re.compile(r"[:\s(]*[a-z]+(?:-[a-z]+)+\b")
_BLANK = re.compile(r"[ \t\f]*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment that silences: `names` of rules (none: all), on `line` (None: the whole file)."""

    kind: Kind
    names: tuple[str, ...]
    line: int | None
    where: Location
    removal: Edit
    brackets: Location | None = None

    def silences(self, name: str, first_line: int, last_line: int) -> bool:
        return (self.line in (None, first_line, last_line)) and (not self.names or name in self.names)


@dataclass(frozen=True, slots=True)
class Unused:
    """A comment, or some names in it, that silenced nothing, and the edit that takes it away."""

    where: Location
    names: tuple[str, ...]  # none: a comment without names
    removal: Edit


@dataclass(frozen=True, slots=True)
class Malformed:
    """A comment that was meant to silence and does not."""

    where: Location
    message: str


@dataclass(frozen=True, slots=True)
class Suppressions:
    """All such comments of a file."""

    comments: tuple[Suppression, ...] = ()
    malformed: tuple[Malformed, ...] = ()

    @property
    def skip_file(self) -> bool:
        return any(comment.line is None for comment in self.comments)

    def covers(self, name: str, first_line: int, last_line: int) -> bool:
        """Whether a rule is silenced on a statement: by a comment on its first or last line, or above it."""
        return any(comment.silences(name, first_line, last_line) for comment in self.comments)

    def unused(
        self, silenced: Iterable[Silenced], selected: Iterable[str], complete: bool = True
    ) -> tuple[Unused, ...]:
        """Comments that silenced none of these findings, as far as the selected rules can tell.

        `complete`: whether all rules were selected; else a comment without names may serve another run.
        """
        said, names = tuple(silenced), frozenset(selected)
        return tuple(_unused(self.comments, said, names, complete))


def _unused(
    comments: Iterable[Suppression], said: tuple[Silenced, ...], selected: frozenset[str], complete: bool
) -> Iterator[Unused]:
    for comment in comments:
        used = {finding[0] for finding in said if comment.silences(*finding)}
        idle = tuple(name for name in comment.names if name in selected and name not in used)
        if comment.line is None or (used and not comment.names):
            continue
        if len(idle) == len(comment.names):
            if comment.names or complete:
                yield Unused(comment.where, comment.names, comment.removal)
        elif idle and comment.brackets is not None:
            kept = ", ".join(name for name in comment.names if name not in idle)
            yield Unused(comment.where, idle, Edit(comment.brackets, f"[{kept}]"))


def find_suppressions(source: Source) -> Suppressions:
    """The suppressions of a source; almost free where the text does not name trainlint."""
    if "trainlint:" not in source.text:
        return Suppressions()
    found = tuple(_directives(source))
    return Suppressions(
        tuple(item for item in found if isinstance(item, Suppression)),
        tuple(item for item in found if isinstance(item, Malformed)),
    )


def _directives(source: Source) -> Iterator[Suppression | Malformed]:
    for start, end in comments_in(source.text):
        for match in _DIRECTIVE.finditer(source.text[start:end]):
            yield _directive(source, start + match.start(), start + match.end(), match["body"], end)


def _directive(source: Source, start: int, end: int, body: str, comment_end: int) -> Suppression | Malformed:
    where = source.location(start, end)
    match = _BODY.fullmatch(body)
    word = match["word"] if match else ""
    kind = next((kind for kind in KINDS if kind == word), None)
    if match is None or kind is None:
        return Malformed(where, _unknown(word))
    listed = match["names"]
    names = tuple(name.strip() for name in listed[1:-1].split(",") if name.strip()) if listed else ()
    wrong = _what_is_wrong(kind, listed, names, match["rest"])
    if wrong:
        return Malformed(where, wrong)
    brackets = None
    if listed:
        offset = start + source.text[start:end].index("[")
        brackets = source.location(offset, offset + len(listed))
    removal = Edit(source.location(*_removed(source.text, start, end, comment_end)), "")
    return Suppression(kind, names, _line(source, kind, start), where, removal, brackets)


def _unknown(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, KINDS, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"it can be {', '.join(KINDS)}"
    return f"`trainlint: {word}` is no suppression; {hint}"


def _what_is_wrong(kind: Kind, listed: str | None, names: tuple[str, ...], rest: str) -> str:
    if kind == "skip-file":
        return "`skip-file` takes no names: it silences the whole file" if listed else ""
    if listed is None:
        if rest.lstrip().startswith(("[", "(", ":")) or _LIKE_A_NAME.match(rest):
            return f"names of rules go in square brackets: `trainlint: {kind}[name]`"
        return ""
    if not names:
        return f"names no rule: write `trainlint: {kind}[name]`, or `{kind}` alone for all rules"
    strange = next((name for name in names if not _NAME.fullmatch(name)), None)
    return "" if strange is None else f"`{strange}` is not the name of a rule; names are separated by commas"


def _line(source: Source, kind: Kind, start: int) -> int | None:
    line, _ = source.line_and_column(start)
    if kind == "skip-file":
        return None
    return line if kind == "ignore" else _next_statement_line(source.text, start, line)


def _next_statement_line(text: str, start: int, line: int) -> int:
    """The next line with code on it: several comments may stand above one statement."""
    rest = re.split(r"\r\n?|\n", text[start:])[1:]
    ahead = (number for number, written in enumerate(rest, line + 1) if not _BLANK.fullmatch(written))
    return next(ahead, line)


def _removed(text: str, start: int, end: int, comment_end: int) -> tuple[int, int]:
    """What goes with the comment: the blanks before it, or the whole line where nothing else stands on it."""
    line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    before = text[line_start:start]
    blanks = len(before) - len(before.rstrip(" \t\f"))
    last = end == comment_end or not text[end:comment_end].strip()
    if not last:  # another comment follows on the same line
        return start, end + len(text[end:comment_end]) - len(text[end:comment_end].lstrip())
    if before.strip(" \t\f"):
        return start - blanks, comment_end
    newline = re.compile(r"\r\n?|\n").match(text, comment_end)
    return line_start, newline.end() if newline else comment_end
