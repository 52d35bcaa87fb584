"""Well-known tables as they come, and which of their columns a key takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlint.meaning.extent import Column, Extent
from trainlint.meaning.facts.columns import BESIDE_QUANTITIES, LOADED, MEANT, NAMED, NOT_RAW, QUANTITIES
from trainlint.meaning.values import (
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    passed,
)


def raw_table(value: Result) -> Extent | None:
    """`load_wine()`, `pd.read_csv("titanic.csv")`."""
    assert isinstance(value.callee, External)
    name = value.callee.name
    if name in LOADED:
        scaled = constant(value.keywords.get("scaled", Constant(True)))
        if name.endswith("load_diabetes") and scaled is not False:
            return None
        return Extent(tuple(Column(low, high, c) for c, low, high in LOADED[name]), value.node, source=value)
    path = constant(value.arguments[0]) if value.arguments else None
    said = path.lower().rpartition("/")[2] if isinstance(path, str) else ""
    columns = next((NAMED[word] for word in NAMED if word in said), None)
    if columns is None or any(word in said for word in NOT_RAW):
        return None
    made = tuple(Column(float(low), float(high), c) for c, low, high in columns)
    return Extent(made, value.node, source=value, partly=True)


def taken(extent: Extent, key: Value) -> Extent | None:
    """What a key takes of a table: some of its columns, or rows of all of them."""
    found = one(key)
    if extent.of_pictures:
        return extent.swapped if _turns_colours(found) else extent
    named = named_columns(found)
    if named is not None:
        return extent.of(tuple(c for c in extent.columns if c.name in named))
    if isinstance(found, Sequence) and found.kind == "tuple" and len(found.items) == 2:
        return _of_columns(extent, one(found.items[1]))
    return extent


def _turns_colours(key: Value) -> bool:
    """`image[:, :, ::-1]`, `image[..., ::-1]`"""
    last = one(key.items[-1]) if isinstance(key, Sequence) and key.items else None
    through = isinstance(key, Sequence) and (len(key.items) == 3 or constant(key.items[0]) is ...)
    step = last.arguments[2] if isinstance(last, Result) and len(last.arguments) == 3 else None
    return through and step is not None and _is_minus_one(one(step))


def _is_minus_one(step: Value) -> bool:
    negative = isinstance(step, Result) and len(step.arguments) == 1 and constant(step.arguments[0]) == 1
    return constant(step) == -1 or negative


def meant(table: Value, key: Value) -> Extent | None:
    """The columns that a key names of a file that nobody has seen, where their names tell what they hold."""
    found, named = _file(table), named_columns(one(key))
    match found:
        case Result(callee=External(name="pandas.read_csv"), arguments=[given, *_]) if (
            named is not None and len(named) > 1
        ):
            path = str(constant(given)).lower().rpartition("/")[2]
            columns = [Column(0.0, high, n) for n in sorted(named) if (high := _largest(n)) is not None]
            if len(columns) > 1 and not any(word in path for word in NOT_RAW):
                return Extent(tuple(columns), found.node, source=found, partly=True)
    return None


def _file(table: Value) -> Value:
    """What was read, of which a table holds some of the rows as they are: through splits, slices and `dropna()`."""
    return [*back_to_file(table)][-1]


def back_to_file(table: Value) -> Iterator[Value]:
    """A table, and those that its rows were taken of one after another, to the file that was read."""
    found = one(table)
    yield found
    for _ in range(_FAR):
        match found:
            case Item(source=source, key=key) if key is not None:
                split, at = one(source), constant(key)
                if isinstance(split, Result) and isinstance(split.callee, External):
                    if not split.callee.name.endswith(".train_test_split") or not isinstance(at, int):
                        return
                    if not 0 <= at < 2 * len(split.arguments):
                        return
                    source = split.arguments[at // 2]
                elif named_columns(one(key)) is not None:
                    return
                found = one(source)
            case Member(receiver=receiver, name="iloc" | "loc"):
                found = one(receiver)
            case Result(callee=Member(receiver=receiver, name=name)) if name in _SAME_COLUMNS:
                found = one(receiver)
            case _:
                return
        yield found


_FAR = 8
_SAME_COLUMNS = frozenset(
    "dropna reset_index sample sort_values head tail query copy drop_duplicates drop".split()
)


def quantity(table: Value, key: Value, divided_by: float = 1.0) -> str | None:
    """The column of a file that a key names, where its name tells that its numbers lie far beyond 1, also when divided."""
    name, found = constant(key), _file(table)
    match found:
        case Result(callee=External(name="pandas.read_csv" | "pandas.read_excel"), arguments=[given, *_]):
            path = str(constant(given)).lower()
        case _:
            return None
    if not isinstance(name, str) or any(word in path for word in NOT_RAW):
        return None
    words = frozenset(word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name))
    known = bool(words & QUANTITIES) and words <= QUANTITIES | BESIDE_QUANTITIES
    if known and divided_by > 1:
        known = (_largest(name) or 0.0) >= _STILL_FAR * divided_by
    return name if known else None


_STILL_FAR = 10.0  # how far a column reaches for sure beyond 1


def extent_by_name(name: str, texts: frozenset[str]) -> tuple[float, float] | None:
    """Between which numbers a column lies that a program names, by what its texts say is read; None where nothing tells."""
    files = [text.lower().rpartition("/")[2] for text in texts if "." in text]
    if any(word in file for word in NOT_RAW for file in files):
        return None
    for word, columns in NAMED.items():
        found = next(((low, high) for column, low, high in columns if column == name), None)
        if found is not None and any(word in file for file in files):
            return float(found[0]), float(found[1])
    high = _largest(name)
    return (0.0, high) if high is not None else None


def _largest(name: str) -> float | None:
    words = frozenset(re.split(r"[^a-z]+", name.lower()))
    return next(
        (largest for known, largest in MEANT if not known.isdisjoint(words) and not words & {"log", "k"}),
        None,
    )


def named_columns(key: Value) -> frozenset[str] | None:
    """The columns that a key names."""
    match key:
        case Constant(value=str() as name):
            return frozenset((name,))
        case Sequence(items=items, open=False, element=None) if items:
            names = [constant(item) for item in items]
            return frozenset(names) if all(isinstance(n, str) for n in names) else None
    return None


def _of_columns(extent: Extent, key: Value) -> Extent | None:
    """`table[:, key]`."""
    if len(extent.columns) == 1 and not extent.columns[0].name:
        return extent
    named = named_columns(key)
    if named is not None:
        return extent.of(tuple(c for c in extent.columns if c.name in named))
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step)):
            ends = [constant(part) for part in (lower, upper, step)]
            if ends == [None, None, None]:
                return extent
            if extent.partly or not all(e is None or type(e) is int for e in ends):
                return None
            return extent.of(extent.columns[slice(*ends)])
        case Constant(value=int() as index) if not extent.partly and index < len(extent.columns):
            return extent.of((extent.columns[index],))
        case Sequence(items=items) if not extent.partly:
            places = [constant(item) for item in items]
            if all(type(p) is int and p < len(extent.columns) for p in places):
                return extent.of(tuple(extent.columns[p] for p in places))
    return None


def is_by_columns(value: Result, name: str) -> bool:
    if name in ("torch.hstack", "torch.column_stack"):
        return True
    axis = passed(value, 1, "dim", "axis")
    return axis is not None and constant(axis) in (1, -1)


def listed_columns(value: Value) -> set[str]:
    """The columns that an argument lists."""
    found = one(value)
    listed = found.items if isinstance(found, Sequence) else (found,)
    return {str(constant(item)) for item in listed}
