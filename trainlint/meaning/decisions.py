"""What a run decides by numbers that it measures: which weights it keeps, when it lowers its rate, when it stops."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from trainlint.meaning.better import stored
from trainlint.meaning.dataflow import inputs_of, operation, walk
from trainlint.meaning.flow import enclosing_loops, key
from trainlint.meaning.gathered import NOTHING, Gathered, put_into
from trainlint.meaning.objects import is_module
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.picked import ALL_AT_ONCE, BEST_TURN
from trainlint.meaning.syntax import Binary, Call, Comparison, Expression, Node, Subscript
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.values import (
    Choice,
    External,
    Free,
    Instance,
    Item,
    Mapping,
    Result,
    Sequence,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

Kind = Literal["keep", "lower", "stop", "choose", "pick", "report"]
_COMPARING = frozenset("operator.< operator.<= operator.> operator.>=".split())
_STOPPER = re.compile(r"(?i)early_?stop")
_FAR = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Something that a run does or leaves as its numbers say."""

    kind: Kind
    node: Node
    region: Region
    tests: tuple[Value, ...]  # what decides: conditions, or the number that is handed over
    gathered: Gathered

    @property
    def behind(self) -> dict[int, Value]:
        """All that has a say in it."""
        return behind(self.tests, self.gathered)

    @property
    def comparisons(self) -> list[Result]:
        """The comparisons that it rests on."""
        return [v for v in behind(self.tests).values() if type(v) is Result and operation(v) in _COMPARING]

    @property
    def is_handed(self) -> bool:
        """Whether a number is handed to something that compares it by itself."""
        return not self.comparisons

    def is_by_progress(self, sources: set[int]) -> bool:
        """Whether a number that comes from these is compared with what it was before."""
        return any(_is_progress(test, sources, self.gathered) for test in self.comparisons)


def place_of(decision: Decision, sources: set[int]) -> Node:
    """Where the number that decides is chosen: the call that hands it to what compares it, or that is made if it is better,
    or the decision itself."""
    place, compared = decision.node, decision.is_handed
    for region in decision.region.ancestors():
        if region.kind == "arm" and region.truth is not None and not compared:
            compared = not sources.isdisjoint(behind((region.truth,), decision.gathered))
        if region.kind != "call":
            continue
        if not isinstance(region.node, Call) or (
            compared and not _is_handed_in(region, sources, decision.gathered)
        ):
            break
        place = region.node
    return place


def _is_handed_in(call: Region, sources: set[int], gathered: Gathered) -> bool:
    """Whether an argument of a call was computed from one of some values."""
    function = call.function
    if function is None or call.names is None:
        return False
    given = [call.names.get(parameter.name) for parameter in function.node.parameters]
    numbers = [value for value in given if value is not None and not isinstance(one(value), Instance)]
    return any(not sources.isdisjoint(behind((value,), gathered)) for value in numbers)


def decisions(program: Program) -> list[Decision]:
    """Every decision in a loop that a number may have a say in, in order."""
    return [made for root in program.roots for made in _in(root, root, program.gathered)]


def searches(program: Program) -> list[Decision]:
    """Where a loop that trains a network anew in each turn keeps the settings or the network of the best turn."""
    made = [optimizer.loop for optimizer in program.optimizers if optimizer.loop is not None]
    found = []
    for event in program.events("choose"):
        loop = event.loop
        if event.detail == BEST_TURN:
            continue
        if event.detail == ALL_AT_ONCE:
            found += (
                [Decision("pick", event.node, event.region, (event.target,), program.gathered)]
                if made
                else []
            )
        elif loop is not None and any(inner.inside(loop) for inner in made) and not _is_saved(event):
            found.append(Decision("choose", event.node, event.region, (event.target,), program.gathered))
    return found


def _is_saved(choice: Event) -> bool:
    return any(e.kind in ("save", "remember") for e in _beside(choice))


def _in(region: Region, root: Region, gathered: Gathered) -> Iterator[Decision]:
    for item in region.items:
        if type(item) is Region:
            yield from _in(item, root, gathered)
        elif type(item) is Leave:
            yield from _stop(item, gathered)
        elif type(item) is Event:
            yield from _by_event(item, root, gathered)


