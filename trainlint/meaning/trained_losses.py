"""The numbers that backward passes start from, what these were before they were scaled, and what they are sums of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.attachment import attached
from trainlint.meaning.optimisation import unscaled
from trainlint.meaning.terms import scaled_from
from trainlint.meaning.values import External, Member, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MOST = 40  # values looked at for one pass


def trained_losses(program: Program) -> set[int]:
    """The identities of the losses: with `scaler.scale((first + second) / 4)` also those of `first` and of `second`."""
    found: set[int] = set()
    for backward in program.backwards:
        pending = [backward.value] if backward.value is not None else []
        seen = 0
        while pending and seen < _MOST:
            loss, seen = pending.pop(), seen + 1
            found.update((id(loss), id(one(loss))))
            pending += _before(loss)
    return found


def _before(loss: Value) -> Iterator[Value]:
    """What a loss was before it was scaled, or averaged over the devices that computed it, or its terms."""
    inner = unscaled(loss)
    if inner is not loss:
        yield inner
        return
    match one(loss):
        case Result(callee=Member(receiver=receiver, name="mean" | "sum"), arguments=[]):
            yield receiver
        case Result(callee=External(name="operator.+" | "operator.-"), arguments=terms):
            yield from (t for t in terms if isinstance(one(t), Result) and attached(t) is not False)
        case found:
            factor = scaled_from(found)
            if factor is not None:
                yield factor
