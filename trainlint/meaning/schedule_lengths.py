"""Schedules against the run: for how many steps they are made, and how many the script lets them take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.conditions import by_default
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.given import give, given_at
from trainlint.meaning.iteration import underlying
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.loaders import loader
from trainlint.meaning.optimizers import is_schedule, number, scheduled
from trainlint.meaning.place import Change
from trainlint.meaning.populations import samples_of
from trainlint.meaning.rhythm import counted_by
from trainlint.meaning.schedules import amount, iterations
from trainlint.meaning.syntax import Literal, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Member,
    Result,
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

# The parameter that holds the length, and its position.
_LENGTHS = {
    "CosineAnnealingLR": ("T_max", 1),
    "PolynomialLR": ("total_iters", 1),
    "StepLR": ("step_size", 1),
    "MultiStepLR": ("milestones", 1),
    "OneCycleLR": ("total_steps", 2),
    "get_linear_schedule_with_warmup": ("num_training_steps", 2),
    "get_cosine_schedule_with_warmup": ("num_training_steps", 2),
    "get_polynomial_decay_schedule_with_warmup": ("num_training_steps", 2),
}
_TO_ZERO = (
    "PolynomialLR",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
)
_BY_NAME = {  # of `get_scheduler("linear", ...)`
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
}
_WAVES = ("CosineAnnealingLR", "get_cosine_schedule_with_warmup")


@dataclass(frozen=True, eq=False)
class Misfit:
    """A schedule, the steps it is made for and the steps it takes, both in epochs."""

    course: Course
    schedule: Instance
    step: Event
    length: Known
    turns: Known
    in_epochs: bool  # it steps once per epoch; else with every batch
    of_all_batches: bool = False  # made for as many steps as the run has batches, and steps once per epoch

    @property
    def node(self) -> Node:
        assert self.schedule.node is not None
        return self.schedule.node

    @property
    def kind(self) -> str:
        return _kind(self.schedule)

    @property
    def parameter(self) -> str:
        """The name of the argument that holds the length."""
        return "epochs" if self.kind == "OneCycleLR" and not self._is_total else _LENGTHS[self.kind][0]

    @property
    def settings(self) -> list[str]:
        """The flags whose defaults the two numbers are."""
        return sorted({known[1] for known in (self.length, self.turns) if known[1]})

    @property
    def raises(self) -> bool:
        """Whether the schedule refuses a step."""
        return self.kind == "OneCycleLR" and self.turns[0] > self.length[0]

    @property
    def idle(self) -> int:
        """How many epochs at the end train at a rate of 0."""
        return (
            max(0, round(self.turns[0] - min(self.length[0], self.turns[0]))) if self.kind in _TO_ZERO else 0
        )

    @property
    def never_falls(self) -> bool:
        """Whether the first fall would come when the run is over, or never: a count of epochs meets no step of 0.001."""
        if self.kind == "StepLR" and self.in_epochs and self.length[0] < 1:
            return all(epoch % self.length[0] for epoch in range(1, int(self.turns[0])))
        return self.kind in ("StepLR", "MultiStepLR") and self.length[0] >= self.turns[0]

    @property
    def climbs(self) -> bool:
        """Whether the rate rises again after its lowest point."""
        return self.kind in _WAVES and self.turns[0] - 1 > self.length[0]

    @property
    def waves(self) -> float:
        """How often the rate of a cosine goes down or up over the run."""
        return self.turns[0] / self.length[0] if self.kind in _WAVES else 0.0

    @property
    def left(self) -> float:
        """What is left of the rate's fall in the last epoch, from 1 (all) to 0."""
        last, length = self.turns[0] - 1 if self.in_epochs else self.turns[0], self.length[0]
        if self.kind in _WAVES:
            return (1 + math.cos(math.pi * last / length)) / 2
        if self.kind in _TO_ZERO or self.kind == "OneCycleLR":
            return max(0.0, 1 - last / length)
        return 1.0 if self.never_falls else 0.0

    @property
    def _is_total(self) -> bool:
        return "total_steps" in self.schedule.keywords or len(self.schedule.arguments) > 2

    @property
    def fitted(self) -> list[Change]:
        """The edit that makes the schedule for the length of the run."""
        turns = int(self.turns[0])
        if self.of_all_batches:
            return [give(self.node, _LENGTHS[self.kind][0], str(turns), _position(self.schedule, self.kind))]
        if not self.in_epochs and self.parameter != "epochs":
            return []
        text = {"StepLR": f"{max(1, turns // 3)}", "MultiStepLR": f"[{turns // 2}, {turns * 3 // 4}]"}
        position = None if self.parameter == "epochs" else _position(self.schedule, self.kind)
        return [give(self.node, self.parameter, text.get(self.kind, str(turns)), position)]

    @property
    def is_literal(self) -> bool:
        """Whether the length is a plain number in the schedule's call, or its default."""
        position = None if self.parameter == "epochs" else _position(self.schedule, self.kind)
        written = given_at(self.node, self.parameter, position)
        return written is None or isinstance(written, Literal)


