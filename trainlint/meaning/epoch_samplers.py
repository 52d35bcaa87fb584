"""Samplers of several processes, and whether somebody tells them the epoch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import same
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.loaders import Loader, is_sequential, loaders_behind
from trainlint.meaning.objects import external_bases, find_member, has_unknown_base
from trainlint.meaning.place import Change, insert_before, text_of
from trainlint.meaning.schedules import iterations
from trainlint.meaning.syntax import Attribute, Call, For, Name, Node, While
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    External,
    Instance,
    Member,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class FixedEpochSampler:
    """A shuffling DistributedSampler of a training loader whose epoch nobody sets."""

    batches: Region  # the loop over the loader
    sampler: Instance
    epoch_loop: For | While | Call  # the call of an engine that goes through the epochs

    @property
    def epoch_node(self) -> Node:
        return self.epoch_loop

    @property
    def sampler_node(self) -> Node:
        return self.sampler.node if self.sampler.node is not None else self.epoch_loop

    @property
    def sampler_text(self) -> str:
        node = self.sampler.node
        return text_of(node) if node is not None else "the sampler"

    @property
    def planted(self) -> list[Change]:
        """The edit after which the sampler hears of no epoch, for experiments."""
        from trainlint.meaning import planting

        return planting.deaf(self.fix)

    @property
    def fix(self) -> list[Change]:
        """The edit that sets the epoch at the top of the epoch loop, where loader and epoch have names."""
        batches = self.batches.node
        if not isinstance(batches, For) or not isinstance(self.epoch_loop, For):
            return []
        if not isinstance(self.epoch_loop.target, Name) or not self.epoch_loop.body.statements:
            return []
        path = _loader_path(batches)
        if path is None or batches.unit is not self.epoch_loop.unit:
            return []
        line = f"{path}.sampler.set_epoch({self.epoch_loop.target.id})"
        return [insert_before(self.epoch_loop.body.statements[0], line)]


def _loader_path(loop: For) -> str | None:
    """The loader's name or attribute path as the loop writes it, behind enumerate and tqdm."""
    node = loop.iterable
    while isinstance(node, Call) and node.arguments:
        node = node.arguments[0].value
    return text_of(node) if isinstance(node, (Name, Attribute)) else None


def fixed_epoch_samplers(program: Program) -> list[FixedEpochSampler]:
    found: dict[int, FixedEpochSampler] = {}
    set_events = program.events("set_epoch")
    for loader, batches, outer, handed_on in _serving(program):
        sampler = _distributed(loader)
        loop = _epoch_loop(outer)
        if sampler is None or loop is None or _is_prepared(program) or _counts_itself(sampler):
            continue
        node = loop.node
        if not isinstance(node, (For, While, Call)) or (
            sampler.loop is not None and sampler.loop.inside(loop)
        ):
            continue
        within = [
            e for e in set_events if handed_on or e.region.inside(loop) or e.region.root is not loop.root
        ]
        if any(_may_set(e.target, sampler, loader) for e in within):
            continue
        found.setdefault(id(sampler), FixedEpochSampler(batches, sampler, node))
    return list(found.values())


def _serving(program: Program) -> Iterator[tuple[Loader, Region, list[Region], bool]]:
    """Loaders that train, each with its loop and the loops around that; whether the batches are handed on."""
    for training in program.training_loaders:
        yield training.loader, training.loop, training.outer_loops, training.handed_on
    if not all(map(has_no_imports, program.units)):
        return
    for root in program.roots:
        for loop in root.loops():
            if loop.iterable is not None and _is_left_to_others(loop):
                for loader in loaders_behind(loop.iterable):
                    if (given := _distributed(loader)) is not None and _is_told_to_shuffle(given):
                        yield loader, loop, enclosing_loops(loop)[1:], False


def _is_left_to_others(loop: Region) -> bool:
    """Whether a fragment does not show what its batches are for, only that gradients are on: `model.learn(batch)`."""
    events = list(loop.events())
    return not any(e.kind == "backward" or e.grad is False or e.kind == "mode" for e in events)


def _is_told_to_shuffle(sampler: Instance) -> bool:
    shuffle = passed(sampler, 3, "shuffle")
    return shuffle is not None and constant(shuffle) is True


def _may_set(target: Value, sampler: Instance, loader: Loader) -> bool:
    for option in options(target):
        if option is sampler or same(option, sampler) is None:
            return True
        if isinstance(option, Member) and (
            one(option.receiver) is loader.value or same(option.receiver, loader.value) is None
        ):
            return True
        if isinstance(option, Instance) and option is loader.value:
            return True
    return False


def is_unsampled_alone(loader: Loader) -> bool:
    """Whether several processes share a distributed sampler and one alone has none: `shuffle` decides there."""
    given = loader.argument("sampler")
    if given is None or loader.argument("batch_sampler") is not None or _distributed(loader) is None:
        return False
    found = options(given)
    missing = [option for option in found if is_none(option)]
    return bool(missing) and all(is_none(option) or is_distributed(option) for option in found)


def is_ordered_when_shared(loader: Loader) -> bool:
    """Whether several processes share a sampler that is told not to shuffle, while one alone has none."""
    given = loader.argument("sampler")
    chosen = one(given) if given is not None else None
    if not isinstance(chosen, Choice) or chosen.test is None or _PURPOSE.search(text_of(chosen.test)):
        return False
    found = options(chosen)
    shared = [option for option in found if is_distributed(option) and is_sequential(option)]
    return bool(shared) and all(is_none(o) or any(o is s for s in shared) for o in found)


_PURPOSE = re.compile("(?i)train|val|test|shuffle|split|phase|mode|stage")


def is_distributed(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name == _DISTRIBUTED


_DISTRIBUTED = "torch.utils.data.DistributedSampler"


def _distributed(loader: Loader) -> Instance | None:
    given = loader.argument("sampler")
    for option in options(given) if given is not None else ():
        if not isinstance(option, Instance):
            continue
        names = [option.cls.name] if isinstance(option.cls, External) else external_bases(option.cls)
        if _DISTRIBUTED in names:
            shuffle = passed(option, 3, "shuffle")
            if shuffle is None or _may_hold(shuffle):
                return option
    return None


def _may_hold(switch: Value) -> bool:
    """Whether a switch is on, or left to a setting that is not off by default."""
    return all(not isinstance(o, Constant) or bool(o.value) for o in options(switch))


def _counts_itself(sampler: Instance) -> bool:
    """A sampler of the project's own order, or one whose epoch is set as an attribute."""
    if "epoch" in sampler.attributes:
        return True
    return isinstance(sampler.cls, Class) and find_member(sampler.cls, "__iter__") is not None


def _epoch_loop(outer: list[Region]) -> Region | None:
    """The loop of several epochs around a training loop."""
    for region in outer:
        count = iterations(region)
        return region if count is None or count[0] > 1 else None
    return None


def _is_prepared(program: Program) -> bool:
    """Frameworks that take the loader over set the epoch themselves; a `Trainer` of the project's own is none."""
    frameworks = {"Accelerator", "LightningModule", "Fabric", "Trainer"}.difference(_own_classes(program))
    return program.uses(*frameworks) and program.uses("prepare", "setup_dataloaders", "fit")


def _own_classes(program: Program) -> Iterator[str]:
    """The names of classes that the project writes without the help of any framework."""
    for unit in program.units:
        for value in unit.scope.names.values() if unit.scope is not None else ():
            if isinstance(value, Class) and not has_unknown_base(value):
                if all(name.startswith(("torch.", "builtins.")) for name in external_bases(value)):
                    yield value.node.name
