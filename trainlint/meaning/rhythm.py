"""How often something happens in its loop: every turn, or only in one turn of several."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.optimizers import number
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.values import Constant, External, Item, Result, Unknown, Value, one


def is_seldom(event: Event, after: Event, loop: Region) -> bool:
    """Whether most turns pass an event by, as the loop's own index says, although they reach `after`."""
    arms = [(arm, arm.holds) for arm in event.guards(loop)]
    arms += [(arm, not arm.holds) for arm in _left_between(after, event, loop)]
    return any(arm.truth is not None and _is_one_of_several(arm.truth, holds) for arm, holds in arms)


def _left_between(first: Event, last: Event, loop: Region) -> list[Region]:
    """The arms between two events whose `continue` goes past the second."""
    order = list(_in_order(loop))
    places = [i for i, item in enumerate(order) if item is first or item is last]
    if len(places) < 2 or order[places[0]] is not first:
        return []
    between = order[places[0] : places[1]]
    leaves = [item for item in between if type(item) is Leave and item.kind == "continue"]
    return [leave.region for leave in leaves if leave.region.kind == "arm" and leave.region.loop is loop]


def _in_order(region: Region) -> Iterator[Event | Leave]:
    for item in region.items:
        if type(item) is Region:
            yield from _in_order(item)
        elif type(item) is not Region:
            yield item  # type: ignore[misc]  # an event or a leave


def _is_one_of_several(test: Value, holds: bool) -> bool:
    """`i == 3` and `i % 50 == 0` are true in one turn of several, `i % 50 != 0` is false in one."""
    match one(test):
        case Result(
            callee=External(name="operator.==" | "operator.!=" as sign),
            arguments=(left, Constant(under=None)),
        ):
            if (sign == "operator.==") is not holds:
                return False
        case _:
            return False
    match one(left):
        case Result(callee=External(name="operator.%"), arguments=(index, period)):
            every = number(period)
            return every is not None and every[0] > 1 and is_index(index)
    return is_index(left)


def is_index(value: Value) -> bool:
    """What `enumerate` or `range` counts with, or that plus a constant."""
    match one(value):
        case Unknown(reason="index"):
            return True
        case Item(source=Result(callee=External(name="builtins.range")), key=None):
            return True
        case Result(callee=External(name="operator.+" | "operator.-"), arguments=(inner, Constant())):
            return is_index(inner)
    return False
