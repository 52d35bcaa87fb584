"""Which side of a comparison is the prediction, and which the target, where no criterion's arguments say so."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import inputs_of, operands, operation, peel, same
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.operations import ACTIVATIONS, SHAPE_ONLY
from trainlint.meaning.objects import is_module
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Unknown,
    Value,
    one,
)


def oriented(first: Value, second: Value) -> tuple[Value, Value] | None:
    """Which of the two is the prediction, and which the target."""
    if is_predicted(first) and is_data(second):
        return first, second
    if is_predicted(second) and is_data(first):
        return second, first
    return None


def is_predicted(value: Value) -> bool:
    return attached(value) is True and _is_output(value)


def _is_output(value: Value, depth: int = 0) -> bool:
    """Whether every alternative is what a network gives for each entry, perhaps scaled, shifted or activated.

    A mean over entries, a norm or a derivative of the output is another quantity than the prediction.
    """
    return depth < 12 and all(_is_one_output(v, depth) for v in peel(value))


def _is_one_output(value: Value, depth: int) -> bool:
    match value:
        case Item(source=source):
            return isinstance(one(source), (Result, Item)) and _is_output(source, depth + 1)
        case Result(callee=Instance() as layer) if is_module(layer):
            known = layer_name(layer.cls.name) if isinstance(layer.cls, External) else None
            if known is None or known in WEIGHTED or known == "Sequential":
                return True
            return bool(value.arguments) and _is_output(value.arguments[0], depth + 1)
        case Result():
            name, given = operation(value), operands(value)
            if name in _OF_WEIGHTS:
                return True
            return name in _BY_ENTRY and any(_is_output(side, depth + 1) for side in given)
    return False


_OF_WEIGHTS = frozenset("operator.@ matmul mm bmm linear addmm conv1d conv2d conv3d".split())
_BY_ENTRY = ACTIVATIONS | frozenset(
    "operator.+ operator.- operator.* operator./ operator.unary- add sub mul div exp log log1p expm1 clamp dropout".split()
)


def is_data(value: Value) -> bool:
    """Whether a value was computed of no network and no weights: it was there before the training."""
    found = one(value)
    if isinstance(found, (Constant, Unknown)) or attached(found) is True:
        return False
    return not any(isinstance(v, Result) and _may_be_network(v.callee) for v in _sources(found))


def _sources(value: Value) -> Iterator[Value]:
    """What the numbers of a value were computed from: whatever else only gives it a shape, a type or a device."""
    pending, seen = [value], set[int]()
    while pending and len(seen) < _MOST_SOURCES:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        name = operation(current)
        if isinstance(current, Result) and name in SHAPE_ONLY and operands(current):
            pending.append(operands(current)[0])
        elif not (isinstance(current, Member) and current.name in _OF_SHAPE) and name not in _OF_SHAPE:
            pending += inputs_of(current)


_MOST_SOURCES = 2_000
_OF_SHAPE = frozenset(
    "shape dtype device ndim size dim numel zeros_like ones_like full_like empty_like rand_like randn_like".split()
)


def _may_be_network(callee: Value) -> bool:
    callee = one(callee)
    return isinstance(callee, (Argument, Free)) or (isinstance(callee, Instance) and is_module(callee))


def is_equal(first: Value, second: Value, depth: int = 0) -> bool:
    """Whether two values are the same, or computed in the same way of the same."""
    a, b = one(first), one(second)
    if a is b or same(a, b) is True:
        return True
    if isinstance(a, Constant) and isinstance(b, Constant):
        return bool(a.value == b.value)
    if not isinstance(a, Result) or not isinstance(b, Result) or depth > 6 or not operation(a):
        return False
    if operation(a) != operation(b) or len(operands(a)) != len(operands(b)):
        return False
    return all(is_equal(x, y, depth + 1) for x, y in zip(operands(a), operands(b), strict=True))
