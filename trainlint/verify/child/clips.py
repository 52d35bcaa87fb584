"""Gradient clipping: what it found, and the bound that it set."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from .gradients import Gradients, Trace, highest, look, norm
from .record import Record

NAMES = {"clip_grad_norm_": "norm", "clip_grad_norm": "norm", "clip_grad_value_": "value"}


def install(record: Record, gradients: Gradients) -> None:
    for name, kind in NAMES.items():
        original = getattr(torch.nn.utils, name, None)
        if original is not None:
            recorded = _recorded(record, gradients, kind, original)
            setattr(torch.nn.utils, name, recorded)
            setattr(torch.nn.utils.clip_grad, name, recorded)


def _recorded(
    record: Record, gradients: Gradients, kind: str, original: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def clip(parameters: Any, bound: Any = None, *arguments: Any, **keywords: Any) -> Any:
        given = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
        limit = bound if bound is not None else keywords.get("max_norm", keywords.get("clip_value", 0.0))
        if not record.paused:
            traces = [gradients.traces.get(id(p), Trace()) for p in given]
            record.note(
                "clip",
                kind=kind,
                bound=float(limit),
                norm=norm(look(p.grad) for p in given),
                highest=highest(p.grad for p in given),
                fresh_norm=norm(trace.fresh for trace in traces),
            )
        with_bound = () if bound is None else (bound,)
        with record.pause():
            return original(given, *with_bound, *arguments, **keywords)

    return clip
