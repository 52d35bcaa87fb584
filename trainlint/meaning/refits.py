"""Transformers that are fitted anew to what is held out, beside the fit to what trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.tables import FITTING_METHODS
from trainlint.meaning.loaded_anew import loaded_anew
from trainlint.meaning.measured_anew import measured_anew
from trainlint.meaning.own_fits import (
    always_made,
    calls_behind,
    is_of_one_file,
    is_of_one_sample,
    learnt_by,
    sets_judged_on,
    sets_trained_on,
)
from trainlint.meaning.place import Change, remove_statement, replace, text_of
from trainlint.meaning.purposes import TEST, VALIDATION, purpose_of
from trainlint.meaning.rows import Rows, covers
from trainlint.meaning.shaped import Fit, Table, View
from trainlint.meaning.splits import Split, Use, splits, uses
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import Member, Result, Value
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A call that fits a transformer, and to which rows."""

    call: Result
    fit: Fit
    transformer: Value


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """A fit to held-out rows, and the fit to the rows that train. `again`: of one and the same transformer.

    `apart`: that the rows are held out is only known of the model that is asked about them: they may be of another domain.
    """

    fit: Fit
    first: Fit
    again: bool
    apart: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether the two fits surely differ; numbers for labels do only where a class is missing."""
        return self.fit.kind != "labels" and not self.fit.by_hand and not self.apart

    @property
    def edits(self) -> list[Change]:
        """`transform` by what was fitted to the training part."""
        call, first = self.fit.node, self.first.node
        if call.cst is first.cst:
            return []  # a function that is called for either part
        if not isinstance(call, s.Call) or not isinstance(call.function, s.Attribute):
            return []
        if call.function.name == "fit":
            return [remove_statement(call)] if self.again else []
        if call.function.name != "fit_transform" or call.unit is not first.unit or len(call.arguments) != 1:
            return []
        given, holder = text_of(call.arguments[0].value), call.function.value
        if not self.again:
            if not isinstance(first, s.Call) or not isinstance(first.function, s.Attribute):
                return []
            holder = first.function.value
        if not isinstance(holder, (s.Name, s.Attribute)):
            return []
        return [replace(call, f"{text_of(holder)}.transform({given})")]

    @property
    def kept(self) -> list[Change]:
        """For the experiment: whatever of the two calls runs first, what it fitted does for what comes later."""
        calls = {id(call.cst): call for call in (self.first.node, self.fit.node)}
        changes = [_kept(call) for call in calls.values()]
        return [change for change in changes if change is not None] if all(changes) else []


def _kept(call: s.Node) -> Change | None:
    if not isinstance(call, s.Call) or len(call.arguments) != 1:
        return None
    if not isinstance(call.function, s.Attribute) or call.function.name != "fit_transform":
        return None
    holder, given = text_of(call.function.value), text_of(call.arguments[0].value)
    place = 'vars(__import__("sys"))'
    first = f'{place}["_first_fit"] if "_first_fit" in {place}'
    fitted = f'{first} else {place}.setdefault("_first_fit", {holder}.fit({given}))'
    return replace(call, f"({fitted}).transform({given})")


def refits(program: Program) -> list[Refit]:
    """One for each call."""
    reader = program.table_reader
    fitted = list(_fitted(reader))
    found: dict[s.Node, Refit] = {}
    used = list(uses(reader))
    for one in fitted:
        for other in fitted:
            again = one.transformer is other.transformer
            anew = _is_made_anew(one, other) or (again and one.call is not other.call)
            if one.fit.node in found or (one.fit.node.cst is other.fit.node.cst and not anew):
                continue
            if not again and not _are_alike(one, other):
                continue
            once_more = again or _is_of_one_model(one.fit, other.fit, used)
            held_out = _is_held_out(one.fit.rows, other.fit.rows, splits(reader))
            if held_out or (once_more and other.fit.at < one.fit.at and _is_judged(one.fit, other.fit, used)):
                if once_more or _is_used(one.fit, used) or one.fit.kind in _FOR_MODELS:
                    found[one.fit.node] = Refit(
                        one.fit, other.fit, again, apart=not (held_out or again or anew)
                    )
    for refit in (*_by_data_sets(program, fitted), *_by_networks(program, fitted)):
        found.setdefault(refit.fit.node, refit)
    by_hand = [*_by_hand(reader, used)] or [Refit(*pair, False) for pair in measured_anew(program)]
    loaded = [Refit(*pair, True) for pair in loaded_anew(program)]
    return sorted([*found.values(), *by_hand, *loaded], key=lambda refit: refit.fit.at)


def _by_data_sets(program: Program, fitted: list[_Fitted]) -> Iterator[Refit]:
    """`RowsDataset("train")` and `RowsDataset("test")`, each of which fits a transformer of its own to its rows."""
    made = [one for one in fitted if one.fit.kind in _FOR_MODELS and always_made(one.call)]
    if len({id(one.transformer) for one in made}) < 2:
        return
    trained, judged = sets_trained_on(program), sets_judged_on(program)
    learns, judges = calls_behind(trained), calls_behind(judged)
    first = [one for one in made if _is_for(one, trained, judged, learns - judges)]
    later = [one for one in made if _is_for(one, judged, trained, judges - learns)]
    for one in later:
        for other in first:
            if one.fit.node.cst is other.fit.node.cst and one.transformer is not other.transformer:
                yield Refit(one.fit, other.fit, False)


def _by_networks(program: Program, fitted: list[_Fitted]) -> Iterator[Refit]:
    """`net(x_train)` is trained and `net(x_test)` judged, and what each was scaled by was fitted to itself."""
    if len(fitted) < 2:
        return
    trained = [t for t in _tables_of_training(program) if t.fits]
    learnt = frozenset().union(*(table.fits for table in trained))
    for evaluation in (*program.evaluations, *program.held_out) if trained else ():
        if not evaluation.judged or evaluation.of_training:
            continue
        judged = _table(program, evaluation.event.inputs)
        is_said = purpose_of(program, evaluation) in (VALIDATION, TEST)
        for one in fitted:
            if one.fit not in judged.fits or one.fit in learnt:
                continue
            for other in fitted:
                if other.fit not in learnt or other.fit in judged.fits or not _are_of_other_rows(one, other):
                    continue
                again = one.transformer is other.transformer
                is_alike = _is_made_anew(one, other) or (_are_alike(one, other) and is_said)
                if again or (is_alike and one.fit.kind in _FOR_MODELS):
                    yield Refit(one.fit, other.fit, again)


def _tables_of_training(program: Program) -> Iterator[Table]:
    used = program.used_by_backwards
    for event in program.events("forward"):
        if id(event.value) in used:
            yield _table(program, event.inputs)
    for training in program.training_loaders:
        yield _table(program, [training.loader.dataset] if training.loader.dataset is not None else [])


def _table(program: Program, values: Iterable[Value]) -> Table:
    return program.table_reader.union(values, View(_AT_LAST))


_AT_LAST = 1 << 60  # later than any step of the interpreter


def _are_of_other_rows(one: _Fitted, other: _Fitted) -> bool:
    return not {origin for origin, _ in one.fit.rows} & {origin for origin, _ in other.fit.rows}


def _is_for(one: _Fitted, mine: Mapping[int, Value], others: Mapping[int, Value], calls: set[int]) -> bool:
    """Whether something was fitted for some data sets, and not for others."""
    owner = learnt_by(one.call)
    return id(one.call) in calls or (owner is not None and id(owner) in mine.keys() - others.keys())


def _by_hand(reader: Reader, used: list[Use]) -> Iterator[Refit]:
    """`(test - test.mean()) / test.std()` beside the same of the training part: one for each test part."""
    learnt = [fit for use in used if use.trains for fit in use.table.fits if fit.by_hand]
    judged = [fit for use in used if not use.trains for fit in use.table.fits if fit.by_hand]
    said: set[int] = set()
    for split in splits(reader) if learnt and judged else ():
        for mine in sorted(set(judged), key=lambda fit: fit.at):
            other = next(
                (fit for fit in learnt if fit.kind == mine.kind and covers(split.train, fit.rows)), None
            )
            if other is not None and covers(split.test, mine.rows) and id(split.node.cst) not in said:
                said.add(id(split.node.cst))
                yield Refit(mine, other, False)


_FOR_MODELS = frozenset(("scaler", "imputer", "vocabulary", "feature selection"))


def _fitted(reader: Reader) -> Iterator[_Fitted]:
    for call in reader.log.calls:
        if not isinstance(call.callee, Member) or call.callee.name not in FITTING_METHODS:
            continue
        if is_of_one_sample(call) or is_of_one_file(call) or _is_of_columns(reader, call):
            continue
        for fit in reader.learnt(call):
            yield _Fitted(call, fit, fitted_object(call.callee.receiver))


def _is_of_columns(reader: Reader, call: Result) -> bool:
    """`df.iloc[:, :7] = scaler.fit_transform(df.T.iloc[:7]).T`: what counts as a row there is a column of the table."""
    written = (fill.value for fills in reader.log.fills.values() for fill in fills)
    return any(isinstance(v, Member) and v.name == "T" and v.receiver is call for v in written)


def _is_made_anew(one: _Fitted, other: _Fitted) -> bool:
    """Whether a function that makes and fits a transformer was called for other rows: `prepare("test.csv")`."""
    return one.transformer is not other.transformer and one.fit.node is other.fit.node and one is not other


def _is_of_one_model(mine: Fit, first: Fit, used: list[Use]) -> bool:
    """Whether the model that learns from the rows of the first fit is asked about those of the other."""
    learnt = {id(_model(use)) for use in used if use.trains and first in use.table.fits}
    return any(
        not use.trains
        and mine in use.table.fits
        and first not in use.table.fits
        and id(_model(use)) in learnt
        for use in used
    )


def _model(use: Use) -> Value | None:
    return fitted_object(use.call.callee.receiver) if isinstance(use.call.callee, Member) else None


def _are_alike(one: _Fitted, other: _Fitted) -> bool:
    """Whether two transformers are of one class, which takes the same numbers from either part."""
    made = made_by(one.transformer)
    return made is not None and made == made_by(other.transformer)


def _is_held_out(mine: Rows, learnt: Rows, divided: Iterable[Split]) -> bool:
    """Whether rows are of the part that is held out by a split, and others of the part that trains."""
    return any(covers(split.test, mine) and covers(split.train, learnt) for split in divided)


def _is_judged(mine: Fit, first: Fit, used: list[Use]) -> bool:
    """Whether what was fitted first is what a model learns from, and what is fitted now it is only asked about."""
    trained = [use.table for use in used if use.trains]
    judged = [use.table for use in used if not use.trains]
    learns_mine = any(mine in table.fits for table in trained)
    apart = not {origin for origin, _ in mine.rows} & {origin for origin, _ in first.rows}
    return (
        apart
        and not learns_mine
        and any(first in table.fits for table in trained)
        and any(mine in table.fits for table in judged)
    )


def _is_used(fit: Fit, used: list[Use]) -> bool:
    return any(fit in use.table.fits for use in used if not use.trains)
