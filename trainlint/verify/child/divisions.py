"""Data that is divided, or learnt from, by hand.

Of slices that a finding rests on it is told how many rows and values they leave out, of statistics in the flagged
statement how many rows they are of.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from .record import Record

PARTED, COMPUTED = "_trainlint_parted", "_trainlint_computed"
STATISTICS = frozenset("mean std var median min max nanmean nanstd nanmedian nanvar".split())
MOST_NUMBERS = 12
Span = tuple[int, int]


def announce(tree: ast.Module, lines: Collection[Span]) -> None:
    """Have slices of rows in these lines told, `x[:n]` and `x[n:, 2]`; what they give stays."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            continue
        if any(first <= node.lineno <= last for first, last in lines) and _cuts(node.slice):
            named = ast.copy_location(ast.Name(id=PARTED, ctx=ast.Load()), node.value)
            node.value = ast.copy_location(ast.Call(named, [node.value], []), node.value)


def announce_statistics(tree: ast.Module, lines: Collection[Span]) -> None:
    """Have statistics in these lines told, `x.mean()` and `np.mean(x)`; what they give stays."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in STATISTICS and any(first <= node.lineno <= last for first, last in lines):
            said = [node.func.value, ast.Constant(value=node.func.attr)]
            node.args = [ast.copy_location(part, node) for part in said] + node.args
            node.func = ast.copy_location(ast.Name(id=COMPUTED, ctx=ast.Load()), node.func)


def _cuts(key: ast.expr) -> bool:
    first = key.elts[0] if isinstance(key, ast.Tuple) and key.elts else key
    return isinstance(first, ast.Slice) and not (first.lower is None and first.upper is None)


class Parted:
    """Takes the place of what is sliced, for the time of the slice."""

    def __init__(self, record: Record, whole: Any) -> None:
        self.record, self.whole = record, whole

    def __getitem__(self, key: Any) -> Any:
        part = self.whole[key]
        rows, left = _rows(self.whole), _rows(part)
        if 0 < left < rows:
            shares = [
                self.record.fitted.share(side)
                for side in (part, _others(self.whole, key))
                if side is not None
            ]
            values = values_of(self.whole)
            self.record.note("divided", train=rows - left, test=left, values=values, fitted=min(shares))
        return part


def _others(table: Any, key: Any) -> Any:
    """The rows that a slice from the beginning or to the end leaves out; None where it does neither."""
    rows = key[0] if isinstance(key, tuple) else key
    if not isinstance(rows, slice) or rows.step is not None or (rows.start is None) is (rows.stop is None):
        return None
    other = slice(rows.stop, None) if rows.start is None else slice(None, rows.start)
    try:
        return table[(other, *key[1:]) if isinstance(key, tuple) else other]
    except (TypeError, LookupError, ValueError):
        return None


def names(record: Record) -> dict[str, Any]:
    def computed(owner: Any, name: str, /, *arguments: Any, **keywords: Any) -> Any:
        found = getattr(owner, name)(*arguments, **keywords)
        table = arguments[0] if isinstance(owner, types.ModuleType) and arguments else owner
        if _rows(table) > 1:
            learnt = [*islice(_numbers(found), MOST_NUMBERS)]
            record.note("fitted", transformer=-1, rows=_rows(table), learnt=learnt, values=values_of(table))
        return found

    return {PARTED: lambda whole: Parted(record, whole), COMPUTED: computed}


def _numbers(found: Any) -> Iterator[float]:
    """What a statistic gives, one by one."""
    try:
        found = found.detach() if hasattr(found, "detach") else found
        flat = (
            found.reshape(-1).tolist()
            if hasattr(found, "reshape")
            else list(getattr(found, "values", [found]))
        )
        yield from (float(number) for number in flat)
    except (TypeError, ValueError, RuntimeError):
        return


def values_of(table: Any) -> int:
    """How many values a table holds, however they are laid out."""
    count = 1
    for side in getattr(table, "shape", None) or (_rows(table),):
        count *= int(side)
    return count


def _rows(table: Any) -> int:
    try:
        return len(table)
    except (TypeError, NotImplementedError):
        return 0
