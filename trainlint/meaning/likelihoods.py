"""Cross entropies and likelihoods that a program writes out in logarithms of probabilities."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.addends import Addend, entry_of_each_row
from trainlint.meaning.attachment import attached
from trainlint.meaning.compared import Compared
from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.facts.losses import Criterion
from trainlint.meaning.hot import HOT, HOT_AT
from trainlint.meaning.sides import is_data, is_equal, is_predicted
from trainlint.meaning.targets import eye_rows, one_hot_of
from trainlint.meaning.values import Item, Result, Value, constant, one


def cross_entropies(parts: list[Addend]) -> Iterator[Compared]:
    """`-(y * log(p) + (1 - y) * log(1 - p))`, with or without numbers that keep the logarithms finite."""
    logs = [(part, _logarithm(part.entries)) for part in parts if part.negative and len(part.weights) == 1]
    known = [(part, inner) for part, inner in logs if inner is not None]
    for part, p in known:
        target = part.weights[0]
        for other, q in known:
            if _is_complement(q, p) and _is_complement(other.weights[0], target):
                if is_predicted(p) and is_data(target):
                    kind = Criterion("bce", "probabilities", "same", name="this cross entropy")
                    yield Compared(kind, p, target, (part, other))


def _logarithm(value: Value) -> Value | None:
    """What a logarithm is taken of, without the numbers that keep it finite."""
    if not isinstance(value, Result) or operation(value) != "log" or not operands(value):
        return None
    return _bare(operands(value)[0])


def _bare(value: Value) -> Value:
    for _ in range(6):
        found = peel(value)
        if len(found) != 1:
            return value
        value = found[0]
        given = operands(value) if isinstance(value, Result) else ()
        shifted = operation(value) == "operator.+" and len(given) == 2 and attached(given[1]) is False
        if not given or not (shifted or operation(value) == "clamp"):
            return value
        value = given[0]
    return value


def _is_complement(value: Value, whole: Value) -> bool:
    """Whether a value is `1 - whole`."""
    found = _bare(value)
    if not isinstance(found, Result) or operation(found) not in ("operator.-", "rsub"):
        return False
    given = operands(found)
    return len(given) == 2 and constant(given[0]) == 1 and is_equal(_bare(given[1]), _bare(whole))


def likelihood(part: Addend) -> Compared | None:
    """`-log_p[range(n), labels]`, `-(one_hot * log_p)`: of log-probabilities that are seen to be some."""
    if not part.negative:
        return None
    found = _log_probabilities(part)
    if found is None:
        return None
    prediction, labels = found
    if labels is not None and not part.weights:
        target = labels
    elif labels is None and len(part.weights) == 1 and _is_one_hot(part.weights[0]):
        target = part.weights[0]
    else:
        return None  # what weighs the entries of a policy is no label
    if not is_predicted(prediction) or not is_data(target):
        return None
    kind = Criterion("nll", "log-probabilities", "class", name="this likelihood")
    return Compared(kind, prediction, target, (part,))


def _log_probabilities(part: Addend) -> tuple[Value, Value | None] | None:
    """A logarithm and which entries of it are taken, before or behind it."""
    for value in peel(part.entries):
        if not isinstance(value, Result) or operation(value) not in ("log", "log_softmax"):
            return None
        given = operands(value)
        inner = one(given[0]) if given and operation(value) == "log" else None
        if isinstance(inner, Item) and part.picked is None:
            return value, entry_of_each_row(inner.key)
        if isinstance(inner, Result) and operation(inner) == "gather" and len(operands(inner)) > 2:
            return (value, operands(inner)[2]) if part.picked is None else None
        return value, part.picked
    return None


def _is_one_hot(value: Value) -> bool:
    if one_hot_of(value) is not None or eye_rows(value) is not None:
        return True
    return any(isinstance(v, Result) and not {HOT, HOT_AT}.isdisjoint(v.keywords) for v in peel(value))
