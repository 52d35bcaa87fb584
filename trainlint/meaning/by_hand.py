"""Criteria that a program writes out itself: errors, cross entropies and likelihoods, by what a backward pass goes through.

`((out - y) ** 2).mean()` is a squared error wherever it is written, in a function or in a module of the project's own.
It is one of a prediction only if one side comes out of a network and the other out of no network: two networks'
answers, a penalty of gradients or the distance of weights is no error that data decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.addends import Addend, addends
from trainlint.meaning.compared import Compared, error
from trainlint.meaning.dataflow import peel
from trainlint.meaning.facts.losses import BY_HAND, Criterion
from trainlint.meaning.likelihoods import cross_entropies, likelihood
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Result, Value

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def written_out(program: Program) -> Iterator[tuple[Event, Criterion]]:
    """The criteria that are written out on the way to a backward pass, each as if it had been called."""
    seen = set[int]()
    for backward in program.backwards:
        for pair in _pairs(list(addends(backward.value))) if backward.value is not None else ():
            event = _event(pair)
            if event is not None and id(event.value) not in seen:
                seen.add(id(event.value))
                yield event, pair.criterion


def _pairs(parts: list[Addend]) -> Iterator[Compared]:
    crossed = list(cross_entropies(parts))
    yield from crossed
    taken = {id(part) for pair in crossed for part in pair.parts}
    for part in parts:
        found = None if id(part) in taken else error(part) or likelihood(part)
        if found is not None:
            yield found


def _event(pair: Compared) -> Event | None:
    value = pair.value
    if not isinstance(value, Result) or value.node is None or not isinstance(value.region, Region):
        return None
    node, region = _handed_over(value, pair.prediction)
    given = tuple(condition for outer in region.ancestors() for condition in outer.given)
    return Event(
        "criterion",
        node,
        region,
        value.callee,
        value,
        (pair.prediction, pair.target),
        {BY_HAND: pair.criterion.name},
        value.grad,
        given,
    )


def _handed_over(loss: Result, prediction: Value) -> tuple[Node, Region]:
    """The outermost call that computes a loss and not the prediction: `rmse(out, y)`; else the loss itself."""
    inner = next((v.region for v in peel(prediction) if isinstance(v, Result)), None)
    assert loss.node is not None
    node, home = loss.node, loss.region
    if not isinstance(inner, Region):
        return node, home
    for region in loss.region.ancestors():
        if inner is region or inner.inside(region):
            break
        if region.kind == "call" and isinstance(region.node, Call) and region.parent is not None:
            node, home = region.node, region.parent
    return node, home
