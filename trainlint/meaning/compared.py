"""What a part of a loss compares: an error between a prediction and a target."""

from __future__ import annotations

from trainlint.meaning.addends import Addend
from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.facts.losses import Criterion
from trainlint.meaning.sides import is_equal, oriented
from trainlint.meaning.values import Result, Value, constant
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A criterion by its prediction, its target and the parts of a loss that it is."""

    criterion: Criterion
    prediction: Value
    target: Value
    parts: tuple[Addend, ...]

    @property
    def value(self) -> Value:
        """The expression that computes all of it and nothing else, if there is one."""
        first = self.parts[0]
        if len(self.parts) > 1 and first.total is not None and first.total is self.parts[1].total:
            return first.total
        return first.whole if first.whole is not None else first.entries


def error(part: Addend) -> Compared | None:
    """A power or the size of a difference between what a network gives and what the data says, to be made small."""
    known = None if part.negative else _power(part.entries)
    sides = _difference(known[1]) if known is not None and part.picked is None else None
    pair = oriented(*sides) if sides is not None else None
    if known is None or pair is None:
        return None
    return Compared(Criterion("regression", "values", "same", name=known[0]), *pair, (part,))


def _power(value: Value) -> tuple[str, Value] | None:
    """What a value is the square, another power or the size of."""
    if not isinstance(value, Result):
        return None
    name, given = operation(value), operands(value)
    if name in ("square", "abs") and given:
        return ("absolute error" if name == "abs" else "squared error"), given[0]
    if name in ("norm", "vector_norm") and given:
        return "distance", given[0]
    if len(given) != 2:
        return None
    exponent = constant(given[1])
    if name in ("operator.**", "pow") and isinstance(exponent, (int, float)) and exponent >= 1:
        return "squared error", given[0]
    if name in ("operator.*", "mul") and is_equal(*given):
        return "squared error", given[0]
    return None


def _difference(value: Value) -> tuple[Value, Value] | None:
    """Both sides of a difference, also of one that is weighted or scaled."""
    for _ in range(6):
        found = peel(value)
        if len(found) != 1 or not isinstance(found[0], Result):
            return None
        name, given = operation(found[0]), operands(found[0])
        if len(given) != 2:
            return None
        if name in ("operator.-", "sub"):
            return given[0], given[1]
        if name in ("operator./", "div") and attached(given[1]) is False:
            value = given[0]
        elif name in ("operator.*", "mul") and sum(attached(side) is True for side in given) == 1:
            value = given[0] if attached(given[0]) else given[1]
        else:
            return None
    return None
