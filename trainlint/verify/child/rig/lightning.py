"""A small double of Lightning, for where it is not installed: what programs build their modules on.

Modules and data modules are the program's own classes on a plain base; `trainer` does to them what Lightning's does.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from . import doubles
from .inert import Inert, Watching
from .trainer import Trainer, alone

PARTS = {
    "pytorch",
    "callbacks",
    "loggers",
    "utilities",
    "trainer",
    "core",
    "strategies",
    "plugins",
    "profilers",
}


class Parameters(dict):  # type: ignore[type-arg]
    """What an object was made with: entries and attributes at once."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__


class Saving:
    """What modules and data modules have in common."""

    trainer: Any = None

    @property
    def hparams(self) -> Parameters:
        return vars(self).setdefault("_hparams", Parameters())  # type: ignore[no-any-return]

    def save_hyperparameters(self, *chosen: Any, ignore: Any = (), **keywords: Any) -> None:
        """Keep what `__init__` was called with, or a mapping that is given."""
        frame = sys._getframe(1)
        named = inspect.getargvalues(frame)
        given = {name: named.locals[name] for name in named.args[1:]}
        given |= named.locals.get(named.keywords, {}) if named.keywords else {}
        for one in chosen:
            if not isinstance(one, str):
                self.hparams.update(one if isinstance(one, Mapping) else vars(one))
        names = [one for one in chosen if isinstance(one, str)] or ([] if chosen else list(given))
        left = {ignore} if isinstance(ignore, str) else set(ignore)
        self.hparams.update({name: given[name] for name in names if name in given and name not in left})

    def prepare_data(self) -> None:
        return None

    def setup(self, stage: Any = None) -> None:
        return None


class LightningDataModule(Saving):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        return None


class LightningModule(Saving, nn.Module):  # type: ignore[misc,unused-ignore]
    automatic_optimization = True
    logger = Inert("logger")

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        nn.Module.__init__(self)

    @property
    def device(self) -> Any:
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @property
    def current_epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer is not None else 0

    @property
    def global_step(self) -> int:
        return self.trainer.global_step if self.trainer is not None else 0

    def log(self, name: str, value: Any, *arguments: Any, **keywords: Any) -> None:
        if self.trainer is not None:
            self.trainer.callback_metrics[name] = torch.as_tensor(value).detach()

    def log_dict(self, values: Any, *arguments: Any, **keywords: Any) -> None:
        for name, value in values.items():
            self.log(name, value)

    def print(self, *arguments: Any, **keywords: Any) -> None:
        return None

    def optimizers(self, *arguments: Any, **keywords: Any) -> Any:
        return alone(self.trainer.optimizers)

    def lr_schedulers(self) -> Any:
        return alone([schedule for schedule, _, _ in self.trainer.schedules])

    def manual_backward(self, loss: Any, *arguments: Any, **keywords: Any) -> None:
        loss.backward(*arguments, **keywords)

    def freeze(self) -> None:
        self.requires_grad_(False).eval()

    def unfreeze(self) -> None:
        self.requires_grad_(True).train()

    @classmethod
    def load_from_checkpoint(cls, path: Any, map_location: Any = None, **keywords: Any) -> Any:
        torch.load(path, map_location=map_location)
        return cls(
            **{name: value for name, value in keywords.items() if name not in ("strict", "hparams_file")}
        )


def seed_everything(seed: Any = 0, *arguments: Any, **keywords: Any) -> Any:
    torch.manual_seed(seed if isinstance(seed, int) else 0)
    return seed


def module(name: str, loops: Any) -> types.ModuleType:
    """The double of a module of Lightning; what it has no double for is a class that does nothing."""
    trainer = type("Trainer", (Trainer,), {"loops": property(lambda self: loops())})
    known = {
        "LightningModule": LightningModule, "LightningDataModule": LightningDataModule, "Trainer": trainer,
        "seed_everything": seed_everything, "Callback": Watching, "__version__": "2.0.0",
    }  # fmt: skip

    def ask(asked: str) -> Any:
        if asked[:1].isupper():
            return type(asked, (Watching,), {})
        if asked.endswith(("_only", "_zero_only")):
            return lambda function: function
        return module(f"{name}.{asked}", loops) if asked in PARTS else Inert(asked)

    return doubles.module(name, ask, **known)
