"""Rows that a network learns from where no loader serves them: `x[i:i + 32]`, `x[order[start:stop]]`, or all of `x`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.loaders import loaders_behind
from trainlint.meaning.values import (
    Constant,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    called,
    is_slice,
    one,
)

if TYPE_CHECKING:
    from trainlint.meaning.architectures import Architecture

_MOVING = frozenset(
    "to cuda cpu float double long unsqueeze view reshape flatten contiguous requires_grad_".split()
)
_NUMBERING = frozenset("randperm permutation randint arange shuffle choice range".split())
_DEEPEST = 8


def rows_by_hand(architecture: Architecture) -> Value | None:
    """The table whose rows, some or all at a time, go into a network."""
    if architecture.event is None or len(architecture.event.inputs) != 1:
        return None
    value = one(architecture.event.inputs[0])
    for _ in range(_DEEPEST):
        match value:
            case Item(source=source, key=key) if key is not None and takes_rows(one(key)):
                value = one(source)
            case Result(callee=Member(receiver=inner, name=name)) if name in _MOVING:
                value = one(inner)
            case _:
                break
    return None if loaders_behind(value) or _is_part_of_batch(value) else value


def takes_rows(key: Value) -> bool:
    """A slice, or indices that were drawn or listed; not one row, nor a column."""
    match key:
        case Constant() | Sequence(kind="tuple"):
            return False
    return is_slice(key) or any(called(v) in _NUMBERING for v in walk(key, limit=40))


def _is_part_of_batch(value: Value) -> bool:
    """Whether it is what a loop takes out of something: a batch of whatever serves it."""
    return any(isinstance(v, Item) and v.key is None for v in walk(value, limit=60))
