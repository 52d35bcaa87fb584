"""Rows that are repeated, or mixed of others, until the classes are of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.facts.tables import OVER_SAMPLERS, RESAMPLING
from trainlint.meaning.shaped import Fit, Table, View
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import External, Member, Result, constant, passed

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader

COPIES = "copies"  # the kind of a fit whose rows come again in what it gives
_REDRAWING = "sklearn.utils.resample"


def repeated(reader: Reader, call: Result, view: View) -> Table | None:
    """What an over-sampler, or a draw with replacement, makes of rows; None where a call is neither.

    `SMOTE().fit_resample(x, y)`, `resample(x, n_samples=900)`, `table.sample(900, replace=True)`.
    """
    match call.callee:
        case External(name=name) if name == _REDRAWING and call.arguments:
            draws = "replace" not in call.keywords or constant(call.keywords["replace"]) is True
            found = reader.union(call.arguments, view)
            return with_copies(call, found, found) if draws else None
        case Member(receiver=receiver, name="sample"):
            drawn = passed(call, 2, "replace")
            found = reader.table(receiver, view)
            return with_copies(call, found, found) if drawn is not None and constant(drawn) is True else None
        case Member(name=name) if name in RESAMPLING and is_over_sampler(call):
            found = reader.union([*call.arguments, *call.keywords.values()], view)
            return with_copies(call, found, found)
    return None


def with_copies(call: Result, table: Table, of: Table) -> Table:
    """A table of rows that a call has repeated."""
    if call.node is None or not of.rows:
        return table
    return table.with_fits(frozenset({Fit(call.node, COPIES, False, of.rows, call.at)}))


def is_over_sampler(call: Result) -> bool:
    """Whether a call is one of an over-sampler of imbalanced-learn: the others make classes smaller."""
    if not isinstance(call.callee, Member):
        return False
    made = made_by(fitted_object(call.callee.receiver)) or ""
    home, _, last = made.rpartition(".")
    return last in OVER_SAMPLERS and (not home or home.startswith("imblearn"))


def gives_several(call: Result) -> bool:
    """Whether a call gives each of the tables that it was given: rows and labels."""
    if isinstance(call.callee, External):
        return call.callee.name == _REDRAWING and len(call.arguments) > 1
    return isinstance(call.callee, Member) and call.callee.name in RESAMPLING
