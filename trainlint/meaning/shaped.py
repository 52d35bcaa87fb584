"""Tables as values: which rows they hold, and what was learnt of which rows to make them."""

from __future__ import annotations

from typing import Any

from trainlint.meaning.rows import Rows
from trainlint.meaning.syntax import Call, Node
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Fit:
    """Something learnt of rows: by a transformer, by a function, or by hand with `x.mean()`."""

    node: Node
    kind: str
    by_hand: bool
    rows: Rows
    at: int  # the interpreter's step by then
    region: Any = None  # where in the trace a statistic was taken

    @property
    def callee(self) -> Node:
        """What is called to learn it: `scaler.fit_transform`."""
        return self.node.function if isinstance(self.node, Call) else self.node


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a value, and the fits that shaped it."""

    rows: Rows = frozenset()
    fits: frozenset[Fit] = frozenset()
    stacked: bool = False  # rows of several origins below each other; else they are columns side by side

    def with_fits(self, fits: frozenset[Fit]) -> Table:
        return Table(self.rows, self.fits | fits, self.stacked) if fits else self


NOTHING = Table()


@dataclass(frozen=True, slots=True)
class View:
    """At which step a table is looked at, and at which of its columns."""

    at: int
    column: str | None = None  # None: all of them
    without: frozenset[str] = frozenset()

    def of(self, column: str | None) -> View:
        return View(self.at, column, self.without) if column is not None else self

    def less(self, columns: frozenset[str]) -> View:
        return View(self.at, self.column, self.without | columns)

    def by(self, at: int) -> View:
        """The same columns at another step; 0: not known, as before."""
        return View(at, self.column, self.without) if at else self

    def shows(self, column: str | None) -> bool:
        """Whether a column that was written is looked at, as far as both are known."""
        if column is None:
            return True
        return column not in self.without and self.column in (None, column)


def own_rows(value: object, fits: frozenset[Fit] = frozenset()) -> Table:
    """A table whose rows come from nowhere else."""
    return Table(frozenset({(id(value), ())}), fits)
