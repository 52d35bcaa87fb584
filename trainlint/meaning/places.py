"""Named tuples by place: what `loss, penalty = measured` and `measured[0]` take out of one."""

from __future__ import annotations

from trainlint.meaning.objects import lineage
from trainlint.meaning.values import Class, External, Function, Instance, Sequence, Value

PLACES = "*places"  # the attribute that holds what a tuple of `collections.namedtuple` was made of


def by_places(value: Value) -> Value:
    """A named tuple as the plain tuple that it is as well; anything else as it is."""
    if not isinstance(value, Instance):
        return value
    kept = value.attributes.get(PLACES)
    if isinstance(kept, Sequence):
        return kept
    if not isinstance(value.cls, Class) or not _is_named_tuple(value.cls):
        return value
    held = [value.attributes.get(name, declared) for name, declared in _fields(value.cls).items()]
    items = tuple(item for item in held if item is not None)
    return Sequence("tuple", items, value.node) if items and len(items) == len(held) else value


def _is_named_tuple(cls: Class) -> bool:
    bases = [base for own in lineage(cls) if isinstance(own, Class) for base in own.bases]
    return any(isinstance(base, External) and base.name in _NAMED_TUPLES for base in bases)


_NAMED_TUPLES = ("typing.NamedTuple", "typing_extensions.NamedTuple")


def _fields(cls: Class) -> dict[str, Value | None]:
    """The fields in order, each with its default."""
    own = [base for base in reversed(lineage(cls)) if isinstance(base, Class)]
    names = {name: value for base in own for name, value in base.names.items()}
    return {n: v for n, v in names.items() if not isinstance(v, Function) and n[0] not in "_*"}
