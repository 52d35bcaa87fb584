"""Networks that a program saves and never moves: what it reads of them lies on the CPU wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import is_module
from trainlint.meaning.paths import same_file, same_name
from trainlint.meaning.roles import role
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, Instance, Value, options

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
    saved = [part for network in _networks(save.target) for part in parts(network)]
    if not saved or any(isinstance(part, Instance) and "device" in part.keywords for part in saved):
        return False
    mine = set(map(id, saved))
    moved = [o for event in of_kind(save.region.root, "device") for o in options(event.target)]
    networks = [target for target in moved if role(target) == "module"]
    return all(isinstance(n, Instance) and mine.isdisjoint(map(id, parts(n))) for n in networks)


def _networks(state: Value) -> Iterator[Instance]:
    """The networks whose weights are in what is saved."""
    for value in walk(state):
        if isinstance(value, Instance) and is_module(value):
            yield value
