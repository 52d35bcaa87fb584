"""What stands in for a free name, by the role that the parent found for it."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .building import own_model
from .bundles import Bundle, bundled
from .configuring import bagged
from .frames import made_table
from .inert import Inert
from .measures import Measure, is_called_otherwise
from .missing import Missing
from .numbers import likely
from .outputs import entries_of, losses_of
from .tokens import Tokenizer, Vocabulary
from .world import ROWS, stand_in_model

DESCRIBED = {
    "table",
    "scaler",
    "criterion",
    "optimizer",
    "scheduler",
    "loader",
    "loaders",
    "models",
    "optimizers",
    "criteria",
    "sizes",
    "dataset",
    "inputs",
    "targets",
    "batch",
    "array",
    "tokenizer",
    "vocabulary",
}
ENTRIES = {
    "count",
    "rate",
    "path",
    "classes",
    "features",
    "false",
    "device",
    "zero",
    "dtype",
    "share",
    "text",
    "counts",
    "every",
    "array",
}  # that settings hold
NUMBERS = {"count", "rate", "share", "classes", "features"}
PART = re.compile(r"(?i)(train|val|valid|validation|dev|test|eval)\w*")  # of a data set that is divided
SHAPED = {"array", "criterion", "inputs", "targets", "batch", "classes", "features"}


class Samples:
    """A data set in memory: the same sample for the same index, in the form that the program expects."""

    def __init__(self, rig: Any) -> None:
        self.rig, self.world = rig, rig.world
        self.transform = self.target_transform = None

    def __len__(self) -> int:
        return int(self.world.samples)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str) and PART.fullmatch(index):
            return self  # each part of the data is as good as the whole
        if isinstance(index, slice):
            return self._between(*index.indices(len(self)))
        if not 0 <= int(index) < len(self):
            raise IndexError(index)
        self.rig.settle()  # not before: by now the program has its model
        batch = self.world.batch(1, int(index))
        return _first(batch)

    def _between(self, first: int, last: int, step: int) -> Any:
        """The samples of a slice as one batch."""
        if step != 1 or last <= first:
            raise IndexError(slice(first, last, step))
        self.rig.settle()
        return self.world.batch(last - first, first)

    def __getattr__(self, name: str) -> Any:
        """A number that data sets are asked for by name: of users, of words, of classes."""
        if "rig" not in vars(self) or name.startswith("_"):
            raise AttributeError(name)
        if self.rig.role(name) == "classes":
            return plain(self.rig, "classes")
        if self.rig.role(name) == "count" or re.fullmatch(r"[nm]_[a-z]+_?", name):
            return likely(name)
        why = f"stand-in data has no attribute {name!r}"
        if self.rig.request.get("bare"):
            return Missing(name, why)  # a graph's edges, say: a network that takes them gets what fits
        raise AttributeError(why)

    @property
    def targets(self) -> Any:
        self.rig.settle()
        return self.world.target_values(len(self))

    @property
    def classes(self) -> list[str]:
        self.rig.settle()
        return [f"class {label}" for label in range(int(self.world.choices["target"].get("high", 2)))]


def _first(batch: Any) -> Any:
    """The first sample of a batch, in the form of the batch."""
    if isinstance(batch, dict):
        return {name: _first(value) for name, value in batch.items()}
    return tuple(map(_first, batch)) if isinstance(batch, tuple) else batch[0]


class Named(dict):  # type: ignore[type-arg]
    """Things of one kind by name, `train` and `val`, say: made when they are asked for."""

    def __init__(self, make: Callable[[Any, str], Any], rig: Any) -> None:
        super().__init__()
        self.make, self.rig = make, rig

    def __missing__(self, name: Any) -> Any:
        self[name] = self.make(self.rig, str(name))
        return self[name]


class Settings:
    """What a command line or a configuration would have said: each entry a plain value by its role."""

    def __init__(self, rig: Any, name: str) -> None:
        vars(self).update(_rig=rig, _name=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        value = self._entry(name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = bagged(value)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, str(name))

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, str(name), value)

    def __contains__(self, name: str) -> bool:
        return True

    def keys(self) -> list[str]:
        """What is known by now: handed over by name, nothing more is said."""
        return [name for name in vars(self) if not name.startswith("_")]

    def items(self) -> list[tuple[str, Any]]:
        return [(name, vars(self)[name]) for name in self.keys()]

    def values(self) -> list[Any]:
        return [vars(self)[name] for name in self.keys()]

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, str(name)) if default is None else default

    def _entry(self, name: str) -> Any:
        role = self._rig.role(name)
        chosen = "" if role in ("device", "path") else self._rig.chosen(name)
        if chosen and name not in self._rig.written:
            self._rig.record.substitute(f"{self._name}.{name}: {chosen!r}, as the program asks for it")
            return chosen
        if role not in ("path", "device", "false", "zero", "settings") and name in self._rig.written:
            value = _number(self._rig.written[name]) if role in NUMBERS else self._rig.written[name]
            self._rig.record.substitute(
                f"{self._name}.{name}: {str(value)[:40]!r}, as the project has it elsewhere"
            )
            return value
        if role == "vocabulary":
            return stand_in(self._rig, f"{self._name}.{name}", role)
        if role in ENTRIES:
            value = plain(self._rig, role, name)
            said = "stand-in data" if role == "array" else repr(value)
            self._rig.record.substitute(f"{self._name}.{name}: {said}")
            return value
        return Setting(f"{self._name}.{name}", Settings(self._rig, f"{self._name}.{name}"))


def _number(value: Any) -> Any:
    """A number that is written as a text, as defaults of command lines are."""
    try:
        return float(value) if "." in str(value) or "e" in str(value).lower() else int(value)
    except (TypeError, ValueError):
        return value


class Setting(Missing):
    """An entry without a role: switched off where it is a switch, a section of its own where it has entries."""

    def __init__(self, name: str, entries: Settings) -> None:
        super().__init__(name, "nothing says what it is")
        vars(self).update(_entries=entries)

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_entries"], name)

    def __getitem__(self, key: Any) -> Any:
        return vars(self)["_entries"][key] if isinstance(key, str) else self._of(self._name)


def plain(rig: Any, role: str, name: str = "") -> Any:
    """The value of a role that says all there is to say."""
    if role == "count":
        return likely(name)
    if role in SHAPED:
        rig.settle()
    if role == "array":
        return rig.world.value(name, 0, 1, int(rig.world.samples), 0)
    return BUILDERS[role](rig)


def stand_in(rig: Any, name: str, role: str) -> Any:
    """Build one; `import:a.b` and `import:a:b` bring in what the name conventionally means."""
    if role.startswith("import:"):
        module, _, member = role[len("import:") :].partition(":")
        loaded = importlib.import_module(module)
        return getattr(loaded, member) if member else loaded
    if role == "settings":
        return Settings(rig, name)
    if role.startswith("value:"):
        said = ast.literal_eval(role[len("value:") :])
        rig.record.substitute(f"{name}: {said!r}, as the program asks for it")
        return said
    if role in DESCRIBED:
        rig.record.substitute(f"{name}: stand-in {role}")
    if role == "model":
        return _model(rig, name)
    if role == "criterion":
        rig.settle()
        return _criterion(rig, name)
    return plain(rig, role, name)


def _model(rig: Any, name: str = "") -> Any:
    """The program's own class, if it has one that can be built; else a small network."""
    built = own_model(rig, name)
    if built is not None:
        return built
    rig.record.substitute("model: stand-in")
    pieces = int((rig.request.get("unpacked") or {}).get(name, 1))
    entries = dict.fromkeys(entries_of(rig.world.text, name))
    return stand_in_model(rig.world, pieces, set(losses_of(rig.world.text, name)), tuple(entries))


