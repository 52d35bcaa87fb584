"""`def` and `class`: functions and classes as values."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.ignite import attach_decorated
from trainlint.meaning.machine import Machine
from trainlint.meaning.unit import Frame
from trainlint.meaning.values import Class, Constant, Function, Value


def define(machine: Machine, node: s.Define | s.Lambda, frame: Frame) -> Function:
    decorators: tuple[Value, ...] = ()
    if isinstance(node, s.Define):
        decorators = tuple(machine.evaluate(machine, d, frame) for d in node.decorators)
    scope = frame
    while scope.is_class and scope.outer is not None:
        scope = scope.outer
    function = Function(node, frame.unit, scope, None, decorators)
    machine.knots.append(function)
    attach_decorated(machine, function)
    return function


def define_class(machine: Machine, node: s.DefineClass, frame: Frame) -> Class:
    bases = tuple(machine.evaluate(machine, base, frame) for base in node.bases)
    keywords = {name: machine.evaluate(machine, value, frame) for name, value in node.keywords}
    cls = Class(node, frame.unit, bases, {}, keywords)
    inner = Frame(frame.unit, {}, frame, is_class=True)
    machine.knots += (cls, inner)
    machine.execute(machine, node.body, inner)
    for name, value in inner.names.items():
        if isinstance(value, Function) and value.owner is None:
            value.owner = cls
            if value.setter is not None:
                value.setter.owner = cls
        cls.names[name] = _changeable(value, f"{node.name}.{name}")
    cls.decorators = tuple(machine.evaluate(machine, d, frame) for d in node.decorators)
    return cls


def _changeable(value: Value, name: str) -> Value:
    """A class attribute's constant stands under its name: a subclass or a caller may change it."""
    if isinstance(value, Constant) and value.under is None:
        return Constant(value.value, value.node, name)
    return value
