"""Samples that are batches already: the loop takes them out of the batch of one that the loader made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.loaders import Loader
from trainlint.meaning.values import Item, Member, Result, Value, constant, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def holds_batches(program: Program, loader: Loader) -> bool:
    """Whether a network gets `batch["image"][0]` or `x.squeeze(0)` of a loader's batch: slices of one volume."""
    return any(
        _is_first(part) and any(v is loader.value for v in walk(part))
        for event in program.events("forward")
        for given in event.inputs
        for part in walk(given, lambda v: v is not loader.value)
    )


def _is_first(value: Value) -> bool:
    match value:
        case Item(source=source, key=key) if key is not None and constant(key) == 0:
            part = one(source)  # of a batch of several tensors; `batch[0]` alone may be one of them
            return isinstance(part, Item) and part.key is not None and constant(part.key) is not None
        case Result(callee=Member(name="squeeze"), arguments=[dim]):
            return bool(constant(dim) == 0)
    return False
