"""Losses written out in the project that take the log_softmax of what a softmax has normalised before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.objectives import Head, head_of
from trainlint.meaning.place import Change
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import External, Instance, Result, Value, constant
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Renormalised:
    """A log_softmax of probabilities, on the way to a backward pass.

    `node`: where the author hands probabilities to the function that does it, or the log_softmax itself.
    """

    node: Node
    log: Result
    head: Head

    @property
    def places(self) -> list[Node]:
        """Where the softmax is, and the log_softmax behind it."""
        made = self.head.layer.node if self.head.layer is not None else None
        found: list[Node] = []
        for place in (self.head.node, made, self.log.node):
            if place is not None and place is not self.node and all(place is not f for f in found):
                found.append(place)
        return found

    @property
    def without(self) -> list[Change]:
        from trainlint.meaning.rewrites import without

        return without(self.head)


def renormalised(program: Program) -> list[Renormalised]:
    heads = {id(head.value) for objective in program.objectives for head in objective.heads}
    found: dict[int, Renormalised] = {}
    for one in program.passes:
        for value in one.values:
            if isinstance(value, Result) and operation(value) == "log_softmax" and id(value) not in heads:
                for twice in _twice(value):
                    found.setdefault(id(twice.node), twice)
    return list(found.values())


def _twice(log: Result) -> list[Renormalised]:
    given = operands(log)
    normalised = [head_of(value) for value in peel(given[0])] if given else []
    if not normalised or not all(_is_over_the_same(head, log) for head in normalised):
        return []
    node = _handed_to(log, normalised[0].value)
    return [Renormalised(node, log, normalised[0])] if node is not None else []


def _is_over_the_same(head: Head, log: Result) -> bool:
    """Whether a head is a softmax over the classes that the log_softmax goes over; -1 may be any other."""
    if head.operation != "softmax" or not isinstance(head.value, Result):
        return False
    first, second = _dimension(head.value), _dimension(log)
    return first == second or -1 in (first, second) or None in (first, second)


def _dimension(value: Result) -> object:
    """Over which dimension an operation normalises; None where that is not said, or not known."""
    holder = value.callee if isinstance(value.callee, Instance) else value
    place = 1 if isinstance(value.callee, External) else 0
    given = holder.keywords.get("dim") or holder.keywords.get("axis")
    if given is None and len(holder.arguments) > place:
        given = holder.arguments[place]
    found = constant(given) if given is not None else None
    return found if isinstance(found, int) else None


def _handed_to(log: Result, softmax: Value) -> Node | None:
    """The outermost call that leads to the log_softmax and not to the softmax before it; else the log_softmax."""
    assert isinstance(softmax, Result)
    home, inner = log.region, softmax.region
    if not isinstance(home, Region) or not isinstance(inner, Region):
        return None
    found = log.node
    for region in home.ancestors():
        if inner is region or inner.inside(region):
            break
        if region.kind == "call" and isinstance(region.node, Call):
            found = region.node
    return found
