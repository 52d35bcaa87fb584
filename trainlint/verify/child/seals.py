"""Notices when the program has put something else where the recorder listens.

Clumsiness and good faith are noticed: a library that replaces what is recorded makes the record worthless as well.
Whoever means harm shares the interpreter with this file and can undo it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

import torch
from torch.nn.modules import module as module_hooks
from torch.optim import lr_scheduler, optimizer

Seal = tuple[Any, Any, object]
FOLDER = os.path.dirname(os.path.abspath(__file__))
PACKAGE = __name__.partition(".")[0]


def seal() -> tuple[Seal, ...]:
    """Where the recorder's functions stand now: who holds them, under which name, and what they are."""
    return tuple(_recorders())


def broken(seals: tuple[Seal, ...]) -> str:
    """The first name that holds something else now; empty where all are as they were."""
    for holder, name, value in seals:
        if _members(holder).get(name) is not value:
            return str(getattr(value, "__qualname__", name))
    return ""


def _recorders() -> Iterator[Seal]:
    for holder in _listened():
        for name, value in list(_members(holder).items()):
            if _made_in(value) == FOLDER:
                yield holder, name, value
    for key, module in list(sys.modules.items()):
        if key.partition(".")[0] == PACKAGE:
            for holder in (module, *(thing for thing in vars(module).values() if _is_ours(thing))):
                yield from ((holder, name, value) for name, value in vars(holder).items() if _made_in(value))


def _listened() -> Iterator[Any]:
    """What holds hooks and recorded functions: the places that experiments patch."""
    yield from (torch, torch.Tensor, torch.autograd, torch.nn.functional, torch.nn.utils)
    yield from (torch.nn.utils.clip_grad, torch.utils.data, torch.utils.data.DataLoader, optimizer.Optimizer)
    yield from (kind for kind in vars(lr_scheduler).values() if isinstance(kind, type))
    for owner in (module_hooks, optimizer):
        yield from (
            held
            for name, held in vars(owner).items()
            if name.startswith("_global") and isinstance(held, dict)
        )


def _members(holder: Any) -> Mapping[Any, object]:
    return holder if isinstance(holder, dict) else vars(holder)


def _is_ours(thing: object) -> bool:
    return isinstance(thing, type) and thing.__module__.partition(".")[0] == PACKAGE


def _made_in(value: object) -> str:
    """The folder of the file that a function was written in, here or in a folder below; else empty."""
    written = value.__func__ if isinstance(value, MethodType) else value
    if not isinstance(written, FunctionType):
        return ""
    file = written.__code__.co_filename
    return os.path.dirname(file) if file.startswith(FOLDER) else ""
