"""Loaders of the project's own: a class whose base is a library's loader hands its arguments on to that."""

from __future__ import annotations

from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.library import make_library_object
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import SERVED, external_bases, find_member
from trainlint.meaning.syntax import Define, Node
from trainlint.meaning.values import Class, Function, Instance, Value


def note_loader(
    machine: Machine,
    instance: Instance,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> None:
    """The library's loader that an object is, as its base class gets to know it. One with an `__iter__` serves by itself."""
    if not isinstance(instance.cls, Class) or find_member(instance.cls, "__iter__") is not None:
        return
    base = next((name for name in external_bases(instance.cls) if name in LOADERS), None)
    if base is not None:
        place = instance.node if _takes_options(instance.cls) else node
        instance.attributes[SERVED] = make_library_object(machine, base, arguments, keywords, place)


def _takes_options(cls: Class) -> bool:
    """Whether who makes the object says how it serves: the constructor takes `shuffle`, or whatever it is given."""
    found = find_member(cls, "__init__")
    if found is None:
        return True
    made = found[0].node if isinstance(found[0], Function) else None
    return isinstance(made, Define) and any(p.name == "shuffle" or p.star == "**" for p in made.parameters)
