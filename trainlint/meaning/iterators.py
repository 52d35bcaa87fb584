"""What the text calls the iterator that an evaluation takes its batches from: `val_batches = iter(loader)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.claims import says_held_out
from trainlint.meaning.dataflow import walk
from trainlint.meaning.evaluations import drawn_from
from trainlint.meaning.loaders import loaders_behind
from trainlint.meaning.results import makes_no_claim
from trainlint.meaning.syntax import Assign, Attribute, Call, Define, Expression, For, Name, Node, nodes_in
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Item

if TYPE_CHECKING:
    from trainlint.meaning.evaluation import Evaluation


def claimed_iterator(evaluation: Evaluation) -> tuple[str, Node] | None:
    """The name of an iterator that says held-out data, and the call that makes it; None where a caller brings the batches."""
    if is_brought(evaluation):
        return None
    for name in _names(evaluation):
        made = _made_at(evaluation, name)
        if made is not None and says_held_out(name) and not makes_no_claim(name):
            return name, made
    return None


def is_brought(evaluation: Evaluation) -> bool:
    """Whether the function that goes through batches is given what it draws them from."""
    served = {id(value) for value in drawn_from(evaluation.event)}
    region = _call_of(evaluation.event.region)
    function = region.function if region is not None else None
    names = region.names if region is not None else None
    if function is None or not names:
        return False
    parameters = [p.name for p in function.node.parameters if p.name != "self" and p.name in names]
    return any(
        id(v) in served or any(id(made.value) in served for made in loaders_behind(v))
        for name in parameters
        for v in walk(names[name])
    )


def draws_by_hand(evaluation: Evaluation) -> list[Call]:
    """The calls of `next` that give a forward its batches."""
    items = (v for given in evaluation.event.inputs for v in walk(given) if isinstance(v, Item))
    return [item.node for item in items if item.key is None and isinstance(item.node, Call)]


def _names(evaluation: Evaluation) -> Iterator[str]:
    node = evaluation.loop.node
    looped = [node.iterable] if isinstance(node, For) else []
    for expression in (*map(_iterator_of, draws_by_hand(evaluation)), *looped):
        inner = expression
        if isinstance(inner, Call) and inner.arguments:
            inner = inner.arguments[0].value  # `enumerate(val_bar)`
        if isinstance(inner, Name):
            yield inner.id


def _iterator_of(call: Call) -> Expression | None:
    """What `next(batches)` or `batches.next()` takes a batch from."""
    if isinstance(call.function, Attribute):
        return call.function.value
    return call.arguments[0].value if call.arguments else None


def _made_at(evaluation: Evaluation, name: str) -> Call | None:
    """The one call whose result has this name in the function that goes through it, or in the file."""
    region = _call_of(evaluation.event.region)
    function = region.function.node if region is not None and region.function is not None else None
    body = function.body if isinstance(function, Define) else evaluation.event.node.unit.body
    given = [
        n.value
        for n in nodes_in(body)
        if isinstance(n, Assign) and any(isinstance(t, Name) and t.id == name for t in n.targets)
    ]
    return given[0] if len(given) == 1 and isinstance(given[0], Call) else None


def _call_of(region: Region) -> Region | None:
    return next((r for r in region.ancestors() if r.function is not None), None)
