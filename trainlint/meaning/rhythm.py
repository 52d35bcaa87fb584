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
    return [leave.region for leave in leaves_between(first, last, loop) if leave.kind == "continue"]


def leaves_between(first: Event, last: Event, loop: Region) -> list[Leave]:
    """Each `continue` and `return` in an arm between two events that goes past the second."""
    order = list(_in_order(loop))
    places = [i for i, item in enumerate(order) if item is first or item is last]
    if len(places) < 2 or order[places[0]] is not first:
        return []
    between = order[places[0] : places[1]]
    return [item for item in between if type(item) is Leave and _goes_past(item, last, loop)]


def _goes_past(leave: Leave, last: Event, loop: Region) -> bool:
    if leave.region.kind != "arm" or leave.region.loop is not loop:
        return False
    if leave.kind == "return":
        left = next((r for r in leave.region.ancestors() if r.kind == "call"), None)
        return left is not None and left.inside(loop) and left is not loop and last.region.inside(left)
    return leave.kind == "continue"


def is_behind(event: Event, leave: Leave, loop: Region) -> bool:
    """Whether something comes later in its turn than what leaves, and is left by it."""
    order = list(_in_order(loop))
    place = next(i for i, item in enumerate(order) if item is leave)
    return any(item is event for item in order[place:]) and _goes_past(leave, event, loop)


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


def periods(test: Value, holds: bool = True) -> list[Value] | None:
    """After how many turns a test holds (or fails) each time, None where it does in others too but for the last one."""
    found = []
    for each, wanted in _ways(test, holds):
        period = _period(each, wanted)
        if period is not None:
            found.append(period)
        elif not is_the_end(each, wanted):
            return None
    return found or None


def _ways(test: Value, holds: bool) -> Iterator[tuple[Value, bool]]:
    """The conditions of which any one is enough: the parts of an `or` that holds, of an `and` that does not."""
    for each in options(test) if holds or not isinstance(test, Choice) else [test]:
        match each:
            case Result(callee=External(name="operator.unarynot"), arguments=[inner]):
                yield from _ways(inner, not holds)
            case Result(callee=External(name="operator.and"), arguments=parts) if not holds:
                for part in parts:
                    yield from _ways(part, holds)
            case _:
                yield each, holds


def _period(test: Value, holds: bool) -> Value | None:
    """The `k` of `i % k == 0`, `i % k == k - 1`, `not i % k`, and of a count that goes back to nothing at `count == k`."""
    match test:
        case Result(callee=External(name="operator.==" | "operator.!=" as sign), arguments=(left, at)) if (
            _is_remainder(one(left))
        ):
            index, period = one(left).arguments  # type: ignore[union-attr]
            if (sign == "operator.==") is not holds or not is_index(index):
                return None
            fixed = isinstance(at, Constant) and at.under is None
            return period if fixed or _is_last(at, period) else None
        case Result(callee=External(name="operator.%"), arguments=(index, period)) if not holds:
            return period if is_index(index) else None
        case Result(callee=External(name=sign), arguments=(count, period)) if sign in _REACHED[holds]:
            return period if _is_count(one(count)) else None
    return None


_REACHED = {True: ("operator.==", "operator.>="), False: ("operator.!=", "operator.<")}


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
