"""Preprocessing that has seen the rows it is judged on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.facts.tables import APPLYING_METHODS, TRAINING
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.objects import external_bases, is_module
from trainlint.meaning.oversampling import COPIES
from trainlint.meaning.rows import covers, touches
from trainlint.meaning.shaped import Fit, Table, View
from trainlint.meaning.splits import Split, splits, splits_by_call, uses
from trainlint.meaning.train_only import fitted_to_fewer, fitted_to_training_part
from trainlint.meaning.transformers import kind_of
from trainlint.meaning.unit_free import is_felt_by_nobody, trains_networks
from trainlint.meaning.values import Class, Instance, Member, Result, Value
from trainlint.meaning.vocabularies import vocabularies
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader
    from trainlint.meaning.place import Change
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """A fit to rows of both parts of a split, which shaped what is learnt from."""

    fit: Fit
    split: Split
    is_felt: bool = (
        True  # by something that learns from the rows: trees and plain least squares feel no scale
    )
    is_carried_over: bool = False  # to rows that nobody has learnt anything of: a test part that stays clean
    more: tuple[Fit, ...] = ()  # further ones of the kind that are made by hand

    @property
    def is_certain(self) -> bool:
        """Whether a transformer learns numbers of rows that nothing else holds out; by hand it may be a mere unit."""
        within = any(part[0] == "keys" for _, path in self.split.whole.rows for part in path)
        clean = within or self.is_carried_over
        return not self.fit.by_hand and self.fit.kind not in _CATEGORIES and not clean

    @property
    def learns(self) -> str:
        """What it learns, in words."""
        return _LEARNT.get(self.fit.kind, f"a {self.fit.kind}")

    @property
    def narrowed(self) -> list[Change]:
        """For experiments: the same fit learns from three quarters of its rows alone."""
        return fitted_to_fewer(self.fit)

    @property
    def edits(self) -> list[Change]:
        """Edits that fit to the training part alone."""
        return fitted_to_training_part(self)


_LEARNT = {
    "scaler": "its scale",
    "imputer": "what it fills in",
    "encoder": "its categories",
    "target encoder": "the target of each category",
    "discretizer": "its bins",
    "feature selection": "which features to keep",
    "projection": "its axes",
    "vocabulary": "its vocabulary",
    "std": "a standard deviation",
    "var": "a variance",
    "nanmean": "a mean",
    "nanstd": "a standard deviation",
    "min": "a minimum",
    "max": "a maximum",
    "statistic": "the mean of each group",
}
_SPREAD = frozenset(("min", "max"))
_CATEGORIES = frozenset(("encoder",))


def leaks(program: Program) -> list[Leak]:
    """Those that learn something; copies are no preprocessing."""
    return [leak for leak in program.row_leaks if leak.fit.kind != COPIES]


def row_leaks(program: Program) -> list[Leak]:
    """One for each fit: with the first split whose parts it has both seen."""
    reader = program.table_reader
    shaped = [*_shaped(reader), *(use.table for use in uses(reader) if use.trains)]
    words = list(vocabularies(reader))
    found: dict[Fit, Leak] = {}
    for split in splits(reader) if _learns(program) else splits_by_call(reader):
        if split.call is None and not _is_learnt_from(program, split):
            continue  # slices for a picture of the data
        for fit in (*_fits_of(split, shaped), *_listed_before(words, split)):
            if fit.kind == "projection" and split.call is None and fit not in program.trained_fits:
                continue  # points that are divided for a picture of them
            if fit not in found and _has_seen_both(fit, split) and _matters(fit, split):
                felt = not is_felt_by_nobody(program, fit, split)
                found[fit] = Leak(fit, split, felt, _is_carried_over(reader, fit))
    return list(_together(found.values()))


def _is_carried_over(reader: Reader, fit: Fit) -> bool:
    """Whether what was learnt is applied to rows of another origin as well: those that judge in the end."""
    for call in reader.log.calls:
        if not isinstance(call.callee, Member) or call.callee.name != "transform" or not call.arguments:
            continue
        if fit in reader.applied(call.callee.receiver, call.at, call):
            rows = reader.at_call(call.arguments[0], call).rows
            if rows and {origin for origin, _ in rows}.isdisjoint(origin for origin, _ in fit.rows):
                return True
    return False


def _learns(program: Program) -> bool:
    """Whether something learns here at all, or serves data: else nobody learns from parts that are taken by hand."""
    return bool(
        _is_for_networks(program)
        or any(map(_is_data_set, program.instances))
        or any(_trains(call) for call in program.table_reader.log.calls)
    )


def _is_for_networks(program: Program) -> bool:
    """Whether a network trains here, or a piece of a program ends at the class of one, before it is trained."""
    if trains_networks(program):
        return True
    return any(
        isinstance(made.cls, Class) and is_module(made) and has_no_imports(made.cls.unit)
        for made in program.instances
    )


def _trains(call: Result) -> bool:
    return isinstance(call.callee, Member) and call.callee.name in TRAINING


def _is_data_set(made: Instance) -> bool:
    if isinstance(made.cls, Class):
        return any(base.endswith(".Dataset") for base in external_bases(made.cls))
    return made.cls.name == "torch.utils.data.TensorDataset"


def _is_learnt_from(program: Program, split: Split) -> bool:
    """Whether a network trains here, a data set serves a part, or a method that fits takes rows of the first one."""
    if _is_for_networks(program) or _is_served(program, split):
        return True
    reader = program.table_reader
    return any(
        touches(split.train, reader.at_call(given, call).rows)
        for call in reader.log.calls
        if _trains(call)
        for given in (*call.arguments[:1], *call.keywords.values())
    )


def _is_served(program: Program, split: Split) -> bool:
    """Whether a data set keeps rows of one of the parts."""
    reader = program.table_reader
    return any(
        touches(split.train, rows) or touches(split.test, rows)
        for made in program.instances
        for held in _held_by(made)
        if (rows := reader.table(held, View(program.reading.steps)).rows)
    )


def _held_by(made: Instance) -> list[Value]:
    """The tables that a data set keeps."""
    if not _is_data_set(made):
        return []
    return list(made.attributes.values()) if isinstance(made.cls, Class) else list(made.arguments)


def _shaped(reader: Reader) -> Iterator[Table]:
    """What transformers make of tables."""
    for call in reader.log.calls:
        if (
            isinstance(call.callee, Member)
            and call.callee.name in APPLYING_METHODS
            and kind_of(call.callee.receiver)
        ):
            yield reader.table(call, View(call.at))


def _fits_of(split: Split, shaped: list[Table]) -> list[Fit]:
    """The fits that shaped what is split, or that shape the part that is learnt from."""
    found = set(split.whole.fits)
    for table in shaped:
        if covers(split.train, table.rows) or touches(split.train, table.rows):
            found |= table.fits
    return sorted(found, key=lambda fit: (fit.by_hand, fit.at))


def _listed_before(words: list[Fit], split: Split) -> list[Fit]:
    """Vocabularies that were complete when a call divided the texts: what came later may go by the parts."""
    return [fit for fit in words if split.call is not None and fit.at < split.call.at]


def _has_seen_both(fit: Fit, split: Split) -> bool:
    if split.whole.stacked and fit.kind != COPIES:
        return covers(fit.rows, split.train) and covers(fit.rows, split.test)
    return touches(fit.rows, split.train) and touches(fit.rows, split.test)


def _matters(fit: Fit, split: Split) -> bool:
    """Whether it shapes features; categories of the targets, and numbers for labels, are only names.

    So are equal shares of a quantity that the targets say: where one ends is what they mean.
    """
    if fit.kind == "labels":
        return False
    if fit.kind in _CATEGORIES:
        return split.argument == 0 and split.arguments > 1
    return fit.kind != "discretizer" or split.argument == 0


def _together(found: Iterable[Leak]) -> Iterator[Leak]:
    """Statistics taken by hand are one finding for each split; a lone extreme is a unit, not a statistic."""
    by_split: dict[int, list[Leak]] = {}
    for leak in found:
        if leak.fit.by_hand:
            by_split.setdefault(id(leak.split.node.cst), []).append(leak)
        else:
            yield leak
    for several in by_split.values():
        kinds = {leak.fit.kind for leak in several}
        if kinds - _SPREAD or kinds == _SPREAD:
            first, *rest = several
            yield Leak(first.fit, first.split, first.is_felt, more=tuple(leak.fit for leak in rest))
