"""The numbers that backward passes start from, and what these were before they were scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.optimisation import unscaled
from trainlint.meaning.terms import scaled_from
from trainlint.meaning.values import Member, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MOST_STEPS = 6


def trained_losses(program: Program) -> set[int]:
    """The identities of the losses: with `scaler.scale(loss / 4)` also those of `loss / 4` and of `loss`."""
    found: set[int] = set()
    for backward in program.backwards:
        loss: Value | None = backward.value
        for _ in range(_MOST_STEPS):
            if loss is None:
                break
            found.update((id(loss), id(one(loss))))
            loss = _before(loss)
    return found


def _before(loss: Value) -> Value | None:
    """What a loss was before it was scaled, or averaged over the devices that computed it."""
    inner = unscaled(loss)
    if inner is not loss:
        return inner
    match one(loss):
        case Result(callee=Member(receiver=receiver, name="mean" | "sum"), arguments=[]):
            return receiver
        case found:
            return scaled_from(found)
