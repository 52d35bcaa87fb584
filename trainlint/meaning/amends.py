"""Edits that serve an evaluation the held-out data which a program has made and not used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from trainlint.meaning.claims import says_held_out
from trainlint.meaning.datasets import Part, is_same_data, part
from trainlint.meaning.iteration import underlying
from trainlint.meaning.loaders import Loader, loader, loaders_behind
from trainlint.meaning.objects import is_module
from trainlint.meaning.place import Change, qualified_name, replace, text_of
from trainlint.meaning.syntax import Call, Expression, Node
from trainlint.meaning.values import Argument, Instance, Item, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def served_otherwise(program: Program, loader: Loader, judged: Part) -> list[Change]:
    """The edit that serves held-out data which has a name here and is served nowhere."""
    given = _given_dataset(loader.node) if isinstance(loader.node, Call) else None
    if given is None:
        return []
    served = {id(one(made.dataset)) for made in _loaders(program) if made.dataset is not None}
    for name, value in _names_around(program, given).items():
        found = one(value)
        if says_held_out(name) and _is_data(found) and id(found) not in served:
            if not is_same_data(part(found).data, judged.data) or part(found).taken:
                return [replace(given, name)]
    return []


def served_apart(training: Loader, judged: Loader) -> list[Change]:
    """For experiments: every other sample trains, and the others are evaluated."""
    nodes = [made.node for made in (training, judged)]
    calls = [node for node in nodes if isinstance(node, Call)]
    given = [_given_dataset(call) for call in calls]
    if len(calls) < 2 or calls[0].cst is calls[1].cst or None in given:
        return []
    return [
        replace(data, _OTHERS.format(first, text_of(data)))
        for first, data in enumerate(given)
        if data is not None
    ]


_OTHERS = "(lambda data: [data[place] for place in range({}, len(data), 2)])({})"


def _given_dataset(call: Call) -> Expression | None:
    for argument in call.arguments:
        if argument.keyword == "dataset" or (argument.keyword is None and not argument.star):
            return argument.value
    return None


def _is_data(value: Value) -> bool:
    if isinstance(value, Item):
        return bool(part(value).taken)
    return isinstance(value, Instance) and not is_module(value) and loaders_behind(value) == []


def _loaders(program: Program) -> list[Loader]:
    return [Loader(made) for made in program.instances if loader(made) is not None]


def unserved_loaders(program: Program, place: Expression) -> Iterator[str]:
    """The names, where a loop stands, of held-out loaders that no loop goes through."""
    looped = [region.iterable for root in program.roots for region in root.loops() if region.iterable]
    served = {id(made.value) for iterable in looped for made in loaders_behind(iterable)}
    for name, value in _names_around(program, place).items():
        found = one(value)
        if not says_held_out(name) or any(id(found) == id(one(underlying(i))) for i in looped):
            continue
        made = loader(found)
        if (made is not None and id(made.value) not in served) or isinstance(found, Argument):
            yield name


def _names_around(program: Program, place: Node) -> Mapping[str, Value]:
    """What the names of the function around a place stand for, or those of its file."""
    function = qualified_name(place).rpartition(".")[2]
    if not function:
        scope = place.unit.scope
        return scope.names if scope is not None else {}
    for region in (inner for root in program.roots for inner in root.calls()):
        called = region.function
        if called is not None and called.name == function and called.unit is place.unit:
            return region.names or {}
    return {}
