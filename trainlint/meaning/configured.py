"""Settings from configuration files: read by `yaml.safe_load(open("config.yml"))`, merged by OmegaConf and its kin.

Each constant stands under its key and file: another file makes another program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainlint.configurations import (
    LARGEST,
    SUFFIXES,
    Reference,
    parse_configuration,
    read_configuration,
    read_ini,
    resolve_references,
)
from trainlint.meaning.conditions import usual
from trainlint.meaning.items import get_item
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import fields_of
from trainlint.meaning.overrides import copied, entries, is_dictionary, overwrite
from trainlint.meaning.syntax import Node
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import (
    NONE,
    Choice,
    Class,
    Constant,
    External,
    Instance,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
)

MOST_VALUES = 2_000  # of one configuration
SAME_PATH = frozenset(
    "os.path.abspath os.path.realpath os.path.expanduser os.path.normpath builtins.str builtins.open os.fspath"
    " hydra.utils.to_absolute_path pathlib.Path pathlib.PurePath io.open codecs.open".split()
)
SAME_METHODS = frozenset("open resolve absolute expanduser read_text read read_bytes as_posix".split())
UP = 4  # folders above the file at hand in which a relative path is looked for


def load_file(
    machine: Machine, given: Value | None, node: Node | None, resolved: bool = False
) -> Value | None:
    """What a program reads from a configuration file that a constant names."""
    path = path_of(given) if given is not None else None
    if path is None or node is None or not path.endswith(SUFFIXES):
        return None
    file = find_file(machine, node.unit, path)
    found = read_configuration(file) if file is not None else None
    if resolved and isinstance(found, dict):
        found = resolve_references(found)
    return None if found is None or file is None else as_value(found, file.name, node)


def load_text(given: Value, node: Node | None) -> Value | None:
    """`yaml.safe_load(DEFAULTS)` of a text in the code, in YAML or JSON."""
    match one(given):
        case Constant(value=str() as text, under=None) if len(text) <= LARGEST and _SETTINGS.search(text):
            found = parse_configuration(text, ".yaml")
            return as_value(found, "", node) if isinstance(found, dict) else None
    return None


_SETTINGS = re.compile(r":\s")  # no path of a file


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
            unknown = max((i for i, part in enumerate(parts) if part is None), default=-1)
            known = parts[unknown + 1 :]
            return "/".join(part for part in known if part) if path_of(last, depth + 1) else None
        case Result(callee=External(name=name), arguments=[first, *_]) if name in SAME_PATH:
            return path_of(first, depth + 1)
        case Instance(cls=External(name=name), arguments=[first, *_]) if name in SAME_PATH:
            return path_of(first, depth + 1)
        case Result(callee=Member(receiver=receiver, name=name)) if name in SAME_METHODS:
            return path_of(receiver, depth + 1)
    return None


def find_file(machine: Machine, unit: Unit, path: str) -> Path | None:
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


def as_value(found: Any, name: str, node: Node | None, key: str = "") -> Value:
    """A plain object as a value; `name` is where it stands, `key` under what, for what is said about it."""
    left = [MOST_VALUES]

    def convert(inner: Any, key: str) -> Value:
        left[0] -= 1
        if left[0] < 0:
            return Unknown(key, node)
        if isinstance(inner, Reference):
            key, inner = inner.path, inner.value
        label = f"{key} in {name}" if key and name else key or name
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

    return convert(found, key)


# OmegaConf, yacs, ml_collections

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]
_COMMAND_LINES = frozenset(("omegaconf.OmegaConf.from_cli", "omegaconf.OmegaConf.from_dotlist"))


def load_settings(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`OmegaConf.load("config.yaml")`, with what its entries say by `${other}`."""
    return load_file(machine, arguments[0] if arguments else keywords.get("file_"), node, resolved=True)


