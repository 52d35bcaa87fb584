"""Reads tables out of values: follows rows and what was learnt of them through calls, parts and stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from trainlint.meaning.derived import derived
from trainlint.meaning.facts.tables import FITTING_METHODS, LEARNT_ATTRIBUTES, NOT_ROWS, SAME_ROWS
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.parted import parted
from trainlint.meaning.rows import MOST, Rows
from trainlint.meaning.shaped import NOTHING, Fit, Table, View, own_rows
from trainlint.meaning.tables import Tables
from trainlint.meaning.transformers import fitted_object, kind_of
from trainlint.meaning.values import (
    Argument,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.splits import Split

Key = tuple[int, View]
_EMPTY = frozenset("empty zeros ones full empty_like zeros_like ones_like full_like".split())
_DEEPEST = 120
_MOST_WORK = 60_000
_MOST_PARTS = 40  # of a data set's attributes


@dataclass(slots=True, eq=False)
class Reader:
    """Tables by value and view, with the log of what was written into them."""

    log: Tables
    known: dict[Key, Table] = field(default_factory=dict)
    fitted: dict[int, list[Result]] | None = None  # the calls of `fit` by transformer, in order
    open: dict[Key, int] = field(default_factory=dict)  # what is being read, and how deep
    depth: int = 0
    circle: int = 0  # the depth of the outermost value being read that was met again
    work: int = 0
    divided: list[Split] | None = None  # memo of `splits`

    def at_call(self, value: Value, call: Result) -> Table:
        """What an argument of a call holds by then."""
        return self.table(value, View(call.at))

    def table(self, value: Value, view: View) -> Table:
        """What a value holds."""
        key = (id(value), view.by(self._moment(value, view.at)))
        known = self.known.get(key)
        if known is not None:
            return known
        if key in self.open or self.depth > _DEEPEST or self.work > _MOST_WORK:
            self.circle = min(self.circle, self.open.get(key, 0))
            return NOTHING  # of a value that is computed from itself
        self.open[key] = self.depth
        self.depth, self.work, outer = self.depth + 1, self.work + 1, self.circle
        self.circle = self.depth
        found = self._filled(value, view, self._read(value, view).with_fits(self._fills(value, view)))
        self.depth -= 1
        del self.open[key]
        if self.circle >= self.depth:  # nothing that is still being read was left out
            self.known[key], self.circle = found, outer
        else:
            self.circle = min(outer, self.circle)
        return found

    def _moment(self, value: Value, at: int) -> int:
        """The step that decides what a value is: that of its making, unless it is written to afterwards."""
        own = value.at if isinstance(value, (Result, Item)) else 0
        return min(at, own) if own and id(value) not in self.log.fills else at

    def _fills(self, value: Value, view: View) -> frozenset[Fit]:
        found: frozenset[Fit] = frozenset()
        for fill in self.log.fills.get(id(value), ()):
            if fill.at <= view.at and view.shows(fill.column):
                found |= self.table(fill.value, View(fill.at, view.column or fill.column)).fits
        return found

    def _filled(self, value: Value, view: View, found: Table) -> Table:
        """An array that was made empty holds the rows that were written into it, as a list that a loop fills does."""
        fills = self.log.fills.get(id(value), ())
        if not fills or not is_made_empty(value):
            return found
        written = self.union((fill.value for fill in fills if fill.at <= view.at), View(view.at))
        return _gathered(Table(written.rows, found.fits, written.stacked)) if written.rows else found

    def _read(self, value: Value, view: View) -> Table:
        match value:
            case Result():
                return derived(self, value, view.by(value.at))
            case Item():
                return parted(self, value, view.by(value.at))
            case Choice():
                return self.union(options(value), view)
            case Member(receiver=receiver, name=name):
                if name in NOT_ROWS:
                    return NOTHING
                if name in LEARNT_ATTRIBUTES or name.endswith("_"):
                    return Table(frozenset(), self.applied(receiver, view.at))
                return self.table(receiver, view if name in SAME_ROWS else view.of(name))
            case Sequence(items=items, element=element):
                found = self.union([*items, *([_listed(element)] if element is not None else [])], view)
                return _gathered(found) if value.open or element is not None else found
            case Mapping(items=entries, element=element):
                return self.union([*entries.values(), *([element] if element is not None else [])], view)
            case Unpacked(source=source):
                return self.table(source, view)
            case Instance():
                return self._instance(value, view)
            case Argument() | Free() | Unknown():
                return own_rows(value)
        return NOTHING

    def rows_of(self, value: Value, view: View) -> Table:
        """What holds rows where it stands: also a list that is written out, which elsewhere may be names of columns."""
        found = self.table(value, view)
        return found if found.rows or not is_written_out(value) else own_rows(one(value), found.fits)

    def union(self, values: Iterable[Value], view: View) -> Table:
        tables = [self.table(value, view) for value in values]
        rows: Rows = frozenset().union(*(table.rows for table in tables))
        return Table(
            rows if len(rows) <= MOST else frozenset(),
            frozenset().union(*(table.fits for table in tables)),
            any(table.stacked for table in tables),
        )

    def _instance(self, value: Instance, view: View) -> Table:
        """A data set: what it was given, and what it has made of that."""
        held = [*value.arguments, *value.keywords.values()]
        if isinstance(value.cls, Class):
            held += [v for k, v in value.attributes.items() if not k.startswith("*") and v is not value]
        elif kind_of(value) is not None:
            return NOTHING  # a transformer is no table
        found = self.union(held[:_MOST_PARTS], View(view.at))
        return found if found.rows else own_rows(value, found.fits)

    # What is learnt

    def fits_of(self, transformer: Value) -> list[Result]:
        """The calls that fit a transformer, in order."""
        if self.fitted is None:
            self.fitted = {}
            for call in self.log.calls:
                if type(call.callee) is Member and call.callee.name in FITTING_METHODS:
                    for option in options(call.callee.receiver):
                        self.fitted.setdefault(id(fitted_object(option)), []).append(call)
        return self.fitted.get(id(fitted_object(transformer)), [])

    def learnt(self, call: Result) -> frozenset[Fit]:
        """The fit that a call of `fit` or `fit_transform` is."""
        kind = kind_of(call.callee.receiver) if isinstance(call.callee, Member) else None
        given = call.arguments[0] if call.arguments else call.keywords.get("X")
        if not kind or given is None or call.node is None:
            return frozenset()
        rows = self.rows_of(given, View(call.at)).rows
        return frozenset({Fit(call.node, kind, False, rows, call.at)}) if rows else frozenset()

    def applied(self, transformer: Value, at: int, call: Result | None = None) -> frozenset[Fit]:
        """What a transformer has learnt by a step: at its last fit before."""
        found: frozenset[Fit] = frozenset()
        for option in options(transformer):
            before = [fit for fit in self.fits_of(option) if fit.at <= at and fit is not call]
            if before:
                found |= self.learnt(before[-1])
        return found


def is_made_empty(value: Value) -> bool:
    """Whether an array holds nothing yet of what it is for: `np.zeros((n, window, columns))`."""
    match value:
        case Result(callee=External(name=name)):
            home, _, last = name.rpartition(".")
            return home in ("numpy", "torch") and last in _EMPTY
    return False


def is_written_out(value: Value) -> bool:
    """Whether a value is a list of plain texts or numbers, or of rows of them."""
    match one(value):
        case Sequence(items=items, open=False, element=None):
            return len(items) > 1 and all(
                isinstance(v, Constant) or is_written_out(v) for v in map(one, items)
            )
    return False


def _listed(element: Value) -> Value:
    """What the elements of a list are the rows of: `windows.extend(table[:, i:n])`."""
    match element:
        case Item(source=source, key=None) if isinstance(one(source), Item):
            return source
    return element


def _gathered(table: Table) -> Table:
    """A list that a loop fills: a mean that is taken in a loop is each element's own, unlike one taken before."""
    kept = (fit for fit in table.fits if not fit.by_hand or _is_taken_once(fit))
    return Table(table.rows, frozenset(kept), table.stacked)


def _is_taken_once(fit: Fit) -> bool:
    return fit.region is not None and not enclosing_loops(fit.region)
