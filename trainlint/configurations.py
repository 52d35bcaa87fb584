"""Configuration files of the linted program: YAML, TOML and JSON as plain objects, Hydra's default lists composed.

Only what a constant names is read, and only small files; what cannot be read is None.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainlint.small_files import read_small

LARGEST = 64_000  # bytes of one file
MOST_PARTS = 50_000  # of one file, aliases written out
DEEPEST = 60  # lists and tables within one another
MOST_FILES = 300  # of one folder of configurations
MOST_NESTED = 8  # default lists within default lists
MOST_ENTRIES = 4_000  # of a project in which files are looked for that only a command line names
FARTHEST = 4  # folders within one another, there
SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_TARGET = re.compile(r"^[ \t-]*_target_[ \t]*:[ \t]*['\"]?([\w.]+)", re.MULTILINE)
_FOLDER = re.compile(r"\bconfig_path[ \t]*=[ \t]*['\"]([^'\"\n]+)['\"]")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_GLOBAL = re.compile(r"^#[ \t]*@package[ \t]+_global_", re.MULTILINE)


def read_configuration(file: Path) -> Any:
    """What a configuration file holds; None where it cannot be read."""
    text = _text(file) if file.suffix in SUFFIXES else None
    return None if text is None else parse_configuration(text, file.suffix)


def find_configurations(root: Path, excluded: Collection[str]) -> tuple[Path, ...]:
    """The configuration files of a project; none where it is too large to know."""
    found: list[Path] = []
    seen = 0
    for folder, folders, files in os.walk(root):
        deep = len(Path(folder).relative_to(root).parts) >= FARTHEST
        folders[:] = [] if deep else [f for f in sorted(folders) if f[0] != "." and f not in excluded]
        seen += len(folders) + len(files)
        if seen > MOST_ENTRIES:
            return ()
        found += [Path(folder, name) for name in sorted(files) if name.endswith(SUFFIXES)]
    return tuple(found)


def _text(file: Path) -> str | None:
    content = read_small(file, LARGEST)
    try:
        return None if content is None else content.decode("utf-8").replace("\r\n", "\n")
    except ValueError:
        return None


def parse_configuration(text: str, suffix: str) -> Any:
    """A text as plain objects; None where it is no such text, or one made to be endless."""
    try:
        match suffix:
            case ".json":
                found = json.loads(text)
            case ".toml":
                found = _parse_toml(text)
            case _:
                found = _parse_yaml(text)
    except (ValueError, RecursionError):
        return None
    return found if _is_bounded(found) else None


def _parse_toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib  # takes milliseconds to load, and few programs read TOML
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _is_bounded(found: Any) -> bool:
    """Whether there is an end soon: aliases of YAML repeat what they name, and may name what they stand in."""
    left, todo = MOST_PARTS, [(found, 0)]
    while todo:
        inner, depth = todo.pop()
        left -= 1
        if left < 0 or depth > DEEPEST:
            return False
        inside = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
        todo += [(part, depth + 1) for part in inside]
    return True


def read_ini(file: Path) -> dict[str, dict[str, str]] | None:
    """The sections of a file for `configparser`."""
    import configparser

    text = _text(file)
    if text is None:
        return None
    parser = configparser.ConfigParser(interpolation=None)  # a few lines of it can stand for gigabytes
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    found = {name: dict(parser.items(name)) for name in parser.sections()}
    return {
        name: {key: value for key, value in options.items() if "%(" not in (value or "")}
        for name, options in found.items()
    }


def _parse_yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped]  # a dependency of LibCST as well

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # the loader written in C recurses without a limit, to the end of the process
                return None
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError:
        return None


def compose(folder: Path, name: str) -> dict[str, Any] | None:
    """A configuration as Hydra composes it from the files of a folder."""
    found = _composed(folder, "", name, 0)
    if found is None:
        return None
    return resolve_references(found)


def _composed(folder: Path, group: str, name: str, depth: int) -> dict[str, Any] | None:
    """One file with what its default list names, `group` being the folder that it lies in."""
    file = folder / group / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    own = read_configuration(file)
    if not isinstance(own, dict) or depth > MOST_NESTED:
        return None
    defaults = own.pop("defaults", None) or []
    if not isinstance(defaults, list):
        return None
    parts: list[Mapping[str, Any]] = []
    for entry in defaults if "_self_" in defaults else [*defaults, "_self_"]:
        if entry == "_self_":
            parts.append(own)
            continue
        for words, names in _choices(entry):
            for chosen in names:
                parts += _default(folder, group, words, chosen, depth)
    whole: dict[str, Any] = {}
    for part in parts:
        _merge(whole, part)
    return whole


def _choices(entry: object) -> Iterator[tuple[str, list[str]]]:
    """The group (with its package) and the names that one entry of a default list stands for.

    `- base`, `- model/resnet`, `- model: resnet`, `- override /model@net: resnet`, `- callbacks: [logger, timer]`.
    """
    if isinstance(entry, str):
        path, at, package = entry.partition("@")
        home, slash, name = path.rpartition("/")
        yield home + slash * (not home) + at + package, [name]
    for words, names in entry.items() if isinstance(entry, dict) else ():
        listed = names if isinstance(names, list) else [names]
        yield str(words), [name for name in listed if isinstance(name, str)]


def _default(folder: Path, group: str, words: str, name: str, depth: int) -> Iterator[dict[str, Any]]:
    """What a chosen configuration adds, in the package that it belongs to."""
    words = words.removeprefix("override ").removeprefix("optional ")
    path, _, package = words.partition("@")
    own = path.strip("/")
    home = own if path.startswith("/") or not group or not own else f"{group}/{own}"
    found = _composed(folder, home if own or path else group, name, depth + 1)
    if found is None:
        return
    if package != "_global_" and not _is_global(folder / home, name):
        where = (package or own).replace("/", ".")
        for part in reversed([] if where == "_here_" else where.split(".") if where else []):
            found = {part: found}
    yield found


def _is_global(folder: Path, name: str) -> bool:
    text = _text(folder / f"{name.removesuffix('.yaml')}.yaml")
    return text is not None and _GLOBAL.search(text) is not None


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        known = whole.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, value)
        else:
            whole[key] = dict(value) if isinstance(value, dict) else value


class Reference:
    """What `${model.name}` stands for, and where that is."""

    def __init__(self, path: str, value: Any) -> None:
        self.path, self.value = path, value


def resolve_references(whole: dict[str, Any]) -> dict[str, Any]:
    """Each `${model.name}` replaced by what it refers to; what is not plain stays a text with a dollar."""
    return {key: _resolved(value, whole, 0) for key, value in whole.items()}


def _resolved(value: Any, root: dict[str, Any], depth: int) -> Any:
    if depth > 30:
        return value
    if isinstance(value, dict):
        return {key: _resolved(inner, root, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, root, depth + 1) for inner in value]
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    found: Any = root
    for part in match[1].split(".") if match is not None else ():
        found = found.get(part) if isinstance(found, dict) else None
    if match is None or found is None:
        return value
    inner = _resolved(found, root, depth + 10)
    return Reference(match[1], inner) if isinstance(inner, (str, int, float)) else inner


def config_folders(text: str) -> frozenset[str]:
    """The folders that `@hydra.main(config_path="../conf")` names."""
    return frozenset(_FOLDER.findall(text))


def targets(folder: Path) -> frozenset[str]:
    """The dotted names behind `_target_` in the configurations of a folder."""
    found: set[str] = set()
    try:
        files = [file for suffix in ("*.yaml", "*.yml") for file in sorted(folder.rglob(suffix))]
    except (OSError, ValueError):
        files = []
    for file in files[:MOST_FILES]:
        found.update(_TARGET.findall(_text(file) or ""))
    return frozenset(found)
