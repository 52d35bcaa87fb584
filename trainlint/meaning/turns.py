"""How often a layer is made: a loop or comprehension that makes layers makes one in each turn."""

from __future__ import annotations

from trainlint.meaning.facts.layers import MIXING, layer_name
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.iteration import underlying
from trainlint.meaning.schedules import amount, iterations
from trainlint.meaning.trace import Region
from trainlint.meaning.values import External, Instance, Result, Sequence, Value, constant, one


def turns_of_making(layer: Instance, network: Instance, around: Region | None) -> tuple[float, bool]:
    """How many layers one line made for a network, and whether that is known; else at least one.

    Loops around the network itself (folds, trials) make further networks; those `around` its forward pass train it,
    wherever its constructor came to be looked into.
    """
    if layer.loop is None:
        return 1.0, True
    outer = [
        loop for region in (network.loop, around) if region is not None for loop in enclosing_loops(region)
    ]
    total, exact = 1.0, True
    for loop in enclosing_loops(layer.loop):
        if any(loop is other for other in outer):
            break
        turns = _numbers(loop) if _has_matrix(layer) else None
        turns = turns_of(loop) if turns is None else turns
        if turns is None:
            exact = False
        else:
            total *= max(0.0, turns)
    return total, exact


def _has_matrix(layer: Instance) -> bool:
    return isinstance(layer.cls, External) and (layer_name(layer.cls.name) or "") in MIXING


def _numbers(loop: Region) -> float | None:
    """How many numbers a list of widths has beside words: `[64, "M", 128, "M"]` makes two layers with weights."""
    listed = underlying(loop.iterable) if loop.iterable is not None else None
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return None
    found = [constant(item) for item in listed.items]
    words = sum(isinstance(item, str) for item in found)
    return float(len(found) - words) if 0 < words < len(found) else None


def turns_of(loop: Region) -> float | None:
    """How often a loop turns, where its range or list is known."""
    counted = iterations(loop)
    if counted is not None:
        return counted[0]
    return _length(loop.iterable) if loop.iterable is not None else None


def _length(value: Value) -> float | None:
    found = underlying(value)
    match found:
        case Sequence(items=items, open=False, element=None):
            return float(len(items))
        case Result(callee=External(name="builtins.zip"), arguments=parts) if parts:
            lengths = [length for length in map(_length, parts) if length is not None]
            return min(lengths) if lengths else None
        case Result(callee=External(name="builtins.range"), arguments=[end]):
            return _count(end)
    return None


def _count(value: Value) -> float | None:
    """`len(sizes)`, `len(sizes) - 1` of a list that is written out."""
    match one(value):
        case Result(callee=External(name="builtins.len"), arguments=[listed]):
            return _length(listed)
        case Result(callee=External(name="operator.-"), arguments=[left, right]):
            first, second = _count(left), amount(right)
            return first - second[0] if first is not None and second is not None else None
    return None
