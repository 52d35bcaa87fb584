"""Loops over a few phases: the turns of `["train", "val"]`, of a dictionary by phase, its items, and wrappers of them."""

from __future__ import annotations

from trainlint.meaning.iteration import TRANSPARENT, unrolled_items
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    one,
)

_KEEPING_ORDER = TRANSPARENT - {"random.sample", "itertools.cycle", "itertools.islice", "builtins.set"}


def phase_turns(iterable: Value, limit: int) -> list[Value] | None:
    """What each turn binds, where the turns are named phases that are known whole."""
    found = one(iterable)
    match found:
        case Mapping():
            return _keys(found, limit)
        case Sequence(items=items, open=False, element=None) if 1 < len(items) <= limit:
            if all(map(_is_named, items)):
                return list(items)
        case Result(callee=Member(receiver=receiver, name="items" | "keys" | "values" as name), arguments=()):
            holder = one(receiver)
            return _entries(holder, name, limit) if isinstance(holder, Mapping) else None
        case Result(callee=External(name="builtins.zip"), arguments=parts) if len(parts) > 1:
            return _side_by_side(parts, limit, found)
        case Result(callee=External(name="builtins.enumerate"), arguments=(first,), keywords={}):
            inner = phase_turns(first, limit)
            return inner and [
                Sequence("tuple", (Constant(i), turn), found.node) for i, turn in enumerate(inner)
            ]
        case Result(callee=External(name=name), arguments=(first, *_)) if name in _KEEPING_ORDER:
            return phase_turns(first, limit)
        case Instance(cls=External(name=name), arguments=(first, *_)) if name in _KEEPING_ORDER:
            return phase_turns(first, limit)
    return unrolled_items(found, limit)


def _is_named(item: Value) -> bool:
    """`("train", train_loader)`"""
    match one(item):
        case Sequence(kind="tuple", items=(first, _, *_), open=False):
            named = one(first)
            return isinstance(named, Constant) and isinstance(named.value, str) and named.under is None
    return False


def _keys(mapping: Mapping, limit: int) -> list[Value] | None:
    if mapping.open or mapping.element is not None or not 1 < len(mapping.items) <= limit:
        return None
    if not all(isinstance(key, (str, bool)) for key in mapping.items):
        return None
    return [Constant(key) for key in mapping.items]


def _entries(mapping: Mapping, name: str, limit: int) -> list[Value] | None:
    keys = _keys(mapping, limit)
    if keys is None or name == "keys":
        return keys
    values = list(mapping.items.values())
    if name == "values":
        return values
    return [Sequence("tuple", pair, mapping.node) for pair in zip(keys, values, strict=True)]


def _side_by_side(parts: tuple[Value, ...], limit: int, whole: Result) -> list[Value] | None:
    """`zip(["train", "val"], (train_set, val_set))`: one of them names the phases, all are known whole."""
    columns: list[list[Value]] = []
    for part in map(one, parts):
        turns = phase_turns(part, limit)
        if turns is None and isinstance(part, Sequence) and not part.open and part.element is None:
            turns = list(part.items)
        columns.append(turns or [])
    named = any(phase_turns(part, limit) is not None for part in parts)
    if not named or len({len(column) for column in columns}) != 1 or not columns[0]:
        return None
    return [Sequence("tuple", turn, whole.node) for turn in zip(*columns, strict=True)]


MOST_LAYERS = 40


def listed_sizes(iterable: Value) -> list[Value] | None:
    """What each turn binds that goes through a list of sizes written out: `[64, 64, "M", 128]`, pairs of them."""
    found = one(iterable)
    match found:
        case Sequence(items=items, open=False, element=None):
            plain = 0 < len(items) <= MOST_LAYERS and all(map(_is_size, items))
            return list(items) if plain else None
        case Result(callee=External(name="builtins.zip"), arguments=parts) if len(parts) > 1:
            columns = [listed_sizes(part) for part in parts]
            if any(column is None for column in columns):
                return None
            shortest = min(len(column or ()) for column in columns)
            rows = zip(*((column or [])[:shortest] for column in columns), strict=True)
            return [Sequence("tuple", row, found.node) for row in rows]
        case Result(callee=External(name="builtins.enumerate"), arguments=(first,), keywords={}):
            inner = listed_sizes(first)
            numbered = enumerate(inner or ())
            return inner and [Sequence("tuple", (Constant(i), turn), found.node) for i, turn in numbered]
        case Result(callee=External(name="builtins.list" | "builtins.tuple"), arguments=(first,)):
            return listed_sizes(first)
    return None


def _is_size(item: Value) -> bool:
    match one(item):
        case Constant(value=value):
            return value is None or isinstance(value, (int, float, str))
        case Sequence(items=items, open=False, element=None):
            return len(items) < 12 and all(map(_is_size, items))
    return False
