"""One-hot targets that are written place by place into a tensor of zeros."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Item,
    Result,
    Sequence,
    Value,
    called,
    constant,
    one,
)

HOT_AT = "*hot at"  # the same of one row, where it is not known that there is one label
HOT = "*hot"  # keyword of a call of zeros: the labels at which it was set to one
_MIXED = "*hot elsewhere"  # something else is written into its rows as well: regions that may overlap


def note_hot(machine: Machine, holder: Result | Item, keys: list[Value], value: Value) -> None:
    """`targets[range(n), labels] = 1` in a tensor of zeros makes it one-hot: one place in each row.

    So does `targets[c][labels == c] = 1`, or `targets[c] = labels == c`, for every class: one place for each pixel.
    """
    tensor = holder if isinstance(holder, Result) else one(holder.source)
    if not isinstance(tensor, Result) or called(tensor) != "zeros":
        return
    labels = _of_each_class(holder, keys, value)
    if labels is not None and _MIXED not in tensor.keywords:
        tensor.keywords[HOT] = labels
    elif holder is not tensor:
        tensor.keywords.pop(HOT, None)
        tensor.keywords[_MIXED] = NONE
    elif constant(value) not in (1, 1.0):
        return
    elif len(keys) == 2:
        if called(one(keys[0])) in ("range", "arange"):
            tensor.keywords[HOT] = keys[1]
    elif len(keys) == 1 and len(tensor.arguments) == 1 and _may_be_label(one(keys[0])):
        again = HOT_AT in tensor.keywords or _is_in_inner_loop(machine, tensor)
        tensor.keywords[HOT_AT] = NONE if again else keys[0]


def _of_each_class(holder: Result | Item, keys: list[Value], value: Value) -> Value | None:
    """The labels whose pixels of one class are set."""
    if isinstance(holder, Item) and holder.key is not None and len(keys) == 1:
        keys = [holder.key, *keys]
    if len(keys) == 2 and constant(value) in (1, 1.0):
        return _compared(keys[1], keys[0])
    return _compared(value, keys[0]) if len(keys) == 1 else None


def _compared(test: Value, label: Value) -> Value | None:
    """What `labels == label` compares, whatever type the answer is turned into."""
    match one(test):
        case Result(callee=External(name="operator.=="), arguments=[labels, other]):
            known = constant(label)
            alike = one(other) is one(label) or (type(known) is int and constant(other) == known)
            return labels if alike and not isinstance(one(labels), Constant) else None
    return None


def _may_be_label(key: Value) -> bool:
    """Whether a key may be one label: no slice, no list and no number of the code's."""
    return not isinstance(key, (Sequence, Constant)) and called(key) != "slice"


def _is_in_inner_loop(machine: Machine, tensor: Result) -> bool:
    """Whether a loop puts several ones into the same row."""
    home = tensor.region.loop if tensor.region is not None else None
    return machine.region.loop is not home
