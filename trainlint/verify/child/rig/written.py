"""What the project itself says its settings are: defaults of its command lines, entries of its configuration files."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from typing import Any

MOST_FILES, LARGEST = 400, 200_000
SKIPPED = {".git", "node_modules", "site-packages", "venv", ".venv", "build", "dist"}


def settings_of(root: str) -> dict[str, Any]:
    """Names with their values; of several values for one name the first that is found."""
    found: dict[str, Any] = {}
    for name, value in _all(root) if root else ():
        if isinstance(value, (str, int, float, list)) and value != "":
            found.setdefault(name, value)
    return found


def texts_of(root: str) -> Iterator[str]:
    """The programs of a project."""
    return (text for _, text in programs_of(root))


def programs_of(root: str) -> Iterator[tuple[str, str]]:
    """The same with their paths."""
    for path in _files(root) if root else ():
        try:
            with open(path, encoding="utf-8") as stream:
                yield path, stream.read(LARGEST) if path.endswith(".py") else ""
        except (OSError, UnicodeDecodeError):
            continue


def _all(root: str) -> Iterator[tuple[str, Any]]:
    for path in _files(root):
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read(LARGEST)
            if path.endswith(".py"):
                yield from _defaults(text)
                yield from _bags(text)
            else:
                yield from _entries(path, text)
        except Exception:  # a file that cannot be read says nothing
            continue


def _files(root: str) -> Iterator[str]:
    count = 0
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in SKIPPED)
        for name in sorted(names):
            if name.endswith((".py", ".json", ".yaml", ".yml")) and count < MOST_FILES:
                count += 1
                yield os.path.join(folder, name)


def _defaults(text: str) -> Iterator[tuple[str, Any]]:
    """The defaults of `add_argument`, else the first of its choices."""
    for node in ast.walk(ast.parse(text)) if "add_argument" in text else ():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "add_argument"
        ):
            said = {part.arg: part.value for part in node.keywords if part.arg}
            flags = [part.value for part in node.args if isinstance(part, ast.Constant)]
            name = next((str(flag).lstrip("-") for flag in flags if str(flag).startswith("--")), "")
            given = said.get("default")
            if name and given is not None and isinstance(given, (ast.Constant, ast.List, ast.UnaryOp)):
                yield name.replace("-", "_"), ast.literal_eval(given)
            elif name and isinstance(said.get("choices"), (ast.List, ast.Tuple)):
                yield name.replace("-", "_"), ast.literal_eval(said["choices"])[0]


BAG = re.compile(
    r"(?i)(\w*_)?(args?|arguments|opts?|options|cfg|config(uration)?|conf|h?params|hyper_?\w*|settings)"
)


def _bags(text: str) -> Iterator[tuple[str, Any]]:
    """The entries of `args = {"dropout": 0.5}` and of `class Config: dropout = 0.5`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            if BAG.fullmatch(getattr(node.targets[0], "id", "")):
                for key, value in zip(node.value.keys, node.value.values):
                    yield from _said(getattr(key, "value", None), value)
        elif isinstance(node, ast.ClassDef) and re.fullmatch(
            r"\w*(Config|CFG|Args|Arguments|Settings|Params)", node.name
        ):
            for part in node.body:
                if isinstance(part, ast.Assign):
                    yield from _said(getattr(part.targets[0], "id", None), part.value)
                elif isinstance(part, ast.AnnAssign) and part.value is not None:
                    yield from _said(getattr(part.target, "id", None), part.value)


def _said(name: Any, value: ast.expr) -> Iterator[tuple[str, Any]]:
    if isinstance(name, str):
        try:
            yield name, ast.literal_eval(value)
        except ValueError:  # computed
            return


def _entries(path: str, text: str) -> Iterator[tuple[str, Any]]:
    if path.endswith(".json"):
        yield from _flat(json.loads(text))
        return
    import yaml  # type: ignore[import-untyped,unused-ignore]

    yield from _flat(yaml.safe_load(text))


def _flat(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict):
                yield from _flat(inner)
            else:
                yield str(name), inner
