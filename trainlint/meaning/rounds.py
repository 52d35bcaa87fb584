"""What one turn of a loop leaves to the next."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import key as condition_key
from trainlint.meaning.modesets import State
from trainlint.meaning.syntax import Boolean
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Class, External, Instance, Item, Member, Result, Value, options


def made_in(value: Value) -> Region | None:
    """The region of a loop in whose every turn an object is made; None where it outlives them, or may."""
    while isinstance(value, (Member, Item)):
        value = value.receiver if isinstance(value, Member) else value.source
    home = value.region if isinstance(value, Result) else value.loop if isinstance(value, Instance) else None
    if not isinstance(home, Region) or (isinstance(value, Instance) and value.symbolic):
        return None
    around = home.loop
    if around is None or any(r.kind == "arm" and r.inside(around) for r in home.ancestors()):
        return None  # `if model is None: model = Net()` makes one that the next turn finds
    return around


def is_made_within(value: Value, loop: Region) -> bool:
    """Whether each turn of a loop may make a value anew, or change it."""
    for inner in walk(value):
        match inner:
            case Result():
                if inner.region is None or inner.region.inside(loop):
                    return True
            case Item(key=None) | Member(receiver=Instance(cls=Class())):
                return True
    return False


def going_round(state: State, loop: Region) -> State:
    """What the next iteration finds: what was set under `i == len(loader) - 1` meets no iteration any more."""
    last = {
        (condition_key(arm.test), arm.holds)
        for arm in _arms(loop)
        if arm.test is not None and _is_at_the_end(arm)
    }
    if not last:
        return state
    return {k: frozenset(m for m in v if not last & m.guards) or v for k, v in state.items()}


def _arms(loop: Region) -> Iterator[Region]:
    """The arms of an iteration, not those of loops inside it."""
    for item in loop.items:
        if type(item) is Region and item.kind != "loop":
            if item.test is not None and item.kind not in ("branch", "call", "closure"):
                yield item
            yield from _arms(item)


def _is_at_the_end(arm: Region) -> bool:
    if isinstance(arm.test, Boolean) and arm.test.operator == "or" and not arm.holds:
        return any(
            is_the_end(o, False) for o in (options(arm.truth) if arm.truth is not None else ())
        )  # none of them holds
    return is_the_end(arm.truth, arm.holds)


def is_the_end(test: Value | None, holds: bool) -> bool:
    """`i == len(loader) - 1`, `step + 1 == len(steps)`, and what holds only there: `not (i != len(loader) or quick)`."""
    match test:
        case Result(callee=External(name="operator.==" | "operator.!=" as sign), arguments=arguments):
            agrees = holds is (sign == "operator.==")
            return agrees and any(_is_length(v) for given in arguments for v in options(given))
        case Result(callee=External(name="operator.and"), arguments=arguments):
            return holds and any(is_the_end(v, holds) for v in arguments)
        case Result(callee=External(name="operator.unarynot"), arguments=[inner]):
            return is_the_end(inner, not holds)
        case Member(receiver=Member(name="trainer"), name="is_last_batch"):
            return holds
    return False


def _is_length(value: Value) -> bool:
    match value:
        case Result(callee=External(name="builtins.len")):
            return True
        case Result(callee=External(name="operator.-"), arguments=(first, _)):
            return _is_length(first)
    return False
