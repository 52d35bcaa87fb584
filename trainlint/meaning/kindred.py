"""Tables that are parts of one whole: two files read alike, two parts of one split, two slices."""

from __future__ import annotations

from trainlint.meaning.dataflow import same
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    is_slice,
    one,
    passed,
)

_READING = (
    "pandas.read_", "numpy.load", "numpy.genfromtxt", "torch.load", "pickle.load", "joblib.load", "scipy.io.loadmat",
)  # fmt: skip
_FAR = 12


def are_siblings(first: Value, second: Value, depth: int = 0) -> bool:
    """Whether the same was taken in the same way of two tables of one kind."""
    if depth > _FAR:
        return False
    match one(first), one(second):
        case Item(source=a, key=Constant(value=x)), Item(source=b, key=Constant(value=y)) if _is_call(a, b):
            return _are_parts(a, x, b, y) or (x == y and are_siblings(a, b, depth + 1))
        case Item(source=a, key=k), Item(source=b, key=m) if k is not None and m is not None:
            if a is b or one(a) is one(b):
                return is_slice(k) and is_slice(m) and same(k, m) is not True
            return (k is m or same(k, m) is True) and are_siblings(a, b, depth + 1)
        case Member(receiver=a, name=x), Member(receiver=b, name=y):
            return x == y and are_siblings(a, b, depth + 1)
        case Result(callee=External(name=x), arguments=(a, *_)), Result(
            callee=External(name=y), arguments=(b, *_)
        ):
            if x == y and x.startswith(_READING) and first is not second and _is_one_place(first, second):
                return True
            paths = (constant(a), constant(b))
            return (
                x == y
                and x.startswith(_READING)
                and all(isinstance(p, str) for p in paths)
                and paths[0] != paths[1]
            )
        case Instance(cls=External(name=x)) as made, Instance(cls=External(name=y)) as other:
            return x == y and x.startswith("torchvision.datasets.") and _is_other_part(made, other)
        case Result(callee=Member(receiver=a, name=x)) as p, Result(callee=Member(receiver=b, name=y)) as q:
            return x == y and _are_given_alike(p, q) and are_siblings(a, b, depth + 1)
    return False


def _is_other_part(first: Instance, second: Instance) -> bool:
    """Whether two data sets of a library are the part that trains and the one of the test."""
    asked = [constant(passed(made, 1, "train", "split") or Constant(True)) for made in (first, second)]
    return all(isinstance(part, (bool, str)) for part in asked) and asked[0] != asked[1]


def _is_one_place(first: Value, second: Value) -> bool:
    """Whether one line reads both: a method of two data sets of one class."""
    node = getattr(one(first), "node", None)
    return node is not None and node is getattr(one(second), "node", None)


def _is_call(first: Value, second: Value) -> bool:
    return isinstance(one(first), Result) and isinstance(one(second), Result)


def _are_parts(first: Value, x: object, second: Value, y: object) -> bool:
    split = one(first)
    if split is not one(second) or not isinstance(split, Result) or not isinstance(split.callee, External):
        return False
    if split.callee.name.endswith("train_test_split"):
        return isinstance(x, int) and isinstance(y, int) and x // 2 == y // 2 and x != y
    if "keras.datasets." in split.callee.name:
        return x != y
    return split.callee.name in ("numpy.load", "torch.load") and x != y


def _are_given_alike(first: Result, second: Result) -> bool:
    if len(first.arguments) != len(second.arguments) or first.keywords.keys() != second.keywords.keys():
        return False
    pairs = [*zip(first.arguments, second.arguments, strict=True)]
    pairs += [(first.keywords[name], second.keywords[name]) for name in first.keywords]
    return all(a is b or same(a, b) is True for a, b in pairs)
