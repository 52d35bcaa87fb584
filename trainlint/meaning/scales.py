"""What the weights that the code draws do to the size of the signal, by the sizes of the layers."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture, is_other_field, takes_derivatives
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.chains import Chain, Step
from trainlint.meaning.initialisation import Filling, reached
from trainlint.meaning.place import Change, is_tried, replace, text_of, wrap_statement
from trainlint.meaning.selected import is_flat
from trainlint.meaning.syntax import Attribute, Call, Name, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import External, Instance, Sequence, Value, constant, one, options, passed
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_BY_FAN = frozenset("xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal".split())
_RECTIFIED = frozenset("relu leaky_relu prelu elu gelu silu mish relu6 softplus".split())


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How often as large the signal is behind the layers that the code filled. `layers`: how many these are."""

    architecture: Architecture
    filling: Filling
    layers: float
    growth: float

    @property
    def node(self) -> Node:
        return self.filling.node

    @property
    def fitted(self) -> list[Change]:
        """The edit that draws the weights to fit the sizes of the layer."""
        node = self.node
        if not isinstance(node, Call) or not isinstance(node.function, Attribute):
            return []
        if node.function.name == "Parameter":
            return []  # drawn where it is made
        if any(
            tensor == "bias" or is_flat(layer, tensor) for layer, tensor, _ in reached(self.filling.event)
        ):
            return []
        return (
            self._renamed(node, node.function)
            if _is_library(node.function)
            else self._in_place(node.function)
        )

    def _renamed(self, node: Call, function: Attribute) -> list[Change]:
        if not node.arguments:
            return self._in_place(function)
        home, tensor = text_of(function.value), text_of(node.arguments[0].value)
        return [replace(node, f'{home}.kaiming_normal_({tensor}, nonlinearity="relu")')]

    def _in_place(self, function: Attribute) -> list[Change]:
        """`layer.weight.data.normal_(0, 1)`."""
        return [
            replace(
                self.node, f'torch.nn.init.kaiming_normal_({text_of(function.value)}, nonlinearity="relu")'
            )
        ]


def _is_library(function: Attribute) -> bool:
    inner = function.value
    return isinstance(inner, Name) or (isinstance(inner, Attribute) and inner.name == "init")


def scalings(program: Program) -> Iterator[Scaling]:
    """The plain networks whose weights the code draws, each with what that does to the signal."""
    if not program.events("initialise") or is_other_field(program) or takes_derivatives(program):
        return
    if program.uses("weight_norm", "spectral_norm"):
        return
    said: set[int] = set()
    for architecture in program.architectures:
        if (architecture.event is not None and not architecture.trains) or architecture.is_pretrained:
            continue
        made = _scaling(program, architecture) if _is_plain(architecture.chain) else None
        if made is not None and id(made.node.cst) not in said:
            said.add(id(made.node.cst))
            yield made


def _is_plain(chain: Chain) -> bool:
    return chain.whole and not (chain.normalised or chain.adds or chain.joins or chain.gates)


def _scaling(program: Program, architecture: Architecture) -> Scaling | None:
    """What the hidden layers do; the last one makes the output, whatever its size."""
    chain = architecture.chain
    found: list[tuple[Filling, float, float, float]] = []
    for step in chain.mixing[:-1]:
        filling = program.fillings.get((id(step.layer), "weight"))
        if filling is None or not filling.sure:
            return None
        if step is chain.mixing[0] and fans(step) is None and step.times == 1:
            continue  # how many features there are is seldom said; the layers behind it are told apart
        gains = [_gain(filling, fan, _activation(chain, step)) for fan in _ends(step)]
        known = [gain for gain in gains if gain is not None]
        if not known or len(known) < len(gains):
            return None
        found.append((filling, step.times, min(known), max(known)))
    if not found or _is_compared(program, found[0][0]):
        return None
    least = prod(low ** min(times, 50.0) for _, times, low, _ in found)
    most = prod(high ** min(times, 50.0) for _, times, _, high in found)
    growth = (
        least if least > 1 else min(most, 1.0)
    )  # at least that far from 1, whichever layer has which size
    return Scaling(architecture, found[0][0], sum(times for _, times, *_ in found), growth)


def _is_compared(program: Program, filling: Filling) -> bool:
    """Whether the layers of one place are filled in one way here and in another there: a lesson on starts."""
    made = filling.layer.node
    others = (f for f in program.fillings.values() if f.tensor == "weight" and f.layer.node is made)
    return made is not None and len({(f.how, f.number) for f in others}) > 1


def _activation(chain: Chain, step: Step) -> str:
    """What is applied to the layer's output."""
    behind = chain.steps[chain.steps.index(step) + 1 :]
    return next((s.activates for s in behind if s.activates or s.mixes), "")


