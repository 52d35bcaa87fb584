"""What becomes of statements that raise on the way to the flagged lines, see `tolerance`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from ..record import Record
from ..tolerance import ERROR, FAILED, INSTEAD, KEPT
from .missing import Missing
from .roles import ENTRIES, Settings, plain, stand_in

UNBUILT = "_trainlint_unbuilt"  # as the parent's `driver` writes it
MADE_UP = {"model", "criterion", "optimizer", "scheduler", "loader", "dataset", "device", "settings", "inert"}
PLAIN = ENTRIES - {"device", "zero"}  # a number called `train` or `best` may have been anything


class Failures:
    """Decides which failures are let pass, and what stands in for what they would have bound."""

    def __init__(self, rig: Any, sacred: Sequence[tuple[int, int]]) -> None:
        self.rig, self.sacred = rig, sacred
        self.record: Record = rig.record
        self.why: dict[int, str] = {}  # line: what it raised

    def names(self) -> dict[str, Any]:
        return {
            UNBUILT: self.unbuilt,
            FAILED: self.failed,
            INSTEAD: self.instead,
            KEPT: self.kept,
            ERROR: Exception,
        }

    def failed(self, line: int) -> bool:
        """Whether the exception that is being handled concerns the flagged lines, and so has to go on."""
        _, error, trace = sys.exc_info()
        lines = [
            entry.lineno or 0 for entry in traceback.extract_tb(trace) if entry.filename == self.record.path
        ]
        if any(first <= place <= last for place in lines[1:] for first, last in self.sacred):
            return True
        said = (str(error).splitlines() or [""])[0][:120]
        self.why[line] = f"line {line} raised {type(error).__name__}: {said}"
        self.record.substitute(f"left out: {self.why[line]}")
        return False

    def instead(self, name: str, line: int) -> Any:
        """The stand-in for a name that a failed statement did not bind."""
        role = self.rig.role(name)
        if role == "settings":
            return Settings(self.rig, name)
        if role in MADE_UP or role in PLAIN:
            if role in PLAIN:
                self.record.substitute(f"{name}: a plain value")
            return stand_in(self.rig, name, role) if role in MADE_UP else plain(self.rig, role)
        return Missing(name, self.why.get(line, "nothing says what it is"))

    def unbuilt(self, kind: type) -> Any:
        """An object of a class whose `__init__` did not run: attributes are stand-ins by their roles."""

        def ask(thing: Any, name: str) -> Any:
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(name)
            value = self.instead(name, 0)
            setattr(thing, name, value)
            return value

        self.record.substitute(f"{kind.__name__}: not built, its attributes are stand-ins")
        return object.__new__(
            type(kind.__name__, (kind,), {"__getattr__": ask, "__module__": kind.__module__})
        )

    def kept(self, value: Any, name: str, line: int) -> Any:
        """The value itself; where it is missing a stand-in, if its role is known."""
        if isinstance(value, Missing) and self.rig.role(name) in MADE_UP - {"inert"}:
            self.why[line] = value._why
            return self.instead(name, line)
        return value
