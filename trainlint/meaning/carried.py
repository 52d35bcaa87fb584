"""Recurrent state that goes from batch to batch with its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.attachment import attached
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import certainty, operation, same, walk
from trainlint.meaning.facts.operations import SHAPE_ONLY
from trainlint.meaning.flow import of_kind
from trainlint.meaning.handover import handed_in
from trainlint.meaning.kept_state import kept_attribute
from trainlint.meaning.place import Change, insert_after, text_of
from trainlint.meaning.syntax import Assign, Call, For, Name, Node, While, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Argument,
    Choice,
    Class,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class CarriedState:
    """A module's state that the next iteration gets although a backward pass went through its graph."""

    call: Result
    backward: Event
    state: Value  # as the call gets it
    position: int
    kept: str | None = None  # the attribute that holds it between the batches

    @property
    def node(self) -> Node:
        """The call in the loop's own text that leads to the module; of a state that is kept, the module's own."""
        if self.kept is not None and self.call.node is not None:
            return self.call.node
        found = self.outer.node if self.outer is not None else self.call.node
        assert found is not None
        return found

    @property
    def outer(self) -> Region | None:
        region, found = self.call.region, None
        while region is not None and region is not self.backward.loop:
            found = region if region.kind == "call" and isinstance(region.node, Call) else found
            region = region.parent
        return found

    @property
    def retains(self) -> bool:
        """Whether the graph grows instead of raising."""
        return retains(self.backward)

    @property
    def known(self) -> Certainty:
        return certainty(self.call.callee)  # type: ignore[return-value]  # one of the certainties

    @property
    def cut(self) -> list[Change]:
        """The edit that takes the state out of its graph behind the backward pass."""
        if self.kept is not None:
            return []
        node, home = self.node, self.backward.node
        if not isinstance(node, Call) or node.unit is not home.unit:
            return []
        given: Node | None = None
        if self.outer is not None:
            given = handed_in(self.outer, self.state)
        elif len(node.arguments) > self.position and self.call.region is self.backward.region:
            given = node.arguments[self.position].value
        if not isinstance(given, Name):
            return []
        name = text_of(given)
        if _is_named_anew(name, self.backward):
            return []
        pair = any(isinstance(o, Sequence) for o in options(self.state)) or _is_lstm(self.call.callee)
        cut = f"tuple(part.detach() for part in {name})" if pair else f"{name}.detach()"
        return [insert_after(home, f"{name} = {cut}")]


def _is_named_anew(name: str, backward: Event) -> bool:
    """Whether the loop gives a name its next state only behind the backward pass: a cut before that is of no use."""
    loop = backward.loop
    around = loop.node if loop is not None else None
    if not isinstance(around, (For, While)):
        return False
    statements = around.body.statements
    holding = (k for k, s in enumerate(statements) if any(n is backward.node for n in nodes_in(s)))
    later = statements[next(holding, len(statements)) :]
    assigned = (node for s in later for node in nodes_in(s) if isinstance(node, Assign))
    return any(text_of(target) == name for node in assigned for target in node.targets)


def carried_states(program: Program) -> list[CarriedState]:
    found: dict[int, CarriedState] = {}
    for backward in program.backwards:
        loop = backward.loop
        if backward.value is None or loop is None or loop.unrolled or is_in_unit_test(backward):
            continue
        for carried in (
            *_carried(backward, loop),
            *_kept(program, backward, loop),
            *_computed(backward, loop),
        ):
            found.setdefault(id(carried.call.node), carried)
    return list(found.values())


def _carried(backward: Event, loop: Region) -> Iterator[CarriedState]:
    assert backward.value is not None
    for value in walk(backward.value, lambda v: attached(v) is not False):
        if not isinstance(value, Result) or not _is_module(value.callee, backward) or value.node is None:
            continue
        if value.region is None or not value.region.inside(loop):
            continue
        for position, given in enumerate(value.arguments):
            parts = given.items if isinstance(given, Sequence) else (given,)
            if position and any(_comes_round(part, value, loop) for part in parts):
                yield CarriedState(value, backward, given, position)


def _is_module(callee: Value, backward: Event) -> bool:
    """A module that is seen, or one that is not shown where the graph is kept: what else would that be for?"""
    return isinstance(callee, Instance) or (_is_left_out(callee) and retains(backward))