def create(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`OmegaConf.create({...})`, of a text in YAML, or of a class of settings."""
    first = one(arguments[0]) if arguments else None
    match first:
        case Constant(value=str() as text) if len(text) <= LARGEST:
            found = parse_configuration(text, ".yaml")
            return as_value(resolve_references(found), "", node) if isinstance(found, dict) else None
        case Class():
            return machine.call(machine, first, (), {}, node, None)
        case Mapping() | Instance():
            return copied(machine, first, node)
    return None


def merged(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`OmegaConf.merge(base, other)`: later ones win, and what is not known may win over everything."""
    whole = Mapping({}, node)
    for part in map(one, arguments):
        match part:
            case Constant(value=None):
                continue
            case Result(callee=External(name=name)) if name in _COMMAND_LINES:
                continue  # the defaults hold where nobody says otherwise
        overwrite(machine, whole, _plain(machine, part, node), deep=True)
    _refer(whole, whole, "")
    return whole if whole.items else None


def _plain(machine: Machine, settings: Value, node: Node | None) -> Value:
    """A copy of settings as a dictionary: an object of a class, or the class itself, stands for its fields."""
    if isinstance(settings, Class):
        settings = machine.call(machine, settings, (), {}, node, None)
    if isinstance(settings, Instance) and isinstance(settings.cls, Class):
        return fields_of(settings, node) or settings
    return copied(machine, settings, node)


def _refer(whole: Mapping, part: Mapping, path: str) -> None:
    """What stands under another entry's name follows that entry: `${total}`."""
    for key, value in part.items.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            _refer(whole, value, here)
        elif isinstance(value, Constant) and value.under is not None:
            other = value.under.partition(" in ")[0]
            found: Value | None = whole if other != here else None
            for word in other.split("."):
                found = found.items.get(word) if isinstance(found, Mapping) else None
            if isinstance(found, (Constant, Choice)):
                part.items[key] = found


def merge_from(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`cfg.merge_from_file("experiment.yaml")`, `cfg.merge_from_other_cfg(other)` of yacs."""
    holder = one(callee.receiver)
    if entries(holder) is None or not arguments:
        return None
    known = arguments[0]
    if callee.name == "merge_from_file":
        known = load_file(machine, known, node) or Unknown("a file", node)
    overwrite(machine, holder, known, deep=True)
    return NONE


def merge_from_list(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`cfg.merge_from_list(["SOLVER.EPOCHS", 2])`; what the command line adds changes no default."""
    holder, words = one(callee.receiver), one(arguments[0]) if arguments else None
    if entries(holder) is None or not isinstance(words, Sequence):
        return None
    for key, value in zip(words.items[::2], words.items[1::2], strict=False):
        put(machine, holder, str(constant(key)), value)
    return NONE


def update_settings(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`OmegaConf.update(cfg, "optim.lr", 0.1)`."""
    if len(arguments) > 2:
        put(machine, one(arguments[0]), str(constant(arguments[1])), arguments[2])
    return None


def put(machine: Machine, holder: Value, path: str, value: Value) -> None:
    *before, last = path.split(".")
    for word in before:
        holder = one((entries(holder) or {}).get(word, NONE))
    held = entries(holder)
    if held is not None:
        machine.write(held, last, value)


def clone(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`cfg.clone()`, `cfg.copy()` of attribute dictionaries."""
    holder = one(callee.receiver)
    if not is_dictionary(holder) or arguments or keywords:
        return None
    return copied(machine, holder, node)


# ConfigParser


def _is_config_parser(value: Value) -> bool:
    return (
        isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in CONFIG_PARSERS
    )


CONFIG_PARSERS = tuple(
    f"configparser.{name}" for name in ("ConfigParser", "RawConfigParser", "SafeConfigParser")
)


def read_sections(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`parser.read("config.ini")`."""
    parser = one(callee.receiver)
    if not _is_config_parser(parser) or not arguments or node is None:
        return None
    assert isinstance(parser, Instance)
    path = path_of(arguments[0])
    file = find_file(machine, node.unit, path) if path is not None else None
    found = read_ini(file) if file is not None else None
    known = Unknown("a file", node) if found is None or file is None else as_value(found, file.name, node)
    parser.attributes["*namespace"] = Constant(True)
    overwrite(machine, parser, known, deep=True)
    return NONE


def get_option(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`parser.getint("train", "epochs", fallback=3)`, `parser["train"].getboolean("shuffle")`."""
    holder = one(callee.receiver)
    if _is_config_parser(holder) and len(arguments) > 1:
        holder, arguments = one(get_item(machine, holder, arguments[0], node)), arguments[1:]
    if not isinstance(holder, Mapping) or not arguments:
        return None
    name = constant(arguments[0])
    found = one(holder.items.get(str(name).lower(), keywords.get("fallback", NONE)))
    if not isinstance(found, Constant) or found.value is None:
        return None
    try:
        return Constant(_OPTION_KINDS[callee.name](found.value), node, found.under)
    except (ValueError, LookupError):
        return None


def _as_boolean(text: object) -> bool:
    return {
        "1": True,
        "yes": True,
        "true": True,
        "on": True,
        "0": False,
        "no": False,
        "false": False,
        "off": False,
    }[str(text).lower()]


_OPTION_KINDS: dict[str, Callable[[Any], object]] = {
    "get": str,
    "getint": int,
    "getfloat": float,
    "getboolean": _as_boolean,
}
