"""What a table or picture was before it was mirrored, perhaps, or got another axis: neither changes a number in it."""

from __future__ import annotations

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

_DEEPEST = 8
_TURNING = frozenset(
    "flip fliplr flipud rot90 hflip vflip copy clone transpose swapaxes ascontiguousarray contiguous mirror".split()
)


def unturned(value: Value) -> Value:
    """The value before: the one that all alternatives are made of, some of them mirrored."""
    for _ in range(_DEEPEST):
        before = _before(one(value))
        if before is None:
            break
        value = before
    return one(value)


def _before(value: Value) -> Value | None:
    match value:
        case Choice(loop=False):
            first, *others = map(unturned, options(value))
            return first if all(other is first for other in others) else None
        case Item(source=inner, key=key) if key is not None and _keeps_all(key):
            return inner
        case Result(callee=External(name=name), arguments=(inner, *_)) if _turns(name):
            return inner
        case Result(callee=Member(receiver=inner, name=name)) if name in _TURNING:
            return inner
    return None


def _turns(name: str) -> bool:
    return name.startswith(("numpy.", "torch.", "cv2.", "PIL.")) and name.rpartition(".")[2] in _TURNING


def _keeps_all(key: Value) -> bool:
    """`[None]`, `[..., None]`, `[:, ::-1]`"""
    found = one(key)
    parts = found.items if isinstance(found, Sequence) and found.kind == "tuple" else (found,)
    return all(map(_keeps_axis, parts))


def _keeps_axis(part: Value) -> bool:
    match one(part):
        case Constant(value=value):
            return value is None or value is Ellipsis
        case Result(arguments=(lower, upper, step)) if is_slice(part):
            return constant(lower) is None and constant(upper) is None and constant(step) in (None, 1, -1)
    return False
