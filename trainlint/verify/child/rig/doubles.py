"""A module in place of one that is not installed: asked for a name, it says what the double has for it."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any


def module(name: str, named: Callable[[str], Any], **known: Any) -> types.ModuleType:
    """A module, also as a package, with known members; for others `named` is asked, names of the import system apart."""
    made: Any = types.ModuleType(name)
    vars(made).update(known, __path__=[])

    def ask(asked: str) -> Any:
        if asked.startswith("__"):
            raise AttributeError(asked)
        return named(asked)

    made.__getattr__ = ask
    return made  # type: ignore[no-any-return]
