"""Which numbers of a table come from rows that a transformer was fitted to, wherever they lie by then.

A fit before the split is told by counting rows, unless windows, other columns or a second table lie between the two. The
numbers themselves tell as well: those of the part that is held out were there when the transformer learnt, or were not.
"""

from __future__ import annotations

from typing import Any

MOST = 200_000  # numbers that are remembered
LOOKED_AT = 5_000  # of a part


class FittedValues:
    """Numbers as transformers gave them, of the rows that these were fitted to."""

    def __init__(self) -> None:
        self.rows: dict[int, set[bytes]] = {}  # a transformer's number: rows that it was fitted to
        self.values: set[int] = set()

    def fit(self, transformer: int, table: Any) -> None:
        rows = _rows(table)
        if rows is not None and rows.size <= MOST:
            self.rows[transformer] = {row.tobytes() for row in rows}

    def transform(self, transformer: int, table: Any, made: Any) -> None:
        """Of what a transformer gives, remember what it gives for rows that it was fitted to."""
        rows, given = _rows(table), _rows(made)
        known = self.rows.get(transformer, set())
        if rows is None or given is None or len(rows) != len(given) or len(self.values) > MOST:
            return
        kept = [place for place, row in enumerate(rows) if row.tobytes() in known]
        self.values.update(_marks(given[kept]))

    def share(self, part: Any) -> float:
        """The share of a part's numbers that come from such rows."""
        if not self.values:
            return 0.0
        rows = _rows(part)
        marks = _marks(rows)[:LOOKED_AT] if rows is not None else []
        return sum(mark in self.values for mark in marks) / len(marks) if marks else 0.0


def _rows(table: Any) -> Any:
    """A table as rows of numbers; None where it holds anything else."""
    import numpy as np

    try:
        numbers = np.asarray(table.detach() if hasattr(table, "detach") else table, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        return None
    return numbers.reshape(len(numbers), -1) if numbers.ndim else None


def _marks(rows: Any) -> list[int]:
    """Each number in the precision that it has in a tensor, where tables end."""
    import numpy as np

    return [int(mark) for mark in rows.astype(np.float32).ravel().view(np.int32)]
