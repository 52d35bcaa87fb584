"""Data in tables: what transformers of scikit-learn are fitted to and what they learn, and how data is divided."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from .divisions import values_of
from .record import Record
from .rig.lost import is_made_up

HOMES = ("preprocessing", "impute", "decomposition", "feature_selection", "feature_extraction.text")
LEARNT = "mean_ data_min_ data_max_ center_ max_abs_ statistics_ scores_ components_ idf_ vocabulary_ categories_ bin_edges_ singular_values_"
MOST_NUMBERS = 12
MOST_ROWS = 100_000  # that are looked up one by one


def install(record: Record, program: str) -> None:
    """Only for programs that speak of these libraries, and files of their project: importing them takes a second."""
    if "random_split" in program and not _is_hooked("torch.utils.data", "random_split"):
        _hook_random_split(record)
    if "sklearn" not in program or _is_hooked("sklearn.model_selection", "train_test_split"):
        return
    try:
        from importlib import import_module

        from sklearn import model_selection
        from sklearn.base import TransformerMixin
    except ImportError:
        return
    busy: list[str] = []
    for home in HOMES:
        for kind in vars(import_module(f"sklearn.{home}")).values():
            if isinstance(kind, type) and issubclass(kind, TransformerMixin):
                for name in ("fit", "fit_transform", "transform"):
                    _hook(kind, name, record, busy)
    mixed = _mixed_by_samplers() if "imblearn" in program else set()
    divide = model_selection.train_test_split
    model_selection.train_test_split = _dividing(divide, record, mixed)


def _is_hooked(module: str, name: str) -> bool:
    return hasattr(getattr(sys.modules.get(module), name, None), "here")


def _hook(kind: Any, name: str, record: Record, busy: list[str]) -> None:
    original = getattr(kind, name, None)
    if original is None or hasattr(original, "noticed"):
        return

    @functools.wraps(original)
    def noticed(self: Any, X: Any, *arguments: Any, **keywords: Any) -> Any:
        busy.append(name)
        try:
            result = original(self, X, *arguments, **keywords)
        finally:
            busy.pop()
        if not busy:
            kind = "transformed" if name == "transform" else "fitted"
            record.note(
                kind,
                transformer=record.number(self),
                rows=_rows(X),
                learnt=_learnt(self),
                values=values_of(X),
            )
            if name != "transform":
                record.fitted.fit(record.number(self), X)
            if name != "fit":
                record.fitted.transform(record.number(self), X, result)
        return result

    noticed.noticed = True  # type: ignore[attr-defined]
    setattr(kind, name, noticed)


def _dividing(divide: Callable[..., Any], record: Record, mixed: set[bytes]) -> Callable[..., Any]:
    @functools.wraps(divide)
    def noticed(*arguments: Any, **keywords: Any) -> Any:
        parts = divide(*arguments, **keywords)
        known = mixed.union(_each(parts[0]))
        shared = sum(row in known for row in _each(parts[1]))
        share = record.fitted.share(parts[1])
        record.note("divided", train=_rows(parts[0]), test=_rows(parts[1]), shared=shared, fitted=share)
        return parts

    noticed.here = True  # type: ignore[attr-defined]
    return noticed


def _mixed_by_samplers() -> set[bytes]:
    """The rows that samplers of imbalanced-learn make of others, filled as they run."""
    mixed: set[bytes] = set()
    try:
        from imblearn import over_sampling
        from imblearn.base import SamplerMixin
    except ImportError:
        return mixed
    for kind in vars(over_sampling).values():
        if isinstance(kind, type) and "__init__" in vars(kind):
            _may_be_told_of_jobs(kind)
    original = SamplerMixin.fit_resample

    @functools.wraps(original)
    def noticed(self: Any, X: Any, *arguments: Any, **keywords: Any) -> Any:
        made = original(self, X, *arguments, **keywords)
        mixed.update(set(_each(made[0])).difference(_each(X)))
        return made

    SamplerMixin.fit_resample = noticed
    return mixed


def _may_be_told_of_jobs(kind: Any) -> None:
    """Samplers took `n_jobs` once."""
    begin = kind.__init__
    if "n_jobs" in inspect.signature(begin).parameters:
        return

    @functools.wraps(begin)
    def start(self: Any, *arguments: Any, n_jobs: object = None, **keywords: Any) -> None:
        begin(self, *arguments, **keywords)

    kind.__init__ = start


def _each(table: Any) -> list[bytes]:
    """Every row as something to look up; none of what is no table of numbers or words."""
    rows = getattr(table, "values", table)
    shape: tuple[int, ...] = getattr(rows, "shape", ())
    if len(shape) < 2 or shape[0] > MOST_ROWS or not hasattr(rows, "tobytes"):
        return []
    return [repr(row.tolist()).encode() if row.dtype.hasobject else row.tobytes() for row in rows]


def _hook_random_split(record: Record) -> None:
    from torch.utils import data

    original = data.random_split

    @functools.wraps(original)
    def noticed(*arguments: Any, **keywords: Any) -> Any:
        parts = original(*arguments, **keywords)
        if len(parts) > 1 and not is_made_up(parts[0].dataset):
            record.note("divided", train=len(parts[0]), test=sum(len(part) for part in parts[1:]))
        return parts

    noticed.here = True  # type: ignore[attr-defined]
    data.random_split = noticed


def _rows(X: Any) -> int:
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(X) if hasattr(X, "__len__") else 0


def _learnt(transformer: Any) -> list[float]:
    """The first numbers that a transformer has learnt, or how many words."""
    numbers: list[float] = []
    for name in LEARNT.split():
        found = getattr(transformer, name, None)
        if isinstance(found, dict):
            return [float(len(found))]
        if isinstance(found, list):
            return [float(len(part)) for part in found][:MOST_NUMBERS]
        if found is not None:  # of several all: the lowest value may be the same where the highest is not
            numbers += [float(number) for number in found.ravel()[:MOST_NUMBERS]]
    return numbers
