"""Whether a data set is evidently stored class after class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.loaders import TrainingLoader
from trainlint.meaning.objects import external_bases
from trainlint.meaning.order import SHUFFLING
from trainlint.meaning.values import (
    NONE,
    Class,
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
    options,
)

if TYPE_CHECKING:
    pass

_FOLDERS = ("torchvision.datasets.ImageFolder", "torchvision.datasets.DatasetFolder")


def class_ordered(training: TrainingLoader) -> str:
    """Why the data set is evidently in class order, "" where that is not evident."""
    dataset = training.loader.dataset
    if not _uses_labels(training):
        return ""
    for option in options(dataset) if dataset is not None else ():
        match option:
            case Instance(cls=External(name=name)) if name in _FOLDERS:
                return f"{name.rpartition('.')[2]} lists class after class"
            case Instance(cls=Class() as cls) if any(n in _FOLDERS for n in external_bases(cls)):
                return "ImageFolder lists class after class"
            case Instance(
                cls=External(name="torch.utils.data.ConcatDataset"), arguments=[Sequence(items=items)]
            ):
                if len(items) > 1 and all(_is_one_class(one(item)) for item in items):
                    return "the classes stand one behind the other"
    return _sorted_labels(dataset)


def _uses_labels(training: TrainingLoader) -> bool:
    """Whether the loss needs the second part of a batch: without labels the order of classes matters less."""
    assert training.backward.value is not None
    keys = {
        constant(v.key)
        for v in walk(training.backward.value)
        if isinstance(v, Item) and v.key is not None and isinstance(v.source, Item)
    }
    return not keys or keys != {0}


def _is_one_class(value: Value) -> bool:
    match value:
        case Instance(cls=External(name="torch.utils.data.TensorDataset"), arguments=arguments) if (
            len(arguments) > 1
        ):
            return _is_constant_fill(one(arguments[-1]))
    return False


def _sorted_labels(dataset: Value | None) -> str:
    match one(dataset) if dataset is not None else None:
        case Instance(cls=External(name="torch.utils.data.TensorDataset"), arguments=arguments) if (
            len(arguments) > 1
        ):
            parts = list(walk(arguments[-1], lambda v: not _mixes(v)))
            columns = {constant(v.key) for v in parts if isinstance(v, Item) and v.key is not None}
            for inner in parts:
                if isinstance(inner, Result) and (_makes_runs(inner) or _sorts_by(inner, columns)):
                    return "the labels come in runs of one class"
    return ""


def _mixes(value: Value) -> bool:
    """Whether rows are put in an order at random: `labels[torch.randperm(n)]`, `shuffle(rows, labels)`."""
    if isinstance(value, Item) and value.key is not None:
        return any(map(_is_shuffled, walk(value.key, limit=60)))
    return _is_shuffled(value)


def _is_shuffled(value: Value) -> bool:
    match value:
        case Result(callee=External(name="sklearn.model_selection.train_test_split"), keywords=keywords):
            return constant(keywords.get("shuffle", NONE)) is not False
        case Result(callee=External(name=name)):
            return name in SHUFFLING
    return False


def _sorts_by(value: Result, columns: set[object]) -> bool:
    """`frame.sort_values("label")` of the very column that is the target."""
    if not isinstance(value.callee, Member) or value.callee.name != "sort_values":
        return False
    by = value.arguments[0] if value.arguments else value.keywords.get("by")
    return by is not None and isinstance(constant(by), str) and constant(by) in columns


def _makes_runs(value: Result) -> bool:
    """Labels laid out class after class: `arange(k).repeat_interleave(n)`, `cat([zeros, ones])`, sorted."""
    name = called(value)
    if name in ("repeat_interleave", "sort", "sorted"):
        return True
    if name in ("cat", "concatenate", "concat", "hstack") and value.arguments:
        parts = one(value.arguments[0])
        if isinstance(parts, Sequence) and len(parts.items) > 1:
            return all(_is_constant_fill(one(part)) for part in parts.items)
    return False


def _is_constant_fill(value: Value) -> bool:
    callee = value.callee if isinstance(value, Result) else None
    name = callee.name.rpartition(".")[2] if isinstance(callee, External) else ""
    return name in ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like")


# Distributed samplers
