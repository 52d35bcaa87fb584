"""Sizes of parts that are worked out of the whole: `int(0.8 * len(data))` and what is left."""

from __future__ import annotations

from trainlint.meaning.values import Constant, External, Item, Member, Result, Sequence, Value, constant, one
from trainlint.records import dataclass

_ROUNDING = frozenset(
    "builtins.int builtins.round math.floor math.ceil numpy.floor numpy.ceil numpy.round numpy.int64".split()
)
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Portion:
    """A share of the rows; `under`: the setting that can change it."""

    share: float
    under: str | None = None


def listed_sizes(
    sizes: Value, trains: frozenset[int] = frozenset()
) -> tuple[float, list[float], str | None] | None:
    """`[800, 200]`, `[0.8, 0.2]`, `[n, len(data) - n]`: the share that trains and those of the other parts.

    `trains`: which of them train, where that is seen; else it is the first, if no other is larger. Where all of them
    do, as the shares of clients that learn together, the call holds nothing out.
    """
    if not isinstance(sizes, Sequence) or sizes.open or sizes.element is not None or len(sizes.items) < 2:
        return None
    numbers = [constant(item) for item in sizes.items]
    under = None
    if not all(isinstance(number, (int, float)) and number > 0 for number in numbers):
        found = [portion(item) for item in sizes.items]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or abs(sum(each.share for each in known) - 1) > _SLACK:
            return None
        numbers = [each.share for each in known]
        under = next((each.under for each in known if each.under), None)
    if not all(number > 0 for number in numbers):
        return None
    total = sum(numbers)
    parts = [number / total for number in numbers]
    used = trains or {0}
    train = sum(part for at, part in enumerate(parts) if at in used)
    others = [part for at, part in enumerate(parts) if at not in used]
    if not others or not train:
        return None
    return (train, others, under) if trains or train >= max(others) else None


_SLACK = 0.005


def portion(size: Value, depth: int = 0) -> Portion | None:
    """Which share of the whole a number of rows is, where it is reckoned from the length of it."""
    found = one(size)
    if depth > _DEEPEST:
        return None
    if _is_length(found):
        return Portion(1.0)
    if not isinstance(found, Result) or not isinstance(found.callee, External) or not found.arguments:
        return None
    name = found.callee.name
    if name in _ROUNDING:
        return portion(found.arguments[0], depth + 1)
    if len(found.arguments) != 2:
        return None
    left, right = found.arguments
    if name in ("operator.-", "operator.+"):
        return _together(portion(left, depth + 1), portion(right, depth + 1), name)
    if name == "operator.*":
        return _times(portion(left, depth + 1), right) or _times(portion(right, depth + 1), left)
    return _times(portion(left, depth + 1), right, True) if name in ("operator.//", "operator./") else None


def _is_length(value: Value) -> bool:
    """`len(data)`, `x.shape[0]`, `x.size(0)`"""
    match value:
        case Result(callee=External(name="builtins.len")):
            return True
        case Item(source=Member(name="shape"), key=Constant(value=0)):
            return True
        case Result(callee=Member(name="size"), arguments=[Constant(value=0)]):
            return True
    return False


def _together(first: Portion | None, second: Portion | None, operator: str) -> Portion | None:
    if first is None or second is None:
        return None
    sign = 1 if operator == "operator.+" else -1
    return Portion(first.share + sign * second.share, first.under or second.under)


def _times(part: Portion | None, factor: Value, divides: bool = False) -> Portion | None:
    number = constant(factor)
    if part is None or isinstance(number, bool) or not isinstance(number, (int, float)) or number <= 0:
        return None
    given = one(factor)
    under = given.under if isinstance(given, Constant) else None
    return Portion(part.share / number if divides else part.share * number, part.under or under)
