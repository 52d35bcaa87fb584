"""What an object, a list or a dictionary of the program has at a key."""

from __future__ import annotations

from typing import Any

from trainlint.meaning import syntax as s
from trainlint.meaning.conditions import conditions_of
from trainlint.meaning.entries import entry
from trainlint.meaning.facts.layers import is_container
from trainlint.meaning.facts.names import canonical
from trainlint.meaning.growing import is_growing, part_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import by_method, get_attribute, key_of
from trainlint.meaning.places import by_places
from trainlint.meaning.registries import find_all_registered, find_registered, is_registry, registered_in
from trainlint.meaning.values import (
    MISSING,
    MOST_ALTERNATIVES,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Module,
    Partial,
    Result,
    Sequence,
    Value,
    choice,
    constant,
    is_slice,
    options,
)

_BY_KEY = (
    "easydict.",
    "addict.",
    "munch.",
    "box.",
    "yacs.",
    "ml_collections.",
    "fvcore.common.config.",
    "detectron2.config.",
    "dotmap.",
    "attrdict.",
)  # read by attribute and by key


def get_item(machine: Machine, holder: Value, key: Value, node: s.Node | None) -> Value:
    if is_growing(holder):
        return part_of(machine, holder, lambda whole: get_item(machine, whole, key, node))
    by_place = not isinstance(constant(key), str)
    held = [by_places(option) if by_place else option for option in options(holder, MOST_ALTERNATIVES)]
    found = [_item(machine, option, key, node) for option in held]
    return choice(found) if found else Item(holder, key, node)


def _item(machine: Machine, holder: Value, key: Value, node: s.Node | None) -> Value:
    index = key_of(key) if isinstance(holder, Mapping) else constant(key)
    if isinstance(holder, Mapping):
        if index is MISSING:
            each = _by_each_key(holder, key)
            if each is not None:
                return each
            find_all_registered(machine, holder)
        elif not _in(index, holder.items):
            find_registered(machine, holder, index)
    match holder:
        case Sequence(items=items, open=False, element=None) if isinstance(index, int) and items:
            if -len(items) <= index < len(items):
                return items[index]
        case Sequence(items=items, open=False, element=None) if (bounds := _bounds(key)) is not None:
            return Sequence(holder.kind, items[bounds], node)
        case Sequence(items=items, element=element) if is_slice(key):
            return (
                Sequence(holder.kind, (), node, True, choice([*items, *([element] if element else [])]))
                if (items or element)
                else holder
            )
        case Sequence(items=(), element=element) if element is not None:
            return element
        case Sequence(items=(item,), open=True, element=None) if index is MISSING and _may_be_object(item):
            return item  # `nets[i]`, where a loop has put what it made into the list
        case Mapping(items=items) if index is not MISSING and _in(index, items):
            return items[index]
        case Mapping(element=element) if index is not MISSING and element is not None:
            return _entry_by_default(machine, holder, index, node) or element
        case Mapping(items=items, element=element) if index is MISSING and (items or element is not None):
            if len(items) <= 4:
                return choice([*items.values(), *([element] if element is not None else [])])
        case Instance(cls=External(name=name), attributes=attributes) if is_container(name):
            layers = attributes.get("*layers")
            if isinstance(layers, (Sequence, Mapping)):
                return _item(machine, layers, key, node)
        case Instance(cls=External(name=name), attributes=attributes) if (
            name.startswith(_BY_KEY) and isinstance(index, str) and index in attributes
        ):
            return attributes[index]
        case Instance(cls=Class()) if isinstance(index, str):  # `config["model"]` of a class for settings
            found = by_method(machine, holder, "__getitem__", key, node)
            if found is None and "*namespace" in holder.attributes:
                found = holder.attributes.get(index)
            if found is not None:
                return found
        case Module() if isinstance(index, str):  # `globals()["Net"]`
            return get_attribute(machine, holder, index, node)
        case External(name=name) if name.endswith(".__dict__") and isinstance(index, str):
            return External(canonical(f"{name.removesuffix('.__dict__')}.{index}"))
        case External(name="sys.modules") if node is not None and index == "__main__":
            return Module(node.unit)
        case Instance() if is_registry(holder) and (found := registered_in(machine, holder, key)) is not None:
            return found
        case Instance(attributes=attributes) if "*namespace" in attributes and str(index) in attributes:
            return attributes[str(index)]
    written = entry(machine, holder, key)
    if written is not None:
        return written
    item = Item(holder, key, node)
    machine.tables.note_part(item, machine.steps)
    return item


def _may_be_object(value: Value) -> bool:
    return any(isinstance(option, Instance) for option in options(value))


def _entry_by_default(machine: Machine, holder: Mapping, key: object, node: s.Node | None) -> Value | None:
    """What a `defaultdict(Meter)` makes for a key that is new: an object of its own."""
    if not isinstance(holder.made_by, (Class, Function, Partial)) or not isinstance(holder.element, Instance):
        return None
    here = machine.region
    machine.region = holder.region or here
    with machine.unrecorded():
        made = machine.call(machine, holder.made_by, (), {}, node, None)
    machine.region = here
    keep_in(machine, holder, key, made)
    return made


def keep_in(machine: Machine, holder: Mapping, key: object, made: Value) -> None:
    """Put what was made for a dictionary into it; it lives as long as that."""
    if isinstance(made, Instance):
        made.loop = holder.region.loop if holder.region is not None else made.loop
    elif isinstance(made, (Sequence, Mapping)):
        made.region = holder.region
    machine.write(holder.items, key, made)


def _by_each_key(holder: Mapping, key: Value) -> Value | None:
    """`losses[name]` for each of some names: what `outputs[name]` gives for the same name meets it."""
    if not isinstance(key, Choice):
        return None
    keys = [option for option in options(key) if isinstance(option, Constant)]
    known = [option for option in keys if _in(option.value, holder.items)]
    if not known or len(known) < len(options(key)):
        return None
    return choice(
        [holder.items[option.value] for option in known],
        None,
        [conditions_of(key, option) for option in known],
    )


def _bounds(key: Value) -> slice | None:
    """A slice between known numbers."""
    if not isinstance(key, Result) or not is_slice(key):
        return None
    bounds = [constant(bound) for bound in key.arguments]
    known = all(bound is None or (isinstance(bound, int) and bound is not MISSING) for bound in bounds)
    return slice(*bounds) if known and bounds[-1] != 0 else None


def _in(index: Any, items: dict[Any, Value]) -> bool:
    try:
        return index in items
    except TypeError:
        return False
