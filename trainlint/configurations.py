"""Configuration files of the linted program: YAML, TOML and JSON as plain objects, Hydra's default lists composed.

Only what a constant names is read, and only small files; what cannot be read is None.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LARGEST = 64_000  # characters of one file
MOST_FILES = 300  # of one folder of configurations
MOST_NESTED = 8  # default lists within default lists
SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_TARGET = re.compile(r"^[ \t-]*_target_[ \t]*:[ \t]*['\"]?([\w.]+)", re.MULTILINE)
_FOLDER = re.compile(r"\bconfig_path[ \t]*=[ \t]*['\"]([^'\"\n]+)['\"]")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_GLOBAL = re.compile(r"^#[ \t]*@package[ \t]+_global_", re.MULTILINE)


def read_configuration(file: Path) -> Any:
    """What a configuration file holds; None where it cannot be read."""
    try:
        if file.suffix not in SUFFIXES or file.stat().st_size > LARGEST:
            return None
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return parse_configuration(text, file.suffix)


def parse_configuration(text: str, suffix: str) -> Any:
    """A text as plain objects; None where it is no such text."""
    try:
        match suffix:
            case ".json":
                return json.loads(text)
            case ".toml":
                return tomllib.loads(text)
            case _:
                return _parse_yaml(text)
    except (ValueError, RecursionError):
        return None


def _parse_yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped]  # a dependency of LibCST as well

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError:
        return None


def compose(folder: Path, name: str) -> dict[str, Any] | None:
    """A configuration as Hydra composes it from the files of a folder."""
    found = _composed(folder, "", name, 0)
    if found is None:
        return None
    resolved = _resolved(found, found)
    return resolved if isinstance(resolved, dict) else None


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
        parts += [own] if entry == "_self_" else _default(folder, group, entry, depth)
    whole: dict[str, Any] = {}
    for part in parts:
        _merge(whole, part)
    return whole


def _default(folder: Path, group: str, entry: object, depth: int) -> Iterator[dict[str, Any]]:
    """What one entry of a default list adds: `- base` or `- model: resnet`."""
    if isinstance(entry, str):
        found = _composed(folder, group, entry.removeprefix("/"), depth + 1)
        if found is not None:
            yield found
        return
    for key, name in entry.items() if isinstance(entry, dict) else ():
        words = str(key).removeprefix("override ").removeprefix("optional ")
        inner, _, package = words.partition("@")
        inner = inner.removeprefix("/") if words.startswith("/") or not group else f"{group}/{inner}"
        found = _composed(folder, inner, name, depth + 1) if isinstance(name, str) else None
        if found is None:
            continue
        at = (
            []
            if _is_global(folder / inner, str(name)) or package == "_global_"
            else (package or words).strip("/").split("/")
        )
        for part in reversed([piece for where in at for piece in where.split(".")]):
            found = {part: found}
        yield found


def _is_global(folder: Path, name: str) -> bool:
    try:
        return (
            _GLOBAL.search((folder / f"{name.removesuffix('.yaml')}.yaml").read_text(encoding="utf-8"))
            is not None
        )
    except (OSError, ValueError):
        return False


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        known = whole.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, value)
        else:
            whole[key] = dict(value) if isinstance(value, dict) else value


def _resolved(value: Any, root: dict[str, Any], depth: int = 0) -> Any:
    """`${model.name}` replaced by what it refers to; what is not plain stays a text with a dollar."""
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
    return value if match is None or found is None else _resolved(found, root, depth + 10)


def config_folders(text: str) -> frozenset[str]:
    """The folders that `@hydra.main(config_path="../conf")` names."""
    return frozenset(_FOLDER.findall(text))


def targets(folder: Path) -> frozenset[str]:
    """The dotted names behind `_target_` in the configurations of a folder."""
    found: set[str] = set()
    try:
        files = [file for suffix in ("*.yaml", "*.yml") for file in sorted(folder.rglob(suffix))][:MOST_FILES]
        for file in files:
            if file.stat().st_size <= LARGEST:
                found.update(_TARGET.findall(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass
    return frozenset(found)
