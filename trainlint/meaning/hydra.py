"""Hydra: the configuration that it composes for a function, and the objects that it makes of one."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

from trainlint.configurations import compose, parse_configuration
from trainlint.meaning.configured import as_value, put
from trainlint.meaning.facts.names import canonical
from trainlint.meaning.imports import imported
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import fields_of, get_attribute
from trainlint.meaning.overrides import copied, weaken
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    NONE,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Mapping,
    Member,
    Module,
    Partial,
    Result,
    Sequence,
    Value,
    constant,
    one,
)


def composed_for(machine: Machine, function: Function) -> Value | None:
    """The configuration that `@hydra.main(config_path="conf", config_name="config")` hands to a function."""
    for decorator in function.decorators:
        match decorator:
            case Result(callee=External(name="hydra.main"), arguments=arguments, keywords=keywords):
                given = dict(zip(("config_path", "config_name"), arguments, strict=False)) | keywords
            case _:
                continue
        place, name = (constant(given.get(key, NONE)) for key in ("config_path", "config_name"))
        home = function.unit.file.parent if function.unit.file is not None else None
        if home is None:
            return None
        folder = Path(normpath(home / (place if isinstance(place, str) else ".")))
        if not folder.is_relative_to(machine.root_folder):
            return None
        if name is None:  # the command line has to give it
            name = _only_one(machine, folder)
        if not isinstance(name, str):
            return None
        found = compose(folder, name)
        return stored(machine, name, function.node) if found is None else as_value(found, name, function.node)
    return None


def _only_one(machine: Machine, folder: Path) -> str | None:
    """The name of the one configuration that lies in a folder, beside those of groups."""
    found = [file for file in machine.configurations() if file.parent == folder and file.suffix in _SUFFIXES]
    return found[0].name if len(found) == 1 else None


_SUFFIXES = (".yaml", ".yml")


def store_settings(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`ConfigStore.instance().store(name="config", node=Settings)`."""
    match one(callee.receiver):
        case Result(callee=External(name=holder)) if holder.endswith("ConfigStore.instance"):
            pass
        case _:
            return None
    given = dict(zip(("name", "node", "group"), arguments, strict=False)) | keywords
    name, group = constant(given.get("name", NONE)), constant(given.get("group", NONE))
    if isinstance(name, str) and group is None and "node" in given:
        machine.write(machine.declared, ("hydra", name), given["node"])
    return NONE


def stored(machine: Machine, name: str, node: Node | None) -> Value | None:
    """The settings that a program has stored under a name; those with a default list are put together elsewhere."""
    found = one(machine.declared.get(("hydra", name), NONE))
    if isinstance(found, Class):
        found = machine.call(machine, found, (), {}, node, None)
    if isinstance(found, Instance) and isinstance(found.cls, Class):
        found = fields_of(found, node) or found
    return (
        copied(machine, found, node) if isinstance(found, Mapping) and "defaults" not in found.items else None
    )


_FOLDER = ("hydra", "*folder")


def initialise(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`hydra.initialize(config_path="conf")`: where `compose` looks."""
    place = constant(arguments[0] if arguments else keywords.get("config_path", NONE))
    machine.write(machine.declared, _FOLDER, Constant(place if isinstance(place, str) else ".", node))
    return None


def composed(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`hydra.compose(config_name="config", overrides=["epochs=2"])`."""
    name = constant(arguments[0] if arguments else keywords.get("config_name", NONE))
    place = machine.declared.get(_FOLDER)
    home = place.node.unit.file if isinstance(place, Constant) and place.node is not None else None
    if not isinstance(name, str) or not isinstance(place, Constant) or home is None:
        return None
    folder = Path(normpath(home.parent / str(place.value)))
    found = compose(folder, name) if folder.is_relative_to(machine.root_folder) else None
    if found is None:
        return stored(machine, name, node)
    whole = as_value(found, name, node)
    words = one(arguments[1] if len(arguments) > 1 else keywords.get("overrides", NONE))
    for word in words.items if isinstance(words, Sequence) else ():
        key, _, text = str(constant(word)).lstrip("+~").partition("=")
        before = one(whole.items.get(key, NONE)) if isinstance(whole, Mapping) else NONE
        given = as_value(parse_configuration(text, ".yaml"), key, node)
        if isinstance(before, Mapping):  # another one of a group
            weaken(machine, before)
        else:
            put(machine, whole, key, given)
    return whole


def instantiate(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`hydra.utils.instantiate(cfg.model, ...)`."""
    given = one(arguments[0]) if arguments else one(keywords.get("config", NONE))
    if not isinstance(given, Mapping) or node is None:
        return None
    others = {key: value for key, value in keywords.items() if key != "config"}
    return _made(machine, given, arguments[1:], others, node, 0)


def _made(
    machine: Machine,
    given: Mapping,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node,
    depth: int,
) -> Value | None:
    path = constant(given.items.get("_target_", NONE))
    target = named(machine, node, path) if isinstance(path, str) else None
    if target is None or depth > 6:
        return None
    whole = constant(given.items.get("_recursive_", Constant(True))) is not False
    own = {str(k): v for k, v in given.items.items() if not str(k).startswith("_")} | keywords
    made = {key: _inner(machine, value, node, depth) if whole else value for key, value in own.items()}
    if constant(given.items.get("_partial_", Constant(False))) is True:
        return Partial(target, arguments, made)
    return machine.call(machine, target, arguments, made, node, None)


def _inner(machine: Machine, value: Value, node: Node, depth: int) -> Value:
    match value:
        case Mapping(items=items) if "_target_" in items:
            return _made(machine, value, (), {}, node, depth + 1) or value
        case Sequence(items=items, kind=kind):
            return Sequence(kind, tuple(_inner(machine, item, node, depth) for item in items), node)
    return value


def named(machine: Machine, node: Node, path: str) -> Value | None:
    """What a dotted name stands for: `models.net.Net`, `torch.optim.Adam`."""
    home, _, last = path.rpartition(".")
    if not home or not all(part.isidentifier() for part in path.split(".")):
        return None
    unit = machine.entry if machine.entry is not None else node.unit
    module = imported(machine, unit, home)
    if isinstance(module, Module):
        return get_attribute(machine, module, last, node)
    outer = named(machine, node, home) if home.rpartition(".")[2][:1].isupper() else None
    if outer is not None and not isinstance(outer, External):
        return get_attribute(machine, outer, last, node)
    return External(canonical(path))


NAMED = (
    "pydoc.locate",
    *(f"hydra.utils.get_{kind}" for kind in ("class", "method", "object", "static_method")),
)


def by_path(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`hydra.utils.get_class("models.net.Net")`, `pydoc.locate("models.net.Net")`."""
    path = constant(arguments[0] if arguments else keywords.get("path", NONE))
    return named(machine, node, path) if isinstance(path, str) and node is not None else None
