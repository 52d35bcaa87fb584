"""Tasks and actors of ray in the program's own process: an experiment starts no others, so they run where they are asked for."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from . import doubles
from .inert import Inert
from .missing import Missing


class Task:
    """A function that `remote` calls at once; as a method it can be called of its object as well."""

    def __init__(self, function: Callable[..., Any], owner: Any = None) -> None:
        self.function, self.owner = function, owner
        functools.update_wrapper(self, function)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else Task(self.function, owner)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*([] if self.owner is None else [self.owner]), *arguments, **keywords)

    def remote(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    def options(self, **keywords: Any) -> Task:
        return self


class Actor:
    """An object whose methods are asked for by `remote`."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        return Task(value) if callable(value) else value


def remote(*given: Any, **keywords: Any) -> Any:
    """As a decorator, with options or without."""
    if not given:
        return remote
    thing = given[0]
    if not isinstance(thing, type):
        return Task(thing)
    kind: Any = thing
    kind.remote = lambda *arguments, **said: Actor(kind(*arguments, **said))
    kind.options = lambda **said: kind
    return kind


def _wait(waiting: Any, num_returns: int = 1, *given: Any, **keywords: Any) -> Any:
    waiting = list(waiting)
    return waiting[:num_returns], waiting[num_returns:]


def _same(value: Any, *given: Any, **keywords: Any) -> Any:
    return value


KNOWN: dict[str, Any] = {
    "remote": remote, "get": _same, "put": _same, "wait": _wait, "method": remote, "kill": Inert("ray.kill"),
    "init": Inert("ray.init"), "shutdown": Inert("ray.shutdown"), "is_initialized": lambda: True,
    "cluster_resources": lambda: {"CPU": 1.0}, "available_resources": lambda: {"CPU": 1.0},
}  # fmt: skip


def module(name: str) -> types.ModuleType:
    """The double of `ray` or of a module in it."""
    known = KNOWN if name == "ray" else {}
    return doubles.module(
        name, lambda asked: Missing(f"{name}.{asked}", "its processes are not started"), **known
    )
