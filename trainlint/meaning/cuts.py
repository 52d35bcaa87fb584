"""Backward passes on values without a graph, and where the graph was cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import attached, operation, walk
from trainlint.meaning.facts.operations import COMPARISONS, CUTTING, CUTTING_FUNCTIONS, CUTTING_HOMES
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import External, Instance, Member, Result, Value, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class CutLoss:
    """A backward pass whose loss has no graph, and the operation that cut it."""

    backward: Event
    cut: Result

    @property
    def node(self) -> Node | None:
        return self.cut.node

    @property
    def _name(self) -> str:
        callee = self.cut.callee
        if isinstance(callee, Member):
            return f".{callee.name}"
        return callee.name.removeprefix("builtins.").removeprefix("operator.") if isinstance(callee, External) else ""

    @property
    def why(self) -> str:
        if self.cut.grad is False:
            return "the forward pass ran without gradients"
        return f"`{self._name}` has cut it"

    @property
    def what(self) -> str:
        return "computed under no_grad" if self.cut.grad is False else "cuts the graph here"

    @property
    def mended(self) -> list[Change]:
        """The edit that keeps the graph, where the cut is a call around or behind the value."""
        node = self.cut.node
        if self.cut.grad is False or not isinstance(node, Call):
            return []
        if isinstance(self.cut.callee, Member) and isinstance(node.function, Attribute):
            if self.cut.callee.name in ("item", "detach"):
                return [replace(node, text_of(node.function.value))]
            return []
        names = ("torch.tensor", "builtins.float", "torch.Tensor", "torch.FloatTensor")
        if isinstance(self.cut.callee, External) and self.cut.callee.name in names and node.arguments:
            return [replace(node, text_of(node.arguments[0].value))]
        return []


def cut_losses(program: Program) -> list[CutLoss]:
    found = []
    for backward in program.backwards:
        value = backward.value
        if value is None or attached(value) is not False or backward.grad is False:
            continue
        if not all(isinstance(o, Result) for o in options(value)):
            continue
        cut = _cut_in(value)
        if cut is not None:
            found.append(CutLoss(backward, cut))
    return found


def _cut_in(value: Value) -> Result | None:
    """The operation nearest to the loss that has a graph before it and none behind it."""
    for inner in walk(value):
        if isinstance(inner, Result) and inner.attached is not True:
            if _is_cut(inner) and any(attached(part) is True for part in _inputs(inner)):
                return inner
            if inner.grad is False and _would_attach(inner):
                return inner
    return None


def _inputs(value: Result) -> list[Value]:
    receiver = [value.callee.receiver] if isinstance(value.callee, Member) else []
    return [*receiver, *value.arguments, *value.keywords.values()]


def _is_cut(value: Result) -> bool:
    match value.callee:
        case Member(name=name):
            return name in CUTTING
        case External(name=name):
            return name in CUTTING_FUNCTIONS or name in COMPARISONS or name.startswith(CUTTING_HOMES)
    return False


def _would_attach(value: Result) -> bool:
    """Whether only the grad mode keeps a layer's output from having a graph."""
    from trainlint.meaning.facts.layers import WEIGHTED, layer_name

    callee = value.callee
    if isinstance(callee, Instance) and isinstance(callee.cls, External):
        return layer_name(callee.cls.name) in WEIGHTED and operation(value) == ""
    return False
