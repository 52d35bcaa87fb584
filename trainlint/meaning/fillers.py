"""Losses that nothing can be learned from: all data behind them is filled with one number each."""

from __future__ import annotations

from trainlint.meaning.dataflow import inputs_of
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.modules import is_parameter
from trainlint.meaning.objects import is_module
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, External, Free, Instance, Member, Result, Unknown, Value

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
    pending, seen, found = [backward.value], set[int](), False
    while pending and len(seen) < _MOST:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if _is_data(value):
            return False
        if isinstance(value, Result) and _name(value) in _CONSTANT:
            found = True  # its arguments are a shape and a device
        elif isinstance(value, Result) and isinstance(value.callee, Member):
            moved = value.callee.name in ("to", "cuda", "type")
            pending += [value.callee.receiver] if moved else inputs_of(value)
        else:
            pending += inputs_of(value)
    return found and not pending


def _is_data(value: Value) -> bool:
    """Whether a value is given from outside, drawn at random or read."""
    if isinstance(value, Instance):
        return not is_module(value) and not is_parameter(value) and criterion(_name(value)) is None
    if isinstance(value, Result):
        home, _, name = _name(value).rpartition(".")
        return home.startswith("numpy") or (home == "torch" and name in _MADE)
    return isinstance(value, (Argument, Free, Unknown))


def _name(value: Result | Instance) -> str:
    called = value.cls if isinstance(value, Instance) else value.callee
    return called.name if isinstance(called, External) else ""


_MOST = 2000  # values looked at behind one loss
