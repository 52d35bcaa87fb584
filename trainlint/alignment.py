"""Offsets in the code that LibCST writes, as offsets in the text that it read.

The two are the same but for blanks that LibCST forgets, as in `except OSError :`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

_BLANKS = " \t\f\\\r\n"
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
    """How the two correspond; None if more than blanks is missing."""
    places: list[int] = []
    shifts: list[int] = []
    here = there = 0
    while True:
        same = _count_same(written, here, text, there)
        here, there = here + same, there + same
        if here == len(written) and not text[there:].strip(_BLANKS):
            return Alignment(tuple(places), tuple(shifts))
        skipped = _skipped(text, there, written[here : here + _ENOUGH])
        if not skipped:
            return None
        there += skipped
        places.append(here)
        shifts.append(there - here)


def _skipped(text: str, start: int, ahead: str) -> int:
    """How many blanks of the text to pass over until it goes on as written; 0 if it never does."""
    count = 1
    while ahead and text[start + count - 1 : start + count] in _BLANKS and start + count <= len(text):
        if text.startswith(ahead, start + count) or _differ_later(text, start + count, ahead):
            return count
        count += 1
    return 0


def _differ_later(text: str, start: int, ahead: str) -> bool:
    """Whether the next blanks are missing so soon that `ahead` runs into them, but not at once."""
    same = _count_same(ahead, 0, text, start)
    return same > 0 and text[start + same : start + same + 1] in _BLANKS and text[start] not in _BLANKS


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
