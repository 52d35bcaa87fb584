"""The networks of a program as chains of layers: those that are seen applied, and those that a file only defines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from trainlint.meaning.beginnings import comes_after, resumes
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.chains import Chain, chain_of
from trainlint.meaning.modules import parts, registered
from trainlint.meaning.objects import CLOSED, is_module
from trainlint.meaning.schedules import is_reinforcement
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Class, External, Instance, Value, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network, what a forward pass of it gives, and the event; None where only the class is there."""

    network: Instance
    value: Value
    event: Event | None
    program: Program

    @cached_property
    def chain(self) -> Chain:
        if self.event is None:
            return chain_of(self.value, (), self.network, self._inside)
        return chain_of(self.value, self.event.inputs, self.network, self._inside, self.event.region)

    def _inside(self, module: Instance, depth: int = 0) -> Chain | None:
        """The chain of a block that a loop made many of: its forward is looked at by itself."""
        if depth > 3 or not is_module(module) or isinstance(module.cls, External):
            return None
        value = self.program.reading.applied(module)
        if value is None:
            return None
        return chain_of(value, (), module, lambda inner: self._inside(inner, depth + 1))

    @cached_property
    def trains(self) -> bool:
        """Whether a backward pass goes through what it gives."""
        return self.event is not None and any(e is self.event for e in self.program.trained_by)

    @cached_property
    def parts(self) -> list[Instance]:
        return [part for part in parts(self.network) if isinstance(part, Instance)]

    @cached_property
    def is_pretrained(self) -> bool:
        """Whether its weights, or some of them, come from elsewhere."""
        loads = self.program.events("load_state")
        mine = {id(part) for part in self.parts}
        loaded = any(
            id(o) in mine
            for e in loads
            if not resumes(e) and (self.event is None or not comes_after(e, self.event, self.network))
            for o in options(e.target)
        )
        return loaded or any("*pretrained" in part.attributes for part in self.parts)

    @property
    def name(self) -> str:
        cls = self.network.cls
        return cls.node.name if isinstance(cls, Class) else cls.name.rpartition(".")[2]


def architectures(program: Program) -> list[Architecture]:
    """Each network once; of several forward passes the one that trains counts."""
    found: dict[int, Architecture] = {}
    for event in program.events("forward"):
        if event.value is None or event.detail == "unknown" or is_in_unit_test(event):
            continue
        for network in options(event.target):
            if isinstance(network, Instance) and is_module(network):
                made = Architecture(network, event.value, event, program)
                if id(network) not in found or (made.trains and not found[id(network)].trains):
                    found[id(network)] = made
    return [*found.values(), *_defined(program, {id(a.network.cls) for a in found.values()})]


def _defined(program: Program, seen: set[int]) -> Iterator[Architecture]:
    """The networks of the entry file that nobody is seen to apply."""
    inner = {id(part.cls) for i in program.instances for part in registered(i) if part is not i}
    for instance in list(program.instances):
        cls = instance.cls
        if isinstance(cls, External) or not is_module(instance) or CLOSED in instance.attributes:
            continue
        if cls.unit is not program.reading.entry or id(cls) in seen or id(cls) in inner:
            continue
        seen.add(id(cls))
        value = program.reading.applied(instance)
        if value is not None:
            yield Architecture(instance, value, None, program)


def is_other_field(program: Program) -> bool:
    """Whether the program's field has practices of its own: reinforcement learning, flows, implicit functions."""
    return is_reinforcement(program) or program.uses(*_FIELDS)


_FIELDS = (
    "odeint", "odeint_adjoint", "torchdiffeq", "log_det", "logdet", "log_det_jacobian", "Siren", "SIREN", "KAN", "gym", "gymnasium",
)  # fmt: skip


def takes_derivatives(program: Program) -> bool:
    """Whether the loss is made of the network's own derivatives, as in physics-informed training."""
    return any(event.detail == "autograd.grad" for event in program.events("grad_write"))
