"""Fine-tuning: runs that go on training all weights of a network that was trained before, and at which rate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import pretrained
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.optimizers import ADAM_AND_RELATIVES
from trainlint.meaning.freezing import may_freeze
from trainlint.meaning.given import give, given_at
from trainlint.meaning.huggingface import is_trainer
from trainlint.meaning.objects import is_module
from trainlint.meaning.place import Change, is_lines_away
from trainlint.meaning.schedules import amount
from trainlint.meaning.syntax import Literal, Node
from trainlint.meaning.values import Constant, External, Instance, Result, Value, constant, one, passed
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_IN_PART = (  # signs that only some weights are trained, or some of them slower
    "peft", "LoraConfig", "get_peft_model", "PeftModel", "lora", "loralib", "adapters",
    "AdapterConfig", "prompt_tuning", "SetFitTrainer",
)  # fmt: skip
_BY_NAME = ("create_model", "get_model")  # of timm and torchvision
_USUAL_RATE = 5e-5  # of TrainingArguments


@dataclass(frozen=True, eq=False)
class FineTuning:
    """Pretrained parts of a network, and the rate at which an optimizer trains them."""

    made: Instance  # the optimizer, or the arguments of a trainer of transformers
    kind: str  # of the optimizer
    rate: Known
    parts: tuple[Instance, ...]
    course: Course | None  # None: a trainer of transformers runs it

    @property
    def node(self) -> Node:
        assert self.made.node is not None
        return self.made.node

    @property
    def name(self) -> str:
        """The pretrained part's class, as its users know it, or what a library was asked for by name."""
        part = self.parts[0]
        assert isinstance(part.cls, External)
        last = part.cls.name.rpartition(".")[2]
        asked = constant(part.arguments[0]) if part.arguments else None
        return asked if last in _BY_NAME and isinstance(asked, str) else last

    @property
    def is_transformer(self) -> bool:
        return any(isinstance(p.cls, External) and p.cls.name.startswith("transformers.") for p in self.parts)

    @property
    def is_adaptive(self) -> bool:
        """Whether the optimizer's steps are about as long as its rate."""
        return self.kind in ADAM_AND_RELATIVES

    @property
    def origin(self) -> Node | None:
        return self.parts[0].node

    @property
    def rate_places(self) -> list[Node]:
        """The rate, where it stands on a line of its own."""
        keyword, position = ("lr", 1) if self.course is not None else ("learning_rate", None)
        written = given_at(self.node, keyword, position)
        return [written] if written is not None and is_lines_away(written, self.node) else []

    def with_rate(self, rate: str) -> list[Change]:
        """The edit that gives another rate."""
        return [give(self.node, *(("lr", rate, 1) if self.course is not None else ("learning_rate", rate)))]

    @property
    def is_literal(self) -> bool:
        """Whether the rate is a plain number in the call, or its default."""
        keyword, position = ("lr", 1) if self.course is not None else ("learning_rate", None)
        written = given_at(self.node, keyword, position)
        return written is None or isinstance(written, Literal)


def fine_tunings(program: Program) -> list[FineTuning]:
    found = [f for course in program.courses if (f := _in_course(course)) is not None]
    found += _by_trainers(program)
    # Whether something is frozen is asked of every statement: only where a pretrained part is trained at all.
    return [] if not found or program.uses(*_IN_PART) or may_freeze(program) else found


def _in_course(course: Course) -> FineTuning | None:
    parts = tuple(p for network in course.networks for p in pretrained(network) if not _is_of_t5(p))
    if (
        not parts
        or course.rate is None
        or course.has_groups
        or not course.peaks_at_rate
        or course.optimizer.of_some_parameters
    ):
        return None
    reached = tuple(part for part in parts if _learns(course.program, part))
    return FineTuning(course.made, course.kind, course.rate, reached, course) if reached else None


def _learns(program: Program, part: Instance) -> bool:
    """Whether a loss goes back through a part, and not past it as through fixed features."""
    for backward in program.backwards:
        for value in walk(backward.value) if backward.value is not None else ():
            if (
                isinstance(value, Result)
                and value.grad is not False
                and any(v is part for v in _called(value))
            ):
                return True
    return False


def _called(value: Result) -> Iterator[Value]:
    """What is called, and whose method it is."""
    callee = one(value.callee)
    yield callee
    receiver = getattr(callee, "receiver", None)
    if receiver is not None:
        yield one(receiver)


_T5 = re.compile(r"(?<![a-z])(?:by|m|um|long|flan-?)?t5(?![0-9a-z])")  # and no `resnet50`


def _is_of_t5(part: Instance) -> bool:
    """T5 was trained with rates of 1e-3, and still is."""
    assert isinstance(part.cls, External)
    checkpoint = constant(part.arguments[0]) if part.arguments else ""
    return "T5" in part.cls.name or _T5.search(str(checkpoint).lower()) is not None


def _by_trainers(program: Program) -> Iterator[FineTuning]:
    for trainer in program.instances:
        if not is_trainer(trainer) or trainer.symbolic:
            continue
        model, asked = _given(trainer, "model", 0), _given(trainer, "args", 1)
        if not isinstance(model, Instance) or not is_module(model) or not isinstance(asked, Instance):
            continue
        parts = tuple(p for p in pretrained(model) if not _is_of_t5(p))
        rate = amount(asked.keywords.get("learning_rate", Constant(_USUAL_RATE)))
        usual = not {"optim", "optimizers", "**"} & {*asked.keywords, *trainer.keywords}
        if parts and rate is not None and usual and asked.node is not None:
            yield FineTuning(asked, "AdamW", rate, parts, None)


def _given(trainer: Instance, keyword: str, position: int) -> Value | None:
    given = passed(trainer, position, keyword)
    return one(given) if given is not None else None
