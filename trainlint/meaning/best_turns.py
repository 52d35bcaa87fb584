"""The best score of all turns of a loop that trains, taken for its result: `best = max(best, score)`, `max(scores)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.decisions import Decision
from trainlint.meaning.flow import enclosing_loops, key
from trainlint.meaning.picked import BEST_TURN
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Choice, Sequence, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_TELLING = frozenset("print info log write format add_scalar set_description set_postfix".split())


def best_turns(program: Program) -> list[Decision]:
    """Where the best of several numbers is taken."""
    return [
        Decision("report", event.node, event.region, (event.target,), program.gathered)
        for event in program.events("choose")
        if event.detail == BEST_TURN
    ]


def is_of_epochs(program: Program, decision: Decision, forward: Event) -> bool:
    """Whether a network was trained between the scores, each of which such a forward gave, and the best one is told."""
    epochs = next((loop for loop in enclosing_loops(forward.region) if loop.has("backward", "step")), None)
    if epochs is None or id(forward.value) in program.used_by_backwards:
        return False
    given = decision.tests[0]
    numbers = given.items if isinstance(given, Sequence) else ()
    if decision.region.inside(epochs) and enclosing_loops(decision.region)[0] is not epochs:
        return False  # of the batches of one turn
    if not any(_is_older(number, epochs) for number in numbers):
        return False
    return isinstance(decision.node, s.Call) and _is_told(decision.node)


def _is_older(number: Value, epochs: Region) -> bool:
    """Whether a number, or a list of them, comes from other turns as well."""
    if isinstance(number, Choice):
        return number.loop or any(_is_older(option, epochs) for option in number.options)
    listed = one(number)
    if not isinstance(listed, Sequence) or not isinstance(listed.region, Region):
        return False
    return listed.open and not listed.region.inside(epochs)


def _is_told(chosen: s.Call) -> bool:
    """Whether a number is written out, here or under the name that it gets; bounds of a drawing are no result."""
    name = ""
    for node in s.nodes_in(chosen.unit.body):
        if isinstance(node, s.Assign) and node.value is not None and _is(node.value, chosen):
            name = key(node.targets[0])
    return any(
        key(node) == name if name and isinstance(node, (s.Name, s.Attribute)) else _is(node, chosen)
        for told in _told(chosen.unit.body)
        for node in s.nodes_in(told)
    )


def _is(node: s.Node, chosen: s.Call) -> bool:
    return isinstance(node, s.Call) and node.cst is chosen.cst


def _told(body: s.Block) -> Iterator[s.Node]:
    for node in s.nodes_in(body):
        match node:
            case s.Format() | s.Return():
                yield node
            case s.Call(function=s.Name(id=name) | s.Attribute(name=name)) if name in _TELLING:
                yield node
