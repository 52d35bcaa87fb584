"""Calls that go through whatever they are given, where everything around the flagged lines may be made up.

A network that is called with something that is not here, or with made-up inputs that do not fit it, gets inputs that
fit; a loss function gets targets that fit its scores. What the network and the loss function do is their own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .complaints import Shape
from .fitting import device_of, fit_call, sample
from .inert import Inert
from .missing import Missing
from .replaced import answering, may_be_replaced

CLASSES, NUMBERS, SHARES = ("cross_entropy", "nll_loss"), ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), (
    "binary_cross_entropy", "binary_cross_entropy_with_logits")  # fmt: skip
FITTING = 2.5  # seconds for looking for inputs, per network


def install(rig: Any) -> None:
    Obliging(rig).install()


class Obliging:
    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.inside = 0
        self.known: dict[int, list[Shape] | None] = {}
        self.rows = 4

    def install(self) -> None:
        call = nn.Module.__call__

        @functools.wraps(call)
        def obliging(module: Any, *arguments: Any, **keywords: Any) -> Any:
            if self.inside or self.rig.record.paused or type(module).__module__ == "torch.nn.modules.loss":
                return call(module, *arguments, **keywords)
            self.inside += 1
            try:
                return self._called(call, module, arguments, keywords)
            finally:
                self.inside -= 1

        nn.Module.__call__ = obliging
        for name in (*CLASSES, *NUMBERS, *SHARES):
            setattr(nn.functional, name, self._compared(getattr(nn.functional, name), name))

    def _called(self, call: Callable[..., Any], module: Any, arguments: Any, keywords: Any) -> Any:
        if not any(True for _ in module.parameters()):
            return call(module, *arguments, **keywords)
        complaint: Exception | None = None
        if not any(_is_absent(value) for value in (*arguments, *keywords.values())):
            try:
                return call(module, *arguments, **keywords)
            except Exception as error:
                complaint = error
        given = self._fitted(module, arguments, keywords)
        if given is None and may_be_replaced(self.rig, module):
            with answering(self.rig, module, self.rows):
                return call(module, *arguments, **keywords)
        if given is None:
            if complaint is not None:
                raise complaint
            return call(module, *arguments, **keywords)
        self.rig.record.substitute(f"inputs: stand-in ones that {type(module).__name__} takes")
        return call(module, *given[0], **given[1])

    def _fitted(self, module: Any, arguments: Any, keywords: Any) -> tuple[list[Any], dict[str, Any]] | None:
        """The arguments with made-up tensors for those that are tensors or missing; None where none are found."""
        names = [*_parameters(module)[: len(arguments)]]
        names += [f"input{place}" for place in range(len(names), len(arguments))]
        values = {**dict(zip(names, arguments, strict=True)), **keywords}
        slots = [
            name for name, value in values.items() if isinstance(value, torch.Tensor) or _is_absent(value)
        ]
        if not slots:
            return None
        key = id(module)
        if key not in self.known:
            with self.rig.record.pause():
                others = {name: value for name, value in values.items() if name not in slots}
                self.known[key] = fit_call(module, slots, len(arguments), names, others, FITTING)
        shapes = self.known[key]
        if shapes is None or len(shapes) != len(slots):
            return None
        rows = next(
            (len(v) for v in values.values() if isinstance(v, torch.Tensor) and v.dim() and 1 < len(v) <= 16),
            self.rows,
        )
        self.rows = rows
        seed = self.rig.world.seed * 1009 + self.rig.record.forwards
        device = device_of(module)
        made = {name: sample(shape, rows, seed).to(device) for name, shape in zip(slots, shapes, strict=True)}
        values.update(made)
        return [values[name] for name in names], {name: values[name] for name in keywords}

    def _compared(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def compare(input: Any, target: Any, *arguments: Any, **keywords: Any) -> Any:
            if not isinstance(input, torch.Tensor) or self.rig.record.paused:
                return original(input, target, *arguments, **keywords)
            if not _is_absent(target):
                if not self._made_up():
                    return original(input, target, *arguments, **keywords)
                try:
                    with self.rig.record.pause():
                        original(input.detach(), target, *arguments, **keywords)
                    return original(input, target, *arguments, **keywords)
                except (RuntimeError, ValueError, IndexError, TypeError):
                    pass
            self.rig.record.substitute("data: stand-in targets that fit the scores")
            return original(input, _targets(name, input), *arguments, **keywords)

        return compare

    def _made_up(self) -> bool:
        return any("stand-in" in said for said in self.rig.record.substituted)


def _targets(name: str, scores: Any) -> Any:
    if name in CLASSES:
        classes = scores.shape[1] if scores.dim() > 1 else scores.shape[0]
        size = (scores.shape[0], *scores.shape[2:]) if scores.dim() > 1 else ()
        return torch.randint(0, int(classes), size, device=scores.device)
    if name in SHARES:
        return (torch.rand_like(scores) > 0.5).to(scores.dtype)
    return torch.randn_like(scores)


def _parameters(module: Any) -> list[str]:
    try:
        taken = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _is_absent(value: Any) -> bool:
    if isinstance(value, (Missing, Inert)):
        return True
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_absent(item) for item in value)
