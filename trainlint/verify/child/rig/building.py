"""Objects of the program's own network classes, built by trial: plain values for what has no default."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import nn

from .fitting import size_of
from .looked_up import networks_in
from .numbers import likely
from .wanted import having

SHAPED = re.compile(r"(?i)\w*(size|shape|dims|resolution)(_\w+)?|(img|image|input|data)")
LOSS = re.compile(r"(?i)\w*(loss|criterion|criteria)(_?\w{1,3})?")


class Shaped(NamedTuple):
    """A shape for what is called like one, while all else is a number by its name."""

    sides: tuple[int, ...]


SIZES = (
    0,
    16,
    8,
    64,
    3,
    (3, 32, 32),
    (16, 16, 16, 16),
    Shaped((3, 32, 32)),
    Shaped((32, 32)),
    Shaped((16, 16, 16)),
)  # what all unknown sizes are tried as; 0: each by its name
MOST_PARAMETERS = 60_000_000


def own_model(rig: Any, name: str = "") -> Any:
    """An object of the class that the finding is about, else of one of the program's own; None if none can be built.

    `name` is what it goes by: a network that is called like it comes first, one that takes no such call is none.
    """
    counts = set(_counts(rig.world.text, name))
    asked = having(rig.world.text, name, str(rig.request.get("root") or ""))
    named = (_named(rig, file, kind) for file, kind in asked)
    kinds = [*(kind for kind in named if _is_network(kind)), *_classes(rig)]
    fitting = [kind for kind in dict.fromkeys(kinds) if all(_takes(kind, n) for n in counts)]
    for kind in sorted(fitting, key=lambda kind: not _is_called(kind, name)):
        built = build(rig, kind)
        if built is not None:
            rig.record.substitute(f"model: the program's own {kind.__name__}")
            return built
    return None


def _counts(text: str, name: str) -> Iterator[int]:
    """With how many arguments the program calls something of a name."""
    for node in ast.walk(ast.parse(text)) if name and name in text else ():
        if isinstance(node, ast.Call) and name in (
            getattr(node.func, "id", ""),
            getattr(node.func, "attr", ""),
        ):
            stars = [part for part in node.args if isinstance(part, ast.Starred)]
            if not stars and all(part.arg for part in node.keywords):
                yield len(node.args) + len(node.keywords)


def _takes(kind: Any, count: int) -> bool:
    """Whether the networks of a class can be called with so many arguments."""
    try:
        taken = list(inspect.signature(kind.forward).parameters.values())[1:]
    except (TypeError, ValueError, AttributeError):
        return True
    if any(part.kind in (part.VAR_POSITIONAL, part.VAR_KEYWORD) for part in taken):
        return True
    return sum(part.default is part.empty for part in taken) <= count <= len(taken)


def _is_called(kind: Any, name: str) -> bool:
    """Whether a class is called as something of it is: `Encoder` or `ImageEncoder` for `encoder`."""
    return len(name) > 2 and name.replace("_", "").lower() in kind.__name__.lower()


def build(rig: Any, kind: Any) -> Any:
    """An object of a class, or None where no values were found that it takes."""
    why = ""
    for size in SIZES:
        try:
            arguments, keywords = _arguments(rig, kind, size)
            built = kind(*arguments, **keywords)
        except Exception as error:  # whatever its constructor raises, other values may do
            why = why or f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"
            continue
        if arguments or keywords:
            rig.record.substitute(f"{kind.__name__}: built with stand-in sizes")
        return built if 0 < size_of(built) < MOST_PARAMETERS else None
    rig.record.substitute(f"{kind.__name__}: cannot be built here ({why})")
    return None


def _arguments(rig: Any, kind: Any, size: Any) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for taken in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        if taken.default is not taken.empty or taken.kind in (taken.VAR_POSITIONAL, taken.VAR_KEYWORD):
            continue
        value = _value(rig, taken.name, str(taken.annotation), size)
        if taken.kind is taken.KEYWORD_ONLY:
            keywords[taken.name] = value
        else:
            positional.append(value)
    return positional, keywords


def _value(rig: Any, name: str, annotation: str, size: Any) -> Any:
    from .roles import Samples, Settings  # which builds models in turn

    role = rig.role(name)
    if role == "settings":
        return Settings(rig, name)
    if role in ("device", "false", "path") and "int" not in annotation:
        return {"device": "cpu", "false": False, "path": rig.place}[role]
    if role == "rate" or "float" in annotation:
        return 0.1
    if "bool" in annotation:
        return False
    if role == "model":
        return nn.Linear(16, 16)
    if role == "dataset" and "int" not in annotation:
        return Samples(rig)
    if isinstance(size, Shaped):
        return size.sides if SHAPED.fullmatch(name) and "int" not in annotation else likely(name)
    return size or likely(name)


def _classes(rig: Any) -> Iterator[Any]:
    """Networks of the project, those first that the finding or its control is about."""
    found = [
        value for value in rig.globals.values() if isinstance(value, type) and issubclass(value, nn.Module)
    ]
    owned = [kind for kind in reversed(found) if rig.project.owns(kind)]
    for file, name in rig.request.get("owners") or ():
        kind = _named(rig, str(file), str(name))
        if _is_network(kind):  # what only holds one is none
            yield kind
    yield from (kind for kind in [*owned, *networks_in(rig)] if not LOSS.fullmatch(kind.__name__))


def _is_network(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, nn.Module)


def _named(rig: Any, file: str, name: str) -> Any:
    """A class of a file of the project."""
    if file == rig.record.path or not file:
        return rig.globals.get(name)
    for folder in rig.request.get("search") or ():
        inside = os.path.relpath(file, str(folder))
        if not inside.startswith(os.pardir):
            try:
                return getattr(
                    importlib.import_module(inside[: -len(".py")].replace(os.sep, ".")), name, None
                )
            except Exception:
                continue
    return None
