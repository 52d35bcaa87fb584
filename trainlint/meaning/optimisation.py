"""Methods that make a training step: backward passes, steps, clearing, scaling and clipping of gradients."""

from __future__ import annotations

from collections.abc import Callable

from trainlint.meaning.dataflow import descends, operation, walk
from trainlint.meaning.entries import note_entries
from trainlint.meaning.fragments import is_unseen_schedule
from trainlint.meaning.machine import Machine
from trainlint.meaning.overrides import is_dictionary, overwrite
from trainlint.meaning.roles import is_called_scaler, is_called_schedule, role
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    NONE,
    Argument,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Unknown,
    Value,
    constant,
    one,
    options,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]


def _backward(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    receiver = callee.receiver
    loss = receiver
    if arguments and (
        role(receiver) in ("engine", "optimizer", "module") or _takes_the_loss(receiver, arguments[0])
    ):
        loss = arguments[0]
    if "loss" in keywords:
        loss = keywords["loss"]
    if node is not None:
        machine.record("backward", node, unscaled(loss), loss, arguments, detail=(receiver, keywords))
    return NONE


def _takes_the_loss(receiver: Value, first: Value) -> bool:
    """`accelerator.backward(loss)` against `loss.backward(gradient)`, where the receiver is unknown."""
    if any(isinstance(v, Result) and one(v.callee) is one(receiver) for v in walk(first)):
        return True  # `engine.backward(engine(batch))`: a loss is no module
    if any(isinstance(o, (Result, Item)) for o in options(receiver)):
        return False
    if isinstance(one(receiver), Instance):
        return True
    given = one(first)
    if isinstance(given, Member):
        return given.name == "loss"  # `accelerator.backward(outputs.loss)`
    return isinstance(given, Result) and (operation(first) not in _GRADIENTS or _is_computed(given))


def _is_computed(value: Value) -> bool:
    """Whether something was called to get a value: a gradient is written out."""
    return any(
        isinstance(v, Result) and isinstance(v.callee, (Free, Argument, Instance)) for v in walk(value)
    )


_GRADIENTS = frozenset(
    "ones_like zeros_like rand_like randn_like full_like ones rand randn tensor full zeros clone".split()
)


def _manual_backward(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None and arguments:
        machine.record(
            "backward", node, arguments[0], arguments[0], arguments, detail=(callee.receiver, keywords)
        )
    return NONE


def unscaled(loss: Value) -> Value:
    """The loss inside `scaler.scale(loss)`."""
    inner = one(loss)
    if isinstance(inner, Result) and isinstance(inner.callee, Member) and inner.callee.name == "scale":
        if inner.arguments:
            return inner.arguments[0]
    return loss


def _step(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    receiver = callee.receiver
    kind = role(receiver)
    closure = arguments[0] if arguments else keywords.get("closure")
    if node is None:
        return NONE
    if kind == "schedule" or is_unseen_schedule(receiver) or is_called_schedule(receiver):
        machine.record("schedule", node, receiver, None, arguments, detail=keywords)
        return NONE
    if kind == "scaler" or (arguments and kind == "" and _is_scaled(receiver, arguments[0])):
        machine.record(
            "step",
            node,
            arguments[0] if arguments else receiver,
            None,
            arguments,
            detail=("scaler", receiver),
        )
        return NONE
    if closure is not None and isinstance(one(closure), Function):
        with machine.within("closure", node):
            value = machine.call(machine, one(closure), (), {}, node, None)
            machine.record("step", node, receiver, None, arguments, detail=("closure", receiver))
        return value
    detail = ("plain", receiver)
    if arguments and kind == "" and isinstance(one(arguments[0]), (Argument, Free, Item, Member)):
        detail = ("argument", receiver)
    machine.record("step", node, receiver, None, arguments, detail=detail)
    if kind == "" and arguments:  # an environment's step gives observations and rewards
        result = Result(callee, arguments, keywords, node, machine.grad)
        result.region = machine.region
        return result
    return Unknown("step", node)


def own_step(machine: Machine, receiver: Value, node: Node | None, before: int) -> None:
    """An optimizer whose `step` the project writes itself has stepped where that method called no other's.

    `before`: how many items the region had when it was called.
    """
    if node is None or role(receiver) != "optimizer":
        return
    inner = (e for item in machine.region.items[before:] if isinstance(item, Region) for e in item.events())
    if all(event.kind != "step" for event in inner):
        machine.record("step", node, receiver, detail=("plain", receiver))


def _is_scaled(receiver: Value, stepped: Value) -> bool:
    """Whether an unknown object steps an optimizer for it: `scaler.step(optimizer)`."""
    if role(stepped) == "optimizer" or is_called_scaler(receiver):
        return True
    holder = one(receiver)
    return (
        isinstance(holder, (Free, Argument))
        and "scaler" in holder.name.lower()
        and isinstance(one(stepped), (Free, Argument))
    )


def _zero_grad(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None:
        machine.record("zero_grad", node, callee.receiver)
    return NONE


def _update(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if node is None:
        return None
    if role(callee.receiver) == "scaler":
        machine.record("update", node, callee.receiver)
        return NONE
    receiver = one(callee.receiver)
    given = [Mapping(dict(keywords), node)] if keywords and "**" not in keywords else []
    if not is_dictionary(receiver):
        for by in (*arguments[:1], *given):
            note_entries(machine, callee.receiver, by)
        return None
    for by in (*arguments[:1], *given):
        overwrite(machine, receiver, by, _merges(receiver))
    return NONE


def _merges(holder: Value) -> bool:
    """Whether `update` goes into dictionaries within: ml_collections does so."""
    return (
        isinstance(holder, Instance)
        and isinstance(holder.cls, External)
        and holder.cls.name.startswith("ml_collections.")
    )


def _unscale(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None:
        machine.record("unscale", node, arguments[0] if arguments else callee.receiver)
    return NONE


def _clip(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None:
        machine.record(
            "clip", node, arguments[0] if arguments else callee.receiver, None, arguments, "method"
        )
    return Unknown("norm", node)


def _zero(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`p.grad.zero_()`, `p.grad.data.zero_()`, `p.grad.fill_(0)`; filled with another number, they are given by hand."""
    holder: Value = callee.receiver
    empties = callee.name == "zero_" or (bool(arguments) and constant(arguments[0]) == 0)
    while isinstance(holder, Member):
        if holder.name == "grad":
            if node is not None:
                machine.record(
                    "grad_write",
                    node,
                    holder.receiver,
                    Constant(0) if empties else None,
                    detail="zero" if empties else "grad",
                )
            return NONE
        holder = holder.receiver
    return None


def _apply_gradients(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """In-place arithmetic on a parameter's data (`p.data.add_(-lr * p.grad)`) is a step by hand."""
    holder = callee.receiver
    weight = next((w for a in arguments if (w := descends(holder, a)) is not None), None)
    if weight is not None and node is not None and callee.name != "copy_":
        machine.record("descent", node, weight, None, arguments)
    if node is not None and isinstance(holder, Member) and holder.name == "data":
        machine.record("grad_write", node, holder.receiver, None, arguments, detail="update")
        return NONE
    return None


OPTIMISATION: dict[str, Callable[[Machine, Member, Arguments, Keywords, Node | None], Value | None]] = {
    "backward": _backward,
    "manual_backward": _manual_backward,
    "step": _step,
    "zero_grad": _zero_grad,
    "update": _update,
    "unscale_": _unscale,
    "clip_grad_norm_": _clip,
    "clip_grad_value_": _clip,
    "zero_": _zero,
    "fill_": _zero,
    "add_": _apply_gradients,
    "sub_": _apply_gradients,
    "copy_": _apply_gradients,
}
