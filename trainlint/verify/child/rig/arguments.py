"""Command lines: a script sees none, and arguments it cannot do without get plain values."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection
from typing import Any

from ..record import Record

BY_NAME = {
    "epoch": 2,
    "batch": 8,
    "size": 8,
    "worker": 0,
    "lr": 0.01,
    "rate": 0.01,
    "seed": 0,
    "class": 10,
    "gpu": 0,
}


def install(record: Record, path: str, folder: str, text: str, wanted: Collection[str]) -> None:
    sys.argv = [path]
    parse = argparse.ArgumentParser.parse_known_args

    def parse_known_args(self: Any, args: Any = None, namespace: Any = None) -> Any:
        for action in self._actions:
            if action.dest in wanted and not action.default:
                _switch_on(record, action, folder)
            if _is_required(action):
                action.required, action.default = False, _value(action, folder, text)
                if not action.option_strings:
                    action.nargs = "?" if action.nargs is None else "*"
                record.substitute(f"argument {action.dest}: {action.default!r}")
        return parse(self, [] if args is None else args, namespace)

    argparse.ArgumentParser.parse_known_args = parse_known_args  # type: ignore[method-assign]


def _switch_on(record: Record, action: Any, folder: str) -> None:
    """A switch or path that the flagged code is guarded by: off by default, but then there is nothing to see."""
    if action.const is True:
        action.default = True
    elif action.type in (None, str) and action.nargs is None:
        action.required, action.default = False, f"{folder}/{action.dest}.pt"
        with open(action.default, "wb"):
            record.invented.add(action.default)
    record.substitute(f"argument {action.dest}: {action.default!r}")


def _is_required(action: Any) -> bool:
    return bool(action.required) and action.default in (None, argparse.SUPPRESS) and action.dest != "help"


def _value(action: Any, folder: str, text: str) -> Any:
    if action.choices:
        return next(iter(action.choices))
    if action.type in (int, float):
        known = next((value for word, value in BY_NAME.items() if word in action.dest.lower()), 1)
        value: Any = action.type(known)
    else:
        compared = re.search(rf"\.{action.dest}(\.lower\(\))? (==|in) [\[(]*([\"'])(.+?)\3", text)
        value = compared[4] if compared else f"{folder}/{action.dest}"
    return [value] if action.nargs in ("+", "*") or isinstance(action.nargs, int) else value
