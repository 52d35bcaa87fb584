"""Parts of what a loop replaces turn by turn: `best[0]` of a pair, the two parts of a recurrent state.

Where the loop takes such a part, nobody knows yet what the loop will put in its place. So the part stays open as
long as the whole does, and gets its share of whatever the whole gets when the loop closes.
"""

from __future__ import annotations

from collections.abc import Callable

from trainlint.meaning.machine import Machine
from trainlint.meaning.values import Choice, Constant, Mapping, Sequence, Value, options

Part = tuple[Callable[[Value], Value], Choice, "Parts"]
Parts = list[Part]


def is_growing(value: Value) -> bool:
    """Whether a value is a list or dictionary, or none yet, that a loop around is going to replace."""
    if type(value) is not Choice or not _is_open(value):
        return False
    return all(
        isinstance(o, (Sequence, Mapping)) or (isinstance(o, Constant) and o.value is None)
        for o in options(value)
    )


def _is_open(value: Choice) -> bool:
    pending, seen = [value], set[int]()
    while pending and len(seen) < _MOST:
        current = pending.pop()
        if current.parts is not None:
            return True
        seen.add(id(current))
        pending += [o for o in current.options if type(o) is Choice and id(o) not in seen]
    return False


_MOST = 12  # choices within each other


def part_of(machine: Machine, whole: Value, take: Callable[[Value], Value]) -> Value:
    """What `take` gives of a growing value, now and later."""
    assert type(whole) is Choice
    known = machine.taking.get(id(whole))
    if known is not None:
        return known  # it may be one of the values that it is chosen from
    made = machine.taking[id(whole)] = Choice([], loop=True)
    made.options += [take(option) for option in whole.options]
    made.home = whole.home
    if next(iter(machine.taking)) == id(whole):
        machine.taking.clear()  # the outermost one: a later part is another one
    if whole.parts is not None:
        made.parts = []
        machine.knots.append(made)
        whole.parts.append((take, made))
    return made


def close(whole: Choice) -> Parts:
    """Leave a value, and what was taken out of it, as it is but for what `grow` adds."""
    parts, whole.parts = whole.parts or [], None
    return [(take, made, close(made)) for take, made in parts]


def grow(whole: Choice, value: Value, parts: Parts) -> None:
    """Add what a loop puts in the place of a value, and to each part its part of that."""
    if value is whole or any(value is option for option in whole.options):
        return
    whole.options.append(value)
    for take, made, inner in parts:
        grow(made, take(value), inner)
