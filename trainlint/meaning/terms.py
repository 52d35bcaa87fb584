"""What a loss is summed up of, and whether a value is one of those terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.attachment import attached, is_of_unknown_criterion
from trainlint.meaning.dataflow import container, inputs_of, operation
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.trace import Event
from trainlint.meaning.values import (
    MISSING,
    Argument,
    Choice,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


_MOST = 400  # values looked at behind one


def is_trained(backward: Event, value: Value) -> bool:
    """Whether a value is, but for its scale, what a backward pass starts from, or one of the terms of that."""
    if backward.value is None:
        return False
    whole = {id(term) for term in _terms(backward.value)}
    if any(isinstance(term, Item) and id(one(term.source)) in whole for term in _terms(value)):
        return True  # an item of the very loss
    return not _keys(backward.value).isdisjoint(_keys(value))


def _keys(value: Value) -> set[object]:
    """What to know the terms of a value by; one of several results of a call is known by its place."""
    found: set[object] = set()
    for term in _terms(value):
        match term:
            case Item(source=source, key=Constant(value=int() | str() as place)):
                found.add((id(one(source)), place))
            case _:
                found.add(id(term))
    return found


def _terms(value: Value) -> Iterator[Value]:
    """What a value is a sum of, and the outputs that those terms were taken out of."""
    pending, seen = [value], set[int]()
    while pending and len(seen) < _MOST:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            if not _is_one_of_several(current):
                pending += _terms_in(current)


def _is_one_of_several(value: Value) -> bool:
    return isinstance(value, Item) and isinstance(value.key, Constant) and type(value.key.value) is int


def _terms_in(value: Value) -> Iterator[Value]:
    match value:
        case Choice():
            yield from options(value)
        case Item(source=source) | Member(receiver=source):
            if not is_of_unknown_criterion(one(source)):
                yield source
        case Sequence() | Mapping():
            yield from inputs_of(value)
        case Result(callee=Member(receiver=receiver, name="mean" | "sum" | "values" | "items")):
            yield receiver
        case Result(callee=Member(name="scale"), arguments=[scaled]):
            yield scaled  # a scaler's
        case Result(arguments=[prediction, *targets]) if targets and (
            _is_criterion(value) or is_of_unknown_criterion(value)
        ):
            if all(attached(t) is False or _is_given(one(t)) for t in targets):
                yield prediction  # nothing else gives this loss its graph
        case Result() if (inner := shaped_from(value)) is not None:
            yield inner
        case Result(callee=External(name=name), arguments=arguments):
            if name in _SUMS:
                yield from arguments
            elif name in _FACTORS:
                computed = [p for p in arguments if attached(p) is not False and not _is_given(p)]
                surely = [p for p in computed if attached(p)]
                if len(surely or computed) == 1:
                    yield from surely or computed


def scaled_from(value: Value) -> Value | None:
    """The one factor of a product that may have a graph: the loss of `loss * len(batch)`."""
    if not isinstance(value, Result) or operation(value) not in _FACTORS:
        return None
    computed = [p for p in value.arguments if attached(p) is not False and not _is_given(p)]
    return computed[0] if len(computed) == 1 else None


def shaped_from(value: Value) -> Value | None:
    """What has a graph wherever this has one: the scores behind `torch.sigmoid(scores)` or `scores.view(-1)`."""
    match value:
        case Result(callee=Member(receiver=receiver, name=name)) if name in _SMOOTH:
            return receiver
        case Result(callee=External(name=name), arguments=[first, *_]):
            return first if name.startswith("torch.") and name.rpartition(".")[2] in _SMOOTH else None
    return None


def _is_criterion(value: Result) -> bool:
    match value.callee:
        case External(name=name) | Instance(cls=External(name=name)):
            return criterion(name) is not None
    return False


def _is_given(value: Value) -> bool:
    """Whether nothing was computed to get a value: a weight of the loss from the settings."""
    while isinstance(value, Member):
        value = one(value.receiver)
    return isinstance(value, (Argument, Free, Constant))


# What has a graph where its one input has: activations and other shapes of the same numbers.
_SMOOTH = frozenset(
    "sigmoid softmax log_softmax logsigmoid tanh relu exp log sqrt abs pow square squeeze unsqueeze view reshape"
    " flatten permute transpose t contiguous float double half clone cpu cuda to".split()
)
_FACTORS = ("operator.*", "operator./")
_SUMS = frozenset(
    "operator.+ operator.- operator.unary- builtins.sum builtins.list builtins.tuple torch.sum torch.mean torch.stack"
    " torch.cat".split()
)


def trained_by(program: Program, value: Value) -> Event | None:
    """The backward pass through what an unknown model gave: of a dictionary or tuple, through the same entry."""
    for part in _summands(value):
        source = container(part)
        if attached(part) is False or is_measurement(part) or not isinstance(source, Result):
            continue
        beside = isinstance(source.callee, Member) or (
            source is not part and is_of_unknown_criterion(source)
        )  # then another entry may be a measurement beside the loss
        if beside and _is_written_to(program, source):
            continue
        for backward in program.backwards:
            if backward.value is not None and any(
                _is_entry(v, part, source, known=beside) for v in _terms(backward.value)
            ):
                return backward
    return None


def _summands(value: Value, depth: int = 0) -> Iterator[Value]:
    value = one(value)
    if isinstance(value, Result) and operation(value) in ("operator.+", "operator.-") and depth < 4:
        for part in value.arguments:
            yield from _summands(part, depth + 1)
    else:
        yield value


def _is_written_to(program: Program, source: Value) -> bool:
    """Whether entries of a dictionary are replaced: `losses["all"] = losses["all"].item()`."""
    stored = (e.target for e in program.events("keep") if isinstance(e.detail, str))
    return any(o is source for target in stored if target is not None for o in options(target))


def _is_entry(value: Value, part: Value, source: Value, known: bool = False) -> bool:
    """Whether a value is that part of what a model gave, by its key, or (unless that is to be known) any in turn."""
    if value is part:
        return True
    if isinstance(value, Member) and isinstance(part, Member):
        return value.name == part.name and container(value) is source
    if not isinstance(value, Item) or not isinstance(part, Item) or container(value) is not source:
        return False
    keys = [MISSING if item.key is None else constant(item.key) for item in (value, part)]
    return (not known and MISSING in keys) or keys[0] == keys[1] != MISSING


def is_measurement(value: Value) -> bool:
    """`output["accuracy"]` beside `output["loss"]`: most code that names measurements so has cut them already."""
    match one(value):
        case Item(key=key) if key is not None and isinstance(constant(key), str):
            name = constant(key).lower()
        case Member(name=found):
            name = found.lower()
        case _:
            return False
    return any(word in name for word in _MEASUREMENTS)


_MEASUREMENTS = ("acc", "metric", "score", "count", "num", "log_", "stat", "time", "f1", "iou")
