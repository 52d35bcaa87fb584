"""Loops over the parts of one update: `for part in range(parts):` draws a batch and goes backward, behind it the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.iteration import underlying
from trainlint.meaning.objects import is_module
from trainlint.meaning.syntax import Attribute, Call, Expression, For, Name, Node, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Unknown,
    Value,
    is_slice,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.updates import Update

_RANDOM = frozenset("randint randperm choice choices permutation sample integers random_integers".split())


def loop_of_parts(update: Update, backward: Event) -> Region | None:
    """The loop that computes the gradients of one step from several batches, one after the other."""
    loops = enclosing_loops(backward.region)
    if len(loops) < 2 or loops[1] is not update.loop or not isinstance(loops[0].node, For):
        return None
    inner = loops[0]
    if any(e.kind in ("step", "zero_grad", "grad_write") for e in inner.events()):
        return None
    number = times(inner)
    if number is None or backward.value is None or backward.guards(inner):
        return None
    number = one(number)
    alone = isinstance(number, Constant) and number.value in (0, 1) and number.under is None
    return inner if _is_setting(number) and not alone and draws_anew(backward.value, inner) else None


def times(loop: Region) -> Value | None:
    """The number of turns of `for _ in range(number):`."""
    source = one(underlying(loop.iterable)) if loop.iterable is not None else None
    match source:
        case Result(callee=External(name="builtins.range"), arguments=(number,)):
            return number
        case Result(callee=External(name="builtins.range"), arguments=(Constant(value=0), number)):
            return number
    return None


def written_times(loop: Region) -> Expression | None:
    """How the author writes it."""
    node = loop.node
    if not isinstance(node, For):
        return None
    for call in nodes_in(node.iterable):
        if isinstance(call, Call) and isinstance(call.function, Name) and call.function.id in _RANGES:
            return call.arguments[-1].value if call.arguments else None
    return None


def is_written_in(loop: Region, node: Node) -> bool:
    """Whether something stands in the text of a loop, and not in a function that it calls."""
    return isinstance(loop.node, For) and any(inner is node for inner in nodes_in(loop.node.body))


_RANGES = ("range", "trange")


def _is_setting(number: Value) -> bool:
    """Whether a number is written in the code or its settings, and no length of what there is."""
    return all(
        isinstance(v, (Constant, Unknown, Argument, Free, Member, External))
        or operation(v).startswith("operator.")
        or len(options(v)) > 1
        for v in walk(number, lambda v: not isinstance(v, Member))
    )


def draws_anew(given: Value, loop: Region) -> bool:
    """Whether what each turn computes comes from a batch of its own, of the same kind: drawn, cut out by rows, or asked for."""
    written = {id(n) for n in nodes_in(loop.node.body)} if isinstance(loop.node, For) else set[int]()
    for value in walk(given, limit=_BEHIND):
        match value:
            case Item(key=None, node=Call() as call) if id(call) in written and _is_next(call):
                return True
            case Item(key=key) if key is not None and _are_rows(key, loop):
                return True
            case Result(callee=callee, node=node) if id(node) in written and _is_asked_for(value, callee):
                return True
    return False


_BEHIND = 3_000


def _is_next(call: Call) -> bool:
    """`next(batches)`; not `next(batches[task])`, which is other data in each turn."""
    match call:
        case Call(function=Name(id="next"), arguments=(given, *_)):
            return isinstance(given.value, (Name, Attribute))
        case Call(function=Attribute(name="next" | "__next__", value=drawn)):
            return isinstance(drawn, (Name, Attribute))
    return False


def _are_rows(key: Value, loop: Region) -> bool:
    """Rows that were drawn in a turn, or a slice that the turn's number moves."""
    behind = list(walk(key, limit=60))
    if any(isinstance(v, Result) and operation(v) in _RANDOM and _is_within(v, loop) for v in behind):
        return True
    return is_slice(key) and any(isinstance(v, Item) and v.source is loop.iterable for v in behind)


def _is_within(value: Result, loop: Region) -> bool:
    return value.region is not None and value.region.inside(loop)


def _is_asked_for(value: Result, callee: Value) -> bool:
    """`get_batch("train")` or `stream.next_batch()`, which nobody shows: a call with no data in it."""
    given = [*value.arguments, *value.keywords.values()]
    match callee:
        case Member(receiver=receiver):
            given.append(receiver)
        case Free() | Argument():
            pass
        case _:
            return False
    return not any(_is_data(v) for each in given for v in walk(each, limit=60))


def _is_data(value: Value) -> bool:
    if isinstance(value, Instance):
        return is_module(value)
    return isinstance(value, Item) or (
        isinstance(value, Result) and not operation(value).startswith("operator.")
    )
