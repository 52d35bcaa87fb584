"""A program's text as lines: from offsets to line numbers, and lines left out."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
Span = tuple[
    int, int
]  # code point offsets, or lines; both ends belong to lines, the end is exclusive in offsets


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
