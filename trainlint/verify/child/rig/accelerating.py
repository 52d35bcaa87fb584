"""A small double of accelerate, for where it is not installed: one process, full precision, each batch a step."""

from __future__ import annotations

import contextlib
import random
import types
from typing import Any

import torch

from . import doubles
from .inert import Inert
from .missing import Missing

SAYS = {
    "DistributedDataParallelKwargs",
    "ProjectConfiguration",
    "InitProcessGroupKwargs",
    "DataLoaderConfiguration",
}


class Accelerator:
    """Passes through what it prepares; what else is asked of it does nothing."""

    is_main_process = is_local_main_process = is_last_process = sync_gradients = True
    num_processes, process_index, local_process_index = 1, 0, 0
    gradient_accumulation_steps, mixed_precision, use_distributed, scaler = 1, "no", False, None

    def __init__(self, *arguments: Any, gradient_accumulation_steps: Any = 1, **settings: Any) -> None:
        if gradient_accumulation_steps != 1:  # which its optimizers would count
            raise ModuleNotFoundError("accelerate is needed, and not installed", name="accelerate")
        self.device = torch.device("cpu")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)

    def prepare(self, *things: Any, **keywords: Any) -> Any:
        return things if len(things) != 1 else things[0]

    def backward(self, loss: Any, **keywords: Any) -> None:
        loss.backward(**keywords)

    def clip_grad_norm_(self, parameters: Any, max_norm: Any, norm_type: Any = 2) -> Any:
        return torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)

    def clip_grad_value_(self, parameters: Any, clip_value: Any) -> None:
        torch.nn.utils.clip_grad_value_(parameters, clip_value)

    def accumulate(self, *models: Any) -> Any:
        return contextlib.nullcontext()

    autocast = no_sync = main_process_first = local_main_process_first = accumulate

    def gather(self, values: Any, *arguments: Any, **keywords: Any) -> Any:
        return values

    gather_for_metrics = reduce = pad_across_processes = unwrap_model = prepare_model = gather
    prepare_data_loader = prepare_optimizer = prepare_scheduler = skip_first_batches = gather

    def print(self, *arguments: Any, **keywords: Any) -> None:
        return None


def module(name: str) -> types.ModuleType:
    """The double of `accelerate` or of a module in it."""
    return doubles.module(name, lambda asked: _named(asked, name), Accelerator=Accelerator, set_seed=_seed)


def _named(name: str, owner: str) -> Any:
    if name in SAYS or name in ("get_logger", "logging"):
        return Inert(name)
    return Missing(f"{owner}.{name}", "accelerate is not installed")


def _seed(number: int, *arguments: Any, **keywords: Any) -> None:
    random.seed(number)
    torch.manual_seed(number)
