"""Transformers of tables: what a value that is fitted learns, and of what it is put together."""

from __future__ import annotations

from trainlint.meaning.facts.tables import COMPOSITES, FITTED, HOMES
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Member,
    Result,
    Sequence,
    Value,
    one,
    options,
)

_DEEPEST = 4
# What transforms each row by itself, or only names classes: nothing is learnt of other rows.
_STATELESS = frozenset(
    "Normalizer Binarizer FunctionTransformer PolynomialFeatures HashingVectorizer FeatureHasher"
    " AdditiveChi2Sampler RBFSampler HashingEncoder".split()
)


def fitted_object(receiver: Value) -> Value:
    """The object behind `StandardScaler().fit(x)`, which gives itself."""
    for _ in range(4):
        receiver = one(receiver)
        match receiver:
            case Result(
                callee=Member(receiver=inner, name="fit" | "set_params" | "set_output" | "partial_fit")
            ):
                receiver = inner
            case _:
                return receiver
    return receiver


def kind_of(value: Value, depth: int = 0) -> str | None:
    """What a transformer learns: a scale, a vocabulary; "" if it learns nothing, None if it is no transformer."""
    found = {_kind(fitted_object(option), depth) for option in options(value)}
    if len(found) == 1:
        return found.pop()
    return next(iter(sorted(kind for kind in found if kind)), None)


def _kind(value: Value, depth: int) -> str | None:
    made = made_by(value)
    if made is None:
        return None
    name = made.rpartition(".")[2]
    if name in COMPOSITES:
        return _of_parts(value, depth)
    if name in _STATELESS:
        return ""
    return FITTED.get(name) if made.startswith(HOMES) or made == name else None


def made_by(value: Value) -> str | None:
    """The dotted name of the class or function that made an object."""
    match value:
        case Instance(cls=External(name=name)) | Result(callee=External(name=name)):
            return name
    return None


def _of_parts(value: Value, depth: int) -> str | None:
    if depth > _DEEPEST:
        return None
    kinds = [kind_of(part, depth + 1) for part in parts_of(value)]
    known = [kind for kind in kinds if kind]
    if known:
        return known[0]
    return "" if kinds and all(kind == "" for kind in kinds) else None


def parts_of(value: Value) -> list[Value]:
    """The transformers and estimators that a composite runs, those that `passthrough` leaves out not among them."""
    assert isinstance(value, (Instance, Result))
    found: list[Value] = []
    given = [
        *value.arguments,
        *(
            value.keywords[k]
            for k in ("steps", "transformers", "transformer_list", "features")
            if k in value.keywords
        ),
    ]
    for argument in given:
        inner = one(argument)
        listed = inner.items if isinstance(inner, Sequence) and inner.kind == "list" else (inner,)
        for item in listed:
            entry = one(item)
            if not isinstance(entry, Sequence):
                found.append(entry)
                continue
            named = [one(part) for part in entry.items]
            found += [part for part in named if not isinstance(part, (Constant, Sequence))][:1]
    return [part for part in found if not isinstance(part, Constant)]


def is_model(value: Value) -> bool:
    """Whether a value is evidently an estimator that predicts, or a composite that ends in one."""
    made = made_by(fitted_object(value))
    if made is None:
        return False
    if made.rpartition(".")[2] in COMPOSITES:
        return any(is_model(part) for part in parts_of(fitted_object(value)))
    return kind_of(value) is None


def has_kind(value: Value, kind: str) -> bool | None:
    """Whether a transformer, or a part of one, learns something of this kind; None if that cannot be told."""
    found = fitted_object(value)
    made = made_by(found)
    if made is None:
        return None
    if made.rpartition(".")[2] in COMPOSITES:
        answers = [has_kind(part, kind) for part in parts_of(found)]
        return True if True in answers else (None if None in answers or not answers else False)
    known = kind_of(found)
    return None if known is None else known == kind
