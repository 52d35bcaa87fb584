"""Training loaders that Lightning gives another order: in a distributed run it puts a shuffling sampler in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.loaders import TrainingLoader
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Result,
    Sequence,
    Unpacked,
    Value,
    constant,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_SWITCHES = ("use_distributed_sampler", "replace_sampler_ddp")  # off: the loaders stay as they are
_STRATEGIES = ("strategy", "distributed_backend", "accelerator")  # the one keyword in the words of three ages
_COUNTS = ("devices", "gpus", "tpu_cores", "num_nodes")
_OF_ONE_PROCESS = re.compile(
    r"(auto|dp|single|cpu$|gpu$|cuda|mps|tpu$|hpu$|ipu$)|.*\.(SingleDevice|DataParallel)"
)
_FROM_OUTSIDE = ("from_argparse_args", "LightningCLI")  # the command line makes the trainer
_DISTRIBUTED = re.compile(
    r"\b(?:strategy|distributed_backend)\s*=\s*(?!None\b|[\"'](?:auto|dp\b|single))"
    r"|\baccelerator\s*=\s*[\"']ddp|\b(?:devices|gpus|num_nodes)\s*=\s*(?:[2-9]|-1)"
)


def is_resampled(program: Program, training: TrainingLoader) -> bool:
    """Whether Lightning shuffles a training loader whatever it says: it trains in several processes, or may."""
    if training.backward.detail != RETURNED and training.backward.kind != "fit":
        return False
    trainers = [i for i in program.instances if isinstance(i.cls, External) and _is_trainer(i.cls.name)]
    if trainers:
        return any(_may_distribute(trainer) for trainer in trainers)
    return program.mentions(*_FROM_OUTSIDE) or _is_distributed_elsewhere(program, training)


def _is_trainer(name: str) -> bool:
    return name.endswith(".Trainer") and "lightning" in name


def _may_distribute(trainer: Instance) -> bool:
    """Whether a trainer may run several processes, and leaves their samplers to Lightning."""
    given = trainer.keywords
    if any(constant(given[name]) is False for name in _SWITCHES if name in given):
        return False
    if any(_is_of_several(given[name]) for name in _STRATEGIES if name in given):
        return True
    if any(_is_several(given[name]) for name in _COUNTS if name in given):
        return True
    return "**" in given or any(isinstance(argument, Unpacked) for argument in trainer.arguments)


def _is_of_several(strategy: Value) -> bool:
    """Whether a strategy may be one of several processes: only one that is known is none of them."""
    for option in options(strategy):
        match option:
            case Constant(value=None):
                continue
            case Constant(value=str() as name) | Instance(cls=External(name=name)):
                if _OF_ONE_PROCESS.match(name) is None:
                    return True
            case _:
                return True
    return False


def _is_several(count: Value) -> bool:
    """Whether a number or list of devices may be more than one; `"auto"` takes what there is, as by default."""
    return any(not _is_at_most_one(option) for option in options(count))


def _is_at_most_one(count: Value) -> bool:
    match count:
        case Constant(value=None | "auto"):
            return True
        case Constant(value=int() as number):
            return number in (0, 1)
        case Constant(value=str() as listed):
            return listed.strip(" ,") in ("0", "1")
        case Sequence(items=items, open=False, element=None):
            return len(items) < 2
    return any(_asks_for_any(value) for value in walk(count))


def _asks_for_any(value: Value) -> bool:
    """`int(torch.cuda.is_available())`"""
    return (
        isinstance(value, Result)
        and isinstance(value.callee, External)
        and value.callee.name.endswith("is_available")
    )


def _is_distributed_elsewhere(program: Program, training: TrainingLoader) -> bool:
    """Whether a file that uses this one makes a trainer of several processes."""
    file = training.loader.node.unit.file if training.loader.node is not None else None
    if file is None:
        return False
    project = program.reading.project
    users = project.users(file)
    for user in project.mentioning("Trainer", users):
        if _DISTRIBUTED.search(project.text(user) or ""):
            return True
    return any(True for name in _FROM_OUTSIDE for _ in project.mentioning(name, users))
