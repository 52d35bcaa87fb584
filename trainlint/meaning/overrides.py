"""Settings that are overwritten: by another dictionary, by a file, attribute by attribute.

What overwrites them may be known, then it counts. Where it is not, each constant may be there still, or not.
"""

from __future__ import annotations

from typing import Any

from trainlint.meaning.facts.settings import NAMESPACES
from trainlint.meaning.imports import scope_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, is_module, lineage
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    Function,
    Instance,
    Mapping,
    Module,
    Unknown,
    Value,
    one,
    options,
)

DEEPEST = 5  # settings within settings


def entries(holder: Value) -> dict[Any, Value] | None:
    """Where an object of settings keeps them; None for what is none."""
    match holder:
        case Mapping(items=items):
            return items
        case Class(names=names):
            return names
        case Module(unit=unit) if unit.scope is not None:  # `globals()`
            return unit.scope.names
        case Instance(attributes=attributes) if not is_module(holder):
            return attributes
    return None


def is_dictionary(value: Value) -> bool:
    """An object of settings that is a dictionary as well, of a library or of a class of the project."""
    if isinstance(value, (Mapping, Module)):
        return True
    if not isinstance(value, Instance):
        return False
    if isinstance(value.cls, Class):
        return any(base == "builtins.dict" or base in NAMESPACES for base in external_bases(value.cls))
    return "*namespace" in value.attributes


def overwrite(machine: Machine, holder: Value, by: Value, deep: bool = False) -> None:
    """`settings.update(by)`; `deep`: dictionaries that both have become one."""
    given = one(by)
    known = {k: v for k, v in (entries(given) or {}).items() if str(k)[:1] != "*"}
    for option in options(holder):
        if isinstance(option, Module):
            scope_of(machine, option.unit)  # runs it, if nobody has asked for it yet
        held = entries(option)
        if held is None:
            continue
        if entries(given) is None or (isinstance(given, Mapping) and given.open):
            weaken(machine, option, deep)
        for key, value in known.items():
            before = one(held[key]) if key in held else None
            if (
                deep
                and before is not None
                and entries(before) is not None
                and isinstance(one(value), Mapping)
            ):
                overwrite(machine, before, value, deep)
            else:
                machine.write(held, key, value)


def weaken(machine: Machine, holder: Value, deep: bool = False, depth: int = 0) -> None:
    """Something unknown overwrites settings: any of them may have another value now.

    `deep`: it goes into dictionaries within; else these are overwritten as a whole.
    """
    held = entries(holder)
    if held is None or depth > DEEPEST:
        return
    if isinstance(holder, Mapping):
        holder.open = True
    for key, value in {**_declared(holder), **held}.items():
        inner = one(value)
        if str(key)[:1] == "*" or str(key)[:2] == "__":
            continue
        if isinstance(inner, (Mapping, Instance)) and deep:
            weaken(machine, inner, deep, depth + 1)
        elif isinstance(inner, Constant) or (is_dictionary(inner) and not isinstance(inner, Module)):
            machine.write(held, key, Choice([inner, Unknown(f"{key} may be overwritten")]))


def _declared(holder: Value) -> dict[Any, Value]:
    """The settings that the class of an object declares."""
    if not isinstance(holder, Instance) or not isinstance(holder.cls, Class):
        return {}
    found: dict[Any, Value] = {}
    for base in reversed(lineage(holder.cls)):
        if isinstance(base, Class):
            found.update((k, v) for k, v in base.names.items() if not isinstance(v, (Function, Class)))
    return found


def fill_dictionary(
    machine: Machine, holder: Value, arguments: tuple[Value, ...], keywords: dict[str, Value]
) -> None:
    """What the constructor of a dictionary puts into an object of a class that is one: `AttrDict(entries, lr=0.1)`."""
    assert isinstance(holder, Instance)
    holder.attributes["*namespace"] = Constant(True)
    for given in arguments[:1]:
        overwrite(machine, holder, given)
    if "**" in keywords:
        weaken(machine, holder)
    holder.attributes.update((key, value) for key, value in keywords.items() if key != "**")


def copied(machine: Machine, holder: Value, node: Node | None, depth: int = 0) -> Value:
    """A copy of settings, of those within them as well."""
    inner = one(holder)
    held = entries(inner)
    if held is None or depth > DEEPEST:
        return holder
    found = {key: copied(machine, value, node, depth + 1) for key, value in held.items()}
    if isinstance(inner, Mapping):
        return Mapping(found, inner.node, inner.open, inner.element, machine.region)
    assert isinstance(inner, Instance)
    return Instance(inner.cls, node, inner.arguments, inner.keywords, found)


def under_setting(value: Value, name: str, depth: int = 0) -> Value:
    """Settings made by the code, each constant known under its own name: the command line can change it."""
    held = entries(one(value))
    for key, inner in held.items() if held is not None and depth <= DEEPEST else ():
        found = one(inner)
        if isinstance(found, Constant) and found.under is None and held is not None and str(key)[:1] != "*":
            held[key] = Constant(found.value, found.node, f"{name}.{key}")
        elif isinstance(found, (Mapping, Instance)):
            under_setting(found, f"{name}.{key}", depth + 1)
    return value
