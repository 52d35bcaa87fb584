"""What Lightning's callbacks watch: `ModelCheckpoint(monitor="val_loss")`, and where that number is logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import callers
from trainlint.meaning.decisions import Kind
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Constant, External, Instance, Mapping, Value, constant, one, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_WATCHING: dict[str, tuple[Kind, int]] = {"ModelCheckpoint": ("keep", 2), "EarlyStopping": ("stop", 0)}
_HOMES = ("pytorch_lightning.", "lightning.")
_SUFFIX = re.compile(r"_(epoch|step)$")


@dataclass(frozen=True, slots=True, eq=False)
class Monitor:
    """A callback that goes by a number."""

    kind: Kind
    node: Node
    name: str  # of the number
    homes: frozenset[str]  # the steps that log it
    validated: Node | None  # what is logged of validation data, if anything is

    @property
    def is_of_training(self) -> bool:
        return self.homes == {"training_step"}


def monitors(program: Program) -> Iterator[Monitor]:
    """The callbacks whose number has a name, and that are not switched off by it."""
    logged: dict[str, set[str]] = {}
    validated: Node | None = None
    for name, home, node in _logged(program):
        logged.setdefault(name, set()).add(home)
        if home == "validation_step":
            validated = validated or node
    for made in program.instances:
        kind, given = _watched(made)
        watched = constant(given) if given is not None else None
        if kind is not None and isinstance(watched, str) and made.node is not None:
            homes = logged.get(watched) or logged.get(_SUFFIX.sub("", watched)) or set()
            yield Monitor(kind, made.node, watched, frozenset(homes), validated)


def _watched(made: Instance) -> tuple[Kind | None, Value | None]:
    if not isinstance(made.cls, External) or not made.cls.name.startswith(_HOMES):
        return None, None
    found = _WATCHING.get(made.cls.name.rpartition(".")[2])
    if found is None:
        return None, None
    kind, position = found
    given = made.keywords.get("monitor")
    if given is None and len(made.arguments) > position:
        given = made.arguments[position]
    return kind, given


def _logged(program: Program) -> Iterator[tuple[str, str, Node]]:
    """The names that steps log, with the steps."""
    for event in program.events("log"):
        home = next((f.name for f in callers(event) if f.name in _STEPS), "")
        for option in options(event.inputs[0]):
            match one(option):
                case Constant(value=str(name)):
                    yield name, home, event.node
                case Mapping(items=entries):
                    for name in entries:
                        if isinstance(name, str):
                            yield name, home, event.node


_STEPS = ("training_step", "validation_step", "test_step")
