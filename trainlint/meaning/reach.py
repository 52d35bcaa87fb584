"""What a loss reaches: the networks, names and weights that it was computed with."""

from __future__ import annotations

from trainlint.meaning.attachment import has_graph, is_of_unknown_criterion
from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.modules import has_weights, is_parameter
from trainlint.meaning.objects import is_module
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, Free, Instance, Result, Sequence, Value, one, options


def models_behind(loss: Value, attached_only: bool = False) -> list[Value]:
    """The modules with weights, or unknown callables, that a loss was computed with; or that it has a graph to."""
    found: list[Value] = []
    for value in walk(loss, has_graph if attached_only else None):
        if not isinstance(value, Result):
            continue
        for callee in options(value.callee):
            if isinstance(callee, (Argument, Free)) or (
                isinstance(callee, Instance) and has_weights(callee) is not False
            ):
                if all(callee is not f for f in found):
                    found.append(callee)
    return found


def prediction(loss: Value | None) -> Value | None:
    """What the criterion of a fragment was given, where that is all that a loss is."""
    found = one(loss) if loss is not None else None
    if isinstance(found, Result) and is_of_unknown_criterion(found):
        return found.arguments[0]
    return found


def called_by_name(loss: Value) -> list[Value]:
    """The names that a fragment's loss goes back to as networks; what was detached on the way is not reached."""
    reached = walk(loss, lambda v: not (isinstance(v, Result) and operation(v) == "detach"))
    return [v.callee for v in reached if isinstance(v, Result) and isinstance(v.callee, Free)]


def uses_weights(loss: Value, owners: list[Value]) -> bool:
    """Whether a loss was computed with a weight that one of these modules holds itself: `x + model.shift`."""
    weights = {
        id(option)
        for owner in owners
        if isinstance(owner, Instance)
        for value in owner.attributes.values()
        for option in options(value)
        if is_parameter(option)
    }
    return bool(weights) and any(id(value) in weights for value in walk(loss))


def is_put_in(asked: Value, events: tuple[Event, ...]) -> bool:
    """Whether what a gradient is asked of, one tensor or several, is what networks are called with here."""
    given = {id(one(v)) for e in events if e.kind == "forward" for v in (*e.inputs, *_keywords(e))}
    found = one(asked)
    several = found.items if isinstance(found, Sequence) and found.element is None else ()
    return all(id(one(value)) in given for value in several or (found,))


def _keywords(call: Event) -> tuple[Value, ...]:
    value = call.value
    return tuple(value.keywords.values()) if isinstance(value, Result) else ()


def nearest_parts(model: Value) -> list[Value]:
    """A module and the modules it holds, two levels down."""
    found: list[Value] = [model]
    level = [model]
    for _ in range(3):
        level = [
            inner
            for holder in level
            if isinstance(holder, Instance)
            for value in holder.attributes.values()
            for option in options(value)
            for inner in (
                getattr(option, "items", None) or (option,) if not isinstance(option, Instance) else (option,)
            )
            if isinstance(inner, Instance) and is_module(inner) and all(inner is not f for f in found)
        ]
        found += level
    return found


def contains(holder: Value, models: list[Value]) -> bool:
    return any(part is model for part in nearest_parts(holder) for model in models)
