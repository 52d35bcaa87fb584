"""Between which numbers something lies: a picture as a whole, a table column by column."""

from __future__ import annotations

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
    order: str = ""  # of the colours of a picture: "RGB" or "BGR"
    deep: bool = False  # the file may hold more than eight bits, and what read it keeps them

    @property
    def swapped(self) -> Extent:
        """With the colours the other way round."""
        return replace(self, order={"RGB": "BGR", "BGR": "RGB"}.get(self.order, ""))

    def at(self, node: Node | None) -> Extent:
        return replace(self, node=node) if node is not None else self

    def of(self, columns: tuple[Column, ...]) -> Extent | None:
        return replace(self, columns=columns) if columns else None


def picture(source: Value, node: Node | None, order: str = "", deep: bool = False) -> Extent:
    pixels = (Column(0.0, 255.0),)
    return Extent(pixels, node, of_pictures=True, bytes=True, source=source, order=order, deep=deep)