def _is_left_out(callee: Value) -> bool:
    """What a fragment does not show, or a caller brings: `net(x, state)`, `net.rnn(x, state)`."""
    while isinstance(callee, Member):
        callee = callee.receiver
    return isinstance(callee, (Argument, Free))


def retains(backward: Event) -> bool:
    """Whether the graph is kept for the next backward pass."""
    detail = backward.detail
    keywords = detail[1] if isinstance(detail, tuple) and isinstance(detail[1], dict) else {}
    return "retain_graph" in keywords and constant(keywords["retain_graph"]) is True


def _kept(program: Program, backward: Event, loop: Region) -> Iterator[CarriedState]:
    assert backward.value is not None
    for value in walk(backward.value, lambda v: attached(v) is not False):
        if isinstance(value, Result) and value.region is not None and value.region.loop is loop:
            attribute = kept_attribute(program, value, backward)
            state = passed(value, 1, "hx") if attribute is not None else None
            if state is not None:
                yield CarriedState(value, backward, state, 1, attribute)


def _computed(backward: Event, loop: Region) -> Iterator[CarriedState]:
    """State that a module of the project computes itself from what it gave in the turn before: `v = 0.9 * v + x`."""
    if backward.guards(loop) or backward.value is None:
        return
    passed = {id(v) for v in walk(backward.value, lambda v: attached(v) is not False)}
    for event in of_kind(loop, "forward"):
        module = one(event.target)
        if not isinstance(module, Instance) or not isinstance(module.cls, Class) or event.value is None:
            continue
        given = {id(v) for v in walk(event.value, lambda v: isinstance(v, (Choice, Sequence)))}
        for position, state in enumerate(event.inputs):
            turn = one(state)
            if not isinstance(turn, Choice) or turn.home is not loop or id(turn) not in passed:
                continue
            for made in turn.options:
                if isinstance(made, Result) and id(made) in given & passed and attached(made) is True:
                    yield CarriedState(made, backward, turn, position)


def _comes_round(state: Value, call: Result, loop: Region) -> bool:
    """Whether a state is what this very call gave in the turn before, and nothing else but what it starts from."""
    behind = list(walk(state, lambda v: isinstance(v, (Choice, Sequence)) or _is_copy(v)))
    if not any(isinstance(v, Choice) and v.home is loop for v in behind):
        return False
    carried = [
        v
        for v in behind
        if not isinstance(v, (Choice, Sequence)) and not (_is_copy(v) and attached(v) is True)
        if not is_none(v) and _is_made_in(v, loop) and any(_is_result(inner, call) for inner in walk(v))
    ]
    unseen = _is_left_out(call.callee)
    return bool(carried) and all(
        (attached(v) is True or (unseen and attached(v) is None)) and _is_of(v, call) for v in carried
    )


def _is_copy(value: Value) -> bool:
    """Whether a value holds the numbers of another one, with its graph: `state.clone()`."""
    return operation(value) in SHAPE_ONLY


def _is_made_in(value: Value, loop: Region) -> bool:
    for inner in walk(value, lambda v: isinstance(v, (Item, Sequence))):
        if isinstance(inner, Result) and (inner.region is None or inner.region.inside(loop)):
            return True
    return False


def _is_of(state: Value, call: Result) -> bool:
    """Whether a value is one of the results of the call, or taken together of several."""
    if isinstance(state, Item):
        return any(_is_of(o, call) for o in options(state.source))
    return _is_result(state, call)


def _is_result(value: Value, call: Result) -> bool:
    if value is call or not isinstance(value, Result) or value.node is not call.node:
        return value is call
    return same(value.callee, call.callee) is True or _is_instead_of(value, call)


def _is_instead_of(value: Result, call: Result) -> bool:
    """Whether one of two modules gives a value, as an option has it: `nn.LSTM(...) if given.long else nn.GRU(...)`."""
    one_arm, other = value.region, call.region
    if one_arm is None or other is None or one_arm.parent is None or other.parent is None:
        return False
    return one_arm.kind == other.kind == "arm" and one_arm.parent.node is other.parent.node


def _is_lstm(module: Value) -> bool:
    return isinstance(module, Instance) and getattr(module.cls, "name", "").endswith("nn.LSTM")
