"""Rows of one whole that a network is judged by and does not learn from: `scores[graph.val_mask]` of all nodes' scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Constant, Item, Member, Result, Sequence, Value, is_slice, one, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def is_of_other_rows(program: Program, event: Event, training: list[Event]) -> bool:
    """Whether all passes that train learn from some rows of their output, and others of this one are looked at."""
    learned = [list(_rows_learned(program, trained)) for trained in training]
    if not learned or not all(learned):
        return False
    known = [rows for found in learned for rows in found]
    looked_at = [option for rows in _rows_looked_at(event) for option in options(rows)]
    return any(all(_differ(rows, other) for other in known) for rows in looked_at)


def _rows_learned(program: Program, trained: Event) -> Iterator[Value]:
    """The rows of an output that the losses are computed of; nothing where one takes all of them."""
    root = trained.region.root
    outputs = {id(trained.value), *map(id, options(trained.value))} if trained.value is not None else set()
    for backward in program.backwards:
        if backward.region.root is root and backward.value is not None:
            for value in walk(backward.value):
                if isinstance(value, Item) and value.key is not None and _are_rows(value.key):
                    if any(id(v) in outputs for v in walk(value.source)):
                        yield from options(value.key)


def _are_rows(key: Value) -> bool:
    """A mask or indices, and neither a column nor a stretch of a batch."""
    return not any(isinstance(o, (Constant, Sequence)) or is_slice(o) for o in options(key))


def _differ(first: Value, second: Value) -> bool:
    """Whether two selections have been made apart from each other."""
    a, b = one(first), one(second)
    if isinstance(a, Result) and isinstance(b, Result):
        return a is not b and a.node is not b.node
    return same(a, b) is False


def _rows_looked_at(event: Event) -> Iterator[Value]:
    """What the code around a forward picks out of its output."""
    home = next((r for r in event.region.ancestors() if r.kind in ("call", "closure", "root")), None)
    function = home.function.node if home is not None and home.function is not None else None
    body = function.body if isinstance(function, s.Define) else event.node.unit.body
    names = _names(home, event)
    held: set[str] = set()
    for statement in _in_order(body):
        if isinstance(statement, s.Assign) and statement.value is not None:
            if _holds(statement.value, event.node, held):
                held |= {t.id for target in statement.targets for t in s.names_in(target)}
        for node in s.nodes_in(statement):
            if (
                isinstance(node, s.Subscript)
                and len(node.indices) == 1
                and _holds(node.value, event.node, held)
            ):
                found = _value_of(node.indices[0], names)
                if found is not None and _are_rows(found):
                    yield found


def _in_order(body: s.Block) -> Iterator[s.Statement]:
    for statement in body.statements:
        yield statement
        for inner in (getattr(statement, name, None) for name in ("body", "then", "otherwise", "final")):
            if isinstance(inner, s.Block):
                yield from _in_order(inner)


def _holds(node: s.Expression, seed: s.Node, held: set[str]) -> bool:
    """Whether an expression has the output in it, or a name that was made of it."""
    return any(
        (isinstance(inner, s.Name) and inner.id in held) or getattr(inner, "cst", None) is seed.cst
        for inner in s.nodes_in(node)
    )


def _names(home: Region | None, event: Event) -> dict[str, Value]:
    scope = event.node.unit.scope
    outer = scope.names if scope is not None else {}
    return {**outer, **(home.names or {})} if home is not None else dict(outer)


def _value_of(node: s.Expression, names: dict[str, Value]) -> Value | None:
    match node:
        case s.Name(id=name):
            return names.get(name)
        case s.Attribute(value=inner, name=name):
            owner = _value_of(inner, names)
            return Member(one(owner), name) if owner is not None else None
    return None