def misfits(program: Program) -> list[Misfit]:
    """Every schedule whose length and whose run's length are both known."""
    made = [i for i in program.instances if is_schedule(i) and i.node is not None]
    if not made or program.events("lr_write"):
        return []
    return [found for schedule in made for found in _compared(program, schedule, made)]


def _compared(program: Program, schedule: Instance, made: list[Instance]) -> Iterator[Misfit]:
    driven = scheduled(schedule)
    if _kind(schedule) not in _LENGTHS or driven is None:
        return
    chosen = by_default(driven)  # whichever optimizer it is, the run is as long
    course = next((c for c in program.courses if any(same(o, c.made) for o in chosen)), None)
    events = program.events("schedule")
    steps = [e for e in events if same(e.target, schedule) is not False and not _is_left_out(schedule, [e])]
    others = [
        s
        for s in made
        if s is not schedule and (d := scheduled(s)) is not None and same(d, driven) is not False
        if not _is_left_out(s, events)
    ]
    if course is None or others or _is_part(program, schedule):
        return
    yield from (
        _of_framework(program, schedule, course) if not steps else _stepped(program, schedule, course, steps)
    )


def _kind(schedule: Instance) -> str:
    """The short name of its class, or of the function that a name asks for."""
    name = schedule.cls.name.rpartition(".")[2] if isinstance(schedule.cls, External) else ""
    if name != "get_scheduler":
        return name
    asked = schedule.keywords.get("name", next(iter(schedule.arguments), NONE))
    found = constant(asked)
    return _BY_NAME.get(found, "") if isinstance(found, str) else ""


def _position(schedule: Instance, kind: str) -> int:
    """Where the length stands; `get_scheduler` is told the name first."""
    is_asked = isinstance(schedule.cls, External) and schedule.cls.name.endswith(".get_scheduler")
    return _LENGTHS[kind][1] + (1 if is_asked else 0)


def _is_left_out(schedule: Instance, events: list[Event]) -> bool:
    """Whether a setting chooses among schedules, and its default another one."""
    chosen = [e for e in events if any(o is schedule for o in options(e.target))]
    return bool(chosen) and not any(o is schedule for e in chosen for o in by_default(e.target))


def _of_framework(program: Program, schedule: Instance, course: Course) -> Iterator[Misfit]:
    """Of a schedule that Lightning steps once in each epoch."""
    detail = course.step.detail
    if not isinstance(detail, Fitted) or all(one(given) is not schedule for given in detail.by_epoch):
        return
    if detail.trainer is None or not {"max_steps", "max_time", "**"}.isdisjoint(detail.trainer.keywords):
        return
    if course.epochs is not None and course.epochs[0] > 2 and _is_of_all_batches(schedule):
        yield Misfit(course, schedule, course.step, (math.inf, None), course.epochs, True, True)
    yield from _misfit(program, schedule, course, course.step, course.epochs, None)


def _is_of_all_batches(schedule: Instance) -> bool:
    """`total_steps=self.trainer.estimated_stepping_batches`, whole and not divided into epochs."""
    kind = _kind(schedule)
    given = passed(schedule, _position(schedule, kind), _LENGTHS[kind][0])
    return all(
        isinstance(option, Member) and option.name == "estimated_stepping_batches"
        for option in (options(given) if given is not None else [NONE])
    )


def _stepped(program: Program, schedule: Instance, course: Course, steps: list[Event]) -> Iterator[Misfit]:
    event, loop = steps[0], steps[0].loop
    if (
        len(steps) != 1
        or by_default(event.target) != [schedule]
        or event.detail
        or loop is None
        or not _counts_along(event, loop)
        or any(not _asks_if_there(guard, event.target) for guard in event.guards(loop))
    ):
        return
    turns, served = _turns(course, schedule, loop)
    yield from _misfit(program, schedule, course, event, turns, served)


def _counts_along(event: Event, loop: Region) -> bool:
    """Whether a step goes on by one each time: it is told nothing, or the number that the loop has come to."""
    if len(event.inputs) > 1:
        return False
    return all((first := counted_by(told, loop)) is not None and first <= 1 for told in event.inputs)


def _asks_if_there(guard: Region, schedule: Value) -> bool:
    """`if scheduler is not None:` around its step."""
    match one(guard.truth) if guard.truth is not None else None:
        case Result(
            callee=External(name="operator.is not" | "operator.!="), arguments=(asked, Constant(value=None))
        ):
            return guard.holds and asked is schedule
        case asked:
            return guard.holds and asked is schedule


def _misfit(
    program: Program,
    schedule: Instance,
    course: Course,
    event: Event,
    turns: Known | None,
    served: Value | None,
) -> Iterator[Misfit]:
    length = _length(program, schedule, _kind(schedule), served)
    if turns is not None and length is not None and turns[0] > 2 and length[0] > 0:
        found = Misfit(course, schedule, event, length, turns, served is None)
        if (
            abs(turns[0] - length[0]) > 1 or found.raises or found.never_falls
        ):  # one more or less is a convention
            yield found


