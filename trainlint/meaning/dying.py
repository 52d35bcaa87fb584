"""Plain ReLU networks whose units are likely to die: biases that start below zero, or steps that push them there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture, is_other_field
from trainlint.meaning.chains import Chain, Step, is_quiet
from trainlint.meaning.courses import Course
from trainlint.meaning.initialisation import Filling
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class LowBias:
    """A constant below zero in the biases of layers that a plain ReLU follows."""

    architecture: Architecture
    filling: Filling
    value: float
    layers: float

    @property
    def node(self) -> Node:
        return self.filling.node

    @property
    def raised(self) -> list[Change]:
        """The edit that starts the biases at zero."""
        node = self.node
        if not isinstance(node, Call) or not isinstance(node.function, Attribute):
            return []
        if node.function.name == "fill_":
            return [replace(node, f"{text_of(node.function.value)}.zero_()")]
        tensor = text_of(node.arguments[0].value) if node.arguments else ""
        return [replace(node, f"{text_of(node.function.value)}.zeros_({tensor})")] if tensor else []


def low_biases(program: Program) -> Iterator[LowBias]:
    """The fillings of hidden biases with a constant below zero, each place once."""
    if not program.events("initialise"):
        return
    said: set[int] = set()
    for architecture in program.architectures:
        if (architecture.event is not None and not architecture.trains) or architecture.is_pretrained:
            continue
        found = [
            (step, program.fillings.get((id(step.layer), "bias"))) for step in rectified(architecture.chain)
        ]
        low = [(s, f) for s, f in found if f is not None and f.sure and (f.constant or 0) < 0]
        for filling in [f for _, f in low if f is not None][:1]:
            if id(filling.node.cst) not in said:
                said.add(id(filling.node.cst))
                layers = sum(s.times for s, _ in low)
                yield LowBias(architecture, filling, filling.constant or 0.0, layers)


def rectified(chain: Chain) -> list[Step]:
    """The layers with weights that a plain ReLU follows, with nothing but reshaping and pooling between."""
    found = []
    for index, step in enumerate(chain.steps):
        if not step.mixes:
            continue
        behind = next((s for s in chain.steps[index + 1 :] if not is_quiet(s)), None)
        if behind is not None and behind.activates in ("relu", "relu6"):
            found.append(step)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class SteepCourse:
    """A course of training over a network of plain ReLU layers, without normalisation or another way around."""

    course: Course
    architecture: Architecture
    layers: float


def steep_courses(program: Program) -> Iterator[SteepCourse]:
    if is_other_field(program):
        return
    for course in program.courses:
        if course.is_ramped or course.is_pretrained:
            continue
        trained = {id(model) for model in course.optimizer.models}
        for architecture in program.architectures:
            if (
                id(architecture.network) not in trained
                or not architecture.trains
                or architecture.is_pretrained
            ):
                continue
            chain = architecture.chain
            if chain.whole and not (chain.normalised or chain.adds or chain.joins or chain.gates):
                layers = sum(step.times for step in rectified(chain))
                if layers > 1 and not any(
                    step.activates not in ("", "relu", "relu6") for step in chain.steps[:-1]
                ):
                    yield SteepCourse(course, architecture, layers)
