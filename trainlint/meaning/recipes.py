"""What is done to the inputs of two loaders, side by side: one of them is scaled, turned or encoded in another way."""

from __future__ import annotations

from dataclasses import field
from operator import mul, truediv

from trainlint.meaning.arithmetic import numbers, operator_of
from trainlint.meaning.datasets import part
from trainlint.meaning.extent import Column, Extent
from trainlint.meaning.facts.columns import KEEPING_FUNCTIONS, KEEPING_METHODS
from trainlint.meaning.facts.tables import STATISTICS
from trainlint.meaning.kindred import are_siblings
from trainlint.meaning.loaders import Loader
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.syntax import Node
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.turned import unturned
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    called,
    one,
)
from trainlint.records import dataclass

_MOST = 40
_DEEPEST = 9


@dataclass(frozen=True, slots=True)
class Step:
    """A sum, a product or a fitted transformer. Two are equal that do the same by the same numbers."""

    change: object
    by: object
    scales: bool
    kind: str = field(compare=False)  # what it goes by, "" where that is not known
    node: Node | None = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """The steps between a root and an input, the last one first."""

    root: Value
    steps: tuple[Step, ...]
    innermost: Node | None = None  # the first operation on the root


def unbatched(value: Value) -> Value:
    """The table whose rows a batch is: `x[rows].to(device)` of an order that is drawn, `x.split(64)` in turn, `x[i : i + 64]`."""
    for _ in range(_DEEPEST):
        match one(value):
            case Result(callee=Member(receiver=inner, name="to" | "cuda")):
                value = inner
            case Item(source=source, key=None):
                match one(source):
                    case Result(callee=Member(receiver=inner, name="split" | "chunk")):
                        value = inner
                    case Result(callee=External(name="torch.split" | "torch.chunk"), arguments=[inner, *_]):
                        value = inner
                    case _:
                        break
            case Item(source=inner, key=key) if key is not None and _are_rows(one(key)):
                value = inner
            case _:
                break
    return one(value)


def _are_rows(key: Value) -> bool:
    """Whether a key takes other rows in each turn, of all columns."""
    match key:
        case Unknown() | Item(key=None):
            return True
        case Item(source=order, key=inner) if inner is not None:
            return called(one(order)) in _ORDERS
        case Result(callee=External(name="builtins.slice"), arguments=(lower, *_)):
            return not isinstance(one(lower), Constant)
        case Result():
            return called(key) in _DRAWING
    return False


_ORDERS = frozenset("randperm permutation".split())
_DRAWING = _ORDERS | frozenset("randint choice".split())


def recipe(value: Value) -> Recipe | None:
    """None where an operation is not known."""
    steps: list[Step] = []
    innermost: Node | None = None
    for _ in range(_MOST):
        value = unturned(value)
        innermost = value.node if isinstance(value, Result) and value.node is not None else innermost
        computed = operator_of(value) if isinstance(value, Result) else None
        match value:
            case Result(node=node) if computed is not None:
                change, left, right = computed
                by = numbers(right)
                numbered: object = by if by is not None else id(one(right))
                steps.append(Step(change, numbered, _is_scale(change, by, right), _kind_of(right), node))
                value = left
            case Result(callee=External(name=name), arguments=[inner, *_]) if name in KEEPING_FUNCTIONS:
                value = inner
            case Result(callee=Member(receiver=inner, name=name)) if name in KEEPING_METHODS:
                value = inner
            case Result(
                callee=Member(receiver=fitted, name="transform" | "fit_transform"),
                arguments=[inner, *_],
                node=node,
            ):
                steps.append(Step("transform", id(one(fitted)), True, _fitted_kind(fitted), node))
                value = inner
            case Member(receiver=inner, name="values" | "data" | "T"):
                value = inner
            case Item(source=inner, key=key) if key is not None and isinstance(one(key), Unknown):
                value = inner  # a row of it
            case _:
                return Recipe(value, tuple(steps), innermost)
    return None


def _is_scale(change: object, by: tuple[float, ...] | None, right: Value) -> bool:
    """Whether it changes what the numbers mean: by a constant, or by what was counted; not by noise that is added."""
    if by is not None:
        return change in (truediv, mul) and by != (1.0,)
    return _kind_of(right) != ""


