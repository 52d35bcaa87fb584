"""Transformers that were kept with a trained model, and are fitted again to what the model is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.facts.tables import JUDGING
from trainlint.meaning.shaped import Fit
from trainlint.meaning.splits import uses
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import External, Member, Result, Value, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_LOADING = frozenset("joblib.load pickle.load pickle.loads cloudpickle.load dill.load".split())


def loaded_anew(program: Program) -> Iterator[tuple[Fit, Fit]]:
    """`scaler = joblib.load("scaler.pkl")`, then `scaler.fit_transform(x)`, where nothing learns and a model answers.

    Only transformers have `fit_transform`, so that what the file held is known by it.
    """
    reader = program.table_reader
    loaded = [(call, kept) for call in reader.log.calls if (kept := _fits_loaded(call)) is not None]
    if not loaded or program.backwards or program.events("fit") or not _answers(program):
        return
    for call, kept in loaded:
        rows = reader.at_call(call.arguments[0], call).rows
        if call.node is not None and rows:
            yield Fit(call.node, "loaded", True, rows, call.at), Fit(kept, "loaded", True, rows, call.at)


def _fits_loaded(call: Result) -> Node | None:
    """Where the transformer was loaded that a call fits again."""
    if not isinstance(call.callee, Member) or call.callee.name != "fit_transform" or not call.arguments:
        return None
    made = [_loading(option) for option in options(call.callee.receiver)]
    return made[0] if made and None not in made else None


def _loading(value: Value) -> Node | None:
    match value:
        case Result(callee=External(name=name), node=node) if name in _LOADING:
            return node
    return None


def _answers(program: Program) -> bool:
    """Whether a network or an estimator is asked, and no estimator learns."""
    reader = program.table_reader
    if any(use.trains for use in uses(reader)):
        return False
    asked = (call.callee.name for call in reader.log.calls if isinstance(call.callee, Member))
    return bool(program.events("forward")) or any(name in JUDGING for name in asked)
