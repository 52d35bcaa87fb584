"""A small double of Optuna, for where it is not installed: a study runs what it is to improve once, with middling values."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from . import doubles
from .inert import Inert


class TrialPruned(Exception):
    """What an objective raises to give up; nothing here asks it to."""


class Trial:
    """Suggests of each range a value that lies inside, and remembers it."""

    number, value = 0, 0.0

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.user_attrs: dict[str, Any] = {}

    def suggest_int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> Any:
        return self._said(name, int(low) + (int(high) - int(low)) // 2 // int(step) * int(step))

    def suggest_float(
        self, name: str, low: float, high: float, *given: Any, log: bool = False, **keywords: Any
    ) -> Any:
        return self._said(name, float((low * high) ** 0.5 if log and low > 0 else (low + high) / 2))

    suggest_uniform = suggest_discrete_uniform = suggest_float

    def suggest_loguniform(self, name: str, low: float, high: float) -> Any:
        return self.suggest_float(name, low, high, log=True)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._said(name, next(iter(choices)))

    def _said(self, name: str, value: Any) -> Any:
        return self.params.setdefault(name, value)

    def set_user_attr(self, name: str, value: Any) -> None:
        self.user_attrs[name] = value

    def report(self, *arguments: Any, **keywords: Any) -> None:
        return None

    def should_prune(self) -> bool:
        return False


class Study:
    """Has tried once, and that was the best."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.best_trial = Trial()

    def optimize(self, objective: Callable[[Any], Any], *arguments: Any, **keywords: Any) -> None:
        self.best_trial.value = objective(self.best_trial)

    @property
    def best_params(self) -> dict[str, Any]:
        return self.best_trial.params

    @property
    def best_value(self) -> Any:
        return self.best_trial.value

    @property
    def trials(self) -> list[Trial]:
        return [self.best_trial]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)


KNOWN: dict[str, Any] = {
    "Trial": Trial, "FrozenTrial": Trial, "Study": Study, "TrialPruned": TrialPruned, "create_study": Study, "load_study": Study,
}  # fmt: skip


def module(name: str) -> types.ModuleType:
    """The double of `optuna` or of a module in it."""
    return doubles.module(name, lambda asked: _named(name, asked))


def _named(owner: str, name: str) -> Any:
    inner = name in ("trial", "exceptions", "study")
    return module(f"{owner}.{name}") if inner else KNOWN.get(name, Inert(name))
