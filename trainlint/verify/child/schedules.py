"""Schedules: when they step, and at which of their positions the optimizer steps."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from .record import Record


def install(record: Record) -> None:
    from torch.optim import lr_scheduler
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    schedules: Any = weakref.WeakSet()
    base = getattr(lr_scheduler, "LRScheduler", None) or lr_scheduler._LRScheduler
    for kind in {base, lr_scheduler.ReduceLROnPlateau}:
        _hook(kind, record, schedules)

    _hook_averages(record)

    def positions(optimizer: Any, arguments: Any, keywords: Any) -> None:
        """Beside the step that was just noted: where each of its schedules stands."""
        mine = [s for s in schedules if getattr(s, "optimizer", None) is optimizer]
        found = [int(s.last_epoch) for s in mine if isinstance(getattr(s, "last_epoch", None), int)]
        data = record.events[-1]["data"] if record.events else {}
        data["positions"] = found
        data["first_rates"] = [
            float(group.get("initial_lr", group.get("lr", 0.0))) for group in optimizer.param_groups
        ]

    register_optimizer_step_pre_hook(positions)


def _hook_averages(record: Record) -> None:
    """Weights that are averaged over the steps, which settles them as a falling rate would."""
    from torch.optim import swa_utils

    begin = swa_utils.AveragedModel.__init__

    def start(self: Any, *arguments: Any, **keywords: Any) -> None:
        begin(self, *arguments, **keywords)
        record.note("averaged")

    swa_utils.AveragedModel.__init__ = start


def _watched(schedule: Any, metric: Any) -> dict[str, Any]:
    """The number that a schedule goes by, and which way it is to be better."""
    try:
        return {"metric": float(metric), "mode": str(schedule.mode)}
    except (TypeError, ValueError):
        return {}


def _hook(kind: Any, record: Record, schedules: Any) -> None:
    begin, step = kind.__init__, kind.step
    building: list[Any] = []

    def start(self: Any, *arguments: Any, **keywords: Any) -> None:
        building.append(self)
        try:
            begin(self, *arguments, **keywords)
        finally:
            building.pop()
        schedules.add(self)

    def advance(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if building:  # schedules take a first step of their own when they are built
            return step(self, *arguments, **keywords)
        watched = {}
        if isinstance(self, torch.optim.lr_scheduler.ReduceLROnPlateau):
            watched = _watched(self, arguments[0] if arguments else keywords.get("metrics"))
        before = [float(group["lr"]) for group in self.optimizer.param_groups]
        result = step(self, *arguments, **keywords)
        after = [float(group["lr"]) for group in self.optimizer.param_groups]
        record.note(
            "schedule",
            kind=type(self).__name__,
            optimizer=record.number(self.optimizer),
            before=before,
            after=after,
            **watched,
        )
        return result

    kind.__init__ = start
    if "step" in vars(kind):
        kind.step = advance