def _is_part(program: Program, schedule: Instance) -> bool:
    """Whether another object is made of it: a sequence of schedules, a warm-up before it."""
    for made in program.instances:
        if made is not schedule:
            given = (*made.arguments, *made.keywords.values())
            if any(v is schedule for value in given for v in walk(value, lambda v: v is not schedule, 50)):
                return True
    return False


def _turns(course: Course, schedule: Instance, loop: Region) -> tuple[Known | None, Value | None]:
    """How many epochs the schedule goes along with; and the batches, if it steps with each batch of it."""
    loops = course.loops
    if not loops or all(loop is not known for known in loops[:2]):
        return None, None
    by_batch = loop is loops[0] and len(loops) > 1
    epochs = loops[1] if len(loops) > 1 else loops[0]
    around = enclosing_loops(epochs)[1:]
    if schedule.loop is not None and schedule.loop.inside(epochs):
        return None, None
    if around and (schedule.loop is None or not schedule.loop.inside(around[0])):
        return None, None  # it goes on over several runs
    if by_batch and course.step.guards(loop):
        return None, None
    batches = underlying(loop.iterable) if by_batch and loop.iterable is not None else None
    return (iterations(epochs), batches) if not by_batch or batches is not None else (None, None)


def _length(program: Program, schedule: Instance, name: str, batches: Value | None) -> Known | None:
    """For how many epochs a schedule is made, None where that is not known."""
    keyword, position = _LENGTHS[name][0], _position(schedule, name)
    given = passed(schedule, position, keyword)
    if "**" in schedule.keywords:
        return None
    if name == "OneCycleLR" and (
        given is None or (isinstance(one(given), Constant) and number(given) is None)
    ):
        per_epoch = schedule.keywords.get("steps_per_epoch")
        if batches is None or per_epoch is None or not _is_length_of(per_epoch, batches):
            return None
        return amount(schedule.keywords.get("epochs", Constant(None)))
    if given is None:
        return (5.0, None) if name == "PolynomialLR" and batches is None else None
    if name == "MultiStepLR":
        return _first(given) if batches is None else None
    if batches is None:
        return amount(given)
    counted = name == "OneCycleLR" or name.startswith("get_")  # the others count epochs, as a rule
    if counted and _is_length_of(given, batches):
        return 1.0, None
    if not counted and _is_length_of(given, batches):
        return None  # a wave in each epoch
    return _in_epochs(given, batches) or (_by_batches(program, given, batches) if counted else None)


def _first(milestones: Value) -> Known | None:
    """The earliest of a list of milestones that is known whole."""
    listed = one(milestones)
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return None
    found = [amount(item) for item in listed.items]
    known = [item for item in found if item is not None]
    return min(known, key=lambda item: item[0]) if known and len(known) == len(found) else None


def _in_epochs(steps: Value, batches: Value) -> Known | None:
    """`10 * len(batches)`: ten epochs; `len(batches)`: one."""
    if _is_length_of(steps, batches):
        return 1.0, None
    match one(steps):
        case Result(callee=External(name="operator.*"), arguments=(left, right)):
            for epochs, factor in ((left, right), (right, left)):
                known, times = _in_epochs(epochs, batches), amount(factor)
                if known is not None and times is not None:
                    return known[0] * times[0], known[1] or times[1]
        case Result(callee=External(name="builtins.int" | "builtins.round"), arguments=(inner,)):
            return _in_epochs(inner, batches)
    return None


def _by_batches(program: Program, steps: Value, source: Value) -> Known | None:
    """A number of steps, where the number of batches is known."""
    served, known = loader(source), amount(steps)
    if served is None or known is None or served.open:
        return None
    count, given = samples_of(program, served.dataset), served.argument("batch_size")
    size = number(given) if given is not None else (1.0, None)
    if count is None or size is None or size[0] < 1 or served.argument("drop_last") is not None:
        return None
    return known[0] / math.ceil(count / size[0]), known[1] or size[1]


def _is_length_of(value: Value, batches: Value) -> bool:
    """`len(batches)`, or the number of its samples by the size of its batches."""
    match one(value):
        case Result(callee=External(name="builtins.len"), arguments=(whole,)):
            return same(underlying(whole), batches) is True
        case Result(callee=External(name="builtins.int" | "math.ceil"), arguments=(inner,)):
            return _is_share_of(one(inner), "operator./", batches)
        case found:
            return _is_share_of(found, "operator.//", batches)


def _is_share_of(value: Value, operator: str, batches: Value) -> bool:
    served = loader(batches)
    match value:
        case Result(
            callee=External(name=name),
            arguments=(Result(callee=External(name="builtins.len"), arguments=(whole,)), size),
        ) if name == operator and served is not None and not served.open:
            given = served.argument("batch_size")
            known, asked = number(given) if given is not None else None, number(size)
            data = served.dataset
            return known == asked is not None and data is not None and _is_data_of(whole, data, batches)
    return False


def _is_data_of(whole: Value, data: Value, batches: Value) -> bool:
    """The data set itself, or `batches.dataset`."""
    match one(whole):
        case Member(receiver=receiver, name="dataset"):
            return same(underlying(receiver), batches) is True
    return same(whole, data) is True
