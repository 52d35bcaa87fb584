"""Rows of a table that are kept by the value of a column: what is then known of that column."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.values import Constant, External, Item, Member, Result, Value, constant, one

_SAME_ROWS = frozenset("reset_index copy sort_values sort_index dropna drop_duplicates sample".split())
_ABOVE = ("operator.>", "operator.>=")
_BELOW = ("operator.<", "operator.<=")


def tables_behind(value: Value) -> Iterator[Value]:
    """A table, and those that its rows were taken of one after another."""
    current = one(value)
    for _ in range(8):
        yield current
        match current:
            case Item(source=source, key=key) if key is not None and not isinstance(one(key), Constant):
                current = one(source)
            case Result(callee=Member(receiver=inner, name=name)) if name in _SAME_ROWS:
                current = one(inner)
            case _:
                return


def least(column: Value) -> float | None:
    """The number that no entry of `df[df["load"] > 10]["load"]` is below."""
    taken = _column(column)
    if taken is None:
        return None
    table, name = taken
    found = [
        bound
        for rows in tables_behind(table)
        if isinstance(rows, Item) and rows.key is not None
        for bound in _bounds(one(rows.key), name)
    ]
    return max(found, default=None)


def named_column(value: Value) -> tuple[Value, Value] | None:
    """The table and the key of `df["load"]`, `df.load` and `df.pop("load")`."""
    match one(value):
        case Item(source=table, key=Constant(value=str()) as key):
            return table, key
        case Member(receiver=table, name=name):
            return table, Constant(name)
        case Result(callee=Member(receiver=table, name="pop"), arguments=[Constant(value=str()) as key]):
            return table, key
    return None


def _column(value: Value) -> tuple[Value, str] | None:
    taken = named_column(value)
    return (taken[0], str(constant(taken[1]))) if taken is not None else None


def _bounds(test: Value, name: str) -> Iterator[float]:
    """The numbers that a test on the rows puts below the entries of a column."""
    match test:
        case Result(callee=External(name="operator.&"), arguments=(first, second)):
            yield from _bounds(one(first), name)
            yield from _bounds(one(second), name)
        case Result(callee=Member(receiver=column, name="between" | "gt" | "ge"), arguments=(low, *_)):
            yield from _number(column, low, name)
        case Result(callee=External(name=sign), arguments=(left, right)) if sign in _ABOVE:
            yield from _number(left, right, name)
        case Result(callee=External(name=sign), arguments=(left, right)) if sign in _BELOW:
            yield from _number(right, left, name)


def _number(column: Value, bound: Value, name: str) -> Iterator[float]:
    taken, number = _column(column), constant(bound)
    if taken is not None and taken[1] == name and type(number) in (int, float):
        yield float(number)