def _criterion(rig: Any, name: str = "") -> Any:
    known = getattr(nn, str(rig.request.get("criterion") or ""), None)
    if known is not None:
        return known()
    if is_called_otherwise(rig.world.text, name):
        return Measure(int((rig.request.get("unpacked") or {}).get(name, 1)))
    kind = rig.world.choices["target"]["kind"]
    return {"classes": nn.CrossEntropyLoss(), "binary": nn.BCEWithLogitsLoss()}.get(kind) or nn.MSELoss()


def _optimizer(rig: Any) -> Any:
    model = next(rig.models(), None)
    if model is None:
        free = next((name for name, role in rig.free.items() if role == "model"), None)
        model = rig.resolve(free) if free else stand_in_model(rig.world)
    return torch.optim.SGD(model.parameters(), lr=0.05)


def _scheduler(rig: Any) -> Any:
    optimizer = next(
        (value for value in rig.globals.values() if isinstance(value, torch.optim.Optimizer)), None
    )
    if optimizer is None:
        free = next((name for name, role in rig.free.items() if role == "optimizer"), None)
        optimizer = rig.resolve(free) if free else _optimizer(rig)
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)


def loss(rig: Any, name: str) -> Any:
    """A loss that cannot be computed: how far the weights that an optimizer holds are from random ones."""
    optimizers = [thing for thing in rig.things() if isinstance(thing, torch.optim.Optimizer)]
    held = [p for group in (optimizers[0].param_groups if optimizers else ()) for p in group["params"]]
    weights = [p for p in held if p.requires_grad and p.is_floating_point()]
    if not weights:
        model = next(rig.models(), None)
        weights = list((stand_in_model(rig.world) if model is None else model).parameters())
    rig.record.substitute(f"{name}: stand-in loss")
    return sum((p - torch.randn_like(p)).square().mean() for p in weights[:20])


