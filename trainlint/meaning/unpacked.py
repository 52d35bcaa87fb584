"""What a function gets of a batch that its call unpacks: `step(*batch)`, `net(**batch)`."""

from __future__ import annotations

from trainlint.meaning.dataflow import walk
from trainlint.meaning.values import (
    Constant,
    Item,
    Mapping,
    Member,
    Result,
    Unpacked,
    Value,
    choice,
    one,
)


def by_place(arguments: tuple[Value, ...], index: int, default: Value | None) -> Value | None:
    """`step(*batch)`: a parameter that has to be given is the part of the batch at its place."""
    last = arguments[-1] if arguments else None
    if default is not None or not isinstance(last, Unpacked) or index < len(arguments) - 1:
        return None
    source = one(last.source)
    if not isinstance(source, Item) or source.key is not None:
        return None
    return Item(source, Constant(index - len(arguments) + 1), source.node)


def by_name(unpacked: Value | None, name: str, default: Value | None) -> Value | None:
    """`net(**batch)`: the part of the batch by the parameter's name, or the default where the batch may lack it."""
    source = one(unpacked.source) if isinstance(unpacked, Unpacked) else None
    if source is None or not _is_batch(source):
        return None
    part = Item(source, Constant(name), getattr(source, "node", None))
    return part if default is None else choice([part, default])


def _is_batch(value: Value) -> bool:
    """An element that a loop takes, as it is, moved to a device, or all its parts moved one by one."""
    match value:
        case Item(key=None):
            return True
        case Result(callee=Member(receiver=inner, name="to" | "cuda")):
            return _is_batch(one(inner))
        case Mapping(element=part, open=True) if part is not None:
            return any(
                isinstance(v, Result)
                and isinstance(v.callee, Member)
                and v.callee.name == "items"
                and _is_batch(one(v.callee.receiver))
                for v in walk(part, limit=_NEAR)
            )
    return False


_NEAR = 40
