"""Functions of the project that bound gradients as `clip_grad_norm_` and `clip_grad_value_` do."""

from __future__ import annotations

from trainlint.meaning.dataflow import is_gradient, walk
from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Attribute, Call, Define, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Function

OWN = "own"  # detail of a clip that a function of the project does


def note_own_clip(machine: Machine, function: Function, node: Node | None) -> None:
    """Take a call for a clip if its function does no more than keep gradients within a bound."""
    body = function.node.body if isinstance(function.node, Define) else None
    if body is None or node is None or "grad" not in body.words or body.words.isdisjoint(_IN_PLACE):
        return
    called = machine.region.items[-1] if machine.region.items else None
    if type(called) is not Region or called.function is not function or called.stopped:
        return
    events = called.events()
    bounds = [event for event in events if event.kind == "rescale" and _bounds(event)]
    if bounds and not any(event.kind in _MORE for event in events):
        machine.record("clip", node, bounds[0].target, None, tuple(bounds[0].inputs), OWN)


def _bounds(event: Event) -> bool:
    """`p.grad.clamp_(-1, 1)`, or a factor that was computed of gradients themselves: of their norm."""
    node = event.node
    if isinstance(node, Call) and isinstance(node.function, Attribute) and node.function.name in _CLAMPS:
        return True
    given = (*event.inputs, *((event.value,) if event.value is not None else ()))
    return any(is_gradient(inner) for value in given for inner in walk(value) if inner is not event.target)


_MORE = frozenset(
    "forward criterion backward zero_grad step descent unscale update lr_write unresolved".split()
)
_CLAMPS = frozenset(("clamp_", "clip_"))
_IN_PLACE = _CLAMPS | {"mul_", "div_"}
