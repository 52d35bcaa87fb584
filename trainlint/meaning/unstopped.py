"""Long runs that measure validation data as they go, and keep the weights of the last epoch whatever it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import is_other_field
from trainlint.meaning.budgets import training_loader
from trainlint.meaning.callers import callers, is_in_unit_test
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.paths import template
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.populations import samples_of
from trainlint.meaning.purposes import VALIDATION, named_evaluations
from trainlint.meaning.syntax import Call, For, Node
from trainlint.meaning.trace import Event, Region
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_CHOOSING = re.compile(  # an early end, averages over epochs, the best weights
    r"(?i)early|patience|prun|stopp|swa(?:_|$)|averagedmodel|(?:^|_)ema(?:_|$)|best_?(?:model|state|weight|net|param|wts|ckpt|check)"
    r"|(?:save|load|keep|restore)_?best|modelcheckpoint|checkpoint_?manager|save_top_k"
)


@dataclass(frozen=True, slots=True, eq=False)
class Unstopped:
    """A run that ends with its last epoch."""

    course: Course
    node: Node
    epochs: Known
    measured: Node
    samples: int | None

    def shortened(self, share: int) -> list[Change]:
        """An edit that runs a part of the epochs: for the experiment only."""
        loop = self.node
        if not isinstance(loop, For) or not isinstance(loop.iterable, Call):
            return []
        if text_of(loop.iterable.function) != "range":
            return []
        return [
            replace(loop.iterable, f"{text_of(loop.iterable)}[:{max(1, round(self.epochs[0]) // share)}]")
        ]


def unstopped(program: Program) -> list[Unstopped]:
    courses = [c for c in program.courses if c.epochs is not None and c.is_alone]
    if not courses or is_other_field(program) or program.speaks_of(_CHOOSING):
        return []
    measured = named_evaluations(program, VALIDATION)
    found = [made for course in courses for made in [_of(program, course, measured)] if made is not None]
    return list({id(made.node): made for made in found}.values())


def _of(program: Program, course: Course, measured: list[Evaluation]) -> Unstopped | None:
    if is_in_unit_test(course.step) or course.epochs is None:
        return None
    node = course.epochs_node
    if course.update is None:
        beside = _by_framework(program)
    else:
        loop = course.loops[1]
        beside = [e.loop_node for e in measured if e.event.region.inside(loop)]
        if any(d.kind != "lower" and d.region.inside(loop) for d in program.decisions):
            return None
        if any(_keeps_each(event, loop) for event in program.events("save", "remember")):
            return None
    if not beside or node is None:
        return None
    served = training_loader(course)
    samples = samples_of(program, served.dataset) if served is not None else None
    return Unstopped(course, node, course.epochs, beside[0], samples)


def _by_framework(program: Program) -> list[Node]:
    """What Lightning's module logs of validation data; its callbacks are spoken of by name."""
    return [e.node for e in program.events("log") if any(f.name == "validation_step" for f in callers(e))]


def _keeps_each(event: Event, loop: Region) -> bool:
    """Whether weights are written in each epoch under a name of its own, or by whoever knows what to keep."""
    if not event.region.inside(loop):
        return False
    if event.kind == "remember":
        call = event.node
        written = text_of(call.function) if isinstance(call, Call) else ""
        return not written.endswith("state_dict")
    name = template(event.inputs[1]).rpartition("/")[2] if len(event.inputs) > 1 else ""
    return not name or "{" in name
