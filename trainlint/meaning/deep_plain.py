"""Deep networks in which nothing carries the signal: no normalisation, no path around, no initialisation of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture, is_other_field, takes_derivatives
from trainlint.meaning.chains import Step
from trainlint.meaning.place import Change, insert_after, replace, text_of
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.values import Class, External
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_REMEDIES = (
    "weight_norm", "spectral_norm", "SELU", "selu", "calculate_gain", "LSUV", "ReZero", "checkpoint_sequential",
)  # fmt: skip
_OTHERWISE = frozenset(
    "RNN LSTM GRU RNNCell LSTMCell GRUCell MultiheadAttention TransformerEncoder TransformerDecoder Transformer"
    " TransformerEncoderLayer TransformerDecoderLayer Bilinear".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class DeepPlain:
    """A deep chain of layers with weights and nothing else that matters."""

    architecture: Architecture
    layers: float
    exact: bool
    mixing: tuple[Step, ...]

    @property
    def first(self) -> Step:
        return self.mixing[0]

    @property
    def written(self) -> list[Node]:
        """Where the layers are written that are most often there: the first of a chain, or what a loop makes."""
        most = max(self.mixing, key=lambda step: step.times)
        cls = self.architecture.network.cls
        body = [cls.node] if isinstance(cls, Class) else []
        return [*body, *([most.made] if most.made is not None else [])]

    @property
    def node(self) -> Node:
        """Where the network is made; where only its class is seen, the first layer."""
        node = self.architecture.network.node
        assert self.first.made is not None
        return self.first.made if node is None or self.architecture.network.symbolic else node

    @property
    def drawn(self) -> list[Change]:
        """The edit that draws the weights to fit ReLU, right behind where the network is made."""
        event, made = self.architecture.event, self.architecture.network.node
        seen = made is not None and not self.architecture.network.symbolic
        if event is None or not seen or made is None or not isinstance(event.node, Call):
            return self._drawn_in_place()
        scope = made.unit.scope
        nn = "nn" if scope is not None and isinstance(scope.names.get("nn"), External) else "torch.nn"
        name = text_of(event.node.function)
        line = f"[{nn}.init.kaiming_normal_(p) for p in {name}.parameters() if p.dim() > 1]"
        return [insert_after(made, line)]

    def _drawn_in_place(self) -> list[Change]:
        """The same for each layer where it is made, where nobody is seen to make the network."""
        made = {id(step.made.cst): step.made for step in self.mixing if isinstance(step.made, Call)}
        drawn = '__import__("torch").nn.init.kaiming_normal_(layer.weight)'
        return [
            replace(call, f"(lambda layer: ({drawn}, layer)[1])({text_of(call)})") for call in made.values()
        ]


def deep_plains(program: Program) -> list[DeepPlain]:
    if is_other_field(program) or takes_derivatives(program) or program.uses(*_REMEDIES):
        return []
    found: dict[int, DeepPlain] = {}
    for architecture in program.architectures:
        if not architecture.trains or architecture.is_pretrained or not _is_plain(architecture):
            continue
        mixing = architecture.chain.mixing
        if mixing and mixing[0].made is not None and not _is_filled(program, mixing):
            exact = all(step.exact for step in mixing)
            made = DeepPlain(architecture, architecture.chain.depth, exact, tuple(mixing))
            found.setdefault(id(made.node.cst), made)
    return list(found.values())


def _is_plain(architecture: Architecture) -> bool:
    chain = architecture.chain
    if not chain.whole or chain.normalised or chain.adds or chain.joins or chain.gates:
        return False
    return _OTHERWISE.isdisjoint(chain.kinds())


def _is_filled(program: Program, mixing: list[Step]) -> bool:
    """Whether the code draws weights itself: how well is another question."""
    return any((id(step.layer), "weight") in program.fillings for step in mixing)
