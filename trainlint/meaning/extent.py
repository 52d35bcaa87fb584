"""Between which numbers something lies: a picture as a whole, a table column by column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Value
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    low: float
    high: float
    name: str = ""

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """The columns of an input. One without a name stands for all columns that are like it."""

    columns: tuple[Column, ...]
    node: Node | None = None  # where the numbers became what they are
    of_pictures: bool = False
    bytes: bool = False  # whole numbers of eight bits, as files hold them
    source: Value | None = None  # what was read, drawn or loaded
    partly: bool = False  # a table with more columns, in an order that is not known

    def at(self, node: Node | None) -> Extent:
        return replace(self, node=node) if node is not None else self

    def mapped(self, change: Callable[[float], float], node: Node | None) -> Extent:
        """Each number put through a function that rises or falls throughout; what comes out are floats."""
        ends = [(c.name, change(c.low), change(c.high)) for c in self.columns]
        columns = tuple(Column(min(a, b), max(a, b), name) for name, a, b in ends)
        return replace(self, columns=columns, bytes=False, node=node or self.node)

    def of(self, columns: tuple[Column, ...]) -> Extent | None:
        return replace(self, columns=columns) if columns else None


def picture(source: Value, node: Node | None) -> Extent:
    return Extent((Column(0.0, 255.0),), node, of_pictures=True, bytes=True, source=source)
