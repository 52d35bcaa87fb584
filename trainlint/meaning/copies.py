"""Hidden units that start alike and stay alike: consecutive layers whose weights are all filled with one constant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture
from trainlint.meaning.chains import Chain, Step, is_quiet
from trainlint.meaning.initialisation import Filling, is_off, may_fill_alike, reached
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.values import constant, passed
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class CopiedUnits:
    """The units between two layers. `alike`: their biases are one constant as well, so that nothing tells them apart."""

    architecture: Architecture
    first: Step
    second: Step
    filling: Filling
    behind: Filling
    alike: bool

    @property
    def node(self) -> Node:
        return self.filling.node

    @property
    def others(self) -> list[tuple[Node, str]]:
        """The layers, and where the second one is filled if that is another place."""
        found = [
            (step.made, "the units between this layer") for step in (self.first,) if step.made is not None
        ]
        if self.second.made is not None and self.second.layer is not self.first.layer:
            found.append((self.second.made, "and this one"))
        if self.behind.node is not self.filling.node:
            found.append((self.behind.node, "filled with a constant as well"))
        return found

    @property
    def drawn(self) -> list[Change]:
        """The edit that draws both layers' weights at random."""
        events = {id(f.node): f.event for f in (self.filling, self.behind)}
        changes = []
        for event in events.values():
            every = {tensor for _, tensor, _ in reached(event)}
            change = _drawn(event.node, "bias" in every)
            if change is None:
                return []
            changes.append(change)
        return changes


def copied_units(program: Program) -> list[CopiedUnits]:
    if not any(map(may_fill_alike, program.events("initialise"))):
        return []
    if not any(f.constant is not None and f.tensor == "weight" for f in program.fillings.values()):
        return []
    found: list[CopiedUnits] = []
    for architecture in program.architectures:
        if (architecture.event is not None and not architecture.trains) or architecture.is_pretrained:
            continue
        for first, second in _neighbours(architecture.chain):
            made = _copied(program, architecture, first, second)
            if made is not None:
                found.append(made)
    compared = _compared(program) if found else set()
    told: dict[int, CopiedUnits] = {}
    for made in found:
        if id(_made(made.filling)) not in compared:
            told.setdefault(id(made.node.cst), made)
    return list(told.values())


def _compared(program: Program) -> set[int]:
    """The places whose layers are filled with constants in one run and at random in another: a lesson on starts."""
    drawn = {id(_made(f)) for f in program.fillings.values() if f.tensor == "weight" and f.constant is None}
    for architecture in program.architectures:  # or left as torch starts them
        for step in architecture.chain.mixing if architecture.trains else ():
            if (
                step.layer is not None
                and step.layer.node is not None
                and not _filled(program, step, "weight")
            ):
                drawn.add(id(step.layer.node.cst))
    return drawn - {id(None)}


def _made(filling: Filling) -> object:
    return filling.layer.node.cst if filling.layer.node is not None else None


def _copied(program: Program, architecture: Architecture, first: Step, second: Step) -> CopiedUnits | None:
    a, b = _filled(program, first, "weight"), _filled(program, second, "weight")
    if a is None or b is None or a.constant is None or b.constant is None or not (a.sure and b.sure):
        return None
    bias = _filled(program, first, "bias")
    assert first.layer is not None
    alike = is_off(first.layer, "bias") or (bias is not None and bias.sure and bias.constant is not None)
    return CopiedUnits(architecture, first, second, a, b, alike)


def _filled(program: Program, step: Step, tensor: str) -> Filling | None:
    return program.fillings.get((id(step.layer), tensor)) if step.layer is not None else None


def _neighbours(chain: Chain) -> Iterator[tuple[Step, Step]]:
    """Layers one behind the other, with nothing between that treats one unit otherwise than the next."""
    last: Step | None = None
    for step in chain.steps:
        if step.mixes:
            if last is not None and _units(last) != 1:
                yield last, step
            elif step.times > 1:
                yield step, step
            last = step
        elif _tells_apart(step):
            last = None


def _tells_apart(step: Step) -> bool:
    """Dropout masks each unit by itself; what is not known may do as much."""
    if step.kind.lower().startswith(("dropout", "alphadropout", "alpha_dropout")):
        return True
    return not (step.activates or step.normalises or is_quiet(step))


def _units(step: Step) -> object:
    """How many units a layer has."""
    layer = step.layer
    if layer is None:
        return None
    given = passed(layer, 1, "out_features", "out_channels")
    return constant(given) if given is not None else None


def _drawn(node: Node, flat: bool) -> Change | None:
    """`nn.init.constant_(w, 0.5)` as `nn.init.xavier_uniform_(w)`; `flat`: it fills tensors of one dimension too."""
    if not isinstance(node, Call) or not isinstance(node.function, Attribute):
        return None
    function = node.function
    if node.arguments and function.name.startswith(("constant", "zeros", "ones")):
        home, tensor = text_of(function.value), text_of(node.arguments[0].value)
        drawn = f"{home}.uniform_({tensor}, -0.1, 0.1)" if flat else f"{home}.xavier_uniform_({tensor})"
        return replace(node, drawn)
    if function.name in ("fill_", "zero_"):
        return replace(node, f"{text_of(function.value)}.uniform_(-0.1, 0.1)")
    return None
