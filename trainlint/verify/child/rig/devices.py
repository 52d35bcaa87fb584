"""A program written for a GPU on a machine without: what asks for CUDA gets the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..record import Record


class OnCpu(TorchFunctionMode):  # type: ignore[misc,unused-ignore]
    """Rewrites the device of every torch call; torch offers no other way to see them all."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self.asked = asked

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        keywords = dict(keywords or {})
        if function is torch.Tensor.cuda:
            self.asked()
            return arguments[0]
        if "device" in keywords:
            keywords["device"] = _cpu(keywords["device"], self.asked)
        if function is torch.Tensor.to:
            arguments = (arguments[0], *(_cpu(argument, self.asked) for argument in arguments[1:]))
        return function(*arguments, **keywords)


def enter(record: Record, text: str) -> None:
    """A text of the program is about to run, its own or a module of its project."""
    if "GradScaler" in text and not hasattr(torch.amp.GradScaler.__init__, "here"):
        _scale_here()
    if "cuda" not in text or hasattr(torch.nn.Module.cuda, "here"):
        return
    asked = _asking(record)
    OnCpu(asked).__enter__()
    torch.nn.Module.cuda = _staying(asked)
    torch.nn.Module.to = _moved(torch.nn.Module.to, asked)
    for (
        name
    ) in "synchronize empty_cache set_device manual_seed manual_seed_all reset_peak_memory_stats".split():
        setattr(torch.cuda, name, lambda *arguments, **keywords: None)
    torch.cuda.current_device = lambda: 0
    for name in "FloatTensor DoubleTensor HalfTensor LongTensor IntTensor ByteTensor BoolTensor".split():
        setattr(torch.cuda, name, getattr(torch, name))
    if "is_available" not in text:
        record.substitute("cuda: the CPU in its place")


def _asking(record: Record) -> Callable[[], None]:
    """Notes, once, that the program puts something on a GPU: where there is none it would end there."""
    noted: list[Any] = []

    def asked() -> None:
        if not noted and not record.paused:
            noted.append(record.note("gpu"))

    return asked


def _staying(asked: Callable[[], None]) -> Callable[..., Any]:
    def stay(self: Any, device: Any = None) -> Any:
        asked()
        return self

    stay.here = True  # type: ignore[attr-defined]
    return stay


def _scale_here() -> None:
    """Gradient scalers work on the CPU as well, but those for CUDA switch themselves off there."""
    scaler = torch.amp.GradScaler
    begin = scaler.__init__

    def start(self: Any, device: Any = "cuda", *arguments: Any, **keywords: Any) -> None:
        begin(self, "cpu" if str(device).startswith("cuda") else device, *arguments, **keywords)

    start.here = True  # type: ignore[attr-defined]
    scaler.__init__ = start


def _moved(move: Callable[..., Any], asked: Callable[[], None]) -> Callable[..., Any]:
    def to(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if "device" in keywords:
            keywords["device"] = _cpu(keywords["device"], asked)
        return move(self, *(_cpu(argument, asked) for argument in arguments), **keywords)

    return to


def _cpu(value: Any, asked: Callable[[], None]) -> Any:
    if isinstance(value, torch.device) and value.type == "cuda":
        asked()
        return torch.device("cpu")
    if isinstance(value, str) and value.startswith("cuda"):
        asked()
        return "cpu"
    if isinstance(value, int) and not isinstance(value, bool):
        asked()  # the GPU of that number
        return "cpu"
    return value
