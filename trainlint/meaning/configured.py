"""Settings from configuration files: read by `yaml.safe_load(open("config.yml"))` or composed by Hydra.

Each constant stands under its key and file: another file makes another program.
"""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import Any

from trainlint.configurations import SUFFIXES, compose, read_configuration
from trainlint.meaning.conditions import usual
from trainlint.meaning.facts.names import canonical
from trainlint.meaning.imports import imported
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import get_attribute
from trainlint.meaning.syntax import Node
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import (
    MISSING,
    Choice,
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
    Unknown,
    Value,
    constant,
    one,
)

MOST_VALUES = 2_000  # of one configuration
_SAME_PATH = frozenset(
    "os.path.abspath os.path.realpath os.path.expanduser os.path.normpath builtins.str builtins.open os.fspath"
    " hydra.utils.to_absolute_path pathlib.Path pathlib.PurePath io.open codecs.open".split()
)
_SAME_METHODS = frozenset("open resolve absolute expanduser read_text read read_bytes as_posix".split())
UP = 4  # folders above the file at hand in which a relative path is looked for


def load_file(machine: Machine, given: Value | None, node: Node | None) -> Value | None:
    """What a program reads from a configuration file that a constant names."""
    path = path_of(given) if given is not None else None
    if path is None or node is None or not path.endswith(SUFFIXES):
        return None
    file = _find(machine, node.unit, path)
    found = read_configuration(file) if file is not None else None
    return None if found is None or file is None else as_value(found, file.name, node)


def path_of(value: Value, depth: int = 0) -> str | None:
    """The path behind an opened file, a `Path` or a joined name; without the parts in front that nobody knows."""
    found = one(value)
    if isinstance(found, Choice):
        left = usual(found)
        found = left[0] if len(left) == 1 else found
    if depth > 8:
        return None
    match found:
        case Constant(value=str() as text):
            return text
        case (
            Result(callee=External(name="os.path.join"), arguments=[*_, last])
            | Result(callee=External(name="operator./"), arguments=[_, last])
        ):
            parts = [path_of(part, depth + 1) for part in found.arguments]
            known = parts[-1:] if None in parts else parts
            return "/".join(part for part in known if part) if path_of(last, depth + 1) else None
        case Result(callee=External(name=name), arguments=[first, *_]) if name in _SAME_PATH:
            return path_of(first, depth + 1)
        case Instance(cls=External(name=name), arguments=[first, *_]) if name in _SAME_PATH:
            return path_of(first, depth + 1)
        case Result(callee=Member(receiver=receiver, name=name)) if name in _SAME_METHODS:
            return path_of(receiver, depth + 1)
    return None


def _find(machine: Machine, unit: Unit, path: str) -> Path | None:
    """The file of a relative path: seen from the file at hand, from the entry, or from a folder above them."""
    if Path(path).is_absolute() or ".." in Path(path).parts[1:]:
        return None
    for start in (machine.entry, unit):
        folder = start.file.parent if start is not None and start.file is not None else None
        for _ in range(UP):
            if folder is None or not folder.is_relative_to(machine.root_folder):
                break
            if (folder / path).is_file():
                return folder / path
            folder = folder.parent
    return None


def as_value(found: Any, name: str, node: Node | None) -> Value:
    """A plain object as a value; `name` is where it stands, for what is said about it."""
    left = [MOST_VALUES]

    def convert(inner: Any, key: str) -> Value:
        left[0] -= 1
        if left[0] < 0:
            return Unknown(key, node)
        label = f"{key} in {name}" if key else name
        match inner:
            case dict():
                items = {k: convert(v, f"{key}.{k}" if key else str(k)) for k, v in inner.items()}
                return Mapping(items, node)
            case list():
                return Sequence("list", tuple(convert(v, key) for v in inner), node)
            case str() if inner == "???" or "${" in inner:
                return Unknown(label, node)
            case str() | int() | float() | None:
                return Constant(inner, node, label)
        return Unknown(label, node)

    return convert(found, "")


# Hydra


def composed_for(machine: Machine, function: Function) -> Value | None:
    """The configuration that `@hydra.main(config_path="conf", config_name="config")` hands to a function."""
    for decorator in function.decorators:
        match decorator:
            case Result(callee=External(name="hydra.main"), arguments=arguments, keywords=keywords):
                given = dict(zip(("config_path", "config_name"), arguments, strict=False)) | keywords
            case _:
                continue
        place, name = (constant(given.get(key, Constant(None))) for key in ("config_path", "config_name"))
        home = function.unit.file.parent if function.unit.file is not None else None
        if home is None or not isinstance(name, str):
            return None
        folder = Path(normpath(home / (place if isinstance(place, str) else ".")))
        if not folder.is_relative_to(machine.root_folder):
            return None
        found = compose(folder, name)
        return None if found is None else as_value(found, name, function.node)
    return None


def instantiate(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`hydra.utils.instantiate(cfg.model, ...)`."""
    given = one(arguments[0]) if arguments else one(keywords.get("config", Constant(None)))
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
    path = constant(given.items.get("_target_", Constant(None)))
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


def merged(machine: Machine, parts: tuple[Value, ...], node: Node | None) -> Value | None:
    """`OmegaConf.merge(base, other)`: what is known of the parts, later ones winning."""
    known = [inner for inner in map(one, parts) if isinstance(inner, Mapping)]
    if not known:
        return None
    whole = Mapping({}, node)
    for part in known:
        _merge(whole, part)
    return whole


def _merge(whole: Mapping, part: Mapping) -> None:
    for key, value in part.items.items():
        before = whole.items.get(key, MISSING)
        whole.items[key] = value
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            joined = whole.items[key] = Mapping(dict(before.items), before.node)
            _merge(joined, value)
