"""Evaluations of a few single samples, for a picture or a print: their graphs cost next to nothing."""

from __future__ import annotations

from trainlint.meaning.dataflow import operation
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.schedules import iterations
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Item, Member, Result, Value, constant, one, passed

FEW = 50


def is_of_few_samples(forward: Event, loop: Region) -> bool:
    """Whether a network gets one sample in each of so many turns of a loop that no other loop is around."""
    counted = iterations(loop)
    return (
        counted is not None
        and counted[0] <= FEW
        and enclosing_loops(forward.region) == [loop]
        and any(map(_is_one_sample, forward.inputs))
    )


def _is_one_sample(given: Value) -> bool:
    """`image.unsqueeze(0).to(device)`, `image[None]`: a batch that is made around one sample."""
    for _ in range(6):
        match found := one(given):
            case Result() if operation(found) == "unsqueeze":
                place = passed(found, 0 if isinstance(found.callee, Member) else 1, "dim")
                return place is not None and constant(place) == 0
            case Result(callee=Member(receiver=inner, name=name)) if name in _LEAVES:
                given = inner
            case Item(key=key) if key is not None:
                return constant(key) is None
            case _:
                return False
    return False


_LEAVES = frozenset("to cuda cpu float double half long type contiguous clone detach requires_grad_".split())
