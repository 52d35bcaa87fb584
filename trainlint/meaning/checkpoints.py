"""Checkpoints read and written, and whether the script chooses its device itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import of_kind
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Value

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DEVICE_WORDS = frozenset("is_available device local_rank set_device device_count".split())


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """One `torch.load`."""

    event: Event
    program: Program

    @property
    def node(self) -> Node:
        return self.event.node

    def argument(self, name: str, position: int = 99) -> Value | None:
        keywords = self.event.detail
        if name in keywords:
            found = keywords[name]
            return found if found is None or not isinstance(found, dict) else None
        return self.event.inputs[position] if position < len(self.event.inputs) else None

    @property
    def open(self) -> bool:
        """Whether `**options` may pass more."""
        return "**" in self.event.detail

    @property
    def is_checkpoint(self) -> bool:
        """Whether it goes into a module or optimizer, or is a module itself: data sets are no checkpoints."""
        return self.is_state or any(
            any(v is self.event.value for v in walk(e.target))
            for root in self.program.roots
            for e in of_kind(root, "mode", "forward")
        )

    @property
    def is_state(self) -> bool:
        """Whether what is loaded goes into some `load_state_dict`."""
        return any(
            e.value is not None and any(v is self.event.value for v in walk(e.value))
            for root in self.program.roots
            for e in of_kind(root, "load_state")
        )


def picks_device(program: Program) -> bool:
    """Whether a file of the program chooses its device by what the machine has or by rank."""
    return any(not _DEVICE_WORDS.isdisjoint(program.words(unit)) for unit in program.units)


def loads(program: Program) -> list[Load]:
    found = []
    for root in program.roots:
        found += [Load(e, program) for e in of_kind(root, "load") if isinstance(e.node, Call)]
    return found