def _gain(filling: Filling, fan: tuple[int, int], activation: str) -> float | None:
    """How often as large the signal is behind a layer and its activation, on average."""
    if activation == "sigmoid":
        return None
    into, out = fan
    slope = sqrt(0.5) if activation in _RECTIFIED else 1.0
    match filling.how:
        case "normal" if filling.number is not None:
            return filling.number * sqrt(into) * slope
        case "xavier_uniform" | "xavier_normal" if not _has_gain(filling.event):
            return sqrt(2 / (into + out) * into) * slope
    return None


def _ends(step: Step) -> list[tuple[int, int]]:
    """The inputs and outputs of a layer: of one that stands for several, the least and the most."""
    known = fans(step)
    if known is not None:
        return [known]
    if step.kind != "Linear" or step.layer is None:
        return []
    into, out = (
        _sizes(passed(step.layer, n, name)) for n, name in enumerate(("in_features", "out_features"))
    )
    return [(min(into), max(out)), (max(into), min(out))] if into and out else []


def least_fans(step: Step) -> Iterator[tuple[int, int, float]]:
    """The inputs and outputs that a linear layer has at least, and how often it is there with them.

    Of what a loop makes the first layer takes the features, whose number is seldom said.
    """
    into = passed(step.layer, 0, "in_features") if step.layer is not None and step.kind == "Linear" else None
    if step.layer is None or into is None:
        return
    out = _sizes(passed(step.layer, 1, "out_features"))
    given = options(into)
    known = [n for n in map(constant, given) if type(n) is int]
    times = step.times - (len(known) < len(given))
    if known and out and times > 0 and len(given) - len(known) < 2:
        yield min(known), min(out), times


def _sizes(given: Value | None) -> list[int]:
    """The numbers that a size may be; none where one of them is not known."""
    found = [constant(option) for option in options(given)] if given is not None else []
    numbers = [n for n in found if type(n) is int]
    return numbers if len(numbers) == len(found) else []


def _has_gain(event: Event) -> bool:
    return bool(event.inputs) or "gain" in event.detail[1]


def fans(step: Step) -> tuple[int, int] | None:
    """How many inputs a unit has, and how many units take each input."""
    layer = step.layer
    if layer is None or "groups" in layer.keywords or "Transpose" in step.kind:
        return None
    if step.kind == "Linear":
        sizes = _numbers(layer, ("in_features", "out_features"))
        return (sizes[0], sizes[1]) if sizes is not None else None
    sizes = _numbers(layer, ("in_channels", "out_channels"))
    area = _area(layer, int(step.kind[4])) if step.kind.startswith("Conv") else None
    return (sizes[0] * area, sizes[1] * area) if sizes is not None and area is not None else None


def _numbers(layer: Instance, names: tuple[str, ...]) -> list[int] | None:
    found = [passed(layer, position, name) for position, name in enumerate(names)]
    values = [constant(value) if value is not None else None for value in found]
    return [v for v in values if isinstance(v, int)] if all(isinstance(v, int) for v in values) else None


def _area(layer: Instance, dimensions: int) -> int | None:
    """How many places a kernel covers."""
    given = passed(layer, 2, "kernel_size")
    found = one(given) if given is not None else None
    if isinstance(found, Sequence):
        sides = [constant(item) for item in found.items]
        return (
            prod(s for s in sides if isinstance(s, int)) if all(isinstance(s, int) for s in sides) else None
        )
    side = constant(given) if given is not None else None
    return side**dimensions if isinstance(side, int) else None


# What raises


@dataclass(frozen=True, slots=True, eq=False)
class FlatFilling:
    """An initialisation that counts inputs, of a tensor that has one dimension."""

    event: Event
    layer: Instance
    tensor: str

    @property
    def kind(self) -> str:
        return self.layer.cls.name.rpartition(".")[2] if isinstance(self.layer.cls, External) else "layer"

    @property
    def how(self) -> str:
        return str(self.event.detail[0])

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def guarded(self) -> list[Change]:
        """The edit that fills biases with zeros, or leaves tensors of one dimension out."""
        node = self.node
        if not isinstance(node, Call) or not node.arguments or not isinstance(node.function, Attribute):
            return []
        tensor = text_of(node.arguments[0].value)
        if all(name == self.tensor for _, name, _ in reached(self.event)) and self.tensor == "bias":
            return [replace(node, f"{text_of(node.function.value)}.zeros_({tensor})")]
        return [wrap_statement(node, f"if {tensor}.dim() > 1:")]


def flat_fillings(program: Program) -> Iterator[FlatFilling]:
    for event in program.events("initialise"):
        if event.detail[0].removesuffix("_") not in _BY_FAN or is_in_unit_test(event):
            continue
        flat = [(layer, tensor) for layer, tensor, sure in reached(event) if sure and is_flat(layer, tensor)]
        if flat and not is_tried(event.node):
            yield FlatFilling(event, *flat[0])
