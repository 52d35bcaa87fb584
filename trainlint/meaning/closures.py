"""Closures that one step calls several times: what happens once around the step does not happen between the calls."""

from __future__ import annotations

from trainlint.meaning.optimizers import Optimizer
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Constant, External, Instance, one, passed

_REPEATING = ("torch.optim.LBFGS", "torch.optim.lbfgs.LBFGS")


def repeated_closure(step: Event, owner: Optimizer) -> Region | None:
    """The closure of an LBFGS step, unless `max_iter` may tell it to stop at the first call (by default at the 25th)."""
    made = one(owner.value)
    if not isinstance(step.detail, tuple) or step.detail[0] != "closure":
        return None
    if not isinstance(made, Instance) or not isinstance(made.cls, External):
        return None
    if made.cls.name not in _REPEATING or "**" in made.keywords:
        return None
    limit = passed(made, 2, "max_iter")
    if limit is not None and not _is_above_one(one(limit)):
        return None
    closure = next((r for r in step.region.ancestors() if r.kind == "closure"), None)
    learns = closure is not None and any(e.kind == "backward" for e in closure.events())
    return closure if learns else None


def _is_above_one(limit: object) -> bool:
    return isinstance(limit, Constant) and isinstance(limit.value, (int, float)) and limit.value > 1
