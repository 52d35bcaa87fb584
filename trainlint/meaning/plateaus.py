"""ReduceLROnPlateau: what it is stepped with, and which way it takes that to be better."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.bests import Best, better_by_choice
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.directions import HIGH, LOW, UNKNOWN, direction
from trainlint.meaning.given import give
from trainlint.meaning.iteration import underlying
from trainlint.meaning.lightning import CONFIGURED
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Result,
    Unknown,
    Value,
    constant,
    one,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_WANTED = {"min": LOW, "max": HIGH}


@dataclass(frozen=True, eq=False)
class Plateau:
    """One step of a schedule that waits for a number to get better."""

    schedule: Instance
    event: Event
    metric: Value | None
    alone: bool  # whether it is never stepped with a number
    name: str = ""  # of the number, where a framework hands it over
    best: Best | None = None  # how the program itself chooses by the number

    @property
    def node(self) -> Node:
        assert self.schedule.node is not None
        return self.schedule.node

    @property
    def lacks_metric(self) -> bool:
        return self.metric is None and self.alone

    @property
    def _mode(self) -> Constant | None:
        given = passed(self.schedule, 1, "mode")
        if "**" in self.schedule.keywords:
            return None
        found = one(given) if given is not None else Constant("min")
        return found if isinstance(found, Constant) else None

    @property
    def mode(self) -> str:
        """`min` or `max`, "" where that is not known."""
        found = self._mode
        return found.value if found is not None and found.value in _WANTED else ""

    @property
    def setting(self) -> str | None:
        """The flag whose default the mode is."""
        return self._mode.under if self._mode is not None else None

    @property
    def is_contradicted(self) -> bool:
        """Whether the number is known to be better the other way."""
        if self.metric is None or not self.mode:
            return False
        return self._better in {LOW, HIGH} - {_WANTED[self.mode]}

    @property
    def _better(self) -> str:
        """Which way the number is better: by what it is, else by what the program keeps."""
        known = direction(self.metric) if self.metric is not None else UNKNOWN
        return self.best.better if known == UNKNOWN and self.best is not None else known

    @property
    def choice_node(self) -> Node | None:
        """Where the program says which way it is better, if nothing else does."""
        return self.best.node if self.best is not None and direction(self.best.number) == UNKNOWN else None

    @property
    def counts_rounds(self) -> bool:
        """Whether the number is that of the round, which says nothing of the training: `step(epoch)`."""
        return self.metric is not None and _is_round(self.metric)

    @property
    def metric_text(self) -> str:
        call = self.event.node
        if self.name:
            return self.name
        return text_of(call.arguments[0].value) if isinstance(call, Call) and call.arguments else "its metric"

    @property
    def other_mode(self) -> str:
        return "max" if self.mode == "min" else "min"

    @property
    def turned(self) -> list[Change]:
        """The edit that gives the other mode."""
        return [give(self.node, "mode", f'"{self.other_mode}"', 1)]

    @property
    def with_number(self) -> list[Change]:
        """An edit that lets it run: for the experiment only."""
        call = self.event.node
        if not isinstance(call, Call) or not isinstance(call.function, Attribute):
            return []
        return [replace(call, f"{text_of(call.function.value)}.step(0.0)")]


def _is_round(value: Value) -> bool:
    """What a loop over a range binds, also `epoch + 1`."""
    match one(value):
        case Item(source=source, key=None):
            match underlying(source):
                case Result(callee=External(name="builtins.range")):
                    return True
        case Result(callee=External(name="operator.+" | "operator.-"), arguments=(left, right)):
            return _is_round(left) and isinstance(one(right), Constant)
        case Unknown(reason="index"):  # of `enumerate`
            return True
    return False


def plateaus(program: Program) -> list[Plateau]:
    found: dict[int, Plateau] = {}
    steps = program.events("schedule")
    for event in steps:
        made = _made(event.target)
        if made is None:
            continue
        given = event.detail if isinstance(event.detail, dict) else {}
        metric = event.inputs[0] if event.inputs else given.get("metrics")
        alone = not any(s.inputs or s.detail for s in steps if same(s.target, made) is not False)
        best = better_by_choice(program, metric) if metric is not None else None
        if "**" not in given:
            found.setdefault(id(event.node), Plateau(made, event, metric, alone, best=best))
    for plateau in _monitored(program):
        found.setdefault(id(plateau.schedule), plateau)
    return list(found.values())


def _monitored(program: Program) -> Iterator[Plateau]:
    """`{"scheduler": plateau, "monitor": "val_acc"}` of Lightning, which hands over what is logged by that name."""
    given = [made.attributes[CONFIGURED] for made in program.instances if CONFIGURED in made.attributes]
    for value in (inner for configured in given for inner in walk(configured)):
        if not isinstance(value, Mapping) or "monitor" not in value.items:
            continue
        name, held = (
            constant(value.items["monitor"]),
            value.items.get("scheduler", value.items.get("lr_scheduler")),
        )
        made = _made(held) if held is not None else None
        for event in program.events("log") if made is not None else ():
            logged = _logged_as(event, name)
            if logged is not None and made is not None:
                yield Plateau(made, event, logged, False, str(name))


def _logged_as(event: Event, name: object) -> Value | None:
    first = one(event.inputs[0])
    if isinstance(first, Mapping) and isinstance(name, str):
        return first.items.get(name)
    return event.inputs[1] if constant(first) == name and len(event.inputs) > 1 else None


def _made(value: Value) -> Instance | None:
    """The schedule that is stepped, if it waits for a number and is seen being made."""
    match one(value):
        case Instance(cls=External(name="torch.optim.lr_scheduler.ReduceLROnPlateau")) as made:
            return made if made.node is not None else None
    return None
