"""Statistics that a loop takes of one column of a table after the other: as if of all of them at once, ahead of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.iteration import underlying
from trainlint.meaning.parted import names_columns
from trainlint.meaning.rows import row_selector
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Item, Member, Result, Sequence, Value, one

_DEEPEST = 8  # steps from a column to what the table was made by


def beyond_columns(of: Value, region: Any) -> Any:
    """Where a statistic is taken, seen from outside of the loop that goes through the columns of a table made before."""
    loops = enclosing_loops(region) if isinstance(region, Region) else []
    if not loops or not _goes_through_columns(of, loops[0]):
        return region
    return loops[0].parent


def _goes_through_columns(of: Value, loop: Region) -> bool:
    parts = list(_steps(of))
    if any(isinstance(v, Result) and isinstance(v.region, Region) and v.region.inside(loop) for v in parts):
        return False  # a table of its own in each turn
    return any(isinstance(v, Item) and v.key is not None and _is_turn(v.key, loop) for v in parts)


def _steps(value: Value) -> Iterator[Value]:
    """A column, what it is taken of, and so on to what made the table."""
    for _ in range(_DEEPEST):
        value = one(value)
        yield value
        match value:
            case Item(source=inner) | Member(receiver=inner) | Result(callee=Member(receiver=inner)):
                value = inner
            case _:
                return


def _is_turn(key: Value, loop: Region) -> bool:
    """Whether a key takes all rows of the column that it is a loop's turn for."""
    named = one(key)
    if isinstance(named, Sequence) and named.kind == "tuple" and len(named.items) > 1:
        rows, *columns = named.items
        if row_selector(rows) is not None:
            return False
    elif names_columns(named):
        columns = [named]
    else:
        return False
    source = underlying(loop.iterable) if loop.iterable is not None else None
    return any(
        isinstance(v, Item) and v.key is None and source is not None and underlying(v.source) is source
        for column in columns
        for v in _listed(one(column))
    )


def _listed(column: Value) -> tuple[Value, ...]:
    """One column, also in a list by itself; a slice of them is a window."""
    return tuple(map(one, column.items)) if isinstance(column, Sequence) else (column,)
