"""Where one value was given for two parameters: the function that takes both is not where the mistake was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.syntax import Assign, Call, Define, Name, Node, nodes_in
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Function, Value, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def shared_at(program: Program, node: Call, values: list[Value]) -> Node:
    """Where two parameters of the functions around a place were given the same one of some values, if they were.

    It is the call that gives them, or the assignment before it that makes one name of two.
    """
    call = _one_call(program, node)
    place: Node = node
    while call is not None and isinstance(call.node, Call) and _are_given_as_two(call, values):
        place, call = call.node, _around(call)
    if isinstance(place, Call) and place is not node and call is not None:
        return _renamed_for(call, place) or place
    return place


def _one_call(program: Program, node: Node) -> Region | None:
    """The call of the function whose text holds a place; nothing where it is called more than once."""
    found = [call for root in program.roots for call in root.calls() if _holds(call, node)]
    return found[0] if len(found) == 1 else None


def _holds(call: Region, node: Node) -> bool:
    definition = call.function.node if call.function is not None else None
    if not isinstance(definition, Define) or call.function is None or call.function.unit is not node.unit:
        return False
    return any(inner is node for inner in nodes_in(definition.body))


def _around(call: Region) -> Region | None:
    """The call of the function whose text holds a call."""
    return next((r for r in list(call.ancestors())[1:] if r.kind == "call"), None)


def _are_given_as_two(call: Region, values: list[Value]) -> bool:
    function, names = call.function, call.names
    if not isinstance(function, Function) or not isinstance(function.node, Define) or names is None:
        return False
    given = [options(names[p.name]) for p in function.node.parameters if p.name in names]
    sought = {id(option) for value in values for option in options(value)}
    return sum(any(id(option) in sought for option in each) for each in given) > 1


def _renamed_for(caller: Region, call: Call) -> Assign | None:
    """`checked = trained` before `load(trained, checked)`, in the function that calls."""
    definition = caller.function.node if caller.function is not None else None
    if not isinstance(definition, Define):
        return None
    given = {a.value.id for a in call.arguments if isinstance(a.value, Name)}
    for statement in nodes_in(definition.body):
        match statement:
            case Assign(targets=[Name(id=target)], value=Name(id=source)) if {target, source} <= given:
                return statement
    return None
