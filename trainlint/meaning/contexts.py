"""Entering a `with`: which contexts change the grad mode, and what `as` binds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import find_member
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import truth
from trainlint.meaning.values import (
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Member,
    Partial,
    Result,
    Sequence,
    Value,
    one,
    options,
)

_OFF = {"torch.no_grad", "torch.inference_mode"}
GRAD_FREE_WORDS = {"no_grad", "inference_mode", "set_grad_enabled"}
UNCHANGED = object()


def grad_effect(value: Value) -> bool | object | None:
    """The grad mode that a context manager (or decorator) sets; UNCHANGED where it sets none."""
    found = {_effect(option) for option in options(value)}
    if len(found) == 1:
        return found.pop()
    return None  # one path changes it, another does not


def _effect(value: Value) -> bool | object | None:
    match value:
        case External(name=name) if name in _OFF:
            return False
        case Instance(cls=External(name=name), arguments=arguments, keywords=keywords) if name in _OFF:
            switch = arguments[0] if arguments else keywords.get("mode")
            on = True if switch is None or name == "torch.no_grad" else truth(switch)
            return None if on is None else (False if on else UNCHANGED)
        case External(name="torch.enable_grad") | Instance(cls=External(name="torch.enable_grad")):
            return True
        case Instance(cls=External(name="torch.set_grad_enabled"), arguments=arguments, keywords=keywords):
            switch = arguments[0] if arguments else keywords.get("mode")
            return truth(switch) if switch is not None else None
        case Result(callee=External(name="operator.and"), arguments=(_, second)):
            return grad_effect(second)  # `with model.eval() and torch.no_grad():` enters the second
        case External(name=name) | Result(callee=External(name=name)) | Result(callee=Member(name=name)) if (
            name.rpartition(".")[2] in GRAD_FREE_WORDS
        ):
            return None  # what another framework calls so, or an engine that hands it through
        case Sequence(kind="generator") | Result(callee=Function()):
            region = value.region if isinstance(value, Sequence) else None
            function = (
                value.callee
                if isinstance(value, Result)
                else (region.function if region is not None else None)
            )
            words = (
                function.node.body.words
                if isinstance(function, Function) and hasattr(function.node, "body")
                else ()
            )
            return None if GRAD_FREE_WORDS.intersection(words) else UNCHANGED
    return UNCHANGED


_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")
_PUT_OFF = "*put off"  # attribute key of what a stack of contexts calls when it is left


def stacked(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`stack.enter_context(torch.no_grad())`, `stack.callback(model.train)`; None where it is no such stack."""
    stack = one(callee.receiver)
    if (
        not isinstance(stack, Instance)
        or not isinstance(stack.cls, External)
        or stack.cls.name not in _STACKS
    ):
        return None
    if not arguments or node is None:
        return None
    if callee.name == "enter_context":
        return enter_context(machine, arguments[0], node)
    put_off = stack.attributes.get(_PUT_OFF)
    before = put_off.items if isinstance(put_off, Sequence) else ()
    put = Partial(arguments[0], tuple(arguments[1:]), dict(keywords))
    stack.attributes[_PUT_OFF] = Sequence("list", (*before, put))
    return arguments[0]


def _unwind(machine: Machine, stack: Instance, node: Node) -> None:
    put_off = stack.attributes.pop(_PUT_OFF, None)
    for call in reversed(put_off.items) if isinstance(put_off, Sequence) else ():
        machine.call(machine, call, (), {}, node, None)


Exit: TypeAlias = Callable[[], object]


def enter_context(machine: Machine, value: Value, node: Node) -> Value:
    """Enter `value`; the machine's grad mode changes as it says."""
    effect = grad_effect(value)
    if effect is not UNCHANGED:
        machine.grad = effect if effect is None or isinstance(effect, bool) else machine.grad
    if isinstance(value, Sequence) and value.kind == "generator":  # @contextmanager: what it yields
        return value.element if value.element is not None else Constant(None)
    own = _own_method(value, "__enter__")
    if own is None:
        return value
    entered = machine.call(machine, own, (), {}, node, None)
    if machine.grad and hasattr(own.function.node, "body"):
        if not GRAD_FREE_WORDS.isdisjoint(own.function.node.body.words):
            machine.grad = None  # it may have switched gradients off until it is left
    return entered


def leaving(machine: Machine, value: Value, node: Node, known: int) -> Exit:
    """What happens when the `with` is left; `known`: how many items the trace had before its expression.

    A generator has been run to its end: what stands behind its `yield` is put off until then.
    """
    own = _own_method(value, "__exit__")
    if own is not None:
        nothing = (Constant(None), Constant(None), Constant(None))
        return lambda: machine.call(machine, own, nothing, {}, node, None)
    if isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in _STACKS:
        return lambda: _unwind(machine, value, node)
    region = machine.region
    made = region.items[-1] if len(region.items) > known else None
    if not isinstance(value, Sequence) or value.kind != "generator" or not isinstance(made, Region):
        return lambda: None
    if made.kind != "call" or made.yields is None or machine.silent:
        return lambda: None
    rest = Region("call", made.node, region, made.items[made.yields :], function=made.function, closed=True)
    del made.items[made.yields :]
    made.flat = None

    def leave() -> None:
        rest.parent = machine.region
        machine.region.items.append(rest)

    return leave


def _own_method(value: Value, name: str) -> Bound | None:
    if not isinstance(value, Instance) or not isinstance(value.cls, Class):
        return None
    found = find_member(value.cls, name)
    return Bound(found[0], value, found[1]) if found is not None and isinstance(found[0], Function) else None
