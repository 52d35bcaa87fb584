"""What calls make of tables: which keep the rows, which learn of them, which make them one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.column_by_column import beyond_columns
from trainlint.meaning.facts.tables import (
    APPLYING_METHODS,
    COUNTS,
    CROSS_VALIDATION,
    FITTING_FUNCTIONS,
    STATISTICS,
    STATISTICS_HOMES,
    WINDOWED,
)
from trainlint.meaning.oversampling import repeated
from trainlint.meaning.parted import index_of
from trainlint.meaning.rows import selected
from trainlint.meaning.shaped import NOTHING, Fit, Table, View, own_rows
from trainlint.meaning.transformers import kind_of
from trainlint.meaning.values import (
    MISSING,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
)

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader

_COMPARING = frozenset(
    f"operator.{o}" for o in ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")
)
_STACKING = frozenset("concat concatenate vstack append cat row_stack stack".split())
_JOINING = frozenset("append merge join concat combine_first".split())
_SETTINGS = frozenset("columns index stratify random_state axis inplace dtype".split())
_PREDICTING = frozenset("predict predict_proba decision_function".split())
_OF_GROUPS = frozenset("mean median std".split())
_NEAREST = 4  # steps back from a statistic to the windows or groups that it is taken of


def derived(reader: Reader, value: Result, view: View) -> Table:
    again = repeated(reader, value, view)
    if again is not None:
        return again
    match value.callee:
        case External(name=name):
            return _function(reader, value, name, view)
        case Member(receiver=receiver, name=name):
            return _method(reader, value, receiver, name, view)
    return reader.union([*value.arguments, *value.keywords.values()], view)


def _inputs(value: Result) -> list[Value]:
    return [given for name, given in value.keywords.items() if name not in _SETTINGS]


def _function(reader: Reader, value: Result, name: str, view: View) -> Table:
    last = name.rpartition(".")[2]
    if name in _COMPARING:
        return Table(reader.union(value.arguments, view).rows)
    if last in CROSS_VALIDATION or name in ("builtins.len", "builtins.range"):
        return NOTHING
    if name.startswith(STATISTICS_HOMES) and value.arguments:
        if last in COUNTS:
            return NOTHING
        if last in STATISTICS:
            return _statistic(reader, value, value.arguments[0], last, value.arguments[1:2])
    found = reader.union([*value.arguments, *_inputs(value)], view)
    if name in FITTING_FUNCTIONS and found.rows and value.node is not None:
        kind, by_hand = FITTING_FUNCTIONS[name], name.startswith("pandas.")
        return found.with_fits(frozenset({Fit(value.node, kind, by_hand, found.rows, value.at)}))
    if last in _STACKING and found.rows and not _is_sideways(value):
        return Table(found.rows, found.fits, len({origin for origin, _ in found.rows}) > 1)
    return found if found.rows or name.startswith("operator.") else own_rows(value, found.fits)


def _is_sideways(value: Result) -> bool:
    """Whether tables are put side by side: `pd.concat([a, b], axis=1)`."""
    axis = value.keywords.get("axis", value.keywords.get("dim"))
    if axis is None and len(value.arguments) > 1:
        axis = value.arguments[-1]
    return axis is not None and constant(axis) not in (0, MISSING)


def _method(reader: Reader, value: Result, receiver: Value, name: str, view: View) -> Table:
    rows = value.arguments[0] if value.arguments else value.keywords.get("X")
    if name in APPLYING_METHODS and rows is not None and kind_of(receiver) is not None:
        learnt = reader.learnt(value) if name == "fit_transform" else reader.applied(receiver, view.at, value)
        return reader.rows_of(rows, View(view.at)).with_fits(learnt)
    if name in COUNTS:
        return NOTHING
    if name in STATISTICS:
        return _statistic(reader, value, receiver, name, value.arguments[:1])
    if name == "drop":
        return _dropped(reader, value, receiver, view)
    if name in _PREDICTING:
        return Table(reader.union(value.arguments, view).rows)
    if name == "transform" and _is_windowed(receiver):
        return _grouped(reader, value, receiver, view)
    if name == "transform" and (given := reader.union(value.arguments[:1], view)).rows:
        return given  # by something that nobody knows: row by row, as transformers do
    if name in ("sample", "head", "tail"):
        return _sampled(reader, value, receiver, view)
    own = reader.table(receiver, view)
    made = reader.log.inner.get(id(value))
    if made is not None:
        own = own.with_fits(reader.table(made, View(view.at)).fits)
    given = reader.union([*value.arguments, *_inputs(value)], view.of(view.column))
    if name not in _JOINING and own.rows:
        return own.with_fits(given.fits)
    found = Table(own.rows | given.rows, own.fits | given.fits, name in ("append", "concat"))
    return found if found.rows else own_rows(value, found.fits)


def _sampled(reader: Reader, value: Result, receiver: Value, view: View) -> Table:
    whole = reader.table(receiver, view)
    share = value.keywords.get("frac")
    if share is not None and constant(share) in (1, 1.0):
        return whole  # in another order
    return Table(selected(whole.rows, ("sample", id(value), 0)), whole.fits, whole.stacked)


def _first(value: Result) -> Value | None:
    return value.arguments[0] if value.arguments else value.keywords.get("labels")


def rest_of(value: Result) -> Result | None:
    """The sample whose rows `table.drop(sample.index)` leaves out."""
    if not isinstance(value.callee, Member) or value.callee.name != "drop":
        return None
    match one(index_of(value.keywords.get("index") or _first(value)) or value):
        case Result(callee=Member(name="sample")) as sample:
            return sample
    return None


def _dropped(reader: Reader, value: Result, receiver: Value, view: View) -> Table:
    """Without some columns, or without the rows of another part: `table.drop(train.index)`."""
    named = value.keywords.get("columns") or _first(value)
    if index_of(value.keywords.get("index") or named) is not None:
        whole, sample = reader.table(receiver, view), rest_of(value)
        selector = ("sample", id(sample), 1) if sample is not None else ("some", id(value))
        return Table(selected(whole.rows, selector), whole.fits, whole.stacked)
    inner = one(named) if named is not None else None
    items = inner.items if isinstance(inner, Sequence) else (named,) if named is not None else ()
    gone = frozenset(str(constant(item)) for item in items if constant(item) is not MISSING)
    return reader.table(receiver, view.less(gone))


# What is taken by hand


def _statistic(reader: Reader, value: Result, of: Value, name: str, axis: tuple[Value, ...]) -> Table:
    """`x.mean()`, `np.std(x, axis=0)`: what it says of the rows; along another axis it is each row's own."""
    along = value.keywords.get("axis", value.keywords.get("dim", axis[0] if axis else None))
    asked = _over(along) if along is not None else None
    inner = reader.table(of, View(value.at))
    if asked not in (None, 0, "index", MISSING) or _is_windowed(of) or (asked == 0 and _lists_columns(of)):
        return inner
    listed = isinstance(one(of), Sequence) and along is None  # of a list of results
    if asked is MISSING or value.node is None or not inner.rows or listed:
        return NOTHING
    where = beyond_columns(of, value.region)
    taken = Fit(value.node, name, True, inner.rows, value.at, where)
    return Table(frozenset(), inner.fits | {taken})


