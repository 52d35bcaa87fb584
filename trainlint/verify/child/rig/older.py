"""What PyTorch and Python have dropped and older programs still use: it goes on working as it did then."""

from __future__ import annotations

import collections
import collections.abc
import functools
import re
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler
from torch.utils.data import dataloader

FIRST_OF_NUMBER = re.compile(r"\bdata\[0\]|\bloss\w*\[0\]")
POOLS = ("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool2d", "AvgPool3d")
NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
LEAST = 1e-12  # what a variance may be taken for that nothing is added to
MASKED = ("masked_fill", "masked_fill_", "masked_select")


def install() -> None:
    dataloader._BaseDataLoaderIter.next = _following
    for kind in list(vars(lr_scheduler).values()):
        if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler):
            _may_be_told_to_talk(kind)
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    _six()
    for name in POOLS:
        _may_step_as_wide(getattr(torch.nn, name))
    for name in NORMS:
        _may_add_nothing(getattr(torch.nn, name))
    torch.nn.functional.binary_cross_entropy = _of_as_many(torch.nn.functional.binary_cross_entropy)
    for name in MASKED:
        setattr(torch.Tensor, name, _masked(getattr(torch.Tensor, name)))


def enter(text: str) -> None:
    """A text of the program is about to run: where it takes a single number apart, it gets that number."""
    take = torch.Tensor.__getitem__
    if FIRST_OF_NUMBER.search(text) is None or hasattr(take, "older"):
        return

    @functools.wraps(take)
    def taken(self: Any, key: Any) -> Any:
        if type(key) is int and key == 0 and self.dim() == 0:
            return self if self.requires_grad else self.item()
        return take(self, key)

    taken.older = True  # type: ignore[attr-defined]
    torch.Tensor.__getitem__ = taken


def _following(self: Any) -> Any:
    return next(self)


def _may_be_told_to_talk(kind: Any) -> None:
    """Schedules took `verbose` as a keyword, and their base as its last value."""
    begin = kind.__dict__.get("__init__")
    if begin is None:
        return

    @functools.wraps(begin)
    def start(self: Any, *arguments: Any, **keywords: Any) -> None:
        keywords.pop("verbose", None)
        if kind is lr_scheduler.LRScheduler:
            arguments = arguments[:2]
        begin(self, *arguments, **keywords)

    kind.__init__ = start


def _may_step_as_wide(kind: Any) -> None:
    """Pooling took a stride of 0 for none, and stepped as far as it is wide."""
    begin = kind.__init__

    @functools.wraps(begin)
    def start(self: Any, kernel_size: Any, stride: Any = None, *arguments: Any, **keywords: Any) -> None:
        begin(self, kernel_size, stride or None, *arguments, **keywords)

    kind.__init__ = start


def _may_add_nothing(kind: Any) -> None:
    """BatchNorm took an `eps` of 0, and so one of False."""
    begin = kind.__init__

    @functools.wraps(begin)
    def start(self: Any, num_features: Any, eps: float = 1e-5, *arguments: Any, **keywords: Any) -> None:
        begin(self, num_features, eps or LEAST, *arguments, **keywords)

    kind.__init__ = start


def _of_as_many(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Binary cross entropy compared targets of another shape one by one where there were as many of them."""

    @functools.wraps(loss)
    def compared(input: Any, target: Any, *arguments: Any, **keywords: Any) -> Any:
        tensors = isinstance(input, torch.Tensor) and isinstance(target, torch.Tensor)
        if tensors and input.shape != target.shape and input.numel() == target.numel():
            target = target.reshape(input.shape)
        return loss(input, target, *arguments, **keywords)

    return compared


def _masked(method: Callable[..., Any]) -> Callable[..., Any]:
    """Masks were bytes before there were truth values."""

    @functools.wraps(method)
    def masked(self: Any, mask: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(mask, torch.Tensor) and mask.dtype == torch.uint8:
            mask = mask.bool()
        return method(self, mask, *arguments, **keywords)

    return masked


def _six() -> None:
    if "torch._six" in sys.modules or hasattr(torch, "_six"):
        return
    six = types.ModuleType("torch._six")
    vars(six).update(
        container_abcs=collections.abc, string_classes=(str, bytes), int_classes=int, inf=torch.inf, nan=torch.nan,
        PY2=False, PY3=True, PY37=True,
    )  # fmt: skip
    sys.modules["torch._six"] = torch._six = six
