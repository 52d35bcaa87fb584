"""Which physical lines make up one statement (or one header), read from the text alone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from trainlint.comments import STRING_OR_COMMENT
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.source import Source

_TOKEN = re.compile(STRING_OR_COMMENT + r"|\\(?:\r\n|\r|\n)|[()\[\]{}]|\r\n|\r|\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LogicalLines:
    """The logical lines of a text, comments on lines of their own included, by their offsets."""

    starts: tuple[int, ...]

    def around(self, start: int, end: int) -> tuple[int, int]:
        """The range of the logical lines that a range of the text lies in, its last newline included."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = max(bisect_right(self.starts, max(start, end - 1)), first + 1)
        return self.starts[first], self.starts[min(last, len(self.starts) - 1)]


def logical_lines(source: Source) -> LogicalLines:
    """The logical lines of a source. No statement goes from one cell of a notebook into the next."""
    bounds = [0, *(cell.end for cell in source.cells.cells)] if source.cells else [0]
    bounds.append(len(source.text))
    starts = [start for low, high in pairwise(bounds) for start in _starts(source.text, low, high)]
    return LogicalLines((*starts, len(source.text)))


def _starts(text: str, low: int, high: int) -> Iterator[int]:
    yield low
    depth = 0
    for match in _TOKEN.finditer(text, low, high):
        token = match[0]
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(0, depth - 1)
        elif token in ("\n", "\r", "\r\n") and depth == 0 and match.end() < high:
            yield match.end()
