"""The lines of source around a place, with the place underlined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.records import dataclass
from trainlint.report.characters import cells

if TYPE_CHECKING:
    from trainlint.diagnostic import Location

_NEWLINE = re.compile(r"\r\n?|\n")
_CUT = "..."
MOST_LINES = 4  # of a span; a longer one shows its first two and its last
LEAST_ROOM = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One line to show: its number (None where lines are left out), its text, and columns to underline."""

    number: int | None
    text: str
    mark_from: int = 0
    mark_width: int = 0


def excerpt(text: str, where: Location, room: int) -> tuple[Row, ...]:
    """The lines of a place, each fitted into `room` columns. Empty if the text does not hold the place."""
    if not 0 <= where.start <= where.end <= len(text):
        return ()
    lines = _NEWLINE.split(text[_line_start(text, where.start) : _line_end(text, where.end)])
    rows = [_row(line, where, index, index == len(lines) - 1, room) for index, line in enumerate(lines)]
    if (
        len(rows) > 1 and where.end_column == 1
    ):  # it ends with a newline, before the next line's first character
        rows.pop()
    return tuple(_shortened(rows))


def _shortened(rows: list[Row]) -> Iterator[Row]:
    if len(rows) <= MOST_LINES:
        yield from rows
        return
    yield from rows[:2]
    yield Row(None, _CUT)
    yield rows[-1]


def _row(line: str, where: Location, index: int, last: bool, room: int) -> Row:
    """A line of the span: marked from the span's start or its own indentation to the span's end or its own."""
    body = line.rstrip()
    indentation = len(line) - len(line.lstrip())
    start = where.column - 1 if index == 0 else indentation
    end = max(where.end_column - 1, start + (index == 0)) if last else max(len(body), start)
    return _fitted(line, where.line + index, start, end, max(room, LEAST_ROOM))


def _fitted(line: str, number: int, start: int, end: int, room: int) -> Row:
    shown = cells(line.rstrip())
    total = sum(taken for _, taken in shown)
    column = sum(taken for _, taken in shown[:start])
    marked = sum(taken for _, taken in shown[start:end]) + max(end - max(len(shown), start), 0)
    if total <= room:
        return Row(number, "".join(text for text, _ in shown), column, marked)
    first = _window(shown, column, marked, room)
    kept, used, stop = "", 0, first
    while stop < len(shown) and used + shown[stop][1] <= room - len(_CUT) * ((first > 0) + 1):
        kept, used, stop = kept + shown[stop][0], used + shown[stop][1], stop + 1
    before = _CUT if first else ""
    offset = column - sum(taken for _, taken in shown[:first])
    after = _CUT if stop < len(shown) else ""
    return Row(number, before + kept + after, len(before) + offset, min(marked, max(used - offset, 1)))


def _window(shown: list[tuple[str, int]], column: int, marked: int, room: int) -> int:
    """The first character to show of a long line, so that the mark is in view with some text before it."""
    if column + min(marked, room // 2) <= room - len(_CUT):
        return 0
    wanted, passed = column - room // 3, 0
    for index, (_, taken) in enumerate(shown):
        if passed >= wanted:
            return index
        passed += taken
    return len(shown)


def _line_start(text: str, offset: int) -> int:
    if offset and text[offset - 1 : offset + 1] == "\r\n":
        offset -= 1
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _line_end(text: str, offset: int) -> int:
    match = _NEWLINE.search(text, offset)
    return match.start() if match else len(text)
