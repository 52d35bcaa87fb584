"""Logarithms of probabilities that were computed first, although the two steps have a stable form in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeGuard

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import inputs_of, operands, operation, peel, same, walk
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.flow import of_kind
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.rewrites import atom
from trainlint.meaning.syntax import Attribute, Binary, Call, Expression, Node
from trainlint.meaning.values import Constant, External, Instance, Result, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class LogOfProbability:
    """`log` of a softmax, of a sigmoid, of `1 - sigmoid` ("opposite") or of an exponential by a sum ("quotient").

    Or of a sum of exponentials ("exponentials"), and of one and an exponential ("one more"): infinite for large scores.

    `guarded`: a small constant keeps the logarithm finite, at the price of its gradient.
    """

    node: Node
    inner: Result
    kind: str
    guarded: bool

    @property
    def stable(self) -> str:
        """The function that does both steps."""
        return _STABLE.get(self.kind, "logsigmoid")

    @property
    def overflows(self) -> bool:
        """Whether it is large scores, and not small probabilities, that are no numbers any more."""
        return self.kind in ("exponentials", "one more")

    @property
    def in_one_step(self) -> list[Change]:
        """The edit that takes the logarithm in one step, where both are written in one expression."""
        inner, given = self.inner.node, _argument(self.node)
        if (
            not isinstance(inner, Call)
            or self.guarded
            or given is None
            or self.kind in _STABLE.keys() - {"softmax"}
        ):
            return []
        if (given.right if isinstance(given, Binary) else given).cst is not inner.cst:
            return []  # the probability is computed elsewhere
        function = inner.function
        if not isinstance(function, Attribute) or not isinstance(self.node, Call):
            return []
        if self.kind == "softmax":
            rest = ", ".join(
                (f"{a.keyword}=" if a.keyword else "") + text_of(a.value) for a in inner.arguments
            )
            return [replace(self.node, f"{text_of(function.value)}.log_softmax({rest})")]
        scores = inner.arguments[0].value if inner.arguments else function.value
        sign = "-" if self.kind == "opposite" else ""
        text = f"-{atom(scores)}" if sign else text_of(scores)
        return (
            [replace(self.node, f"torch.nn.functional.logsigmoid({text})")] if _knows_torch(self.node) else []
        )

    @property
    def kept_finite(self) -> list[Change]:
        """The edit for the experiment where the two steps are written apart: no probability is 0 then."""
        given = _argument(self.node)
        limit = "clamp_max(1e30)" if self.overflows else "clamp_min(1e-30)"
        return [] if given is None else [replace(given, f"({text_of(given)}).{limit}")]


_STABLE = {
    "softmax": "log_softmax",
    "quotient": "log_softmax",
    "exponentials": "logsumexp",
    "one more": "softplus",
}


def logs_of_probabilities(program: Program) -> list[LogOfProbability]:
    """Such logarithms that a backward pass goes through, or that a criterion takes whose value builds a graph."""
    found: dict[int, LogOfProbability] = {}
    trained = [b.value for root in program.roots for b in of_kind(root, "backward") if b.value is not None]
    judged = [o.prediction for o in program.objectives if o.learns and not is_in_unit_test(o.event)]
    for source in (*trained, *judged):
        behind = list(walk(source))
        for value in behind:
            if isinstance(value, Result) and operation(value) == "log" and value.node is not None:
                known = _known(value)
                if known is not None and not (known.guarded and _is_of_an_entropy(value, behind)):
                    found.setdefault(id(value.node), known)
    return list(found.values())


def _is_of_an_entropy(log: Result, behind: list[Value]) -> bool:
    """Whether a logarithm is only there times its own probability, `p * log(p + eps)`: no target says that a small one
    is wrong, and the gradient of the product ends at 0 with the probability anyway."""
    uses = [value for value in behind if any(inner is log for inner in inputs_of(value))]
    return bool(uses) and all(isinstance(use, Result) and _weighs_by_itself(use, log) for use in uses)


def _weighs_by_itself(product: Result, log: Result) -> bool:
    if operation(product) not in ("operator.*", "mul") or len(operands(product)) != 2:
        return False
    weight = next((part for part in map(one, operands(product)) if part is not log), None)
    inside = [
        part for given in peel(operands(log)[0]) if isinstance(given, Result) for part in operands(given)
    ]
    probabilities = [part for given in inside for part in peel(given) if isinstance(part, Result)]
    weights = [_without_sign(one(part)) for part in peel(weight)] if weight is not None else []
    return bool(weights) and all(any(part is p for p in probabilities) for part in weights)


def _known(value: Result) -> LogOfProbability | None:
    given = operands(value)
    if not given or value.node is None:
        return None
    kinds = [_kind(part) for part in peel(given[0])]
    if len({(kind, guarded) for kind, _, guarded in kinds}) != 1:
        return None
    kind, inner, guarded = kinds[0]
    return LogOfProbability(value.node, inner, kind, guarded) if inner is not None else None


def _kind(value: Value) -> tuple[str, Result | None, bool]:
    """What a probability was computed by, and whether something keeps it from 0."""
    if not isinstance(value, Result):
        return "", None, False
    name, parts = operation(value), operands(value)
    if name in ("softmax", "sigmoid"):
        return ("", None, False) if parts and _is_bounded(parts[0]) else (name, value, False)
    if name == "operator.-" and len(parts) == 2 and _is_one(parts[0]):
        kind, inner, _ = _single(parts[1])
        return ("opposite", inner, False) if kind == "sigmoid" else ("", None, False)
    if name == "sum" and parts and _is_of_raw_scores(exponential := one(parts[0])):
        return "exponentials", exponential, False
    if name == "operator.+" and len(parts) == 2 and any(map(_is_one, parts)):
        added = next((one(part) for part in parts if not _is_one(part)), None)
        return ("one more", added, False) if _is_of_raw_scores(added) else ("", None, False)
    if name == "operator.+" and len(parts) == 2:
        small = [part for part in parts if _is_small(part)]
        others = [part for part in parts if not _is_small(part)]
        kind, inner, _ = _single(others[0]) if len(small) == 1 else ("", None, False)
        return kind, inner, True
    if name == "clamp" and parts:
        if _is_within(value):
            return "", None, False
        kind, inner, _ = _single(parts[0])
        return kind, inner, True
    if name == "operator./" and len(parts) == 2 and _is_quotient(parts[0], parts[1]):
        return "quotient", value, False
    return "", None, False


def _is_within(clamp: Result) -> bool:
    """`clamp(p, 1e-4, 1 - 1e-4)`: as far as that from both ends, on purpose, as published detectors do."""
    given = [
        *operands(clamp)[1:],
        *(clamp.keywords[name] for name in ("min", "max") if name in clamp.keywords),
    ]
    return len(given) > 1


def _is_bounded(scores: Value) -> bool:
    """Whether scores are cosines, probabilities, or what a tanh gives, also a few times as large: never far apart."""
    found = [_reach(part) for part in peel(scores)]
    return bool(found) and all(reach is not None and reach < _FAR for reach in found)


_FAR = 40.0  # of scores on both sides of zero: at a gap of 80 the smallest probability is still a number


def _reach(scores: Value, depth: int = 0) -> float | None:
    """How far from zero scores can be, where that is known."""
    scores = _without_sign(one(scores))
    if not isinstance(scores, Result) or depth > 6:
        return None
    name, parts = operation(scores), operands(scores)
    if name in _WITHIN_ONE or _is_of_unit_vectors(scores):
        return 1.0
    if name not in ("operator.*", "operator./", "mul", "div") or len(parts) != 2:
        return None
    numbers = [part for part in map(one, parts) if isinstance(part, Constant)]
    others = [part for part in parts if not isinstance(one(part), Constant)]
    factor = numbers[0].value if len(numbers) == 1 else None
    if not isinstance(factor, (int, float)) or not factor:
        return None
    if name == "operator./" and one(parts[0]) is numbers[0]:
        return None
    inner = {_reach(part, depth + 1) for part in peel(others[0])}
    reach = inner.pop() if len(inner) == 1 else None
    if reach is None:
        return None
    return reach / abs(factor) if name in ("operator./", "div") else reach * abs(factor)


def _is_of_unit_vectors(product: Result) -> bool:
    """`F.normalize(a) @ F.normalize(b).t()`"""
    if operation(product) not in ("operator.@", "matmul", "mm", "bmm") or len(operands(product)) != 2:
        return False
    sides = [part for operand in operands(product) for part in peel(operand)]
    return all(operation(side) == "normalize" for side in sides)


def _without_sign(value: Value) -> Value:
    while isinstance(value, Result) and operation(value) in ("operator.unary-", "neg") and operands(value):
        value = one(operands(value)[0])
    return value


_WITHIN_ONE = frozenset("cosine_similarity CosineSimilarity tanh Tanh cos sin softmax sigmoid".split())


def _single(value: Value) -> tuple[str, Result | None, bool]:
    inner = peel(value)
    return _kind(inner[0]) if len(inner) == 1 else ("", None, False)


def _is_quotient(above: Value, below: Value) -> bool:
    """`exp(x) / exp(x).sum()` of scores that nothing was taken from before; a mask may leave some of them out."""
    whole = one(above)
    factors = (
        operands(whole)
        if isinstance(whole, Result) and operation(whole) in ("operator.*", "mul")
        else (whole,)
    )
    exponential = next((v for v in map(one, factors) if operation(v) == "exp"), None)
    if not isinstance(exponential, Result) or not operands(exponential):
        return False
    scores = one(operands(exponential)[0])
    if isinstance(scores, Result) and operation(scores) in ("operator.-", "sub", "operator.unary-", "clamp"):
        return False  # shifted, or bounded
    if _is_bounded(scores):
        return False
    if len(factors) > 1:
        return any(v is whole for v in _parts(below))
    summed = [v for v in _parts(below) if isinstance(v, Result) and operation(v) == "exp"]
    return any(v is exponential or same(operands(v)[0], scores) is True for v in summed if operands(v))


def _is_of_raw_scores(value: Value | None) -> TypeGuard[Result]:
    """`exp(scores)` of what a layer or a matrix product gives as it is: such scores have no bound."""
    if not isinstance(value, Result) or operation(value) != "exp" or not operands(value):
        return False
    found = [_without_sign(one(part)) for part in peel(operands(value)[0])]
    return bool(found) and all(map(_is_raw, found))


def _is_raw(scores: Value, depth: int = 0) -> bool:
    if not isinstance(scores, Result) or depth > 6:
        return False
    if operation(scores) in ("operator.@", "matmul", "mm", "linear"):
        sides = [part for operand in operands(scores) for part in peel(operand)]
        return not any(map(_is_normalised, sides))
    if operation(scores) == "operator.+":
        return any(_is_raw(one(part), depth + 1) for part in operands(scores))
    layer = scores.callee
    return (
        isinstance(layer, Instance)
        and isinstance(layer.cls, External)
        and layer_name(layer.cls.name) in WEIGHTED
    )


def _is_normalised(side: Value) -> bool:
    """`F.normalize(z)`, `z / z.norm(dim=1, keepdim=True)`: only a number would leave it as large as it is."""
    if not isinstance(side, Result) or operation(side) not in ("normalize", "operator./", "div"):
        return False
    return operation(side) == "normalize" or not _is_number(one(operands(side)[-1]))


def _is_number(divisor: Value) -> bool:
    """A constant, or `math.sqrt(784)`."""
    if isinstance(divisor, Result) and isinstance(divisor.callee, External):
        return divisor.callee.name.startswith("math.")
    return isinstance(divisor, Constant)


def _parts(value: Value) -> Iterator[Value]:
    for inner in peel(value):
        yield inner
        if isinstance(inner, Result) and operation(inner) == "sum":
            yield from (v for part in operands(inner)[:1] for v in peel(part))


def _is_one(value: Value) -> bool:
    return isinstance(value, Constant) and value.value in (1, 1.0)


def _is_small(value: Value) -> bool:
    found = one(value)
    if isinstance(found, Constant):
        return isinstance(found.value, float) and 0 < found.value < 0.01
    return not isinstance(found, Result)  # `self.eps`


def _argument(node: Node) -> Expression | None:
    """What `torch.log(...)` or `(...).log()` is taken of."""
    if not isinstance(node, Call):
        return None
    if node.arguments:
        return node.arguments[0].value
    return node.function.value if isinstance(node.function, Attribute) else None


def _knows_torch(node: Node) -> bool:
    scope = node.unit.scope
    return scope is not None and "torch" in scope.names
