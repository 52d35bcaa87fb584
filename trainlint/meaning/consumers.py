"""What uses the values that a loop keeps: a later backward pass, a caller that nobody shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.objects import external_bases, has_unknown_base
from trainlint.meaning.syntax import Assign, Define
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.values import (
    Class,
    Instance,
    Result,
    Sequence,
    Value,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """A backward pass and all that its loss was computed from; the sets hold identities."""

    event: Event
    values: tuple[Value, ...]
    met: frozenset[int]
    nodes: frozenset[int]  # of the results
    looped_over: frozenset[int]  # by the loops in which results are computed


def passes(program: Program) -> list[Pass]:
    """The backward passes of a program, and the gradients that it asks for."""
    asked = [e for e in program.events("grad_write") if e.detail == "autograd.grad"]
    starts = [(e, e.value) for e in program.backwards] + [(e, e.target) for e in asked]
    return [_pass(event, start) for event, start in starts if start is not None]


def _pass(event: Event, start: Value) -> Pass:
    values = tuple(walk(start))
    results = [value for value in values if isinstance(value, Result)]
    regions = {id(result.region): result.region for result in results if result.region is not None}
    loops = {id(loop): loop for region in regions.values() for loop in enclosing_loops(region)}
    return Pass(
        event,
        values,
        frozenset(map(id, values)),
        frozenset(id(result.node) for result in results),
        frozenset(id(v) for r in loops.values() if r.iterable is not None for v in walk(r.iterable)),
    )


def is_consumed(program: Program, event: Event, loop: Region) -> bool:
    """Whether a backward pass uses what has been kept: a summed loss, an unrolled sequence, returns."""
    holders = [o for o in options(event.target) if isinstance(o, (Sequence, Instance))]
    held = {id(holder) for holder in holders}
    before = {id(event.value), *(id(part) for holder in holders for part in _elements(holder))}
    sums = {id(event.node), id(event.node.value) if isinstance(event.node, Assign) else 0}
    for one in program.passes:
        if not sums.isdisjoint(one.nodes) or not (
            held.isdisjoint(one.met) and held.isdisjoint(one.looped_over)
        ):
            return True
        if one.event.region.inside(loop):
            continue
        if not before.isdisjoint(one.met) or any(_is_made_in(value, loop) for value in one.values):
            return True  # the loop makes an objective: its graphs are there until the pass behind it
    return False


def _elements(holder: Value, depth: int = 0) -> list[Value]:
    """What a list held before, in place of which something else was put: what reads the list reads that now."""
    if not isinstance(holder, Sequence) or holder.element is None or depth > 3:
        return []
    return [found for option in options(holder.element) for found in (option, *_elements(option, depth + 1))]


def _is_made_in(value: Value, loop: Region) -> bool:
    """Whether a loop computes a value with a graph of its own."""
    return (
        isinstance(value, Result)
        and value.region is not None
        and value.region.inside(loop)
        and attached(value) is not False
    )


def escapes(loop: Region) -> bool:
    """Whether the accumulator leaves a function that nobody is seen to call, perhaps to a backward pass."""
    for region in loop.ancestors():
        if region.function is not None:
            body = getattr(region.function.node, "body", None)
            if body is not None and "backward" not in body.words and region.parent is not None:
                if not _returns(region) or isinstance(region.node, Define):
                    return _returns(region)
                continue  # what it gives may be given on by its caller
            return False
    return False


def is_of_framework(loop: Region) -> bool:
    """Whether a loop stands in a method that nobody is seen to call, of a class whose base is not shown: its framework
    calls the method, with gradients or without."""
    for region in loop.ancestors():
        if region.kind == "call" and isinstance(region.node, Define):
            owner = region.function.owner if region.function is not None else None
            return isinstance(owner, Class) and (
                has_unknown_base(owner) or not all(base.startswith(_PLAIN) for base in external_bases(owner))
            )
    return False


_PLAIN = (
    "torch.",
    "builtins.",
    "abc.",
    "typing.",
    "collections.",
    "enum.",
    "lightning.",
    "pytorch_lightning.",
)


def _returns(region: Region) -> bool:
    """Whether a function gives something to its caller, in some branch at least."""
    for item in region.items:
        if type(item) is Leave and item.kind == "return":
            return True
        if type(item) is Region and item.kind != "call" and _returns(item):
            return True
    return False
