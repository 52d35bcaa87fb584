"""Hidden layers whose width, or number, is out of proportion to what goes into the network and what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.adversaries import learns_against_another
from trainlint.meaning.architectures import Architecture, is_other_field, takes_derivatives
from trainlint.meaning.chains import Step
from trainlint.meaning.given import give
from trainlint.meaning.place import Change
from trainlint.meaning.scales import fans
from trainlint.meaning.syntax import Node
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Width:
    """A hidden linear layer between the `inputs` and the `outputs` of its network."""

    architecture: Architecture
    step: Step
    next: Step
    units: int
    inputs: int
    outputs: int
    vectors: bool = True  # the network takes vectors: no convolution comes before

    @property
    def node(self) -> Node:
        assert self.step.made is not None
        return self.step.made

    def resized(self, units: int) -> list[Change]:
        """The edit that gives the layer another width, and the next one as many inputs."""
        if self.next.made is None:
            return []
        return [
            give(self.node, "out_features", str(units), 1),
            give(self.next.made, "in_features", str(units), 0),
        ]


def widths(program: Program) -> Iterator[Width]:
    """The hidden layers of trained networks behind vectors or maps, each between plain activations and once by its place."""
    if is_other_field(program):
        return
    said: set[int] = set()
    for architecture in program.architectures:
        if architecture.trains and not architecture.is_pretrained:
            for width in _of(architecture):
                if id(width.node.cst) not in said and not learns_against_another(architecture):
                    said.add(id(width.node.cst))
                    yield width


def _of(architecture: Architecture) -> Iterator[Width]:
    chain = architecture.chain
    if not chain.whole or chain.adds or chain.joins or chain.gates:
        return
    mixing = chain.mixing
    before = next((at for at, step in enumerate(reversed(mixing)) if step.kind != "Linear"), len(mixing))
    mixing = mixing[len(mixing) - before :]  # behind the last convolution
    if len(mixing) < 2 or not _is_of_numbers(architecture):
        return
    sizes = [fans(step) for step in mixing]
    if None in sizes or sizes[0] is None or sizes[-1] is None:
        return
    inputs, outputs, vectors = sizes[0][0], sizes[-1][1], len(mixing) == len(chain.mixing)
    for step, size, following in zip(mixing, sizes, mixing[1:], strict=False):
        if size is not None and step.times == following.times == 1 and step.made is not None:
            if _is_rectified(architecture, step):
                yield Width(architecture, step, following, size[1], inputs, outputs, vectors)


def _is_of_numbers(architecture: Architecture) -> bool:
    """Whether no words or steps in time are read: what is left are vectors and maps."""
    return not any(
        step.kind in ("Embedding", "EmbeddingBag", "LSTM", "GRU", "RNN") or "Transpose" in step.kind
        for step in architecture.chain.every
    )


def _is_rectified(architecture: Architecture, step: Step) -> bool:
    """Whether an activation stands behind the layer: without one it is a factor of a larger matrix."""
    steps = architecture.chain.steps
    behind = steps[steps.index(step) + 1 :]
    return any(s.activates for s in behind[: next((i for i, s in enumerate(behind) if s.mixes), 0)])


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """The linear layers that a network of vectors puts one behind the other, with no path around."""

    architecture: Architecture
    layers: float
    exact: bool
    deepest: Step  # the layer that is most often there

    @property
    def node(self) -> Node:
        assert self.deepest.made is not None
        return self.deepest.made


def depths(program: Program) -> Iterator[Depth]:
    """The trained networks of nothing but linear layers on vectors of two numbers or more, each once."""
    if is_other_field(program) or takes_derivatives(program):
        return
    said: set[int] = set()
    for architecture in program.architectures:
        if not architecture.trains or architecture.is_pretrained or learns_against_another(architecture):
            continue
        found = _depth_of(architecture)
        if found is not None and id(found.node.cst) not in said:
            said.add(id(found.node.cst))
            yield found


def _depth_of(architecture: Architecture) -> Depth | None:
    chain = architecture.chain
    mixing = chain.mixing
    if not mixing or not chain.whole or chain.adds or chain.joins or chain.gates:
        return None
    if any(step.kind != "Linear" for step in mixing) or not _is_of_numbers(architecture):
        return None
    size, deepest = fans(mixing[0]), max(mixing, key=lambda step: step.times)
    if (size is not None and size[0] < _VECTOR) or deepest.made is None:
        return None
    return Depth(architecture, chain.depth, all(step.exact for step in mixing), deepest)


_VECTOR = 2  # inputs; a curve over one number may need as many turns as it likes