def lacks(trained: Value, judged: Value) -> tuple[Node, Node] | None:
    """Where inputs of training are scaled, and the evaluated ones made without that: all else about both is alike."""
    first, second = recipe(trained), recipe(judged)
    if first is None or second is None or not are_siblings(first.root, second.root):
        return None
    if len(second.steps) >= len(first.steps):
        return None
    left_out = [step for step in first.steps if step not in second.steps]
    rest = tuple(step for step in first.steps if step in second.steps)
    if rest != second.steps or not any(step.scales for step in left_out):
        return None
    if not all(step.scales or isinstance(step.by, tuple) for step in left_out):
        return None
    place, other = left_out[0].node, second.innermost
    return (place, other) if place is not None and other is not None else None


def differs(trained: Value, judged: Value) -> tuple[Node, Node] | None:
    """Where evaluated inputs are scaled by other kinds of numbers than those of training: by extremes, not by mean and deviation."""
    first, second = recipe(trained), recipe(judged)
    if first is None or second is None or not are_siblings(first.root, second.root):
        return None
    if [step.change for step in first.steps] != [step.change for step in second.steps]:
        return None
    if not all(step.kind for step in (*first.steps, *second.steps)):
        return None
    for origin, other in zip(first.steps, second.steps, strict=True):
        if origin.kind != other.kind and origin.node is not None and other.node is not None:
            return origin.node, other.node
    return None


def _kind_of(value: Value, depth: int = 0) -> str:
    """What a number is of a table: `mean`, `max - min`, 255; "" where that is not known."""
    by = numbers(value)
    if depth > _DEEPEST:
        return ""
    if by is not None:
        return f"{by}"
    match one(value):
        case Result(
            callee=External(name="operator.+"), arguments=[inner, Constant(value=float() as small)]
        ) if 0 < small < _SMALL:
            return _kind_of(inner, depth + 1)
        case Result(callee=External(name="numpy.maximum" | "numpy.clip"), arguments=[inner, *_]):
            return _kind_of(inner, depth + 1)
        case Result(callee=External(name=name), arguments=[left, right]) if name in _BETWEEN and depth < 4:
            sides = [_kind_of(side, depth + 1) for side in (left, right)]
            return f"({sides[0]} {name} {sides[1]})" if all(sides) else ""
        case Result(callee=Member(name=name)) if name in STATISTICS:
            return name
        case Result(callee=Member(receiver=inner, name=name)) if name in KEEPING_METHODS:
            return _kind_of(inner, depth + 1)
        case Result(callee=External(name=name)) if name.rpartition(".")[2] in STATISTICS:
            return name.rpartition(".")[2]
        case Member(receiver=inner, name="values"):
            return _kind_of(inner, depth + 1)
    return ""


def _fitted_kind(fitted: Value) -> str:
    """The class of a scaler of scikit-learn's."""
    found = fitted_object(fitted)
    name = made_by(found) if isinstance(found, Instance) else None
    return name if name is not None and name.startswith("sklearn.preprocessing.") else ""


_SMALL = 1e-2
_BETWEEN = frozenset(("operator.-", "operator.+"))


def input_of(loader: Loader) -> Value | None:
    """The first tensor that a loader's data set holds, or that a sample of it is a row of."""
    data = one(part(loader.dataset).data) if loader.dataset is not None else None
    match data:
        case Instance(cls=External(name=name), arguments=[first, *_]) if name.endswith(".TensorDataset"):
            return first
    sample = one(loader.value.attributes.get(SAMPLE, Constant(None)))
    if isinstance(sample, Sequence) and sample.items and sample.element is None:
        return sample.items[0]
    return None


def _spread(extent: Extent, width: int) -> tuple[Column, ...]:
    return extent.columns if len(extent.columns) == width else extent.columns * width


def apart(trained: Extent, judged: Extent) -> tuple[float, str] | None:
    """How far two pictures are apart, in parts of what the trained one's spread may be, and how to say it."""
    if not (trained.of_pictures and judged.of_pictures):
        return None
    if {trained.order, judged.order} == {"RGB", "BGR"}:
        return float("inf"), f"gives colours as {judged.order}, and training has {trained.order}"
    if trained.bytes or judged.bytes:
        return None
    most = max(len(trained.columns), len(judged.columns))
    if {len(trained.columns), len(judged.columns)} - {1, most}:
        return None
    width = max(c.width for c in trained.columns) / 4
    far = max(
        max(abs(a.low - b.low), abs(a.high - b.high))
        for a, b in zip(_spread(trained, most), _spread(judged, most), strict=True)
    )
    if not width or far / width < 0.01:
        return None
    low, high = min(c.low for c in judged.columns), max(c.high for c in judged.columns)
    first, last = min(c.low for c in trained.columns), max(c.high for c in trained.columns)
    return (
        far / width,
        f"gives pixels from {low:.3g} to {high:.3g}, and training from {first:.3g} to {last:.3g}",
    )
