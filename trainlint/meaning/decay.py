"""Penalties on weights that a loss adds and that are only numbers: `loss + 0.01 * parameter.data.norm()`."""

from __future__ import annotations

from trainlint.meaning.dataflow import walk
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Value,
    one,
)

_LISTING = ("parameters", "named_parameters")
_WEIGHTS = ("weight", "bias")


def is_of_weights(term: Result, cut: Result | Member) -> bool:
    """Whether nothing but weights, taken out of the graph, went into a term: the sum does not hold them down."""
    taken = cut.receiver if isinstance(cut, Member) else _receiver(cut)
    return taken is not None and is_weight(taken) and not any(map(_is_network, walk(term, _is_no_weight)))


def unscaled(term: Value) -> Value:
    """A term without a factor that a paste leaves out: `STRENGTH * penalty`."""
    match one(term):
        case Result(callee=External(name="operator.*"), arguments=(left, right)):
            if isinstance(one(left), (Free, Argument)):
                return one(right)
            return one(left) if isinstance(one(right), (Free, Argument)) else one(term)
    return one(term)


def _receiver(cut: Result) -> Value | None:
    match cut.callee:
        case Member(receiver=receiver, name="detach"):
            return receiver
    return None


def is_weight(value: Value) -> bool:
    """`layer.weight`, a parameter, or what a loop over `model.parameters()` takes out."""
    match one(value):
        case Member(name=name):
            return name in _WEIGHTS
        case Instance(cls=External(name=name)):
            return name.endswith("nn.Parameter")
        case Item(source=source, key=key) if key is None or isinstance(key, Constant):
            return is_weight(source)
        case Result(callee=Member(name=name)):
            return name in _LISTING
    return False


def _is_no_weight(value: Value) -> bool:
    return not is_weight(value)


def _is_network(value: Value) -> bool:
    """Whether something is called on the way that is no operation: what it gives may be a prediction."""
    return isinstance(value, Result) and not isinstance(value.callee, (External, Member))