def _lists_columns(value: Value) -> bool:
    """`np.stack([table["score"].values for table in tables])`: what comes first there counts the columns."""
    made = one(value)
    if not isinstance(made, Result) or not isinstance(made.callee, External) or not made.arguments:
        return False
    listed = one(made.arguments[0])
    if made.callee.name not in _LISTING or not isinstance(listed, Sequence) or _is_sideways(made):
        return False
    held = [*listed.items, *([listed.element] if listed.element is not None else [])]
    return bool(held) and all(isinstance(v, Member) and v.name == "values" for v in map(one, held))


_LISTING = frozenset("numpy.stack numpy.vstack numpy.array numpy.row_stack".split())


def _over(along: Value) -> object:
    """Along which axis; of several, the one of the rows if it is among them: `x.mean(axis=(0, 2))`."""
    found = one(along)
    if not isinstance(found, Sequence) or found.open or not found.items:
        return constant(along)
    axes = [constant(item) for item in found.items]
    if MISSING in axes:
        return MISSING
    return 0 if 0 in axes else axes[0]


def _is_windowed(value: Value) -> bool:
    """Whether a table is taken window by window, or group by group."""
    for _ in range(_NEAREST):
        match one(value):
            case Result(callee=Member(receiver=inner, name=name)):
                if name in WINDOWED:
                    return True
                value = inner
            case Item(source=inner) | Member(receiver=inner):
                value = inner
            case _:
                return False
    return False


def _grouped(reader: Reader, value: Result, receiver: Value, view: View) -> Table:
    """`table.groupby("shop")["price"].transform("mean")`: each row is told of its group."""
    inner = reader.table(receiver, view)
    asked = constant(value.arguments[0]) if value.arguments else None
    if asked in _OF_GROUPS and value.node is not None and inner.rows:
        return inner.with_fits(frozenset({Fit(value.node, "statistic", True, inner.rows, value.at)}))
    return inner
