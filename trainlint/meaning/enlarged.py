"""Batches that a program makes larger than those of its recipe, while the rate stays the recipe's."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING

from trainlint.meaning.budgets import training_loader
from trainlint.meaning.courses import Course
from trainlint.meaning.dataflow import walk
from trainlint.meaning.epoch_samplers import is_distributed
from trainlint.meaning.loaders import Loader
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Constant, External, Mapping, Result, Value, one
from trainlint.meaning.whole_batches import factors, is_same
from trainlint.meaning.world import is_of_world
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_COPIES = re.compile(  # what a sample comes in several of, or a batch is taken apart by again
    r"(?i)view|crop|aug|seq|len|frame|class|way|shot|neg|critic|step|accum|token|agent|env|worker|repeat|patch|copies|sampl|bptt"
)


@dataclass(frozen=True, eq=False)
class Enlarged:
    """A course whose batch is larger than the recipe's: as many times as there are devices, or by a number."""

    course: Course
    loader: Loader
    factor: float | None = None  # None: the number of devices
    setting: str = ""  # of a number: the recipe's batch, by its setting
    told: Node | None = None  # where the program itself says how large the batch of all devices is

    @property
    def places(self) -> list[tuple[Node, str]]:
        """The places that it rests on."""
        told = [(self.told, "says how many samples all processes take")] if self.told is not None else []
        said = "takes as many in each process" if told else "its batch is multiplied"
        return [*told, *([(self.loader.node, said)] if self.loader.node is not None else [])]


def enlarged(program: Program) -> list[Enlarged]:
    """The courses whose batch is multiplied, while the rate is a plain number."""
    found = []
    for course in program.courses:
        served = training_loader(course)
        size = served.argument("batch_size") if served is not None else None
        if served is None or size is None or course.rate is None:
            continue
        if any(map(is_of_world, walk(course.optimizer.rate or Constant(0)))):
            continue
        if _grows(size):
            found.append(Enlarged(course, served))
            continue
        multiplied, told = _multiplied(program, size, course), _told(program, served, size, course)
        if multiplied is not None:
            found.append(Enlarged(course, served, *multiplied))
        elif told is not None:
            found.append(Enlarged(course, served, told=told))
    return found


def _grows(size: Value) -> bool:
    """`64 * torch.cuda.device_count()`."""
    for value in walk(size, limit=60):
        if (
            isinstance(value, Result)
            and isinstance(value.callee, External)
            and value.callee.name == "operator.*"
        ):
            if any(map(is_of_world, (v for given in value.arguments for v in walk(given, limit=30)))):
                return True
    return False


def _multiplied(program: Program, size: Value, course: Course) -> tuple[float, str] | None:
    """By what the recipe's own batch is multiplied, and its setting, where the rate is the same recipe's as it stands."""
    whole, rate = one(size), one(course.optimizer.rate) if course.optimizer.rate is not None else None
    parts = factors(size)
    if not isinstance(whole, Constant) or len(parts) < 2:
        return None
    if not isinstance(rate, Constant) or rate.sides is not None:
        return None
    recipe = _recipe(program, parts, rate)
    if recipe is None:
        return None
    further = [part for part in parts if part is not recipe[0]]
    if any(not isinstance(f.value, (int, float)) or _COPIES.search(f.under or "") for f in further):
        return None
    times = prod(float(part.value) for part in further)
    return (times, recipe[1]) if whole.value == recipe[0].value * times else None


def _recipe(program: Program, parts: list[Constant], rate: Constant) -> tuple[Constant, str] | None:
    """Which of the factors is the batch of the settings that the rate comes from, and what it is called there."""
    named = [(part, _setting(program, part)) for part in parts]
    batches = [(part, name) for part, name in named if _BATCH.search(name)]
    own = _setting(program, rate)
    if len(batches) != 1 or not own or _holder(batches[0][1]) != _holder(own):
        return None
    return batches[0]


_BATCH = re.compile(r"(?i)batch(?:[_-]?size)?$|(?:^|\W|_)bs$")


def _setting(program: Program, number: Constant) -> str:
    """The setting that a number stands under, also one in a dictionary of the code: `config['lr']`."""
    if number.under is not None:
        return number.under
    for names in program.namings:
        for name, value in names.items():
            if isinstance(value, Mapping) and len(value.items) > 1:
                for key, held in value.items.items():
                    if held is number and isinstance(key, str):
                        return f"{name}.{key}"
    return ""


def _holder(setting: str) -> str:
    """What a setting belongs to: `Recipe` of `Recipe.lr`, the command line."""
    return setting.rpartition(".")[0] if not setting.startswith("-") else "-"


def _told(program: Program, served: Loader, size: Value, course: Course) -> Node | None:
    """Where the batch of each process is multiplied by their number, as in a line that prints it: not for the rate."""
    sampler = served.argument("sampler")
    if course.kind != "SGD" or course.is_pretrained or sampler is None or not is_distributed(one(sampler)):
        return None
    batch = one(size)
    for event in program.events("multiply"):
        other = one(event.target)
        if isinstance(batch, Constant) and isinstance(other, Constant) and is_same(batch, other):
            return event.node
    return None
