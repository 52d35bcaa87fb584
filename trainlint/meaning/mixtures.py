"""Labels weighed by attention: rows of ones and zeros, mixed by a softmax, are probabilities of the classes."""

from __future__ import annotations

from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.targets import one_hot_of, origins
from trainlint.meaning.values import NONE, Member, Result, Value, constant

_PRODUCTS = frozenset("operator.@ matmul mm bmm".split())


def weights_of_labels(value: Value) -> Result | None:
    """The softmax whose weights mix one-hot rows: `softmax(near) @ F.one_hot(labels)`."""
    if operation(value) not in _PRODUCTS or not isinstance(value, Result):
        return None
    factors = operands(value)
    if len(factors) != 2 or one_hot_of(factors[1]) is None or not all(map(_writes_ones, origins(factors[1]))):
        return None
    weights = peel(factors[0])
    found = [weight for weight in weights if isinstance(weight, Result) and operation(weight) == "softmax"]
    return found[0] if found and len(found) == len(weights) else None


def _writes_ones(origin: Value) -> bool:
    """Whether `scatter_` writes ones; what is made otherwise holds nothing else."""
    match origin:
        case Result(callee=Member(name="scatter_" | "scatter"), arguments=[_, _, number, *_]):
            return bool(constant(number) == 1)
        case Result(callee=Member(name="scatter_" | "scatter"), keywords=keywords):
            return bool(constant(keywords.get("value", NONE)) == 1)
    return True
