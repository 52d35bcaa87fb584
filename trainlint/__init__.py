"""trainlint: a linter for PyTorch training code that proves its findings by running them.

This face is loaded lazily, so that listing rules never imports LibCST.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainlint.meaning.place import append_text as append_text
    from trainlint.meaning.place import insert_after as insert_after
    from trainlint.meaning.place import insert_before as insert_before
    from trainlint.meaning.place import remove_statement as remove_statement
    from trainlint.meaning.place import replace as replace
    from trainlint.meaning.place import set_argument as set_argument
    from trainlint.meaning.place import text_of as text_of
    from trainlint.meaning.program import Program as Program
    from trainlint.phrases import counted as counted
    from trainlint.phrases import default_of as default_of
    from trainlint.rule import Finding as Finding
    from trainlint.rule import Needs as Needs
    from trainlint.rule import Option as Option
    from trainlint.rule import Options as Options
    from trainlint.rule import Rule as Rule
    from trainlint.run import Effect as Effect
    from trainlint.run import Event as Event
    from trainlint.run import Run as Run
    from trainlint.run import Runs as Runs
    from trainlint.run import gradient_norm as gradient_norm
    from trainlint.run import gradient_ratio as gradient_ratio
    from trainlint.run import last_losses as last_losses

__version__ = "0.1.0"

_HOMES = {
    "Program": "trainlint.meaning.program",
    "append_text": "trainlint.meaning.place",
    "insert_after": "trainlint.meaning.place",
    "insert_before": "trainlint.meaning.place",
    "remove_statement": "trainlint.meaning.place",
    "replace": "trainlint.meaning.place",
    "set_argument": "trainlint.meaning.place",
    "text_of": "trainlint.meaning.place",
    "counted": "trainlint.phrases",
    "default_of": "trainlint.phrases",
    "Finding": "trainlint.rule",
    "Needs": "trainlint.rule",
    "Option": "trainlint.rule",
    "Options": "trainlint.rule",
    "Rule": "trainlint.rule",
    "Effect": "trainlint.run",
    "Event": "trainlint.run",
    "Run": "trainlint.run",
    "Runs": "trainlint.run",
    "gradient_norm": "trainlint.run",
    "gradient_ratio": "trainlint.run",
    "last_losses": "trainlint.run",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - the names are resolved by __getattr__


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trainlint' has no attribute {name!r}")
    return getattr(import_module(home), name)
