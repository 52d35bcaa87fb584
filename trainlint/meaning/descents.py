"""Gradient descent written out: `w -= rate * w.grad`, with nothing that clears the gradient for the next turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.dataflow import certainty, operation
from trainlint.meaning.flow import enclosing_loops, is_seen_whole, of_kind
from trainlint.meaning.graphs import is_over_parameters
from trainlint.meaning.place import Change, insert_after, text_of
from trainlint.meaning.syntax import Attribute, Augment, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Item, Member, Result, Value, one, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_CLEARING = ("zero_grad", "zero_", "zeros_like", "detach", "detach_", "requires_grad_", "set_to_none")


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """A weight moved along its own gradient, which the backward pass of the next turn adds to."""

    event: Event
    backward: Event

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def known(self) -> Certainty:
        match one(self.event.target):
            case Item(source=Result(callee=Member(receiver=network))):
                return certainty(network)  # type: ignore[return-value]  # one of the certainties
        return certainty(self.event.target)  # type: ignore[return-value]  # one of the certainties

    @property
    def cleared(self) -> list[Change]:
        """The edit that clears the gradient behind its use."""
        if not isinstance(self.node, Augment):
            return []
        weight = self.node.target
        if isinstance(weight, Attribute) and weight.name == "data":
            weight = weight.value
        return [insert_after(self.node, f"{text_of(weight)}.grad.zero_()")]


def descents(program: Program) -> list[Descent]:
    if program.uses(*_CLEARING):
        return []
    found: dict[int, Descent] = {}
    for root in program.roots:
        for event in of_kind(root, "descent"):
            backward = _backward_around(event)
            if backward is not None:
                found.setdefault(id(event.node.cst), Descent(event, backward))
    return list(found.values())


def _backward_around(event: Event) -> Event | None:
    """The backward pass of the same loop, if every turn goes through both and nothing else has a hand in it."""
    loops = enclosing_loops(event.region)
    loop = next((r for r in loops if not is_over_parameters(r)), None)
    if loop is None or not is_seen_whole(loop) or _is_made_in(event.target, loop):
        return None
    if any(e.kind in ("step", "grad_write", "unresolved") and not _is_descent(e) for e in loop.events()):
        return None
    passes = [e for e in of_kind(loop, "backward") if e.loop is loop]
    if len(passes) != 1 or passes[0].guards(loop) or event.guards(loop):
        return None
    return passes[0]


def _is_descent(event: Event) -> bool:
    """The same move, noted as a write as well."""
    return event.kind == "grad_write" and event.detail in ("data", "update")


def _is_made_in(weight: Value, loop: Region) -> bool:
    """Whether a turn makes the weight anew, or draws it as a batch, so that its gradient starts anew as well."""
    for option in options(weight):
        match option:
            case Item(source=Result(callee=Member(name="parameters" | "named_parameters"))):
                continue
            case Item():
                return True
        if isinstance(option, Result) and operation(option) not in ("operator.-", "operator.+"):
            if option.region is None or option.region.inside(loop):
                return True
    return False
