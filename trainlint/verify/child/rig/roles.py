"""What stands in for a free name, by the role that the parent found for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .inert import Inert
from .world import ROWS, SAMPLES, World, stand_in_model

DESCRIBED = {
    "model",
    "criterion",
    "optimizer",
    "scheduler",
    "loader",
    "dataset",
    "inputs",
    "targets",
    "batch",
}


class Samples:
    """A data set in memory: the same sample for the same index, in the form that the program expects."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.transform = self.target_transform = None

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> Any:
        if not 0 <= int(index) < SAMPLES:
            raise IndexError(index)
        batch = self.world.batch(1, int(index))
        if isinstance(batch, dict):
            return {name: value[0] for name, value in batch.items()}
        return tuple(value[0] for value in batch) if isinstance(batch, tuple) else batch[0]

    @property
    def targets(self) -> Any:
        return self.world.target_values(SAMPLES)

    @property
    def classes(self) -> list[str]:
        return [f"class {label}" for label in range(int(self.world.choices["target"].get("high", 2)))]


def stand_in(rig: Any, name: str, role: str) -> Any:
    """Build one; `import:a.b` and `import:a:b` bring in what the name conventionally means."""
    if role.startswith("import:"):
        module, _, member = role[len("import:") :].partition(":")
        loaded = importlib.import_module(module)
        return getattr(loaded, member) if member else loaded
    if role in DESCRIBED:
        rig.record.substitute(f"{name}: stand-in {role}")
    return BUILDERS[role](rig)


def _model(rig: Any) -> Any:
    return stand_in_model(rig.world)


def _criterion(rig: Any) -> Any:
    kind = rig.world.choices["target"]["kind"]
    return {"classes": nn.CrossEntropyLoss(), "binary": nn.BCEWithLogitsLoss()}.get(kind) or nn.MSELoss()


def _optimizer(rig: Any) -> Any:
    model = next(rig.models(), None)
    if model is None:
        free = next((name for name, role in rig.free.items() if role == "model"), None)
        model = rig.resolve(free) if free else stand_in_model(rig.world)
    return torch.optim.SGD(model.parameters(), lr=0.05)


def _scheduler(rig: Any) -> Any:
    optimizer = next(
        (value for value in rig.globals.values() if isinstance(value, torch.optim.Optimizer)), None
    )
    if optimizer is None:
        free = next((name for name, role in rig.free.items() if role == "optimizer"), None)
        optimizer = rig.resolve(free) if free else _optimizer(rig)
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)


def _loader(rig: Any) -> Any:
    mixed = rig.world.order != "class-ordered"
    return torch.utils.data.DataLoader(Samples(rig.world), batch_size=ROWS, shuffle=mixed)


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "model": _model,
    "criterion": _criterion,
    "optimizer": _optimizer,
    "scheduler": _scheduler,
    "loader": _loader,
    "dataset": lambda rig: Samples(rig.world),
    "inputs": lambda rig: rig.world.inputs(ROWS),
    "targets": lambda rig: rig.world.target_values(ROWS),
    "batch": lambda rig: rig.world.batch(ROWS),
    "device": lambda rig: torch.device(str(rig.request["device"])),
    "count": lambda rig: 3,
    "rate": lambda rig: 0.05,
    "zero": lambda rig: 0,
    "list": lambda rig: [],
    "dict": lambda rig: {},
    "path": lambda rig: rig.folder + "/file",
    "classes": lambda rig: int(rig.world.choices["target"].get("high", 2)),
    "features": lambda rig: int((rig.world.choices["input"]["shape"] or [1])[0]),
    "inert": lambda rig: Inert(),
    "false": lambda rig: False,
}