def _switch(rig: Any) -> bool:
    """Off; on where the program then lacks what it makes only where a switch is on."""
    on = bool(rig.choices.get("switches"))
    if on:
        rig.record.substitute("switches: all on, for the program cannot do without")
    return on


def _batch(rig: Any) -> Any:
    batch = rig.world.batch(ROWS)
    return Bundle(ROWS, batch) if rig.world.form.get("form") == "object" else batch


def _loader(rig: Any) -> Any:
    mixed = rig.world.order != "class-ordered"
    collate = bundled if rig.world.form.get("form") == "object" else None
    return torch.utils.data.DataLoader(Samples(rig), batch_size=ROWS, shuffle=mixed, collate_fn=collate)


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "criterion": _criterion,
    "optimizer": _optimizer,
    "scheduler": _scheduler,
    "loader": _loader,
    "dataset": Samples,
    "inputs": lambda rig: rig.world.inputs(ROWS),
    "targets": lambda rig: rig.world.target_values(ROWS),
    "batch": _batch,
    "loaders": lambda rig: Named(lambda rig, name: _loader(rig), rig),
    "models": lambda rig: Named(_model, rig),
    "optimizers": lambda rig: Named(lambda rig, name: _optimizer(rig), rig),
    "criteria": lambda rig: Named(lambda rig, name: plain(rig, "criterion"), rig),
    "sizes": lambda rig: Named(lambda rig, name: int(rig.world.samples), rig),
    "device": lambda rig: torch.device(str(rig.request["device"])),
    "rate": lambda rig: 0.05,
    "dtype": lambda rig: torch.float32,
    "text": lambda rig: "0",
    "counts": lambda rig: [16, 16],
    "every": lambda rig: 1,
    "table": made_table,
    "share": lambda rig: 0.5,
    "zero": lambda rig: 0,
    "list": lambda rig: [],
    "dict": lambda rig: {},
    "path": lambda rig: rig.place,
    "classes": lambda rig: int(rig.world.choices["target"].get("high", 2)),
    "features": lambda rig: int((rig.world.choices["input"]["shape"] or [1])[0]),
    "tokenizer": lambda rig: Tokenizer(),
    "vocabulary": lambda rig: Vocabulary(),
    "scaler": lambda rig: torch.amp.GradScaler("cpu"),
    "inert": lambda rig: Inert(),
    "false": _switch,
}
