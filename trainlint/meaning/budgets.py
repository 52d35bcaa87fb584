"""How many updates a run comes to: epochs, batches per epoch, samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainlint.meaning.claims import is_trial
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.datasets import part
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.loaders import Loader, loader
from trainlint.meaning.noise import is_noise
from trainlint.meaning.optimizers import number
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.populations import samples_of
from trainlint.meaning.syntax import Call, For, Node
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_PHOTOGRAPHS = frozenset(
    "CIFAR10 CIFAR100 STL10 SVHN Flowers102 OxfordIIITPet Food101 Caltech101 Caltech256".split()
)


@dataclass(frozen=True, eq=False)
class Budget:
    """A course whose number of updates is known."""

    course: Course
    epochs: Known
    samples: int
    batch: int

    @property
    def batches(self) -> int:
        return math.ceil(self.samples / self.batch)

    @property
    def updates(self) -> int:
        return round(self.epochs[0]) * self.batches

    @property
    def is_of_photographs(self) -> bool:
        """Whether the samples are known photographs, which take a network far longer than digits do."""
        served = training_loader(self.course)
        data = part(served.dataset).name if served is not None and served.dataset is not None else ""
        return data.startswith("torchvision.") and data.rpartition(".")[2] in _PHOTOGRAPHS

    @property
    def node(self) -> Node:
        found = self.course.epochs_node
        return found if found is not None else self.course.node

    def for_epochs(self, count: int) -> list[Change]:
        """An edit that runs so many epochs: for the experiment only."""
        loop = self.node
        if not isinstance(loop, For) or not isinstance(loop.iterable, Call):
            return []
        return (
            [replace(loop.iterable, f"range({count})")] if text_of(loop.iterable.function) == "range" else []
        )


def budgets(program: Program) -> list[Budget]:
    """The runs from new weights whose length, data and batches are known; none of a trial, or of noise."""
    found = [_budget(course) for course in program.courses]
    return [budget for budget in found if budget is not None]


_FEWEST = 32  # samples: fewer are an example of how the code is used


def _budget(course: Course) -> Budget | None:
    served = training_loader(course)
    if served is None or served.open or course.epochs is None or course.is_pretrained or not course.networks:
        return None
    if is_trial(course.node.unit.path):
        return None
    given = served.argument("batch_size")
    batch = number(given) if given is not None else (1.0, None)
    data = served.dataset
    if data is None or batch is None or batch[0] < 1 or is_noise(data):
        return None
    if len(course.loops) != 2 and not isinstance(course.step.detail, Fitted):
        return None
    if course.loops and course.loops[0].may_be_left:
        return None  # after some batches
    count = samples_of(course.program, data)
    return Budget(course, course.epochs, count, round(batch[0])) if count and count >= _FEWEST else None


def training_loader(course: Course) -> Loader | None:
    """The loader whose batches the innermost loop goes through."""
    if isinstance(course.step.detail, Fitted):
        served = {id(t.loader.value): t.loader for t in course.program.training_loaders}
        return next(iter(served.values())) if len(served) == len(course.program.courses) == 1 else None
    source = course.loops[0].iterable if course.loops else None
    return loader(source) if source is not None else None
