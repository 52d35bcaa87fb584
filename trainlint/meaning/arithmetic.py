"""Sums and products with constants, and what they make of the numbers of an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import add, mul, sub, truediv

from trainlint.meaning.extent import Column, Extent
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Constant, External, Member, Result, Sequence, Value, one

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "operator.+": add, "operator.-": sub, "operator.*": mul, "operator./": truediv,
    "add": add, "sub": sub, "mul": mul, "div": truediv, "add_": add, "sub_": sub, "mul_": mul, "div_": truediv,
    "true_divide": truediv, "divide": truediv, "multiply": mul, "subtract": sub, "__truediv__": truediv,
}  # fmt: skip
_HOMES = ("torch.", "numpy.", "operator.")
_ARRAYS = frozenset(
    "numpy.array torch.tensor numpy.asarray torch.Tensor torch.FloatTensor torch.as_tensor numpy.float32 numpy.float64".split()
)


def operator_of(value: Result) -> tuple[Callable[[float, float], float], Value, Value] | None:
    """The function of a sum or product, and its two sides."""
    match value.callee:
        case External(name=name) if name.startswith(_HOMES) and len(value.arguments) == 2:
            short = name if name in _OPERATORS else name.rpartition(".")[2]
            if short in _OPERATORS:
                return _OPERATORS[short], value.arguments[0], value.arguments[1]
        case Member(receiver=receiver, name=name) if name in _OPERATORS and len(value.arguments) == 1:
            return _OPERATORS[name], receiver, value.arguments[0]
    return None


def numbers(value: Value) -> tuple[float, ...] | None:
    """A constant, or the constants of a vector."""
    match one(value):
        case Constant(value=bool()):
            return None
        case Constant(value=int() | float() as number, under=None):
            return (float(number),)
        case Sequence(items=items, open=False, element=None) if items:
            found = [numbers(item) for item in items]
            return tuple(f[0] for f in found if f) if all(f and len(f) == 1 for f in found) else None
        case Result(callee=External(name=name), arguments=(inner, *_)) if name in _ARRAYS:
            return numbers(inner)
    return None


def shifted(
    extent: Extent,
    change: Callable[[float, float], float],
    by: tuple[float, ...],
    turned: bool,
    node: Node | None,
) -> Extent | None:
    """The extent behind a sum or product; `turned`: the constant stands on the left."""
    if change is truediv and (turned or 0.0 in by):
        return None
    if extent.deep and _tells_depth(change, by):
        return None
    columns = extent.columns
    if len(by) > 1 and len(columns) == 1 and (not extent.of_pictures or len(by) == 3):
        columns = columns * len(by)
    if len(by) not in (1, len(columns)):
        return None
    by = by * len(columns) if len(by) == 1 else by
    moved = [_moved(c, change, number, turned) for c, number in zip(columns, by, strict=True)]
    deep = extent.deep and change in (add, sub)
    return replace(extent, columns=tuple(moved), bytes=False, node=node or extent.node, deep=deep)


def _tells_depth(change: Callable[[float, float], float], by: tuple[float, ...]) -> bool:
    """Whether the constant is one of more than eight bits: `pixels / 65535`, which no byte is divided by."""
    return any(0 < abs(b) < 1 / 256 if change is mul else abs(b) > 256 for b in by)


def _moved(column: Column, change: Callable[[float, float], float], by: float, turned: bool) -> Column:
    ends = [change(by, end) if turned else change(end, by) for end in (column.low, column.high)]
    return Column(min(ends), max(ends), column.name)


def is_within(clipped: Result, of: Callable[[Value], Extent | None]) -> bool:
    """Whether a call clips a picture to the range that it has: `np.clip(image, 0, 1)`, `image.clamp(0, 1)`."""
    match clipped:
        case Result(
            callee=External(name="numpy.clip" | "torch.clip" | "torch.clamp"), arguments=(first, low, high)
        ):
            found = of(first)
        case Result(callee=Member(receiver=first, name="clip" | "clamp" | "clamp_"), arguments=(low, high)):
            found = of(first)
        case _:
            return False
    bounds = (numbers(low), numbers(high))
    if found is None or not found.of_pictures or bounds[0] is None or bounds[1] is None:
        return False
    return bounds[0][0] <= min(c.low for c in found.columns) and bounds[1][0] >= max(
        c.high for c in found.columns
    )
