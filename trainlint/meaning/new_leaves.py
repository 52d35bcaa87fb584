"""Losses, or what they are computed of, that are wrapped into new leaves: `Variable(loss, requires_grad=True)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import peel, same, walk
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.flow import of_kind
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Argument,
    External,
    Free,
    Instance,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_WRAPPING = ("torch.autograd.Variable", "torch.tensor")
_DEEP = 12


def new_leaves(program: Program) -> Iterator[tuple[Event, Result]]:
    """The calls that make a new leaf of a loss, for a backward pass that is not shown, and of what a loss judges."""
    if not program.mentions("requires_grad"):
        return
    for backward in program.backwards:
        judged = _judged(program, backward)
        if judged is not None:
            yield backward, judged
    made: dict[int, Result] = {}
    for names in program.namings:
        for value in names.values():
            made |= {id(o): o for o in options(value) if isinstance(o, Result) and is_leaf(o)}
    for leaf in made.values():
        if id(leaf) in program.used_by_backwards or leaf.node is None or leaf.region is None:
            continue
        if any(map(_is_loss, _summands(leaf.arguments[0]))):
            patch = Event("requires_grad", leaf.node, leaf.region, leaf.arguments[0], leaf, grad=leaf.grad)
            yield patch, leaf


def _judged(program: Program, backward: Event) -> Result | None:
    """The leaf that a criterion judges in place of what a network gave: the network's gradients are cleared or clipped,
    and nothing is called behind the loss but the criterion."""
    if backward.value is None or not _steps_a_network(backward.region.root):
        return None
    values = list(walk(backward.value))
    judged = [v for v in values if isinstance(v, Result) and _is_loss(v) and v.arguments]
    leaves = [option for loss in judged for option in peel(loss.arguments[0])]
    called = [
        v.callee for v in values if isinstance(v, Result) and not isinstance(v.callee, (External, Member))
    ]
    if not leaves or any(isinstance(c, (Free, Argument)) or not _is_criterion(c) for c in called):
        return None
    found = [leaf for leaf in leaves if isinstance(leaf, Result) and is_leaf(leaf)]
    given = [_root(leaf.arguments[0]) for leaf in found]
    return (
        found[0]
        if len(found) == len(leaves) and all(isinstance(v, (Free, Argument)) for v in given)
        else None
    )


def _steps_a_network(root: Region) -> bool:
    """Whether a step uses the gradients of a network: they are clipped, or the network itself clears them."""
    stepped = [e.target for e in of_kind(root, "step")]
    cleared = [e.target for e in of_kind(root, "zero_grad")]
    apart = any(same(network, each) is False for network in cleared for each in stepped)
    return bool(stepped) and (apart or bool(of_kind(root, "clip")))


def _root(value: Value) -> Value:
    """What a value is a method's answer of: `scores` of `scores.float()`."""
    found = one(value)
    while isinstance(found, Result) and isinstance(found.callee, Member):
        found = one(found.callee.receiver)
    return found


def _is_loss(value: Value) -> bool:
    return isinstance(value, Result) and _is_criterion(value.callee)


def _is_criterion(callee: Value) -> bool:
    made = callee.cls if isinstance(callee, Instance) else callee
    return isinstance(made, External) and criterion(made.name) is not None


def is_leaf(value: Result) -> bool:
    """`Variable(x, requires_grad=True)`: whatever graph `x` had is left behind."""
    name = value.callee.name if isinstance(value.callee, External) else ""
    told = constant(value.keywords.get("requires_grad", NONE))
    return name in _WRAPPING and told is True and len(value.arguments) == 1


def is_told_to_learn(term: Value, cut: Value) -> bool:
    """Whether a term is computed of a new leaf of what was cut: `torch.tensor(scores_of_numpy, requires_grad=True)`.

    Who adds that to a loss expects gradients of it, unlike who adds a number.
    """
    leaves = [v for v in walk(term, lambda v: v is not cut) if isinstance(v, Result) and is_leaf(v)]
    return any(v is cut for leaf in leaves for v in walk(leaf.arguments[0]))


def _summands(value: Value, depth: int = 0) -> list[Value]:
    """What a loss is summed up of."""
    match one(value):
        case Result(
            callee=External(name="builtins.sum"), arguments=(Sequence(items=items, element=None), *_)
        ):
            parts = list(items)
        case Result(callee=External(name="operator.+"), arguments=parts):
            parts = list(parts)
        case found:
            return [found]
    return [found for part in parts for found in _summands(part, depth + 1)] if depth < _DEEP else []
