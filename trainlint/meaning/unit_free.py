"""Scales that nobody feels: all that learns from the rows answers the same in whatever unit its columns are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.facts.tables import AFFINE, TRAINING, UNIT_FREE, UNIT_FREE_HOMES
from trainlint.meaning.rows import touches
from trainlint.meaning.splits import Split
from trainlint.meaning.transformers import fitted_object, kind_of, made_by
from trainlint.meaning.values import External, Member, Result, Value, options, passed

if TYPE_CHECKING:
    from trainlint.meaning.program import Program
    from trainlint.meaning.shaped import Fit


def is_felt_by_nobody(program: Program, fit: Fit, split: Split) -> bool:
    """Whether a fit is a mere change of units, and only trees or plain least squares learn from the rows of a split."""
    if not _is_affine(program, fit) or trains_networks(program):
        return False
    learning = list(_learning(program, split))
    return bool(learning) and all(map(_is_unit_free, learning))


def trains_networks(program: Program) -> bool:
    """Whether a network trains here, or an optimizer is made for it where the loop is left out."""
    return bool(program.backwards or program.events("fit") or program.optimizers)


def _is_affine(program: Program, fit: Fit) -> bool:
    made = (
        made_by(fitted_object(call.callee.receiver))
        for call in program.table_reader.log.calls
        if call.node is fit.node and isinstance(call.callee, Member)
    )
    return any(name is not None and name.rpartition(".")[2] in AFFINE for name in made)


def _learning(program: Program, split: Split) -> Iterator[Value]:
    """The estimators that are fitted to rows of a split, whichever part of them."""
    reader = program.table_reader
    for call in reader.log.calls:
        estimator, given = _fitted(call, split)
        if estimator is None or given is None:
            continue
        rows = reader.at_call(given, call).rows
        if any(touches(part, rows) or touches(rows, part) for part in (split.train, split.test)):
            yield estimator


def _fitted(call: Result, split: Split) -> tuple[Value | None, Value | None]:
    """The estimator that a call fits, and the rows that it gets: `model.fit(x, y)`, `cross_val_score(model, x, y)`."""
    match call.callee:
        case Member(receiver=receiver, name=name) if name in TRAINING and kind_of(receiver) is None:
            return receiver, passed(call, 0, "X")
        case External() if split.inside and call.node is split.node:
            return passed(call, 0, "estimator"), passed(call, 1, "X")
    return None, None


def _is_unit_free(estimator: Value) -> bool:
    made = [made_by(fitted_object(option)) for option in options(estimator)]
    return bool(made) and all(
        name is not None and name.startswith(UNIT_FREE_HOMES) and name.rpartition(".")[2] in UNIT_FREE
        for name in made
    )
