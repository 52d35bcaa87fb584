"""Parts of tables: what `x[:n]`, `frame.loc[rows, columns]` and the results of a split hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.facts.tables import LEARNT_ATTRIBUTES, PARTING, SAME_ROWS, SPLIT
from trainlint.meaning.oversampling import gives_several
from trainlint.meaning.rows import row_selector, selected
from trainlint.meaning.shaped import NOTHING, Fit, Table, View
from trainlint.meaning.tables import column_of
from trainlint.meaning.values import (
    Argument,
    Choice,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader

_LISTING = frozenset(
    "builtins.list builtins.tuple builtins.sorted builtins.set numpy.array pandas.Index operator.+ operator.-".split()
)
_ROW_BY_ROW = ("numpy.", "pandas.", "torch.", "operator.", "builtins.")
_DEEPEST = 5  # steps from a key to the selection that it comes from


_ARCHIVES = frozenset(("numpy.load", "scipy.io.loadmat", "h5py.File"))  # each key names an array of its own


def parted(reader: Reader, value: Item, view: View) -> Table:
    source, key = one(value.source), value.key
    if isinstance(key, Constant) and isinstance(key.value, str) and _is_archive(source):
        return Table(frozenset({(hash((id(source), key.value)), ())}))
    if isinstance(source, Result) and isinstance(key, Constant) and isinstance(key.value, int):
        part = _part_of_call(reader, source, key.value, view)
        if part is not None:
            return part
    if key is None:
        whole = reader.table(value.source, view)
        return Table(frozenset({(id(value), ())}), whole.fits) if whole.rows else whole
    return _taken(reader, value.source, one(key), view)


def _is_archive(source: Value) -> bool:
    match source:
        case Result(callee=External(name=name)) | Instance(cls=External(name=name)):
            return name in _ARCHIVES
    return False


def _part_of_call(reader: Reader, call: Result, index: int, view: View) -> Table | None:
    """One of several things that a function gives: a part of a split, or something of its own."""
    name = call.callee.name if isinstance(call.callee, External) else ""
    if name.rpartition(".")[2] == SPLIT:
        if index // 2 >= len(call.arguments):
            return NOTHING
        return _cut(
            reader.rows_of(call.arguments[index // 2], view.by(call.at)), ("keys", id(call), index % 2)
        )
    if gives_several(call) and index < len(call.arguments):
        found = reader.table(call.arguments[index], view.by(call.at))
        return found.with_fits(reader.table(call, view.by(call.at)).fits)
    if name in PARTING and call.arguments:
        return _cut(reader.table(call.arguments[0], view.by(call.at)), ("keys", id(call), index))
    if isinstance(call.callee, (External, Free, Argument)) and not name.startswith(_ROW_BY_ROW):
        fits = reader.union(call.arguments, view).fits
        return Table(frozenset({(hash((id(call), index)), ())}), fits)
    return None


def _cut(whole: Table, selector: tuple[object, ...]) -> Table:
    return Table(selected(whole.rows, selector), whole.fits, whole.stacked)


def _taken(reader: Reader, source: Value, key: Value, view: View) -> Table:
    """`source[key]`: some columns, some rows, or both."""
    rows_key, named = _rows_and_column(key)
    whole = _columns(reader, source, key, view.of(named)).with_fits(_chosen_by(reader, key, view.at))
    rows_of = index_of(rows_key)
    if rows_of is not None:
        return Table(reader.table(rows_of, View(view.at)).rows, whole.fits)
    selector = row_selector(rows_key) if rows_key is not None else None
    return _cut(whole, selector) if selector is not None else whole


def _rows_and_column(key: Value) -> tuple[Value | None, str | None]:
    """What a key says of the rows, and the one column that it names."""
    if isinstance(key, Sequence) and key.kind == "tuple" and key.items:
        return key.items[0], column_of(key.items[1]) if len(key.items) > 1 else None
    return None if names_columns(key) else key, column_of(key)


def may_divide(part: Item) -> bool:
    """Whether a part may be one of two that rows are divided in: not columns of all rows, nor rows that nothing is known of."""
    key = one(part.key) if part.key is not None else None
    if key is None or isinstance(key, Constant):
        return True  # one of several things that a function gives
    rows_key, _ = _rows_and_column(key)
    if rows_key is None or index_of(rows_key) is not None:
        return rows_key is not None
    selector = row_selector(rows_key)
    return selector is not None and selector[0] not in ("some", "row")


def _columns(reader: Reader, source: Value, key: Value, view: View) -> Table:
    whole = reader.table(source, view)
    names = (
        [column_of(item) for item in key.items] if isinstance(key, Sequence) and key.kind == "list" else []
    )
    if not names or None in names:
        return whole
    fits = (reader.table(source, view.of(name)).fits for name in names)
    return Table(whole.rows, frozenset().union(*fits), whole.stacked)


def index_of(key: Value | None) -> Value | None:
    """`table.loc[train.index]`: the table whose rows are meant."""
    match one(key) if key is not None else None:
        case Member(receiver=receiver, name="index"):
            return receiver
    return None


def names_columns(key: Value, within: frozenset[int] = frozenset()) -> bool:
    """Whether a key takes columns, each of them whole. `within`: the choices that are being asked about, in a loop again."""
    match key:
        case Constant(value=str()) | Unknown(reason="column"):
            return True
        case Choice():  # one after the other of a list of names
            inside = within | {id(key)}
            return id(key) in within or all(names_columns(option, inside) for option in options(key))
        case Sequence(items=items, element=element):
            inner = [one(v) for v in (*items, *([element] if element is not None else []))]
            return not any(isinstance(v, Constant) and isinstance(v.value, (int, bool)) for v in inner)
        case Member(receiver=receiver, name=name):
            return name == "columns" or (name in SAME_ROWS and names_columns(one(receiver), within))
        case Item(source=source, key=None):
            return not _is_counted(one(source))
        case Item(source=source):
            return names_columns(one(source), within)
        case Result(callee=Member(receiver=receiver, name=name)):
            return name == "get_support" or names_columns(one(receiver), within)
        case Result(callee=External(name=name), arguments=arguments) if name in _LISTING:
            return any(names_columns(one(argument), within) for argument in arguments)
    return False


def _is_counted(value: Value) -> bool:
    """Whether a loop goes through numbers, or through the folds of a split."""
    match value:
        case Result(callee=External(name=name)):
            return name.rpartition(".")[2] in ("range", "arange", "permutation", "randperm", SPLIT)
        case Result(callee=Member(name="split")) | Instance() | Item():
            return True
    return False


def _chosen_by(reader: Reader, key: Value, at: int, depth: int = 0) -> frozenset[Fit]:
    """The feature selection that a key comes from: `x[:, selector.get_support()]`."""
    if depth > _DEEPEST:
        return frozenset()
    found: frozenset[Fit] = frozenset()
    for option in options(key):
        inner: tuple[Value, ...] = ()
        match option:
            case Result(callee=Member(receiver=receiver, name="get_support")):
                found |= reader.applied(receiver, option.at or at)
            case Member(receiver=receiver, name=name) if name in LEARNT_ATTRIBUTES:
                found |= reader.applied(receiver, at)
            case Item(source=source, key=within):
                inner = (source,) if within is None else (source, within)
            case Sequence(items=items):
                inner = items
            case Result(callee=External(), arguments=arguments):
                inner = arguments
        for value in inner:
            found |= _chosen_by(reader, value, at, depth + 1)
    return found
