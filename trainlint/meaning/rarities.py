"""Labels that are known to be skewed: of a data set that everybody uses, or one that is made so."""

from __future__ import annotations

from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.imbalance import FETCHED, FILES, HEADLESS, LOADED, LOOSE
from trainlint.meaning.facts.tables import SPLIT
from trainlint.meaning.syntax import Node
from trainlint.meaning.tables import Tables, column_of
from trainlint.meaning.values import (
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    is_slice,
    one,
)
from trainlint.records import dataclass

_DEEPEST = 12
_ROWS_KEPT = frozenset(
    "drop copy sample reset_index dropna drop_duplicates astype fillna rename sort_values set_index iloc loc head"
    " set_axis merge join assign".split()
)


@dataclass(frozen=True, slots=True)
class Known:
    """A table whose label column has so many rows of each class."""

    column: str
    counts: tuple[int, ...]
    node: Node | None
    last: bool  # whether the labels are its last column


def generated(call: Result) -> tuple[float, ...] | None:
    """`make_classification(1000, weights=[0.95])`: the share of each class."""
    given = one(call.keywords["weights"]) if "weights" in call.keywords else None
    if not isinstance(given, Sequence) or given.open:
        return None
    shares = [constant(item) for item in given.items]
    if not shares or not all(isinstance(share, float) and 0 < share < 1 for share in shares):
        return None
    return (*shares, 1 - sum(shares)) if len(shares) == 1 else tuple(shares)


def loaded(value: Value) -> tuple[tuple[int, ...], Node | None] | None:
    """The labels of a data set that a library fetches by its name."""
    found = one(value)
    if isinstance(found, Item):  # of `(data, target)`
        found = one(found.source)
    if not isinstance(found, Result) or not isinstance(found.callee, External):
        return None
    name = found.callee.name
    if name in LOADED:
        return LOADED[name], found.node
    if name.rpartition(".")[2] == "fetch_openml":
        asked = found.arguments[0] if found.arguments else found.keywords.get("name", Constant(None))
        named = constant(asked)
        counts = FETCHED.get(named.lower()) if isinstance(named, str) else None
        return (counts, found.node) if counts is not None else None
    return None


def column(table: Value, name: str | None, log: Tables | None) -> Known | None:
    """What is known of one column of a table; `name` None: of its last one."""
    found = _read(table, log, 0)
    if found is None or (name is None and not found.last):
        return None
    return found if name in (None, found.column) else None


def _read(table: Value, log: Tables | None, depth: int) -> Known | None:
    """The file behind operations that keep about as many rows of each class."""
    value = one(table)
    if depth > _DEEPEST:
        return None
    found: Known | None = None
    match value:
        case Result(callee=External(name="pandas.read_csv")):
            found = _file(value)
        case Item(key=key) if key is not None and _are_columns(one(key)):
            found = _read(value.source, log, depth + 1)
            found = Known(found.column, found.counts, found.node, False) if found is not None else None
        case _:
            inner = whole_of(value)
            found = _read(inner, log, depth + 1) if inner is not None else None
            if found is not None and _asks_for(value, found.column):
                return None
    return found if found is not None and not _is_rewritten(value, found.column, log) else None


def whole_of(table: Value) -> Value | None:
    """The table that another one has about the same rows of each class of: some of it, or all in another order."""
    match one(table):
        case Result(callee=Member(receiver=inner, name=name)) if name in _ROWS_KEPT:
            return inner
        case Item(source=Result(callee=External(name=name), arguments=given), key=Constant(value=int(index))):
            is_split = name.endswith(SPLIT) and 0 <= index < 2 * len(given)
            return given[index // 2] if is_split else None
        case Result(callee=External(name="operator.setitem"), arguments=(inner, *_)):
            return inner
        case Item(source=Member(receiver=inner, name="iloc" | "loc"), key=Unknown(reason="index")):
            return inner
        case Item(source=source, key=key) if key is not None and _is_mask(one(key)):
            inner = one(source)
            return inner.receiver if isinstance(inner, Member) and inner.name == "loc" else inner
    return None


def is_read(table: Result) -> bool:
    return isinstance(table.callee, External) and table.callee.name == "pandas.read_csv"


def _is_mask(key: Value) -> bool:
    """`[frame["fold"] != 0]`, `[~chosen]`, `[frame["patient"].isin(held_out)]`"""
    match key:
        case Result(callee=External(name="operator.unary~"), arguments=(inner,)):
            return _is_mask(one(inner))
        case Result(callee=External(name=name)):
            return name in _COMPARING
        case Result(callee=Member(name="isin")):
            return True
    return False


_COMPARING = frozenset(f"operator.{sign}" for sign in ("==", "!=", "<", "<=", ">", ">=", "&", "|"))


def _asks_for(value: Value, label: str) -> bool:
    """Whether rows are chosen by their label: then it is not known how many of each are left."""
    match value:
        case Item(key=key) if key is not None:
            return any(
                (isinstance(v, Item) and column_of(v.key) == label)
                or (isinstance(v, Member) and v.name == label)
                for v in walk(key, limit=50)
            )
    return False


def _are_columns(key: Value) -> bool:
    return isinstance(key, Sequence) and all(isinstance(constant(item), str) for item in key.items)


def _is_rewritten(table: Value, label: str, log: Tables | None) -> bool:
    """Whether a store may have changed the labels: `frame["Class"] = ...`."""
    return log is not None and any(fill.column == label for fill in log.fills.get(id(table), ()))


def _file(call: Result) -> Known | None:
    path = constant(call.arguments[0]) if call.arguments else None
    asked = call.keywords.keys() & {"names", "header", "usecols", "nrows", "skiprows"}
    if not isinstance(path, str):
        return None
    lower = path.lower()
    for words, (label, counts, last) in FILES.items():
        if all(word.lower() in lower for word in words.split()) and not any(word in lower for word in LOOSE):
            headless = asked == {"header"} and constant(call.keywords["header"]) is None
            if headless is not (words in HEADLESS) or (asked and not headless):
                return None
            return Known(label, counts, call.node, last)
    return None


def is_last(key: Value | None) -> bool:
    """`[:, -1]`"""
    match one(key) if key is not None else None:
        case Sequence(kind="tuple", items=(rows, second)):
            return constant(second) == -1 and is_slice(rows)
    return False


def column_key(key: Value | None) -> str | None:
    """`["Class"]`, `[["Class"]]`, `[:, "Class"]`"""
    match one(key) if key is not None else None:
        case Sequence(kind="tuple", items=(rows, second)):
            return column_of(second) if is_slice(rows) else None
    return column_of(key)
