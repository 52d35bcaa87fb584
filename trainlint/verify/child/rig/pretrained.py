"""A small double of transformers, for where it is not installed: tokenizers, networks, schedules.

What trains by itself (`Trainer`) is missing, as is all that is not named here.
"""

from __future__ import annotations

import math
import random
import re
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from . import doubles
from .encoders import TASKS, Body, Config, Pretrained, Task
from .inert import Inert
from .missing import Missing
from .tokens import names


class AdamW(torch.optim.AdamW):  # type: ignore[misc,unused-ignore]
    """The optimizer that older versions brought along."""

    def __init__(
        self,
        params: Any,
        *arguments: Any,
        correct_bias: bool = True,
        no_deprecation_warning: bool = True,
        **keywords: Any,
    ) -> None:
        super().__init__(params, *arguments, **{"weight_decay": 0.0, **keywords})


def _schedule(course: Callable[[float], float]) -> Callable[..., Any]:
    """A schedule that warms up and then follows a course from 0 to 1."""

    def schedule(
        optimizer: Any, num_warmup_steps: Any = 0, num_training_steps: Any = 1, *given: Any, **keywords: Any
    ) -> Any:
        warm, total = int(num_warmup_steps), int(num_training_steps)

        def factor(step: int) -> float:
            if step < warm:
                return step / max(1, warm)
            return course(min(1.0, (step - warm) / max(1, total - warm)))

        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    return schedule


def _get_scheduler(
    name: Any, optimizer: Any, num_warmup_steps: Any = 0, num_training_steps: Any = 1, **keywords: Any
) -> Any:
    known = {"linear": "get_linear_schedule_with_warmup", "cosine": "get_cosine_schedule_with_warmup"}
    chosen = SCHEDULES[known.get(str(getattr(name, "value", name)), "get_constant_schedule_with_warmup")]
    return chosen(optimizer, num_warmup_steps or 0, num_training_steps or 1)


SCHEDULES: dict[str, Any] = {
    "get_linear_schedule_with_warmup": _schedule(lambda done: 1 - done),
    "get_cosine_schedule_with_warmup": _schedule(lambda done: (1 + math.cos(math.pi * done)) / 2),
    "get_constant_schedule_with_warmup": _schedule(lambda done: 1.0),
    "get_constant_schedule": _schedule(lambda done: 1.0),
    "get_scheduler": _get_scheduler,
}


def module(name: str, substitute: Callable[[str], None]) -> types.ModuleType:
    """The double of `transformers` or of a module in it."""
    return doubles.module(name, lambda asked: _named(asked, name, substitute), __version__="4.40.0")


def _named(name: str, owner: str, substitute: Callable[[str], None]) -> Any:
    if name in SCHEDULES:
        return SCHEDULES[name]
    if name == "set_seed":
        return _seed
    if name in ("AdamW", "Adafactor"):
        return AdamW
    if name in ("logging", "utils") or name.isupper():
        return Inert(name)
    known = next((kind for pattern, kind in _kinds(name) if re.fullmatch(pattern, name)), None)
    if known is None:
        return Missing(f"{owner}.{name}", "transformers is not installed")
    substitute(f"{name}: a small stand-in network" if issubclass(known, nn.Module) else f"{name}: a stand-in")
    return known


def _kinds(name: str) -> Iterator[tuple[str, Any]]:
    yield from names()
    yield r"\w*Config", Config
    yield r"\w*PreTrainedModel", Pretrained
    task = next((task for pattern, task in TASKS if re.search(pattern, name)), None)
    if task is not None:
        yield r"\w+", type(name, (Task,), {"task": task}) if task else type(name, (Body,), {})


def _seed(number: int) -> None:
    random.seed(number)
    torch.manual_seed(number)
