"""Schedules that start at the optimizer's own rate and never go above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.optimizers import number
from trainlint.meaning.values import (
    Bound,
    Constant,
    External,
    Function,
    Instance,
    Sequence,
    Value,
    constant,
    one,
    passed,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_FALLING = frozenset(
    "StepLR MultiStepLR ExponentialLR CosineAnnealingLR CosineAnnealingWarmRestarts ReduceLROnPlateau PolynomialLR".split()
)
_PLAIN = ("get_constant_schedule",)
_TURNS = (1, 2, 3, 5, 10, 20, 50)  # where a function of the turn is looked at


def falls(program: Program, schedule: Instance) -> bool:
    """Whether it is known that the first rate of a schedule is the optimizer's own, and the largest."""
    if not isinstance(schedule.cls, External):
        return False
    home, _, name = schedule.cls.name.rpartition(".")
    if home.startswith("transformers"):
        return name in _PLAIN or _warms_for(schedule) == 0
    if name == "LinearLR":
        first, last = _given(schedule, "start_factor", 1, 1 / 3), _given(schedule, "end_factor", 2, 1.0)
        return first is not None and last is not None and first == 1 and last <= 1
    if name in ("LambdaLR", "MultiplicativeLR"):
        return _factors_fall(program, schedule, name == "LambdaLR")
    if name in ("SequentialLR", "ChainedScheduler"):
        return _is_of_known(schedule)  # each of its parts is looked at as well
    return name in _FALLING


def _warms_for(schedule: Instance) -> float | None:
    """The steps of warm-up that a schedule of transformers was given."""
    is_by_name = isinstance(schedule.cls, External) and schedule.cls.name.endswith("get_scheduler")
    known = number(passed(schedule, 2 if is_by_name else 1, "num_warmup_steps"))
    return known[0] if known is not None and "**" not in schedule.keywords else None


def _given(schedule: Instance, keyword: str, position: int, default: float) -> float | None:
    given = passed(schedule, position, keyword)
    if given is None:
        return None if "**" in schedule.keywords else default
    known = number(given)
    return known[0] if known is not None else None


def _is_of_known(schedule: Instance) -> bool:
    position = 0 if isinstance(schedule.cls, External) and schedule.cls.name.endswith("Scheduler") else 1
    given = passed(schedule, position, "schedulers")
    listed = one(given) if given is not None else None
    return (
        isinstance(listed, Sequence)
        and not listed.open
        and listed.element is None
        and all(isinstance(one(part), Instance) for part in listed.items)
    )


def _factors_fall(program: Program, schedule: Instance, of_first: bool) -> bool:
    """Whether a function of the turn is known at every place looked at, is 1 at first and never more."""
    given = passed(schedule, 1, "lr_lambda")
    function = one(given) if given is not None else None
    if not isinstance(function, (Function, Bound)):
        return False
    if of_first and _at(program, function, 0) != 1:
        return False
    found = [_at(program, function, turn) for turn in _TURNS]
    return all(factor is not None and factor <= 1 for factor in found)


def _at(program: Program, function: Value, turn: int) -> float | None:
    machine = program.reading.machine
    if machine is None:
        return None
    with machine.unrecorded(), machine.apart():
        found = constant(machine.call(machine, function, (Constant(turn),), {}, None, None))
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None
