"""Networks that a program saves and never moves: what it reads of them lies on the CPU wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import is_module
from trainlint.meaning.optimizers import is_schedule
from trainlint.meaning.paths import same_file, same_name
from trainlint.meaning.roles import role
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, Instance, Member, Result, Value, called, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MOVE_BY_THEMSELVES = ("prepare", "set_default_device", "set_default_tensor_type", "DataParallel", "Trainer")


def is_saved_unmoved(program: Program, path: Value) -> bool:
    """Whether a program writes the file itself, of networks that no line of it puts on a device."""
    path = path.default if isinstance(path, Argument) and path.default is not None else path
    written = [
        event
        for event in program.events("save")
        if len(event.inputs) > 1 and (same_file(path, event.inputs[1]) or same_name(path, event.inputs[1]))
    ]
    return bool(written) and all(map(_is_unmoved, written)) and not program.uses(*_MOVE_BY_THEMSELVES)


def _is_unmoved(save: Event) -> bool:
    saved = list(_networks(save.target))
    mine = [part for network in saved for part in parts(network)]
    if not saved or not all(isinstance(n, Instance) and is_module(n) for n in saved):
        return False
    if any(isinstance(part, Instance) and "device" in part.keywords for part in mine):
        return False
    ids = set(map(id, mine))
    moved = [o for event in of_kind(save.region.root, "device") for o in options(event.target)]
    return all(ids.isdisjoint(map(id, parts(n))) for n in moved if isinstance(n, Instance))


def _networks(state: Value) -> Iterator[Value]:
    """The networks whose weights are in what is saved, beside the optimizers that follow them."""
    yield from (option for option in options(state) if isinstance(option, Instance))
    for value in walk(state, lambda v: called(v) != "state_dict"):
        match value:
            case Result(callee=Member(name="state_dict", receiver=holder)):
                yield from (o for o in options(holder) if role(o) != "optimizer" and not is_schedule(o))
