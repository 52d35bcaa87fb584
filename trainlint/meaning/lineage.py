"""By what names data goes on its way from a file or a split into a network: `X_val`, scaled, as a tensor `xv`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_FAR = 24
_FITTED = frozenset("transform fit_transform inverse_transform".split())  # of what they are given
_SPLITTING = ("train_test_split", "random_split")
_DATA = (Item, Result, Instance, Member)
_LIBRARIES = ("torch.", "numpy.", "pandas.", "builtins.", "scipy.", "operator.")


def bound_names(program: Program) -> dict[int, list[str]]:
    """By the identity of a value, the names that files, functions, objects and tables of the program know it by."""
    found: dict[int, list[str]] = {}
    held = [made.attributes for made in program.instances if not isinstance(made.cls, External)]
    for names in (*program.namings, *held):
        for name, value in names.items():
            _note(found, name, value)
            inner = one(value)
            for key, entry in inner.items.items() if isinstance(inner, Mapping) else ():
                if isinstance(key, str):
                    _note(found, key, entry)
    return found


def _note(found: dict[int, list[str]], name: str, value: Value) -> None:
    inner = one(value)
    # Read from a file if there is one, made anew if there is none.
    if isinstance(inner, Choice) and not inner.loop:
        for option in options(inner):
            if isinstance(one(option), _DATA):
                found.setdefault(id(one(option)), []).append(name)
    if isinstance(inner, _DATA):
        for each in {id(value), id(inner)}:
            found.setdefault(each, []).append(name)


def line(value: Value) -> Iterator[Value]:
    """A value and what it was made from, table by table; not what it was scaled by, nor what it was split from."""
    for _ in range(_FAR):
        yield value
        before = _before(one(value))
        if before is None:
            return
        value = before


def _before(value: Value) -> Value | None:
    match value:
        case Item(source=source):
            found = one(source)
            is_split = isinstance(found, Result) and _name(found).endswith(_SPLITTING)
            return None if is_split else source
        case Member(receiver=receiver):
            return receiver
        case Result(callee=Member(receiver=receiver, name=name), arguments=given):
            return given[0] if name in _FITTED and given else receiver
        case Result(callee=External(name=name), arguments=[first, *rest]) if name.startswith(_LIBRARIES):
            return rest[0] if rest and isinstance(one(first), Constant) else first
        case Instance(cls=External(name=name), arguments=[first, *_]) if name.endswith(
            (".TensorDataset", ".Subset", ".DataLoader", ".DataFrame")
        ):
            return first
    return None


def _name(value: Result) -> str:
    return value.callee.name if isinstance(value.callee, External) else ""


def trained_data(program: Program) -> set[int]:
    """The identities of all that trained data comes from: what trains says nothing by its name of what is evaluated."""
    used = program.used_by_backwards
    trained = [given for e in program.events("forward") if id(e.value) in used for given in e.inputs]
    served = [training.loader.value for training in program.training_loaders]
    return {id(one(each)) for value in (*trained, *served) for each in line(value)}


def names_along(program: Program, value: Value) -> Iterator[list[str]]:
    """The names of each value on the way, those nearest to the network first."""
    for each in line(value):
        if id(one(each)) in program.trained_data:
            return
        names = [*program.bound_names.get(id(each), ()), *program.bound_names.get(id(one(each)), ())]
        if names:
            yield names


def origin(values: Iterable[Value]) -> str:
    """The class of the library's data set that data comes from, "" where it comes from elsewhere."""
    for value in values:
        for each in line(value):
            found = one(each)
            if (
                isinstance(found, Instance)
                and isinstance(found.cls, External)
                and "datasets." in found.cls.name
            ):
                return found.cls.name.rpartition(".")[2]
    return ""
