"""Order, guards and loops on the trace."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import walk
from trainlint.meaning.trace import Event, EventKind, Region
from trainlint.meaning.values import Value


def of_kind(region: Region, *kinds: EventKind) -> list[Event]:
    """The events of some kinds below a region, in order."""
    return [event for event in region.events() if event.kind in kinds] if region.has(*kinds) else []


def implied(first: Event, second: Event, outer: Region) -> bool:
    """Whether `first` happens whenever `second` does: all arms around it are around `second` too."""
    arms = set(map(id, second.guards(outer)))
    return all(id(arm) in arms for arm in first.guards(outer))


def exclusive(first: Event, second: Event) -> bool:
    """Whether the two stand in different arms of one branch."""
    arms = {id(r.parent): r for r in first.region.ancestors() if r.kind == "arm"}
    return any(
        r.kind == "arm" and id(r.parent) in arms and arms[id(r.parent)] is not r
        for r in second.region.ancestors()
    )


def contrary(first: Event, second: Event, outer: Region) -> bool:
    """Whether one happens only where a condition holds and the other only where it does not, each in its own `if`."""
    return bool(_held(first, outer) & {(test, not holds) for test, holds in _held(second, outer)})


def required(first: Event, second: Event, outer: Region) -> bool:
    """Whether `first` happens whenever `second` does, also where each has an `if` of its own that asks the same."""
    arms = set(map(id, second.guards(outer)))
    own = [arm for arm in first.guards(outer) if id(arm) not in arms]
    held = _held(second, outer)
    return all(arm.test is not None and (key(arm.test), arm.holds) in held for arm in own)


def _held(event: Event, outer: Region) -> set[tuple[str, bool]]:
    arms = [arm for arm in event.guards(outer) if arm.test is not None]
    return {held for arm in arms if arm.test for held in implications(arm.test, arm.holds)}


def enclosing_loops(region: Region) -> list[Region]:
    """The real loops around (or at) a region, innermost first."""
    return [r for r in region.ancestors() if r.kind == "loop" and not r.unrolled]


def is_seen_whole(region: Region) -> bool:
    """Whether the loop around a region was gone through to its end: what else it does is known."""
    return region.loop is None or not region.loop.cut_short


def enclosing_call(event: Event) -> Region | None:
    """The call that runs the function whose text holds an event."""
    return next((r for r in event.region.ancestors() if r.kind == "call"), None)


def depends_on(value: Value, source: Value) -> bool:
    """Whether a value was computed from `source`."""
    return any(found is source for found in walk(value))


def key(node: s.Expression | None) -> str:
    """A text that equal conditions share, without asking the file for its text."""
    return "" if node is None else "".join(_key(node))


def implications(test: s.Expression, holds: bool) -> Iterator[tuple[str, bool]]:
    """The conditions that hold, or do not, where a test does: `a and b` holds only where `a` does."""
    yield key(test), holds
    match test:
        case s.Boolean(operator="and" | "or" as operator, left=left, right=right) if holds is (
            operator == "and"
        ):
            yield from implications(left, holds)
            yield from implications(right, holds)
        case s.Unary(operator="not", operand=operand):
            yield from implications(operand, not holds)


def _key(node: s.Expression) -> Iterator[str]:
    match node:
        case s.Name(id=name):
            yield name
        case s.Attribute(value=value, name=name):
            yield from _key(value)
            yield f".{name}"
        case s.Literal(value=value):
            yield repr(value)
        case s.Call(function=function, arguments=arguments):
            yield from _key(function)
            yield "("
            for argument in arguments:
                yield from _key(argument.value)
                yield ","
            yield ")"
        case (
            s.Binary(operator=operator, left=left, right=right)
            | s.Boolean(operator=operator, left=left, right=right)
        ):
            yield from _key(left)
            yield f" {operator} "
            yield from _key(right)
        case s.Unary(operator=operator, operand=operand):
            yield f"{operator} "
            yield from _key(operand)
        case s.Comparison(left=left, rest=rest):
            yield from _key(left)
            for operator, right in rest:
                yield f" {operator} "
                yield from _key(right)
        case s.Subscript(value=value, indices=indices):
            yield from _key(value)
            for index in indices:
                yield "["
                yield from _key(index)
        case _:
            yield f"?{id(node)}"
