"""Entering a `with`: which contexts change the grad mode, and what `as` binds."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.truth import truth
from trainlint.meaning.values import (
    Constant,
    External,
    Function,
    Instance,
    Result,
    Sequence,
    Value,
    options,
)

_OFF = {"torch.no_grad", "torch.inference_mode"}
_GRAD_FREE_WORDS = {"no_grad", "inference_mode", "set_grad_enabled"}
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
        case Sequence(kind="generator") | Result(callee=Function()):
            function = value.callee if isinstance(value, Result) else None
            words = (
                function.node.body.words
                if isinstance(function, Function) and hasattr(function.node, "body")
                else ()
            )
            return None if _GRAD_FREE_WORDS.intersection(words) else UNCHANGED
    return UNCHANGED


def enter_context(machine: Machine, value: Value) -> Value:
    """Enter `value`; the machine's grad mode changes as it says."""
    effect = grad_effect(value)
    if effect is not UNCHANGED:
        machine.grad = effect if effect is None or isinstance(effect, bool) else machine.grad
    if isinstance(value, Sequence) and value.kind == "generator":  # @contextmanager: what it yields
        return value.element if value.element is not None else Constant(None)
    return value
