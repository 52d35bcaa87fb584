"""What a loss is added up of, down to the single entries: each part with its sign and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import operands, operation
from trainlint.meaning.facts.operations import SHAPE_ONLY
from trainlint.meaning.syntax import nodes_in
from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    is_slice,
    one,
    options,
)
from trainlint.records import dataclass

_MOST = 200  # parts of one loss


@dataclass(frozen=True, slots=True, eq=False)
class Addend:
    """One part of a loss, entry by entry.

    `whole`: the widest expression around it that holds nothing else, `total`: around that and what is added to it;
    `weights`: what its entries are multiplied by that has no graph; `picked`: the entry of each row that is taken, if
    only one is.
    """

    entries: Value
    whole: Result | None
    total: Result | None = None
    negative: bool = False
    weights: tuple[Value, ...] = ()
    picked: Value | None = None

    def within(
        self, entries: Value, *weights: Value, turned: bool = False, picked: Value | None = None
    ) -> Addend:
        """What the entries are computed from in the same expression."""
        return Addend(
            entries,
            self.whole,
            self.total,
            self.negative != turned,
            (*self.weights, *weights),
            self.picked if picked is None else picked,
        )

    def apart(self, entries: Value, total: Result | None = None, turned: bool = False) -> Addend:
        """What is computed in an expression of its own, one of those that are added."""
        return Addend(entries, None, total, self.negative != turned, self.weights, self.picked)


def addends(loss: Value) -> Iterator[Addend]:
    """The parts of a loss behind sums, means, roots and weights."""
    return islice(_addends(loss), _MOST)


def _addends(loss: Value) -> Iterator[Addend]:
    pending, seen = [Addend(loss, None)], set[int]()
    while pending:
        current = pending.pop()
        if id(current.entries) in seen:
            continue
        seen.add(id(current.entries))
        inner = _inside(current)
        if inner is None:
            yield current
        else:
            pending += inner


def _inside(part: Addend) -> list[Addend] | None:
    """What a part is made of; None where it is one."""
    match part.entries:
        case Choice() as several:
            return [part.apart(option) for option in options(several)]
        case Sequence(items=items, element=element):
            return [part.apart(each) for each in (*items, *([element] if element is not None else []))]
        case Item(source=source, key=key):
            return _taken(part, source, key)
        case Result() as result:
            return _computed(_around(part, result), result)
    return None


def _around(part: Addend, result: Result) -> Addend:
    """The part with the expression around it: the one that it was, if this is written within it."""
    node, outer = result.node, part.whole.node if part.whole is not None else None
    if node is not None and outer is not None and any(inner.cst is node.cst for inner in nodes_in(outer)):
        return part
    return Addend(result, result, part.total, part.negative, part.weights, part.picked)


def _taken(part: Addend, source: Value, key: Value | None) -> list[Addend] | None:
    """`errors[mask]`, `log_p[range(n), labels]`, or one of the losses in a list."""
    inner = one(source)
    if isinstance(inner, Sequence):
        return [part.apart(inner)]
    if (key is not None and isinstance(constant(key), str)) or not _is_computed(inner):
        return None
    return [part.within(inner, picked=entry_of_each_row(key) if part.picked is None else None)]


def _is_computed(value: Value) -> bool:
    """Whether a value is a tensor that an operation gave, and not one of what an unknown call returns."""
    if isinstance(value, Item):
        return _is_computed(one(value.source))
    return bool(operation(value))


def entry_of_each_row(key: Value | None) -> Value | None:
    """`labels` of `[range(n), labels]`."""
    match one(key) if key is not None else None:
        case Sequence(items=(rows, labels), element=None):
            counted = one(rows)
            if isinstance(counted, Result) and isinstance(counted.callee, External):
                name = counted.callee.name.rpartition(".")[2]
                if name in ("range", "arange") and not is_slice(labels):
                    return labels
    return None


def _computed(part: Addend, result: Result) -> list[Addend] | None:
    name, given = operation(result) or _builtin(result), operands(result)
    if name == "scale" and isinstance(result.callee, Member) and result.arguments:
        return [part.apart(result.arguments[0])]  # a scaler's
    if not given:
        return None
    if name in _SUMS and len(given) > 1:
        turned = name in _TAKEN_AWAY
        return [part.apart(given[0], part.whole), part.apart(given[1], part.whole, turned)]
    if name in _SIGN:
        return [part.within(given[0], turned=True)]
    if name == "gather" and part.picked is None and len(given) > 2:
        return [part.within(given[0], picked=given[2])]
    if name in _REDUCING or name in SHAPE_ONLY or name == "sqrt":
        return [part.within(given[0])]
    if name in _FILLING or (name == "operator.setitem" and attached(given[-1]) is False):
        return [part.within(given[0])]
    if name == "where" and len(given) == 3:  # `torch.where(errors.isnan(), 0, errors)`
        return [part.within(side) for side in given[1:] if attached(side)]
    if name in _DIVIDING and len(given) > 1 and attached(given[1]) is False:
        return [part.within(given[0])]
    return _weighted(part, given) if name in _MULTIPLYING and len(given) == 2 else None


def _weighted(part: Addend, factors: tuple[Value, ...]) -> list[Addend] | None:
    """`weight * errors`, where only one of the two is known to have a graph."""
    graphs = [factor for factor in factors if attached(factor)]
    if len(graphs) != 1:
        return None
    other = one(factors[1] if factors[0] is graphs[0] else factors[0])
    if isinstance(other, Constant):
        return [part.within(graphs[0], turned=isinstance(other.value, (int, float)) and other.value < 0)]
    return [part.within(graphs[0], other)]


def _builtin(result: Result) -> str:
    callee = result.callee
    return "sum" if isinstance(callee, External) and callee.name == "builtins.sum" else ""


_SUMS = frozenset("operator.+ operator.- add sub".split())
_TAKEN_AWAY = frozenset("operator.- sub".split())
_SIGN = frozenset("operator.unary- neg negative".split())
_REDUCING = frozenset("mean sum nanmean nansum".split())
_FILLING = frozenset("masked_fill masked_fill_ nan_to_num".split())
_DIVIDING = frozenset("operator./ div true_divide".split())
_MULTIPLYING = frozenset("operator.* mul multiply".split())
