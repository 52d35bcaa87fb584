"""What Lightning's callbacks watch: `ModelCheckpoint(monitor="val_loss")`, and where that number is logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from trainlint.meaning.callers import callers
from trainlint.meaning.decisions import Kind
from trainlint.meaning.syntax import Attribute, Call, Define, Literal, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Mapping,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
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
    loops: tuple[Region, ...] = ()  # of those that serve the steps that log it

    @property
    def is_of_training(self) -> bool:
        return self.homes == {"training_step"}


def monitors(program: Program) -> Iterator[Monitor]:
    """The callbacks whose number has a name, and that are not switched off by it."""
    logged: dict[str, set[str]] = {}
    loops: dict[str, list[Region]] = {}
    validated: Node | None = None
    for name, home, event in _logged(program):
        logged.setdefault(name, set()).add(home)
        loops.setdefault(name, []).extend(r for r in event.region.ancestors() if r.kind == "loop")
        if home == "validation_step":
            validated = validated or event.node
    for made in program.instances:
        kind, given = _watched(made)
        watched = constant(given) if given is not None else None
        if kind is not None and isinstance(watched, str) and made.node is not None:
            known = watched if watched in logged else _SUFFIX.sub("", watched)
            homes = frozenset(logged.get(known, ()))
            yield Monitor(kind, made.node, watched, homes, validated, tuple(loops.get(known, ())))


def _watched(made: Instance) -> tuple[Kind | None, Value | None]:
    if not isinstance(made.cls, External) or not made.cls.name.startswith(_HOMES):
        return None, None
    found = _WATCHING.get(made.cls.name.rpartition(".")[2])
    if found is None:
        return None, None
    kind, position = found
    return kind, passed(made, position, "monitor")


def early_stops(trainer: Instance | None) -> Iterator[Instance]:
    """The `EarlyStopping` callbacks that a trainer was given."""
    given = one(trainer.keywords.get("callbacks", NONE)) if trainer is not None else NONE
    for item in given.items if isinstance(given, Sequence) else (given,):
        made = one(item)
        if isinstance(made, Instance) and _watched(made)[0] == "stop":
            yield made


def is_a_mere_cap(epochs: float, stopper: Instance) -> bool:
    """Whether a run ends by what it measures, long before its last epoch: at a score that is good enough, or when
    nothing got better for what is a small part of all epochs. Nobody knows then how long a schedule would have to be."""
    threshold = one(passed(stopper, 7, "stopping_threshold") or NONE)
    if not isinstance(threshold, Constant) or threshold.value is not None:
        return True
    patience = constant(passed(stopper, 2, "patience") or Constant(_PATIENCE))
    return isinstance(patience, int) and patience * _MANY <= epochs


_PATIENCE = 3  # of Lightning, where none is named
_MANY = 50  # times the patience


def _logged(program: Program) -> Iterator[tuple[str, str, Event]]:
    """The names that steps log, with the steps."""
    for event in program.events("log"):
        home = next((f.name for f in callers(event) if f.name in _STEPS), "")
        if _is_apart(event):
            continue
        which = _which(event)
        for option in options(event.inputs[0]):
            match one(option):
                case Constant(value=str(name)):
                    yield name + which, home, event
                case Mapping(items=entries):
                    for name in entries:
                        if isinstance(name, str):
                            yield name + which, home, event


def _is_apart(event: Event) -> bool:
    """Whether `trainer.validate(...)` runs the step: callbacks stop and keep nothing then, only within `fit`."""
    loop = next(
        (r for r in event.region.ancestors() if r.kind == "loop" and isinstance(r.node, Define)), None
    )
    around = loop.parent.items if loop is not None and loop.parent is not None else []
    before = next((item for item, after in pairwise(around) if after is loop), None)
    if type(before) is not Event or before.kind != "mode" or not isinstance(before.node, Call):
        return False
    asked = before.node.function
    return isinstance(asked, Attribute) and asked.name == "validate"


def _which(event: Event) -> str:
    """What Lightning adds to a name where several loaders serve a step: `loss/dataloader_idx_1`."""
    for region in event.region.ancestors():
        names = (region.names or {}) if region.kind == "call" else {}
        index = constant(names["dataloader_idx"]) if "dataloader_idx" in names else None
        if isinstance(index, int) and isinstance(event.node, Call):
            adds = next((a.value for a in event.node.arguments if a.keyword == "add_dataloader_idx"), None)
            plain = isinstance(adds, Literal) and adds.value is False
            return "" if plain or not _is_one_of_several(region) else f"/dataloader_idx_{index}"
    return ""


def _is_one_of_several(step: Region) -> bool:
    """Whether the same step is run over other loaders too."""
    loop = step.loop
    around = loop.parent.items if loop is not None and loop.parent is not None else []
    runs = [r for r in around if isinstance(r, Region) and loop is not None and r.node is loop.node]
    return len(runs) > 1


_STEPS = ("training_step", "validation_step", "test_step")
