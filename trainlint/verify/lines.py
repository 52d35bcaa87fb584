"""A program's text as lines: from offsets to line numbers, lines left out, and lines that no Python reads."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MOST_UNREAD = 40
Span = tuple[
    int, int
]  # code point offsets, or lines; both ends belong to lines, the end is exclusive in offsets


def readable(text: str, wanted: Sequence[Span]) -> tuple[str, ast.Module]:
    """The text and its tree, where lines that this Python does not read are left out: newer syntax, mixed tabs.

    Raises SyntaxError where it is a wanted line, or where leaving lines out does not help.
    """
    for _ in range(MOST_UNREAD):
        mended = _mended(text, wanted)
        if mended == text:
            break
        text = mended
    return text, ast.parse(text)


def network_at(text: str, line: int) -> str:
    """The name of the class with a `forward` that a line lies in; empty outside of one."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or node.lineno):
            methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            return node.name if "forward" in methods else ""
    return ""


def _mended(text: str, wanted: Sequence[Span]) -> str:
    """One step towards a text that parses; the text itself where none is needed or possible."""
    try:
        ast.parse(text)
    except TabError:
        spread = [_without_tabs(text, width) for width in (8, 4)]
        return next((other for other in spread if _parses(other)), text)
    except SyntaxError as error:
        line = error.lineno or 0
        if line and not any(first <= line <= last for first, last in wanted):
            return _passed_over(text, line, isinstance(error, IndentationError))
    return text


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _without_tabs(text: str, width: int) -> str:
    """Indentation in blanks, a tab up to the next multiple of a width: 8 as Python 2 took it, 4 as most editors do."""
    lines = _LINE.findall(text)
    ends = [len(line) - len(line.lstrip(" \t")) for line in lines]
    return "".join(line[:end].expandtabs(width) + line[end:] for line, end in zip(lines, ends, strict=True))


def _passed_over(text: str, number: int, misplaced: bool) -> str:
    """The text with `pass` in place of a line; as it is where the line opens a block or says `pass` already.

    A `misplaced` line after one that was passed over went on with it, and is left blank.
    """
    lines = _LINE.findall(text)
    if number > len(lines):
        return text
    line = lines[number - 1]
    code = line.strip()
    if not code or code == "pass" or code.endswith(":"):
        return text
    before = next((other.strip() for other in reversed(lines[: number - 1]) if other.strip()), "")
    goes_on = misplaced and before == "pass"
    lines[number - 1] = "\n" if goes_on else line[: len(line) - len(line.lstrip())] + "pass\n"
    return "".join(lines)


class Lines:
    """A text as lines, with the way from offsets to line numbers."""

    def __init__(self, text: str) -> None:
        self.lines = _LINE.findall(text)  # as Python counts lines: a form feed ends none
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def of(self, span: Span) -> Span:
        """First and last line of a range of offsets."""
        first = self._line(span[0])
        return first, max(first, self._line(max(span[0], span[1] - 1)))

    def _line(self, offset: int) -> int:
        return max(1, min(bisect_right(self.starts, offset), len(self.lines)))

    def with_statement(self, text: str, span: Span) -> str:
        """A text with these lines of the original in it, as a statement of the module's own."""
        lines = _LINE.findall(text)
        lines[span[0] - 1 : span[1]] = self.lines[span[0] - 1 : span[1]]
        lines[span[0] - 1] = lines[span[0] - 1].lstrip()
        return "".join(_closed(lines))

    def without(self, spans: Iterable[Span]) -> str:
        """The text with these line ranges blank."""
        lines = list(self.lines)
        for first, last in spans:
            for number in range(first - 1, min(last, len(lines))):
                lines[number] = "\n"
        return "".join(_closed(lines))


def _closed(lines: Iterable[str]) -> Iterator[str]:
    last = ""
    for line in lines:
        yield line
        last = line
    if last and not last.endswith("\n"):
        yield "\n"
