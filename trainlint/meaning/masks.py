"""Scores of some rows of one output, as graphs are learnt: `out[data.test_mask]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import says_test
from trainlint.meaning.dataflow import inputs_of, walk
from trainlint.meaning.purposes import said
from trainlint.meaning.syntax import Attribute, Expression, Literal, Name, Subscript, nodes_in
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Choice, Constant, Item, Mapping, Member, Result, Sequence, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.decisions import Decision
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a network's output that a decision goes by, and what they are called."""

    name: str
    items: tuple[Item, ...]
    forward: Event


def test_rows(outputs: dict[int, Event], decision: Decision) -> Rows | None:
    """The rows that are called test, where a decision goes by no others of any output."""
    found: list[tuple[str, Item]] = []
    reached: Event | None = None
    pending, seen = [*decision.tests], set[int]()
    while pending and len(seen) < _FAR:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if id(current) in outputs:
            return None  # the output as a whole has a say in it
        name = _rows_called(current)
        forward = _of_output(current, outputs) if name and isinstance(current, Item) else None
        if forward is not None and isinstance(current, Item):
            if not says_test(name):
                return None
            found.append((name, current))
            reached = forward
            continue
        pending += inputs_of(current)
        if type(current) is Choice and current.under:
            pending += [test for given in current.under.values() for test, _ in given]
    if reached is None or len(seen) >= _FAR:
        return None
    return Rows(found[0][0], tuple(item for _, item in found), reached)


_FAR = 5_000


def outputs_of(program: Program) -> dict[int, Event]:
    """By the identity of what networks give, alone or as one of several, their forwards; none where no name says test."""
    if not any(says_test(word) for unit in program.units for word in unit.code_words):
        return {}
    return {
        id(value): event
        for event in program.events("forward")
        if event.value is not None and not is_in_unit_test(event)
        for value in walk(event.value, lambda v: isinstance(v, (Choice, Sequence, Mapping)))
        if isinstance(value, (Result, Item, Sequence, Mapping))
    }


def _of_output(rows: Item, outputs: dict[int, Event]) -> Event | None:
    return next((outputs[id(v)] for v in walk(rows.source, limit=400) if id(v) in outputs), None)


def _rows_called(value: Value) -> str:
    """What the rows that are taken are called: `out[idx_test]`, `out[data.test_mask]`, `out[split["test"]]`."""
    if not isinstance(value, Item) or value.key is None or isinstance(one(value.key), Constant):
        return ""
    written = value.node.indices if isinstance(value.node, Subscript) else ()
    names = [name for index in written[:1] for name in _names(index)]
    match one(value.key):
        case Member(name=name) | Item(key=Constant(value=str(name))):
            names.append(name)
    spoken = [name for name in names if said(name)]
    return spoken[0] if len({said(name) for name in spoken}) == 1 else ""


def _names(index: Expression) -> Iterator[str]:
    for node in nodes_in(index):
        match node:
            case Name(id=name) | Attribute(name=name):
                yield name
            case Literal(value=str(text)):
                yield text
