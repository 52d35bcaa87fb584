"""Data with changed copies of its own samples behind it: `torch.cat([x, flipped(x)])`, with the labels twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.columns import KEEPING_FUNCTIONS, KEEPING_METHODS
from trainlint.meaning.facts.tables import SPLIT, STATISTICS
from trainlint.meaning.oversampling import COPIES
from trainlint.meaning.shaped import NOTHING, Fit
from trainlint.meaning.splits import Split
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    called,
    constant,
    one,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_JOINING = frozenset(
    "torch.cat torch.concat torch.concatenate torch.vstack numpy.concatenate numpy.vstack pandas.concat".split()
)
_REPEATING = frozenset("repeat tile repeat_interleave".split())
_SETS = "torch.utils.data.ConcatDataset", "torch.utils.data.dataset.ConcatDataset"
_SPLITTING = "random_split", SPLIT
_FAR = 30


def changed_copies(program: Program) -> Iterator[tuple[Fit, Split, bool]]:
    """Where samples and changed copies of them are put together, and the split behind; whether no split was before."""
    if not program.backwards:
        return
    for call in program.reading.tables.calls:
        name = call.callee.name.rpartition(".")[2] if isinstance(call.callee, External) else ""
        if name not in _SPLITTING or call.node is None or not call.arguments:
            continue
        tables = _tables(one(call.arguments[0])) if name == "random_split" else call.arguments
        made = one(_unchanged(tables[0]))
        node = made.node if isinstance(made, (Result, Instance)) else None
        if node is None or not _has_copies(made) or not all(map(_comes_again, tables[1:])):
            continue
        fit = Fit(node, COPIES, False, frozenset(), call.at)
        yield fit, Split(call.node, NOTHING, frozenset(), frozenset(), call), not _is_of_a_part(made)


def _tables(data: Value) -> tuple[Value, ...]:
    match data:
        case Instance(cls=External(name=name), arguments=tensors) if (
            name.endswith(".TensorDataset") and tensors
        ):
            return tensors
    return (data,)


def _unchanged(table: Value) -> Value:
    """A table before what changes its type or shape only."""
    for _ in range(_FAR):
        match one(table):
            case Result(callee=External(name=name), arguments=[inner, *_]) if name in KEEPING_FUNCTIONS:
                table = inner
            case Result(callee=Member(receiver=inner, name=name)) if name in KEEPING_METHODS:
                table = inner
            case _:
                break
    return table


def _parts(made: Value) -> list[Value]:
    """What is put below each other, [] where it is something else, or side by side."""
    match made:
        case Result(callee=External(name=name), arguments=[listed, *rest], keywords=keywords) if (
            name in _JOINING
        ):
            axis = next(
                (keywords[k] for k in ("dim", "axis") if k in keywords), rest[0] if rest else Constant(0)
            )
            joined = one(listed)
            if not isinstance(joined, Sequence) or constant(axis) != 0:
                return []
        case Instance(cls=External(name=name), arguments=[listed, *_]) if name in _SETS:
            joined = one(listed)
        case _:
            return []
    if not isinstance(joined, Sequence):
        return []
    return [one(item) for item in (*joined.items, *([joined.element] if joined.element is not None else []))]


def _has_copies(made: Value) -> bool:
    parts = _parts(made)
    return any(
        first is not second and any(before is first for before in _lineage(second))
        for first in parts
        for second in parts
    )


def _lineage(copy: Value) -> Iterator[Value]:
    """What a copy was made of: the first thing that each function was given, not what was added to it or drawn beside it."""
    value = copy
    for _ in range(_FAR):
        if called(value).endswith("_like") or called(value) in STATISTICS:
            return  # of its size, or a number of it
        match value:
            case Result(callee=External(name=name), arguments=[first, *rest]) if not name.startswith(
                "builtins."
            ):
                listed = one(first)
                if isinstance(listed, Sequence):
                    listed = one(listed.element) if listed.element is not None else listed
                value = one(rest[0]) if isinstance(listed, Constant) and rest else listed
            case Result(callee=Member(receiver=receiver)):
                value = one(receiver)
            case Item(source=source, key=key) if key is None or not isinstance(one(key), Constant):
                value = one(source)
            case Instance(arguments=[first, *_]):
                value = one(first)
            case Instance(attributes=attributes) if attributes:
                value = one(next(iter(attributes.values())))
            case _:
                return
        yield value


def _comes_again(labels: Value) -> bool:
    """Whether labels are there once more for the copies."""
    made = one(_unchanged(labels))
    match made:
        case Result(callee=External(name=name) | Member(name=name)) if name.rpartition(".")[2] in _REPEATING:
            return True
    parts = [one(_unchanged(part)) for part in _parts(made)]
    return len({id(part) for part in parts}) < len(parts) or _has_copies(made)


def _is_of_a_part(made: Value) -> bool:
    """Whether all of it is the training part of another split, whose test part stays clean."""
    for value in walk(made):
        match value:
            case Result(callee=External(name=name)) if name.rpartition(".")[2] in _SPLITTING:
                return True
            case Instance(cls=External(name=name)) if name.startswith("torchvision.datasets."):
                return True
    return False
