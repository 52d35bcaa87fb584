"""Targets that are names of classes by number, however many there are: codes of words, folders of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import walk
from trainlint.meaning.targets import origins
from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program
    from trainlint.meaning.tables import Tables

_FOLDERS = ("torchvision.datasets.ImageFolder", "torchvision.datasets.DatasetFolder")
_CASTS = frozenset("long int astype float double to copy numpy tolist type".split())
# Words of an order: what is coded by them is a quantity on a coarse scale.
_DEGREES = re.compile(
    r"(?i)(^|[^a-z])(low|lower|medium|mid|middle|high|higher|small|large|big|mild|moderate|severe|none|poor|fair|good|bad|best|worst"
    r"|excellent|easy|hard|positive|negative|neutral|weak|strong|never|rarely|often|always|first|second|third|grades?|grading"
    r"|ages?|years?|counts?|number|ratings?|scores?|levels?|stages?|stars?|ranks?|severity|quality|degrees?|rings|priority"
    r"|young|old|adult|child|ordinal|beginner|expert|agree|disagree|xs|xl|dr|kl|i{1,3}|iv)([^a-z]|$)|^\d+$"
)
_ENCODERS = ("sklearn.preprocessing.LabelEncoder", "sklearn.preprocessing._label.LabelEncoder")


def is_nominal(target: Value, log: Tables) -> bool:
    """Whether all that a target can be are numbers that stand for names; `log`: what was written into tables."""
    found = list(_behind(target, log))
    return bool(found) and all(map(_is_coded, found))


def _behind(value: Value, log: Tables) -> Iterator[Value]:
    """The origins, behind casts to other types of numbers too, and what was written into the column of a table."""
    for origin in origins(value):
        match origin:
            case Item(source=table, key=Constant(value=str(column))) if written := _written(
                log, one(table), column
            ):
                yield from _behind(written, log)
            case Result(callee=Member(receiver=inner, name=name)) if name in _CASTS:
                yield from _behind(inner, log)
            case Sequence(items=(), element=element) if element is not None:
                yield from _behind(element, log)
            case _:
                yield origin


def _written(log: Tables, table: Value, column: str) -> Value | None:
    """What the column of a table was set to, where it was once."""
    fills = [fill for fill in log.fills.get(id(table), ()) if fill.column in (None, column)]
    return fills[0].value if len(fills) == 1 and fills[0].column == column else None


def number_of_names(target: Value, log: Tables) -> int | None:
    """How many names a list has in which each is looked up: `NAMES.index(name)`."""
    counts = {_listed(origin) for origin in _behind(target, log)}
    return counts.pop() if len(counts) == 1 else None


def _listed(origin: Value) -> int | None:
    match origin:
        case Result(callee=Member(receiver=names, name="index"), arguments=(_,)):
            listed = one(names)
            if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
                return None
            said = [constant(item) for item in listed.items]
            named = all(isinstance(name, str) and not _DEGREES.search(name) for name in said)
            return len(said) if named else None
    return None


def _is_coded(origin: Value) -> bool:
    match origin:
        case Result(callee=External(name="pandas.factorize"), arguments=(names, *_)):
            return _is_unordered(names)
        case Result(callee=Member(receiver=names, name="factorize")):
            return _is_unordered(names)
        case Result(callee=Member(receiver=encoder, name="fit_transform" | "transform"), arguments=(names,)):
            return _is_encoder(encoder) and _is_unordered(names)
        case Member(receiver=inner, name="codes"):
            return _is_categorical(one(inner)) and _is_unordered(inner)
        case Result(callee=Member(name="index")):
            return _listed(origin) is not None
        case Item(source=Item(source=loader, key=None), key=Constant(value=1)):
            return _is_of_folders(one(loader))
    return False


def _is_encoder(value: Value) -> bool:
    """`LabelEncoder()`, and what its `fit` gives back."""
    match one(value):
        case Instance(cls=External(name=name)):
            return name in _ENCODERS
        case Result(callee=Member(receiver=inner, name="fit")):
            return _is_encoder(inner)
    return False


def _is_categorical(value: Value) -> bool:
    match value:
        case Member(name="cat"):
            return True
        case Result(callee=External(name="pandas.Categorical")):
            return True
    return False


def _is_of_folders(loader: Value) -> bool:
    return any(isinstance(v, Instance) and _are_folders(v) for v in walk(loader))


def _are_folders(made: Instance) -> bool:
    if (
        not isinstance(made.cls, External)
        or made.cls.name not in _FOLDERS
        or "target_transform" in made.keywords
    ):
        return False
    return all(map(_is_unordered, made.arguments[:1]))


def _is_unordered(value: Value) -> bool:
    """Whether no word of what is coded, a column or a folder, speaks of an order."""
    for inner in walk(value, limit=400):
        for said in _words(inner):
            if _DEGREES.search(said.replace("_", " ")):
                return False
    return True


def _words(value: Value) -> Iterator[str]:
    match value:
        case Item(key=key) if key is not None:
            yield from (str(constant(o)) for o in options(key) if isinstance(constant(o), str))
        case Member(name=name) if not isinstance(value.receiver, (Instance, External)):
            yield name
        case Constant(value=str() as said):
            yield said.rpartition("/")[2] or said
        case Mapping(items=entries):
            yield from (key for key in entries if isinstance(key, str))
        case Choice():
            return


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
