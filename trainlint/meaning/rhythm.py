"""How often something happens in its loop: every turn, or only in one turn of several."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.iteration import underlying
from trainlint.meaning.optimizers import number
from trainlint.meaning.rounds import is_the_end
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.values import Choice, Constant, External, Item, Result, Unknown, Value, one, options


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


def periods(test: Value) -> list[Value] | None:
    """After how many turns a test holds each time, None where it holds in others too but for the last one."""
    found = []
    for each in options(test):
        period = _period(each)
        if period is not None:
            found.append(period)
        elif not is_the_end(each, True):
            return None
    return found or None


def _period(test: Value) -> Value | None:
    """The `k` of `i % k == 0`, `i % k == k - 1`, and of a count that goes back to nothing at `count == k`."""
    match test:
        case Result(callee=External(name="operator.=="), arguments=(left, at)) if _is_remainder(one(left)):
            index, period = one(left).arguments  # type: ignore[union-attr]
            fixed = isinstance(at, Constant) and at.under is None
            return period if is_index(index) and (fixed or _is_last(at, period)) else None
        case Result(callee=External(name="operator.==" | "operator.>="), arguments=(count, period)):
            return period if _is_count(one(count)) else None
    return None


def _is_last(remainder: Value, period: Value) -> bool:
    """`k - 1`."""
    every, at = number(period), number(remainder)
    if every is not None and at is not None:
        return at == (every[0] - 1, every[1])
    match remainder:
        case Result(callee=External(name="operator.-"), arguments=(whole, Constant(value=1))):
            return whole is period
    return False


def _is_remainder(value: Value) -> bool:
    match value:
        case Result(callee=External(name="operator.%"), arguments=(_, _)):
            return True
    return False


def _is_count(value: Value) -> bool:
    """What grows by one in each turn, and is what it was at first again after some of them."""
    match value:
        case Result(
            callee=External(name="operator.+"), arguments=(Choice(loop=True) as before, Constant(value=1))
        ):
            starts = [o for o in before.options if isinstance(o, Constant)]
            round_ = [o for o in before.options if isinstance(o, Choice)]
            return bool(starts) and any(_goes_back(o, value, starts) for o in round_)
    return False


def _goes_back(carried: Choice, grown: Value, starts: list[Constant]) -> bool:
    others = [o for o in carried.options if not _is_again(o, grown)]
    again = [o.value for o in others if isinstance(o, Constant)]
    return 0 < len(others) == len(again) < len(carried.options) and set(again) <= {s.value for s in starts}


def _is_again(value: Value, grown: Value) -> bool:
    return value is grown or (isinstance(value, Result) and value.node is getattr(grown, "node", None))


def _is_running(count: Choice) -> bool:
    """Whether a loop leaves a number alone but for adding one: it starts somewhere, and nothing sets it back."""
    grown = [o for o in options(count) if not isinstance(o, Constant)]
    return bool(grown) and all(_adds_one(o, count) for o in grown)


def _adds_one(value: Value, count: Choice) -> bool:
    match value:
        case Result(callee=External(name="operator.+"), arguments=(before, Constant(value=1))):
            return any(o is value for o in options(before)) or before is count
    return False


def counted_by(value: Value, loop: Region) -> float | None:
    """The first number of a value that a loop over a `range` counts with: `epoch`, or `epoch + 1`."""
    match one(value):
        case Result(callee=External(name="operator.+"), arguments=(inner, Constant(value=1))):
            first = counted_by(inner, loop)
            return None if first is None else first + 1
        case Item(source=source, key=None) if loop.iterable is not None:
            counts = underlying(loop.iterable)
            if (
                underlying(source) is not counts
                or not isinstance(counts, Result)
                or len(counts.arguments) > 2
            ):
                return None
            if not isinstance(counts.callee, External) or counts.callee.name != "builtins.range":
                return None
            start = number(counts.arguments[0]) if len(counts.arguments) == 2 else (0.0, None)
            return start[0] if start is not None else None
    return None


def is_index(value: Value) -> bool:
    """What `enumerate` or `range` counts with, a number that grows by one in each turn, or that plus a constant."""
    match value if isinstance(value, Choice) else one(value):
        case Choice(loop=True) as count:
            return _is_running(count)
        case Result(
            callee=External(name="operator.+"), arguments=(Choice(loop=True) as before, Constant(value=1))
        ):
            return _is_running(before)
        case Result(
            callee=External(name="operator.+"),
            arguments=(
                Result(callee=External(name="builtins.int"), arguments=[Constant()]),
                Constant(value=1),
            ),
        ):
            return True  # an attribute: that it starts anew somewhere would be another option
        case Unknown(reason="index"):
            return True
        case Item(source=Result(callee=External(name="builtins.range")), key=None):
            return True
        case Result(callee=External(name="operator.+" | "operator.-"), arguments=(inner, Constant())):
            return is_index(inner)
    return False
