"""Offsets in the code that LibCST writes, as offsets in the text that it read.

The two are the same but for what LibCST forgets: blanks, as in `except OSError :`, and some indented comments.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from trainlint.records import dataclass

_FORGOTTEN = re.compile(r"[ \t\f\\\r\n]|#[^\r\n]*")
_REST = re.compile(r"(?:[ \t\f\\\r\n]|#[^\r\n]*)*")
_ENOUGH = 24  # characters that must agree for the two to be in step again


@dataclass(frozen=True, slots=True)
class Alignment:
    """From `places[i]` on, written offsets are `shifts[i]` short of those in the text."""

    places: tuple[int, ...]
    shifts: tuple[int, ...]

    def start(self, offset: int) -> int:
        index = bisect_right(self.places, offset)
        return offset + (self.shifts[index - 1] if index else 0)

    def end(self, offset: int) -> int:
        """Of a range: what is missing just behind it does not belong to it."""
        index = bisect_left(self.places, offset)
        return offset + (self.shifts[index - 1] if index else 0)


def align(written: str, text: str) -> Alignment | None:
    """How the two correspond; None if code is missing."""
    places: list[int] = []
    shifts: list[int] = []
    here = there = 0
    while True:
        same = _count_same(written, here, text, there)
        here, there = here + same, there + same
        if here == len(written) and _REST.fullmatch(text, there):
            return Alignment(tuple(places), tuple(shifts))
        skipped = _skipped(text, there, written[here : here + _ENOUGH])
        if not skipped:
            return None
        there += skipped
        places.append(here)
        shifts.append(there - here)


def _skipped(text: str, start: int, ahead: str) -> int:
    """How much of the text to pass over until it goes on as written; 0 if it never does."""
    position = start
    while ahead and (forgotten := _FORGOTTEN.match(text, position)):
        position = forgotten.end()
        if text.startswith(ahead, position) or _differs_later(text, position, ahead):
            return position - start
    return 0


def _differs_later(text: str, start: int, ahead: str) -> bool:
    """Whether more is missing so soon that `ahead` runs into it, but not at once."""
    same = _count_same(ahead, 0, text, start)
    return same > 0 and not _FORGOTTEN.match(text, start) and _FORGOTTEN.match(text, start + same) is not None


def _count_same(one: str, at: int, other: str, start: int) -> int:
    """How many characters agree from the two places on: by halves, not one by one."""
    low, high = 0, min(len(one) - at, len(other) - start)
    if one[at : at + high] == other[start : start + high]:
        return high
    while high - low > 1:  # `low` characters agree, `high` do not
        middle = (low + high) // 2
        if one[at + low : at + middle] == other[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