def _by_event(event: Event, root: Region, gathered: Gathered) -> Iterator[Decision]:
    if event.kind == "schedule" and event.inputs:
        yield Decision("lower", event.node, event.region, event.inputs[:1], gathered)
    elif event.kind in ("save", "remember") and event.loop is not None:
        if event.kind == "remember" and any(e.kind == "save" for e in _beside(event)):
            return  # it is said where it is saved
        tests = tuple(arm.truth for arm in event.guards(root) if arm.truth is not None)
        if tests and _may_change(event):
            yield Decision("keep", event.node, event.region, tests, gathered)
    elif event.kind == "watch" and event.loop is not None and _trains(enclosing_loops(event.region)[-1]):
        yield Decision(event.detail, event.node, event.region, event.inputs, gathered)
    elif event.kind in ("forward", "unresolved", "step") and event.inputs and _is_stopper(event.target):
        yield Decision("stop", event.node, event.region, event.inputs[:1], gathered)


def _may_change(event: Event) -> bool:
    """Whether some turn of the loops around may leave a network in another state: weights that stay are not chosen."""
    outermost = enclosing_loops(event.region)[-1]
    return any(e.kind in _CHANGING or (e.kind == "forward" and _is_handed_one(e)) for e in outermost.events())


_CHANGING = frozenset("backward step fit descent grad_write load load_state unresolved update".split())


def _is_handed_one(call: Event) -> bool:
    """Whether something that is not seen gets a network, or what updates one: `train(model, batches, optimizer)`."""
    given = [option for value in call.inputs for option in options(value)]
    if any(is_module(option) or optimizer(option) is not None for option in given):
        return True
    return call.detail == "unknown" and not any(map(_is_drawn, given))


def _is_drawn(value: Value) -> bool:
    """Whether a value is, or is made of, an element of something that a loop goes through; a number of turns is none."""
    drawn = (v.source for v in walk(value) if isinstance(v, Item) and v.key is None)
    return any(not isinstance(source, Result) or operation(source) != "range" for source in drawn)


def _beside(event: Event) -> Iterator[Event]:
    return (item for item in event.region.items if type(item) is Event)


def _is_stopper(target: Value) -> bool:
    """An `EarlyStopping` from a file or package that is not at hand."""
    match one(target):
        case Instance(cls=External(name=name)) | Free(name=name):
            return _STOPPER.search(name) is not None
    return False


def _stop(leave: Leave, gathered: Gathered) -> Iterator[Decision]:
    """A `break`, or a `return`, that ends the loop around the batches."""
    loop = leave.region.loop
    if loop is None or leave.kind not in ("break", "return") or not _trains(loop):
        return
    arms = []
    for region in leave.region.ancestors():
        if region is loop:
            break
        if region.kind == "call" and leave.kind == "return":
            return  # out of a function that the loop calls
        if region.kind == "arm" and region.truth is not None:
            arms.append(region.truth)
    if arms:
        yield Decision("stop", leave.node, leave.region, tuple(arms), gathered)


def _trains(loop: Region) -> bool:
    return loop.has("backward", "step")


def behind(values: Iterable[Value], gathered: Gathered = NOTHING) -> dict[int, Value]:
    """All that values were computed from, by identity, the conditions that chose between them, and what was put into them."""
    pending, seen = [*values], dict[int, Value]()
    while pending and len(seen) < _FAR:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen[id(current)] = current
        if gathered:
            pending += put_into(current, gathered, seen)
        pending += inputs_of(current)
        if type(current) is Choice and current.under:
            pending += [test for given in current.under.values() for test, _ in given]
    return seen


def given_by(event: Event) -> set[int]:
    """The identities of what a forward pass gives: its value, and each output of a network that gives several."""
    if event.value is None:
        return set()
    outputs = walk(event.value, lambda v: isinstance(v, (Choice, Mapping, Sequence)))
    return {id(event.value)} | {id(v) for v in outputs if isinstance(v, Result)}


def _is_progress(test: Result, sources: set[int], gathered: Gathered) -> bool:
    """Whether a number is compared with what it was before: no look for NaN, no fixed bound."""
    sides = [not sources.isdisjoint(behind((side,), gathered)) for side in test.arguments]
    return len(sides) == 2 and (all(sides) or (any(sides) and _becomes_bound(test)))


def _becomes_bound(test: Result) -> bool:
    """Whether the text keeps one side of a comparison as the other: `if loss < self.best - margin: self.best = loss`."""
    match test.node:
        case Comparison(left=left, rest=((_, right),)) as written:
            sides = [{key(part) for part in _parts(side)} for side in (left, right)]
        case _:
            return False
    for target, value in stored(written.unit.body):
        kept, name = key(value), key(target)
        if kept != name and any(kept in a and name in b for a, b in (sides, sides[::-1])):
            return True
    return False


def _parts(side: Expression) -> Iterator[Expression]:
    yield side
    if isinstance(side, Binary):  # with a margin
        yield from (side.left, side.right)
    if isinstance(side, Subscript):  # of a table that is brought up to date
        yield side.value
