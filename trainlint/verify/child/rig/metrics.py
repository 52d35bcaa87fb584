"""A small double of torchmetrics, for where it is not installed: what is measured is of no meaning, and decides nothing."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn

from . import doubles
from .inert import Inert

VALUE = 0.5
PARTS = {"functional", "classification", "regression", "detection", "image", "text", "audio", "retrieval", "segmentation", "aggregation"}  # fmt: skip


class Metric(nn.Module):  # type: ignore[misc,unused-ignore]
    """Takes what it is given, keeps nothing of it and says the same always."""

    higher_is_better = True

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__()

    def add_state(self, name: str, default: Any = None, *given: Any, **how: Any) -> None:
        setattr(self, name, default)

    def update(self, *arguments: Any, **keywords: Any) -> None:
        return None

    def compute(self) -> Any:
        return torch.tensor(VALUE)

    def __call__(
        self, *arguments: Any, **keywords: Any
    ) -> Any:  # no pass through a network, and noted as none
        self.update(*arguments, **keywords)
        return self.compute()

    forward = __call__

    def reset(self) -> None:
        return None

    def clone(self, *arguments: Any, **keywords: Any) -> Any:
        return self


class MetricCollection(Metric):
    """Metrics by name; asked together, each answers."""

    def __init__(self, metrics: Any = (), *further: Any, prefix: str = "", **keywords: Any) -> None:
        super().__init__()
        named = (
            metrics if isinstance(metrics, dict) else {type(one).__name__: one for one in _listed(metrics)}
        )
        self.named = {f"{prefix or ''}{name}": one for name, one in named.items()}

    def compute(self) -> Any:
        return {name: torch.tensor(VALUE) for name in self.named}

    def items(self, *arguments: Any, **keywords: Any) -> Any:
        return self.named.items()

    def keys(self, *arguments: Any, **keywords: Any) -> Any:
        return self.named.keys()

    def __getitem__(self, name: str) -> Any:
        return self.named[name]


def _listed(metrics: Any) -> list[Any]:
    return list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


def measured(*arguments: Any, **keywords: Any) -> Any:
    return torch.tensor(VALUE)


def module(name: str) -> types.ModuleType:
    """The double of `torchmetrics` or of a module in it."""
    return doubles.module(name, lambda asked: _named(name, asked), __version__="1.0")


def _named(owner: str, name: str) -> Any:
    if name in PARTS:
        return module(f"{owner}.{name}")
    if name == "MetricCollection":
        return MetricCollection
    if name[:1].isupper():
        return type(name, (Metric,), {})
    return measured if "functional" in owner else Inert(name)
