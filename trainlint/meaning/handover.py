"""Which argument of a call brought in what the called function then keeps."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import walk
from trainlint.meaning.objects import decorator_names
from trainlint.meaning.syntax import Attribute, Call, Expression, Name, Parameter
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    Bound,
    Function,
    Instance,
    Mapping,
    Member,
    Result,
    Unknown,
    Value,
    one,
    options,
)


def handed_in(call: Region, kept: Value) -> Expression | None:
    """The argument behind a value with a graph that is kept somewhere below a call; None where the callee made it."""
    function = call.function
    if not isinstance(call.node, Call) or function is None or call.names is None:
        return None
    if any(argument.star for argument in call.node.arguments):
        return None
    behind = {id(v) for option in options(kept) for v in walk(option, _may_hold_graph)}
    worked_out = {id(v) for option in options(kept) for v in walk(option, _is_worked_out)}
    bound = _bound(function.node.parameters, call.names)
    found = [
        (attached(value) is not True, name)  # first what has a graph for sure
        for name, value in bound
        if attached(value) is not False
        and any(
            id(o) in (behind if attached(value) is True else worked_out) for o in (value, *options(value))
        )
    ]
    return _expression(call.node, min(found, key=lambda pair: pair[0])[1], function) if found else None


def _may_hold_graph(value: Value) -> bool:
    return attached(value) is not False


def _is_worked_out(value: Value) -> bool:
    """Whether a value has the graph of what it is made of: the loss that a network gives for a batch has another."""
    callee = one(value.callee) if isinstance(value, Result) else None
    called = one(callee.receiver) if isinstance(callee, Member) else callee
    return not isinstance(called, (Instance, Function, Bound, Unknown)) and attached(value) is not False


def _bound(parameters: tuple[Parameter, ...], names: dict[str, Value]) -> Iterator[tuple[str, Value]]:
    """The names that a call gives values to; those that `**options` take in by their keywords."""
    for parameter in parameters:
        value = names.get(parameter.name)
        if value is None:
            continue
        held = one(value) if parameter.star == "**" else None
        if isinstance(held, Mapping):
            yield from held.items.items()
        else:
            yield parameter.name, value


def _expression(node: Call, name: str, function: Function) -> Expression | None:
    by_name = next((a.value for a in node.arguments if a.keyword == name), None)
    if by_name is not None:
        return by_name
    taken = [p.name for p in function.node.parameters if not p.star and not p.keyword_only]
    given = [a.value for a in node.arguments if a.keyword is None]
    if name not in taken:
        return None
    of_object = function.owner is not None and "staticmethod" not in decorator_names(function)
    position = taken.index(name) - (of_object and not _is_of_class(node, function))
    return given[position] if 0 <= position < len(given) else None


def _is_of_class(node: Call, function: Function) -> bool:
    """`Base.step(self, batch)`: the object is written out."""
    match node.function:
        case Attribute(value=Name(id=name)):
            return function.owner is not None and name == function.owner.node.name
    return False
