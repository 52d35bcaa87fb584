"""What Lightning's trainer does to a module, step by step.

Gradients are cleared, computed and stepped with by the trainer; validation runs in evaluation mode and without gradients.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from .inert import Inert
from .world import StandIn

EPOCHS, BATCHES = 3_000_001, 3_000_002  # its loops' lines, which no program has


class Trainer:
    """Fits, validates and tests; what else is asked of it does nothing."""

    loops: Any = None  # of the program that runs, which end after as much as the rule needs

    def __init__(self, *arguments: Any, max_epochs: Any = None, **settings: Any) -> None:
        self.max_epochs = max_epochs if isinstance(max_epochs, int) and max_epochs > 0 else 1000
        self.settings = settings
        self.optimizers: list[Any] = []
        self.schedules: list[tuple[Any, str, str]] = []
        self.callback_metrics: dict[str, Any] = {}
        self.current_epoch = self.global_step = self.global_rank = self.local_rank = 0
        self.world_size = self.num_devices = self.estimated_stepping_batches = 1
        self.is_global_zero, self.sanity_checking, self.training = True, False, False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)

    @property
    def logged_metrics(self) -> dict[str, Any]:
        return self.callback_metrics

    def fit(
        self, model: Any, train_dataloaders: Any = None, val_dataloaders: Any = None, datamodule: Any = None,
        ckpt_path: Any = None, train_dataloader: Any = None,
    ) -> None:  # fmt: skip
        train_dataloaders = train_dataloader if train_dataloaders is None else train_dataloaders
        if hasattr(train_dataloaders, "train_dataloader"):
            train_dataloaders, datamodule = None, train_dataloaders
        if isinstance(model, StandIn):
            self._fit_stand_in(model, train_dataloaders, val_dataloaders, datamodule)
            return
        sources = self._prepare(model, datamodule, "fit")
        self.optimizers, self.schedules = _configured(model.configure_optimizers())
        train = _first_served(train_dataloaders, sources, "train_dataloader")
        held_out = _first_served(val_dataloaders, sources, "val_dataloader")
        self.training = True
        model.train()
        _tell(model, "on_fit_start")
        _tell(model, "on_train_start")
        for epoch in self._over(range(self.max_epochs), EPOCHS):
            self.current_epoch = epoch
            self._epoch(model, train)
            if held_out is not None:
                self._evaluate(model, held_out, "validation")
            self._schedule("epoch")
        _tell(model, "on_train_end")
        self.training = False

    def _fit_stand_in(self, model: StandIn, train: Any, held_out: Any, datamodule: Any) -> None:
        """Train what stands in for a module, in the order in which one is trained: nobody knows its steps."""
        if datamodule is not None:
            datamodule.prepare_data()
            _set_up(datamodule, "fit")
        sources = [datamodule] if datamodule is not None else []
        train = _first_served(train, sources, "train_dataloader")
        held_out = _first_served(held_out, sources, "val_dataloader")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in self._over(range(self.max_epochs), EPOCHS):
            model.train()
            for batch in self._over(train, BATCHES):
                optimizer.zero_grad()
                model(batch).square().mean().backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for batch in self._over(held_out, BATCHES) if held_out is not None else ():
                    model(batch)

    def validate(self, model: Any = None, dataloaders: Any = None, datamodule: Any = None, **how: Any) -> Any:
        return self._run(model, dataloaders, datamodule, "validation", "validate", "val_dataloader")

    def test(self, model: Any = None, dataloaders: Any = None, datamodule: Any = None, **how: Any) -> Any:
        return self._run(model, dataloaders, datamodule, "test", "test", "test_dataloader")

    def predict(self, model: Any = None, dataloaders: Any = None, datamodule: Any = None, **how: Any) -> Any:
        return self._run(model, dataloaders, datamodule, "predict", "predict", "predict_dataloader")

    def _run(self, model: Any, given: Any, datamodule: Any, step: str, stage: str, served: str) -> Any:
        model = self.lightning_module if model is None else model
        sources = self._prepare(model, datamodule, stage)
        loader = _first_served(given, sources, served)
        return self._evaluate(model, loader, step) if loader is not None else []

    def _prepare(self, model: Any, datamodule: Any, stage: str) -> list[Any]:
        self.lightning_module, self.datamodule, self.model = model, datamodule, model
        sources = [source for source in (datamodule, model) if source is not None]
        for source in sources:
            source.trainer = self
            source.prepare_data()
            _set_up(source, stage)
        return sources

    def _over(self, items: Iterable[Any], line: int) -> Iterator[Any]:
        yield from (items if self.loops is None else self.loops.over(items, line))

    def _epoch(self, model: Any, loader: Any) -> None:
        _tell(model, "on_train_epoch_start")
        outputs: list[Any] = []
        each = self.settings.get("accumulate_grad_batches")
        each = each if isinstance(each, int) and each > 1 else 1
        for index, batch in enumerate(self._over(loader, BATCHES)):
            _tell(model, "on_train_batch_start", batch, index)
            if model.automatic_optimization:
                for place, optimizer in enumerate(self.optimizers):
                    outputs.append(self._update(model, optimizer, (batch, index, place), each))
            else:
                model.training_step(*_taken(model.training_step, (batch, index)))
            _tell(model, "on_train_batch_end", outputs[-1] if outputs else None, batch, index)
        _tell(model, "training_epoch_end", outputs)
        _tell(model, "on_train_epoch_end")

    def _update(self, model: Any, optimizer: Any, given: tuple[Any, ...], each: int) -> Any:
        """One training step and what the trainer does about it."""
        output = model.training_step(*_taken(model.training_step, given))
        loss = output.get("loss") if isinstance(output, Mapping) else output
        if loss is None:
            return output
        if given[1] % each == 0:
            optimizer.zero_grad()
        (loss / each if each > 1 else loss).backward()
        _tell(model, "on_after_backward")
        if (given[1] + 1) % each:
            return {"loss": loss.detach()}
        bound = self.settings.get("gradient_clip_val")
        if isinstance(bound, (int, float)) and bound:
            nn.utils.clip_grad_norm_(model.parameters(), bound)
        _tell(model, "on_before_optimizer_step", optimizer)
        optimizer.step()
        self.global_step += 1
        self._schedule("step")
        return {"loss": loss.detach()}

    def _schedule(self, interval: str) -> None:
        for schedule, when, monitor in self.schedules:
            if when == interval and "Plateau" in type(schedule).__name__:
                schedule.step(self.callback_metrics.get(monitor, 0.0))
            elif when == interval:
                schedule.step()

    def _evaluate(self, model: Any, loaders: Any, name: str) -> Any:
        step = getattr(model, f"{name}_step", None) or model.forward
        was, outputs = model.training, []
        model.eval()
        with torch.no_grad():
            _tell(model, f"on_{name}_epoch_start")
            for loader in loaders if isinstance(loaders, (list, tuple)) else [loaders]:
                for index, batch in enumerate(self._over(loader, BATCHES)):
                    outputs.append(step(*_taken(step, (batch, index, 0))))
            _tell(model, f"{name}_epoch_end", outputs)
            _tell(model, f"on_{name}_epoch_end")
        model.train(was)
        return outputs


def alone(things: list[Any]) -> Any:
    return things[0] if len(things) == 1 else things


def _tell(model: Any, name: str, *arguments: Any) -> None:
    hook = getattr(type(model), name, None)
    if hook is not None:
        getattr(model, name)(*_taken(getattr(model, name), arguments))


def _taken(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, ...]:
    """As many of the arguments as a function takes."""
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return given
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return given[: sum(kind in plain for kind in kinds)]


def _set_up(source: Any, stage: str) -> None:
    source.setup(*_taken(source.setup, (stage,)))


def _first_served(given: Any, sources: list[Any], name: str) -> Any:
    """The loaders that are given, else those of the first that has some."""
    if given is not None:
        return getattr(given, name)() if hasattr(given, name) else given
    return next((getattr(source, name)() for source in sources if hasattr(source, name)), None)


def _configured(said: Any) -> tuple[list[Any], list[tuple[Any, str, str]]]:
    """Optimizers and schedules out of what `configure_optimizers` gives, in any of its forms."""
    if isinstance(said, torch.optim.Optimizer):
        return [said], []
    if isinstance(said, Mapping):
        schedules = [said["lr_scheduler"]] if said.get("lr_scheduler") is not None else []
        return [said["optimizer"]], [_schedule(s, str(said.get("monitor", ""))) for s in schedules]
    if isinstance(said, (list, tuple)) and len(said) == 2 and isinstance(said[0], (list, tuple)):
        return list(said[0]), [_schedule(schedule) for schedule in said[1]]
    parts = [_configured(part) for part in said or ()]
    return [one for made, _ in parts for one in made], [one for _, made in parts for one in made]


def _schedule(said: Any, monitor: str = "") -> tuple[Any, str, str]:
    if isinstance(said, Mapping):
        return said["scheduler"], str(said.get("interval", "epoch")), str(said.get("monitor", monitor))
    return said, "epoch", monitor


def serve(trainer: Trainer, source: Any, note: Callable[[str], None]) -> None:
    """Train on the batches that a class serves, with a single weight in place of the network, which order does not ask for."""
    for name in ("prepare_data", "setup"):
        try:
            prepare = getattr(source, name, lambda: None)
            prepare(*_taken(prepare, ("fit",)))
        except Exception as error:  # the data is not here
            note(f"left out: {name} raised {type(error).__name__}")
    loader = source.train_dataloader()
    note("network: a stand-in, for its place among the batches is all that counts")
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in trainer._over(range(trainer.max_epochs), EPOCHS):
        for _batch in trainer._over(loader, BATCHES):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
