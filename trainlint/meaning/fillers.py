"""Losses that nothing can be learned from: all data behind them is filled with one number each."""

from __future__ import annotations

from trainlint.meaning.dataflow import walk
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, External, Free, Item, Result, Unknown

_CONSTANT = frozenset(
    "torch.zeros torch.ones torch.empty torch.full torch.zeros_like torch.ones_like".split()
)


_MADE = frozenset(
    "rand randn randint randperm normal rand_like randn_like load tensor as_tensor from_numpy Tensor FloatTensor LongTensor".split()
)


def teaches_nothing(backward: Event) -> bool:
    """Whether a pass serves to measure time or to show a schedule: a fixed batch of zeros and ones, `p.sum()`."""
    if backward.value is None:
        return False
    found = False
    for value in walk(backward.value):
        if isinstance(value, (Argument, Free, Unknown, Item)):
            return False
        if isinstance(value, Result) and isinstance(value.callee, External):
            home, _, name = value.callee.name.rpartition(".")
            found = found or value.callee.name in _CONSTANT
            if home.startswith("numpy") or (home == "torch" and name in _MADE):
                return False
    return found
