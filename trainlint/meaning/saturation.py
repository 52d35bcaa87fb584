"""Sigmoids between the hidden layers of deep networks, where each passes on a fraction of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture, is_other_field, takes_derivatives
from trainlint.meaning.chains import ADDING, Chain, Step, is_quiet
from trainlint.meaning.dataflow import operands
from trainlint.meaning.drawn import is_random
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Name, Node
from trainlint.meaning.values import External, Result, Value, called, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Saturation:
    """A network whose hidden layers end in a sigmoid. `hidden`: these, as steps; `count`: how many in all."""

    architecture: Architecture
    hidden: tuple[Step, ...]
    count: float

    @property
    def node(self) -> Node:
        found = self.hidden[0].made
        assert found is not None
        return found

    @property
    def layers(self) -> float:
        return self.architecture.chain.depth

    @property
    def rectified(self) -> list[Change]:
        """The edit that puts a ReLU in the place of each, where none of them serves the output too."""
        last = self.architecture.chain.steps[-1]
        if any(step is last or step.made is last.made for step in self.hidden):
            return []
        changes = {id(n.cst): _as_relu(n) for n in (step.made for step in self.hidden) if n is not None}
        found = list(changes.values())
        return [change for change in found if change is not None] if None not in found else []


def saturations(program: Program) -> list[Saturation]:
    if is_other_field(program) or takes_derivatives(program) or program.uses("calculate_gain"):
        return []
    found: dict[int, Saturation] = {}
    compared = _compared(program)
    for architecture in program.architectures:
        if architecture.event is not None and not architecture.trains:
            continue
        hidden = tuple(
            s for s in _hidden(architecture.chain) if s.made is None or id(s.made.cst) not in compared
        )
        if hidden and not architecture.is_pretrained:
            made = Saturation(architecture, hidden, _count(architecture.chain, hidden))
            found.setdefault(id(made.node.cst), made)
    return list(found.values())


def _compared(program: Program) -> set[int]:
    """Calls that make another activation for another network: `Net(nn.Sigmoid)` beside `Net(nn.ReLU)`, to see the difference."""
    made: dict[int, set[str]] = {}
    for architecture in program.architectures:
        for step in architecture.chain.steps:
            if step.activates and step.layer is not None and step.made is not None:
                made.setdefault(id(step.made.cst), set()).add(step.activates)
    return {node for node, kinds in made.items() if len(kinds) > 1}


def _hidden(chain: Chain) -> Iterator[Step]:
    """The sigmoids that a layer with weights stands before, without a normalisation between, and another behind."""
    if not chain.whole or any(step.kind in ADDING and not _adds_noise(step) for step in chain.every):
        return
    steps = chain.steps
    for index, step in enumerate(steps):
        if step.activates != "sigmoid" or step.made is None or _gates(chain, step):
            continue
        if chain.is_optional(step):
            continue  # another activation may stand there: an option, or a comparison of several
        before = next((s for s in reversed(steps[:index]) if not is_quiet(s)), None)
        behind = any(s.mixes for s in steps[index + 1 :]) or (step.times > 1 and before is not None)
        if before is not None and before.mixes and behind:
            yield step


def _adds_noise(step: Step) -> bool:
    """`mean + torch.randn_like(std) * std`: no second path around the layers."""
    parts = operands(step.value) if isinstance(step.value, Result) else []
    factors = [operands(part) if isinstance(part, Result) else [] for part in map(one, parts)]
    return any(
        _is_noise(part) or any(map(_is_noise, each)) for part, each in zip(parts, factors, strict=True)
    )


def _is_noise(value: Value) -> bool:
    return is_random(value) or called(one(value)) in ("randn_like", "rand_like", "normal_")


def _gates(chain: Chain, step: Step) -> bool:
    """Whether what a sigmoid gives scales something else, as in attention, squeeze-and-excitation and GRUs."""
    return any(
        user.kind in ("operator.*", "mul", "operator.-") for user in chain.users.get(id(step.value), ())
    )


def _count(chain: Chain, hidden: tuple[Step, ...]) -> float:
    """How many there are; the last turn of a loop that ends the network gives its output."""
    total = sum(step.times for step in hidden)
    return total - 1 if hidden[-1] is chain.steps[-1] else total


def _as_relu(node: Node) -> Change | None:
    """`nn.Sigmoid()` as `nn.ReLU()`, `torch.sigmoid(x)` as `torch.relu(x)`."""
    match node:
        case Call(function=Attribute(value=Name() | Attribute() as home, name="Sigmoid") as function):
            return replace(function, f"{text_of(home)}.ReLU")
        case Call(function=Attribute(value=Name(), name="sigmoid") as function) if _is_library(function):
            return replace(function, f"{_home(function)}.relu")
        case Call(function=Attribute(name="sigmoid") as function, arguments=()):
            return replace(node, f"{text_of(function.value)}.relu()")
    return None


def _home(function: Attribute) -> str:
    assert isinstance(function.value, Name)
    return function.value.id


def _is_library(function: Attribute) -> bool:
    scope = function.unit.scope
    held = scope.names.get(_home(function)) if scope is not None else None
    return isinstance(held, External)
