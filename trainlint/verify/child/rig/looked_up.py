"""What a module is asked for by a text: where that says nothing that the module has, a network of it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch import nn


def lookup(rig: Any) -> Any:
    """The program's `getattr`: `getattr(nets, args.arch)` gives a network where the command line names none."""

    def ask(thing: Any, name: Any, *default: Any) -> Any:
        try:
            return getattr(thing, name, *default)
        except (AttributeError, TypeError):
            kind = None if _is_name(name) or not _is_own(rig, thing) else next(networks_of(thing), None)
            if kind is None:
                raise
        rig.record.substitute(f"{thing.__name__}: {kind.__name__} of it, for nothing says which")
        return kind

    return ask


def networks_in(rig: Any) -> Iterator[Any]:
    """Networks of the project's modules that the program imports as wholes: one of them may be meant."""
    for value in list(rig.globals.values()):
        if _is_own(rig, value):
            yield from networks_of(value)


def networks_of(module: ModuleType) -> Iterator[Any]:
    """The networks that a module defines, the last one first, without those that are parts of others."""
    kinds = [
        kind for kind in vars(module).values() if _is_network(kind) and kind.__module__ == module.__name__
    ]
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return
    made = {
        getattr(call.func, "id", "")
        for defined in tree.body
        if isinstance(defined, ast.ClassDef)
        for call in ast.walk(defined)
        if isinstance(call, ast.Call)
    }
    yield from (kind for kind in reversed(kinds) if kind.__name__ not in made)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier()


def _is_own(rig: Any, thing: Any) -> bool:
    return isinstance(thing, ModuleType) and thing.__name__ in rig.project.modules


def _is_network(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, nn.Module)
