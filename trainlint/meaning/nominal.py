"""Targets that are names of classes by number, however many there are: codes of words, folders of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import walk
from trainlint.meaning.targets import origins
from trainlint.meaning.values import Constant, External, Instance, Item, Member, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_FOLDERS = ("torchvision.datasets.ImageFolder", "torchvision.datasets.DatasetFolder")
_ENCODERS = ("sklearn.preprocessing.LabelEncoder", "sklearn.preprocessing._label.LabelEncoder")


def is_nominal(target: Value) -> bool:
    """Whether all that a target can be are numbers that stand for names."""
    found = origins(target)
    return bool(found) and all(map(_is_coded, found))


def _is_coded(origin: Value) -> bool:
    match origin:
        case Result(callee=External(name="pandas.factorize") | Member(name="factorize")):
            return True
        case Result(callee=Member(receiver=encoder, name="fit_transform" | "transform")):
            made = one(encoder)
            return (
                isinstance(made, Instance) and isinstance(made.cls, External) and made.cls.name in _ENCODERS
            )
        case Member(receiver=inner, name="codes"):
            return _is_categorical(one(inner))
        case Item(source=Item(source=loader, key=None), key=Constant(value=1)):
            return _is_of_folders(one(loader))
    return False


def _is_categorical(value: Value) -> bool:
    match value:
        case Member(name="cat"):
            return True
        case Result(callee=External(name="pandas.Categorical")):
            return True
    return False


def _is_of_folders(loader: Value) -> bool:
    made = [v for v in walk(loader) if isinstance(v, Instance) and isinstance(v.cls, External)]
    return any(v.cls.name in _FOLDERS and "target_transform" not in v.keywords for v in made)  # type: ignore[union-attr]


def rounds_predictions(program: Program) -> bool:
    """Whether some numbers are rounded to the nearest class: `out.round()`, `torch.round(out)`."""
    if not program.uses("round", "rint", "round_"):
        return False
    return any(
        isinstance(node, s.Call) and _rounds(node) for unit in program.units for node in s.nodes_in(unit.body)
    )


def _rounds(call: s.Call) -> bool:
    if not isinstance(call.function, s.Attribute) or call.function.name not in ("round", "rint", "round_"):
        return False
    of_library = isinstance(call.function.value, s.Name) and call.function.value.id in (
        "torch",
        "np",
        "numpy",
    )
    return len(call.arguments) == (1 if of_library else 0)
