"""What becomes of statements that raise on the way to the flagged lines, see `tolerance`."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from ..record import Record
from ..skeleton import GIVEN, ITEMS, WHILE, WITHIN
from ..tolerance import ERROR, FAILED, INSTEAD, KEPT
from .building import build
from .inert import Inert
from .missing import Missing, decides
from .roles import ENTRIES, Settings, loss, plain, stand_in
from .trainer import Trainer, serve
from .training import train

UNBUILT, BUILT, SERVE, TRAINED = (
    "_trainlint_unbuilt",
    "_trainlint_built",
    "_trainlint_serve",
    "_trainlint_trained",
)  # as `driver` writes them
MADE_UP = {
    "scaler",
    "table",
    "model",
    "criterion",
    "optimizer",
    "scheduler",
    "loader",
    "loaders",
    "models",
    "optimizers",
    "criteria",
    "sizes",
    "dataset",
    "device",
    "settings",
    "inert",
    "tokenizer",
    "vocabulary",
}
DATA = {"inputs", "targets", "batch"}  # made up only where everything may be
CLASS = re.compile(r"[A-Z][a-z]\w*|[A-Z]{2,}\w*[a-z]\w*")  # of such a name things are made
PLAIN = ENTRIES - {
    "device",
    "dtype",
    "zero",
    "array",
}  # a number called `train` or `best` may have been anything


class Failures:
    """Decides which failures are let pass, and what stands in for what they would have bound."""

    def __init__(self, rig: Any, sacred: Sequence[tuple[int, int]], losses: Collection[str] = ()) -> None:
        self.rig, self.sacred, self.losses = rig, sacred, losses
        self.record: Record = rig.record
        self.why: dict[int, str] = {}  # line: what it raised
        self.rounds: dict[int, int] = {}  # line of a `while`: how often nobody could say whether it goes on

    def names(self) -> dict[str, Any]:
        return {
            UNBUILT: self.unbuilt,
            SERVE: self.serve,
            BUILT: self.built,
            TRAINED: self.trained,
            FAILED: self.failed,
            INSTEAD: self.instead,
            KEPT: self.kept,
            ERROR: Exception,
            ITEMS: self.items,
            WITHIN: self.within,
            WHILE: self.holds,
            GIVEN: self.given,
        }

    def failed(self, line: int, trains: bool = False) -> bool:
        """Whether the exception that is being handled concerns the flagged lines, and so has to go on.

        Training that fails before anything flagged has run is no part of what is asked.
        """
        if trains and self.record.reached:
            return True
        _, error, trace = sys.exc_info()
        lines = [
            entry.lineno or 0 for entry in traceback.extract_tb(trace) if entry.filename == self.record.path
        ]
        if any(first <= place <= last for place in lines[1:] for first, last in self.sacred):
            return True
        if not trains and self._trained(trace):
            return True
        said = (str(error).splitlines() or [""])[0][:120]
        self.why[line] = f"line {line} raised {type(error).__name__}: {said}"
        self.record.substitute(f"left out: {self.why[line]}")
        return False

    def _trained(self, trace: Any) -> bool:
        """Whether the statement failed in a function of the project that trains, which is what may be wrong with it."""
        inner = trace.tb_next if trace is not None else None
        while inner is not None:
            code = inner.tb_frame.f_code
            if code is Trainer.fit.__code__:
                return True
            if code.co_filename in self.rig.project.guarded and {"backward", "zero_grad"} & set(
                code.co_names
            ):
                return True
            inner = inner.tb_next
        return False

    def instead(self, name: str, line: int) -> Any:
        """The stand-in for a name that a failed statement did not bind."""
        if name in self.losses:
            return loss(self.rig, name)
        role = self.rig.role(name)
        if role in MADE_UP and CLASS.fullmatch(name):
            return Missing(name, self.why.get(line, "nothing says what it is"))
        if role == "settings":
            return Settings(self.rig, name)
        if role in MADE_UP or role in PLAIN or (role in DATA and self.rig.request.get("bare")):
            if role in PLAIN:
                self.record.substitute(f"{name}: a plain value")
            return plain(self.rig, role, name) if role in PLAIN else stand_in(self.rig, name, role)
        return Missing(name, self.why.get(line, "nothing says what it is"))

    def items(self, make: Callable[[], Any], line: int, target: str, counts: bool) -> Iterator[Any]:
        """What a loop on the way to the flagged lines runs over; stand-ins where that fails or is nothing."""
        served = False
        try:
            for item in make():
                served = True
                yield item
        except Exception as error:
            if served and not isinstance(error, ModuleNotFoundError):
                raise
            self.why[line] = f"line {line} raised {type(error).__name__}: {error}"
        if not served:
            counted = counts or self.rig.role(target) in ("zero", "count")
            self.record.substitute(
                f"line {line}: a stand-in {'count' if counted else 'loader'}, for there is nothing to run over"
            )
            yield from range(self.record.steps_wanted) if counted else stand_in(self.rig, target, "loader")

    def given(self, make: Callable[[], Any], line: int) -> Any:
        """What the flagged statement hands to a call; something missing where it needs what is not here."""
        try:
            return make()
        except ModuleNotFoundError as error:
            return Missing(error.name or "an argument", str(error).rpartition("needed, and ")[2])

    def within(self, make: Callable[[], Any], line: int) -> Any:
        """What a block runs in, as far as it can be had."""
        try:
            context = make()
            if isinstance(context, Missing):
                context.__enter__()  # raises where it would have decided about what is measured
        except Exception as error:
            if decides(str(getattr(error, "name", ""))):
                raise
            self.record.substitute(f"left out: line {line} raised {type(error).__name__}")
            return Inert()
        return (
            context if hasattr(type(context), "__enter__") and not isinstance(context, Missing) else Inert()
        )

    def holds(self, ask: Callable[[], Any], line: int) -> bool:
        """Whether a loop goes on; where that cannot be asked, for as many rounds as the rule wants steps."""
        try:
            return bool(ask())
        except Exception:
            self.rounds[line] = self.rounds.get(line, 0) + 1
            return self.rounds[line] <= self.record.steps_wanted

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

    def built(self, kind: Any) -> Any:
        """An object of a network class, with values by trial for all that its constructor takes."""
        made = build(self.rig, kind)
        return kind() if made is None else made

    def serve(self, source: Any) -> None:
        """Go through the training batches of a class that serves them to a trainer, epoch by epoch."""
        trainer = Trainer()
        trainer.loops = self.rig.project.loops
        serve(trainer, source, self.record.substitute)

    def trained(self, network: Any) -> Any:
        """A network that nothing in the program trains."""
        return train(self.rig, network)

    def kept(self, value: Any, name: str, line: int) -> Any:
        """The value itself; where it is missing a stand-in, if its role is known."""
        made_up = MADE_UP | DATA if self.rig.request.get("bare") else MADE_UP
        if isinstance(value, Missing) and (name in self.losses or self.rig.role(name) in made_up - {"inert"}):
            self.why[line] = value._why
            return self.instead(name, line)
        return value
