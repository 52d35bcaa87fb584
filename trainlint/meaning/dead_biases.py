"""Biases that a BatchNorm right behind them takes away again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture
from trainlint.meaning.chains import Chain, Step
from trainlint.meaning.facts.layers import NORMALISATION
from trainlint.meaning.place import Change, set_argument
from trainlint.meaning.syntax import Attribute, Call, Comparison, Node, nodes_in
from trainlint.meaning.values import Constant, Instance, Unpacked, one, passed
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program
    from trainlint.meaning.unit import Unit

_POSITION = {"Linear": 2, "LazyLinear": 1}  # of `bias`; 7 in convolutions, 6 in lazy ones
_CONVOLUTION, _TRANSPOSED = 7, 7


@dataclass(frozen=True, slots=True, eq=False)
class DeadBiases:
    """The layers of a network with such a bias, each place once."""

    architecture: Architecture
    nodes: tuple[Node, ...]
    kind: str  # of the first one
    count: float  # how many layers, at least
    norm: Node | None  # the normalisation behind the first one

    @property
    def switched_off(self) -> list[Change]:
        calls = [node for node in self.nodes if isinstance(node, Call)]
        if len(calls) < len(self.nodes) or any(map(_counts_on_biases, {call.unit for call in calls})):
            return []
        return [set_argument(call, "bias", "False") for call in calls]


def _counts_on_biases(unit: Unit) -> bool:
    """Whether a file uses some layer's bias and nowhere asks if there is one: `nn.init.zeros_(self.conv.bias)`."""
    nodes = list(nodes_in(unit.body)) if "bias" in unit.code_words else []
    asks = any(isinstance(n, Comparison) and _is_bias(n.left) for n in nodes)
    return not asks and any(map(_is_bias, nodes))


def _is_bias(node: Node) -> bool:
    return isinstance(node, Attribute) and node.name == "bias"


def dead_biases(program: Program) -> list[DeadBiases]:
    """The networks with dead biases; one whose weights come from elsewhere keeps its layers as they are."""
    if not any(_is_norm(instance) for instance in program.instances) or _freezes_norms(program):
        return []
    found: list[DeadBiases] = []
    said: set[int] = set()
    alive: set[int] = set()
    candidates = []
    for architecture in program.architectures:
        dead, others = _split(architecture.chain)
        alive |= others
        if architecture.trains and not architecture.is_pretrained:
            candidates.append((architecture, dead))
    for architecture, dead in candidates:
        steps = [(step, norm) for step, norm in dead if id(_cst(step)) not in alive | said]
        places = {id(_cst(step)): step.made for step, _ in steps if step.made is not None}
        if places:
            said |= places.keys()
            first, norm = steps[0]
            count = sum(step.times for step, _ in steps)
            found.append(DeadBiases(architecture, tuple(places.values()), first.kind, count, norm.made))
    return found


def _cst(step: Step) -> object:
    return step.made.cst if step.made is not None else None


def _split(chain: Chain) -> tuple[list[tuple[Step, Step]], set[int]]:
    """The layers with a bias in front of a BatchNorm, and the places that make layers with one elsewhere."""
    dead: list[tuple[Step, Step]] = []
    others: set[int] = set()
    behind = {id(a.value): b for a, b in pairwise(chain.steps) if a.value is b.value}
    for step in chain.every:
        if step.layer is None or not step.mixes:
            continue
        users = chain.users.get(id(step.value), [])
        inside = next(
            (b for a, b in pairwise(chain.steps) if a.layer is step.layer and a.value is b.value), None
        )
        users = [inside] if inside is not None and id(step.value) in behind else users
        if _has_bias(step) and users and all(user.kind in NORMALISATION for user in users):
            dead.append((step, users[0]))
        else:
            others.add(id(_cst(step)))
    return dead, others


def _has_bias(step: Step) -> bool:
    """Whether a layer has a bias for sure."""
    layer = step.layer
    assert layer is not None
    if "**" in layer.keywords or any(isinstance(given, Unpacked) for given in layer.arguments):
        return False
    position = _POSITION.get(step.kind, 6 if step.kind.startswith("LazyConv") else _CONVOLUTION)
    given = passed(layer, position, "bias")
    if given is None:
        return True
    found = one(given)
    return isinstance(found, Constant) and bool(found.value) and found.under is None


def _is_norm(instance: Instance) -> bool:
    name = getattr(instance.cls, "name", "")
    return name.rpartition(".")[2] in NORMALISATION


def _freezes_norms(program: Program) -> bool:
    """Whether the code keeps normalisations in eval mode: their statistics no longer follow the bias."""
    modes = [event for event in program.events("mode") if event.detail is False]
    return any(_is_norm(o) for event in modes for o in [one(event.target)] if isinstance(o, Instance)) or (
        program.uses("freeze_bn", "FrozenBatchNorm2d", "fuse_modules", "fuse_conv_bn")
    )
