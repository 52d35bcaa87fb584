"""What a write beside the optimizers does to gradients: it may clear them, change them, or be no affair of theirs."""

from __future__ import annotations

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Constant, Item, Member, Result, Value, constant, one, options

_OF_WEIGHTS = frozenset("parameters named_parameters buffers named_buffers state_dict".split())
_STEPS_BACK = 8


def changes_gradient(event: Event) -> bool:
    """Whether a gradient is written anew from what it was: `p.grad = p.grad.mul(rate)`. Nothing of it is cleared."""
    return event.value is not None and all(map(_is_of_gradient, options(event.value)))


def _is_of_gradient(value: Value) -> bool:
    pending, looked = [value], 0
    while pending and looked < _STEPS_BACK:
        current, looked = one(pending.pop()), looked + 1
        match current:
            case Member(name="grad"):
                return True
            case Member(name="data", receiver=inner):
                pending.append(inner)
            case Result(callee=Member(name=name, receiver=inner)) if name in _SCALING:
                pending.append(inner)
            case Result(arguments=arguments) if operation(current) in _SIDES:
                if any(constant(side) == 0 for side in arguments):
                    return False
                pending += arguments
    return False


_SCALING = frozenset(
    "add add_ sub sub_ mul mul_ div div_ clamp clamp_ clone detach to cuda float half contiguous".split()
)
_SIDES = ("operator.+", "operator.-", "operator.*", "operator./")


def writes_weights(event: Event) -> bool:
    """Whether `p.data = ...` gives a weight another value, as the moving average of a second network does."""
    if event.detail != "data":
        return False
    return all(map(_is_weight, options(event.target)))


def _is_weight(holder: Value) -> bool:
    found = False
    for value in walk(holder, lambda v: not isinstance(v, Result) or isinstance(v.callee, Member)):
        match value:
            case Member(name="grad"):
                return False
            case Item(source=Result(callee=Member(name=name))) if name in _OF_WEIGHTS:
                found = True
            case Item(key=Constant(value="params")):
                found = True  # of an optimizer's groups
    return found
