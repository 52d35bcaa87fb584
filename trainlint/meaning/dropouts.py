"""Dropout where it does harm: at rates that leave little, on the network's output, right before BatchNorm."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture
from trainlint.meaning.chains import Step
from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.facts.layers import DROPOUT, NORMALISATION, RECURRENT
from trainlint.meaning.facts.operations import ACTIVATIONS
from trainlint.meaning.objectives import Objective
from trainlint.meaning.place import Change, replace, set_argument, text_of
from trainlint.meaning.schedules import amount, is_reinforcement
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.values import (
    Argument,
    Constant,
    Instance,
    Result,
    Sequence,
    Value,
    constant,
    one,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_GRAPHS = ("torch_geometric", "dgl", "edge_index", "adj", "adjacency", "SpGraphAttentionLayer")


@dataclass(frozen=True, slots=True, eq=False)
class ExtremeDropout:
    """A dropout and what is odd about it: "rate", "output" or "norm". `next`: the step that takes what it gives."""

    kind: str
    step: Step
    rate: float
    under: str | None
    units: int | None = None
    next: Node | None = None
    removed: tuple[Change, ...] = ()
    shrinks: bool = False  # what is predicted is a value, so that zeros pull all predictions towards 0

    @property
    def node(self) -> Node:
        assert self.step.made is not None
        return self.step.made

    @property
    def applied(self) -> Node | None:
        """Where scores go through it, if it is made elsewhere."""
        node = self.step.node if self.kind == "output" else None
        return node if node is not None and node.cst is not self.node.cst else None

    def with_rate(self, rate: float) -> list[Change]:
        """The edit that sets another rate where it is written."""
        node = self.node
        if not isinstance(node, Call):
            return []
        keyword = "dropout" if self.step.kind in RECURRENT else "p"
        position = 0 if self.step.layer is not None else 1
        if (
            keyword == "p"
            and len(node.arguments) > position
            and not any(a.keyword or a.star for a in node.arguments[: position + 1])
        ):
            return [replace(node.arguments[position].value, f"{rate:g}")]
        return [set_argument(node, keyword, f"{rate:g}")]


def extreme_dropouts(program: Program) -> list[ExtremeDropout]:
    if is_reinforcement(program) or program.uses(*_GRAPHS) or program.mentions("torch_geometric", "dgl"):
        return []
    found: dict[tuple[str, int], ExtremeDropout] = {}
    for made in (*_of_outputs(program), *_of_networks(program)):
        found.setdefault((made.kind, id(made.node.cst)), made)
    outputs = {id(f.node.cst) for f in found.values() if f.kind == "output"}
    return [f for f in found.values() if f.kind == "output" or id(f.node.cst) not in outputs]


def _of_networks(program: Program) -> Iterator[ExtremeDropout]:
    for architecture in program.architectures:
        if architecture.event is not None and not architecture.trains:
            continue
        for step in architecture.chain.every:
            known = rate_of(step)
            if known is None or step.made is None or not 0 < known[0] <= 1:
                continue
            yield ExtremeDropout("rate", step, *known, _units_before(architecture, step))
            users = architecture.chain.users.get(id(step.value), [])
            users = _following(architecture, step) or users
            if (
                users
                and all(user.kind in NORMALISATION for user in users)
                and step.kind in DROPOUT | {"dropout"}
                and not (step.kind in _OF_CHANNELS and known[0] < 0.5)
            ):
                yield ExtremeDropout("norm", step, *known, None, users[0].made)


_OF_CHANNELS = frozenset("Dropout1d Dropout2d Dropout3d dropout1d dropout2d dropout3d".split())


def _following(architecture: Architecture, step: Step) -> list[Step]:
    """The step behind one that a container applies: all of its layers share one value."""
    steps = architecture.chain.steps
    for before, after in pairwise(steps):
        if before is step or (before.layer is step.layer is not None and before.value is step.value):
            return [after] if after.value is step.value else []
    return []


def _units_before(architecture: Architecture, step: Step) -> int | None:
    """How many units the layer before has."""
    last: Step | None = None
    for other in architecture.chain.steps:
        if other.value is step.value and other.kind == step.kind:
            break
        last = other if other.mixes else last
    layer = last.layer if last is not None else None
    if layer is None:
        return None
    given = passed(layer, 1, "out_features")
    found = constant(given) if given is not None else None
    return found if isinstance(found, int) and found >= _FEWEST_UNITS else None


_FEWEST_UNITS = 4  # fewer are a score or a gate, which dropout is hardly for: another layer feeds it


def rate_of(step: Step) -> tuple[float, str | None] | None:
    """The rate of a dropout in training; None for other steps, and where it is not known."""
    layer, value = step.layer, step.value
    if layer is not None and step.kind in DROPOUT:
        given = layer.keywords.get("p", layer.arguments[0] if layer.arguments else None)
        return amount(given) if given is not None else (0.5, None)
    if layer is not None and step.kind in RECURRENT and "dropout" in layer.keywords:
        return amount(layer.keywords["dropout"]) if _layers(layer) != 1 else None
    if step.kind == "dropout" and isinstance(value, Result):
        return _functional_rate(value)
    return None


def _layers(layer: Instance) -> object:
    given = one(passed(layer, 2, "num_layers") or Constant(1))
    return constant(given.default if isinstance(given, Argument) and given.default is not None else given)


def _functional_rate(value: Result) -> tuple[float, str | None] | None:
    training = passed(value, 2, "training")
    if training is not None and constant(training) is False:
        return None
    given = passed(value, 1, "p")
    return amount(given) if given is not None else (0.5, None)


# The output


def _of_outputs(program: Program) -> Iterator[ExtremeDropout]:
    """Dropout whose result is the prediction that a criterion of the training gets."""
    for objective in program.objectives:
        heads = objective.all_heads("dropout")
        if objective.all_heads("log_softmax", "softmax", "sigmoid", "logsigmoid"):
            heads = objective.inner_heads("dropout")
        values = [head.value for head in heads if isinstance(head.value, Result)]
        if not values or not objective.reaches_backward or len(values) < len(heads):
            continue
        if not _is_output(objective, values):
            continue
        for value in values[:1]:
            layer = value.callee if isinstance(value.callee, Instance) else None
            kind = (
                layer.cls.name.rpartition(".")[2]
                if layer is not None and hasattr(layer.cls, "name")
                else "dropout"
            )
            step = Step(kind, value, layer)
            known = rate_of(step)
            if known is not None and 0 < known[0] <= 1 and step.made is not None:
                removed = tuple(_removed(program, value, layer))
                shrinks = objective.criterion.kind == "regression"
                yield ExtremeDropout("output", step, *known, None, objective.node, removed, shrinks)


def _is_output(objective: Objective, values: list[Result]) -> bool:
    """Whether dropout stands right behind the last layer with weights, not behind features that are compared.

    Scores of classes are scores also where an activation has cut them off before.
    """
    kind = objective.criterion.kind
    if kind in ("cosine", "triplet", "margin", "kl"):
        return False
    before = _before(values)
    if kind in ("cross-entropy", "bce-logits") and all(operation(v) in ACTIVATIONS for v in before):
        before = _before([v for v in before if isinstance(v, Result)])
    return bool(before) and all(_is_linear(v) for v in before)


def _before(values: list[Result]) -> list[Value]:
    """What some operations are applied to."""
    return [v for value in values for v in peel(operands(value)[0])] if all(map(operands, values)) else []


def _is_linear(value: Value) -> bool:
    inner = value
    if operation(inner) in ACTIVATIONS:
        return False
    callee = inner.callee if isinstance(inner, Result) else None
    return isinstance(callee, Instance) and hasattr(callee.cls, "name") and callee.cls.name in _LAST


_LAST = ("torch.nn.Linear", "torch.nn.LazyLinear", "torch.nn.Conv2d", "torch.nn.Conv1d")


def _removed(program: Program, value: Result, layer: Instance | None) -> list[Change]:
    """The edit that hands the scores on as they are."""
    node = value.node
    if layer is not None and _in_container(program, layer):
        made = layer.node
        if isinstance(made, Call) and text_of(made.function).endswith("Dropout"):
            return [replace(made, text_of(made.function).removesuffix("Dropout") + "Identity()")]
        return []
    if isinstance(node, Call) and node.arguments and not node.arguments[0].star:
        return [replace(node, text_of(node.arguments[0].value))]
    return []


def _in_container(program: Program, layer: Instance) -> bool:
    for instance in program.instances:
        inner = instance.attributes.get("*layers")
        if isinstance(inner, Sequence) and any(one(item) is layer for item in inner.items):
            return True
    return False
