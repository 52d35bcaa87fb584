"""Bytes of a file that are put into rows of pixels: what MNIST's files hold, and CIFAR's."""

from __future__ import annotations

from trainlint.meaning.facts.columns import RAW_BYTES
from trainlint.meaning.values import (
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    passed,
)

_OPENML = frozenset(
    "mnist_784 fashion-mnist kuzushiji-mnist cifar_10 cifar_10_small cifar-10 svhn devnagari-script".split()
)
_KERAS = frozenset("mnist fashion_mnist cifar10 cifar100".split())
_WORDS = ("uint8", "u1", "ubyte", "B")
_PICKLED = frozenset("pickle.load _pickle.load dill.load joblib.load".split())
_DATA = ("data", b"data")
_PASSED = frozenset("copy astype newbyteorder".split())


def is_raw_pictures(receiver: Value, reshaped: Result) -> bool:
    """Whether a call shapes bytes as pictures: `np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)`."""
    shape = _shape(reshaped)
    source = one(receiver)
    for _ in range(4):  # a slice of them, a copy
        match source:
            case Item(source=inner, key=key) if key is not None and not isinstance(one(key), Constant):
                source = one(inner)
            case Result(callee=Member(receiver=inner, name="copy")):
                source = one(inner)
            case Result(callee=External(name="numpy.array" | "numpy.asarray"), arguments=[inner, *_]):
                source = one(inner)
            case _:
                break
    match source:
        case Result(callee=External(name=name)) as read if name in RAW_BYTES:
            return len(shape) > 1 and _is_of_bytes(read)
        case Item(source=inner, key=Constant(value=key)) if key in _DATA:
            return _is_pickled(one(inner)) and [constant(side) for side in shape][-3:] == [3, 32, 32]
    return False


def fetched_pictures(source: Value, key: Value) -> Result | None:
    """The call that fetched bytes of pictures, of which a key takes the pictures, and not what they show.

    `fetch_openml("mnist_784").data`, `mnist["data"]`, `mnist.load_data()[0][0]` of Keras.
    """
    match one(source):
        case Result(callee=External(name="sklearn.datasets.fetch_openml")) as fetched:
            named = passed(fetched, 0, "name")
            name = constant(named) if named is not None else None
            if not isinstance(name, str) or name.lower() not in _OPENML:
                return None
            in_pair = constant(fetched.keywords.get("return_X_y", Constant(False)))
            return fetched if constant(key) == (0 if in_pair is True else "data") else None
        case Item(source=inner, key=Constant(value=0 | 1)) if constant(key) == 0:
            match one(inner):
                case Result(callee=External(name=name)) as loaded if name.endswith(".load_data"):
                    home, _, kind = name.removesuffix(".load_data").rpartition(".")
                    return loaded if home.endswith("keras.datasets") and kind in _KERAS else None
    return None


def _is_pickled(value: Value) -> bool:
    match value:
        case Result(callee=External(name=name)):
            return name in _PICKLED
    return False


def _shape(reshaped: Result) -> list[Value]:
    given = [*reshaped.arguments]
    only = one(given[0]) if len(given) == 1 else None
    return list(only.items) if isinstance(only, Sequence) else given


def _is_of_bytes(read: Result) -> bool:
    given = passed(read, 1, "dtype")
    return given is not None and _is_byte(given)


def _is_byte(kind: Value) -> bool:
    match one(kind):
        case External(name=name):
            return name in ("numpy.uint8", "numpy.ubyte")
        case Constant(value=str(word)):
            return word.lstrip("<>=|") in _WORDS
        case Result(callee=External(name="numpy.dtype"), arguments=[inner, *_]):
            return _is_byte(inner)
        case Result(callee=Member(receiver=inner, name=name)) if name in _PASSED:
            return _is_byte(inner)
    return False
