"""Distributed set-up in one process: the second of two ranks is only imagined."""

from __future__ import annotations

import os
import re
from typing import Any

import torch
from torch import nn

from ..record import Record

WORLD, RANK = 2, 0
STARTING = re.compile(r"\bspawn\(|init_process_group|DistributedSampler")


class Wrapped(nn.Module):  # type: ignore[misc,unused-ignore]
    """A model as a distributed wrapper shows it: behind `module`."""

    def __init__(self, module: Any, *arguments: Any, **keywords: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        return self.module(*arguments, **keywords)


def install(record: Record) -> None:
    distributed = torch.distributed
    if not distributed.is_available():
        return

    def nothing(*arguments: Any, **keywords: Any) -> None:
        record.substitute("distributed set-up: one process that counts as rank 0 of 2")

    def spawn(function: Any, args: Any = (), *rest: Any, **keywords: Any) -> None:
        nothing()
        function(RANK, *args)  # what the first of the processes would do

    for name in "init_process_group destroy_process_group barrier all_reduce broadcast reduce".split():
        setattr(distributed, name, nothing)
    distributed.get_world_size = lambda group=None: WORLD
    distributed.get_rank = lambda group=None: RANK
    distributed.is_initialized = lambda: True
    os.environ.update(RANK="0", WORLD_SIZE="2", LOCAL_RANK="0", MASTER_ADDR="localhost", MASTER_PORT="29500")
    torch.multiprocessing.spawn = spawn
    nn.parallel.DistributedDataParallel = Wrapped
    nn.DataParallel = nn.parallel.DataParallel = Wrapped


def enter(text: str) -> None:
    """A text of the program is about to run: one that starts a process for each card counts as many cards as ranks."""
    if STARTING.search(text) and not torch.cuda.is_available():
        torch.cuda.device_count = lambda: WORLD
