"""What is done to the inputs of two loaders, side by side: one of them is scaled, turned or encoded in another way."""

from __future__ import annotations

from operator import mul, truediv

from trainlint.meaning.arithmetic import numbers, operator_of
from trainlint.meaning.datasets import part
from trainlint.meaning.extent import Extent
from trainlint.meaning.facts.columns import KEEPING_FUNCTIONS, KEEPING_METHODS
from trainlint.meaning.facts.tables import STATISTICS
from trainlint.meaning.loaders import Loader
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Constant, External, Instance, Item, Member, Result, Value, one
from trainlint.records import dataclass

_MOST = 40
Made = tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """The sums, products and fitted transformers between a root and an input, the last one first."""

    root: Value
    steps: tuple[Made, ...]
    nodes: tuple[Node | None, ...]
    innermost: Node | None = None  # the first operation on the root


def recipe(value: Value) -> Recipe | None:
    """None where an operation is not known."""
    steps: list[Made] = []
    nodes: list[Node | None] = []
    innermost: Node | None = None
    for _ in range(_MOST):
        value = one(value)
        innermost = value.node if isinstance(value, Result) and value.node is not None else innermost
        computed = operator_of(value) if isinstance(value, Result) else None
        match value:
            case Result(node=node) if computed is not None:
                change, left, right = computed
                by = numbers(right)
                steps.append((change, by if by is not None else id(one(right)), _is_scale(change, by, right)))
                nodes.append(node)
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
                steps.append(("transform", id(one(fitted)), True))
                nodes.append(node)
                value = inner
            case Member(receiver=inner, name="values" | "data" | "T"):
                value = inner
            case _:
                return Recipe(value, tuple(steps), tuple(nodes), innermost)
    return None


def _is_scale(change: object, by: tuple[float, ...] | None, right: Value) -> bool:
    """Whether it changes what the numbers mean: by a constant, or by what was counted; not by noise that is added."""
    if by is not None:
        return change in (truediv, mul) and by != (1.0,)
    found = one(right)
    name = (
        found.callee.name
        if isinstance(found, Result) and isinstance(found.callee, (Member, External))
        else ""
    )
    return name.rpartition(".")[2] in STATISTICS


def lacks(trained: Value, judged: Value) -> tuple[Node, Node] | None:
    """Where inputs of training are scaled, and the evaluated ones made without that: all else about both is alike."""
    first, second = recipe(trained), recipe(judged)
    if first is None or second is None or not _are_siblings(first.root, second.root):
        return None
    if len(second.steps) >= len(first.steps):
        return None
    left_out = [step for step in first.steps if step not in second.steps]
    rest = tuple(step for step in first.steps if step in second.steps)
    if rest != second.steps or not left_out or not all(step[-1] for step in left_out):
        return None
    place = first.nodes[first.steps.index(left_out[0])]
    other = second.innermost
    return (place, other) if place is not None and other is not None else None


def _are_siblings(first: Value, second: Value) -> bool:
    """Two entries of one file, two parts of one split."""
    match first, second:
        case Item(source=a, key=Constant(value=x)), Item(source=b, key=Constant(value=y)):
            split = one(a)
            if isinstance(split, Result) and isinstance(split.callee, External) and split is one(b):
                if split.callee.name.endswith("train_test_split"):
                    return isinstance(x, int) and isinstance(y, int) and x // 2 == y // 2 and x != y
                return split.callee.name in ("numpy.load", "torch.load") and x != y
            return False
    return False


def input_of(loader: Loader) -> Value | None:
    """The first tensor that a loader's data set holds."""
    data = one(part(loader.dataset).data) if loader.dataset is not None else None
    match data:
        case Instance(cls=External(name=name), arguments=[first, *_]) if name.endswith(".TensorDataset"):
            return first
    return None


def apart(trained: Extent, judged: Extent) -> tuple[float, str] | None:
    """How far two pictures are apart, in parts of what the trained one's spread may be, and how to say it."""
    if not (trained.of_pictures and judged.of_pictures):
        return None
    if {trained.order, judged.order} == {"RGB", "BGR"}:
        return float("inf"), f"gives colours as {judged.order}, and training has {trained.order}"
    if trained.bytes or judged.bytes or len(trained.columns) != len(judged.columns):
        return None
    width = max(c.width for c in trained.columns) / 4
    far = max(
        max(abs(a.low - b.low), abs(a.high - b.high))
        for a, b in zip(trained.columns, judged.columns, strict=True)
    )
    if not width or far / width < 0.01:
        return None
    low, high = min(c.low for c in judged.columns), max(c.high for c in judged.columns)
    first, last = min(c.low for c in trained.columns), max(c.high for c in trained.columns)
    return (
        far / width,
        f"gives pixels from {low:.3g} to {high:.3g}, and training from {first:.3g} to {last:.3g}",
    )
