"""Context managers written as generators: what they do before the body of a `with`, and after it."""

from __future__ import annotations

from collections.abc import Callable

from trainlint.meaning import syntax as s
from trainlint.meaning.calls import bind
from trainlint.meaning.expressions import arguments_of
from trainlint.meaning.machine import DEPTH, Machine
from trainlint.meaning.objects import decorator_names
from trainlint.meaning.trace import Region
from trainlint.meaning.unit import Frame
from trainlint.meaning.values import Bound, Constant, Function, Value

Body = Callable[[Value], bool]


def run_managed(machine: Machine, node: s.Expression, frame: Frame, body: Body) -> bool | None:
    """Run `with make(...):` where `make` is a generator, its body where that yields; None where it is none."""
    if not isinstance(node, s.Call) or not isinstance(node.function, (s.Name, s.Attribute)):
        return None
    callee = machine.evaluate(machine, node.function, frame)
    function = callee.function if isinstance(callee, Bound) else callee
    if not isinstance(function, Function) or not isinstance(function.node, s.Define):
        return None
    if "contextmanager" not in decorator_names(function) or len(machine.stack) >= DEPTH:
        return None
    if any(running.node is function.node for running in machine.stack):
        return None
    arguments, keywords = arguments_of(machine, node, frame)
    receiver = callee.receiver if isinstance(callee, Bound) else None
    if receiver is not None:
        arguments = (receiver, *arguments)
    names = bind(machine, function, arguments, keywords)
    inner = Frame(function.unit, names, function.scope, function, receiver, function.owner)
    ends: list[bool] = []
    bodies: list[tuple[Region, int, int]] = []

    def at_yield(value: Value) -> None:
        machine.stack.pop()  # the body is none of the generator's business
        start = len(machine.region.items)
        try:
            ends.append(body(value))
        finally:
            machine.stack.append(function)
            bodies.append((machine.region, start, len(machine.region.items)))

    inner.at_yield = at_yield
    machine.stack.append(function)
    machine.entered.add(function.node)
    try:
        with machine.within("try", node):
            machine.execute(machine, function.node.body, inner)
    finally:
        machine.stack.pop()
    for region, start, end in bodies:  # a `return` in the body goes on behind the `yield` too
        rest = Region("final", node, region, region.items[end:], closed=True)
        region.note_final(start, end, rest)
    return ends[0] if ends else body(Constant(None))
