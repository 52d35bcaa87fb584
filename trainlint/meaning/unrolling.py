"""Loops that are gone through turn by turn: over a few phases as in `["train", "val"]`, over layers, over their sizes."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.iteration import TRANSPARENT
from trainlint.meaning.objects import is_enum_member, of_key
from trainlint.meaning.values import (
    Class,
    Constant,
    External,
    Instance,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    options,
)

LAYERS = frozenset("Linear LazyLinear Conv1d Conv2d Conv3d".split())  # that lists of sizes are for
_MOST_BLOCKS, _MOST_LAYERS = 8, 40  # blocks are looked into each time
_MOST_SETTINGS = 64
_KEEPING_ORDER = TRANSPARENT - {"random.sample", "itertools.cycle", "itertools.islice", "builtins.set"}


def may_have_turns(iterable: Value) -> bool:
    """Whether `phase_turns` is worth asking: not of `range(depth)`, nor of what nobody knows."""
    match one(iterable):
        case Mapping() | Sequence() | Instance():
            return True
        case Result(callee=External(name=name)):
            return name in _KEEPING_ORDER or name in ("builtins.zip", "builtins.enumerate")
        case Result(callee=Member()):
            return True
    return False


def phase_turns(iterable: Value, limit: int) -> list[Value] | None:
    """What each turn binds, where the turns are named phases that are known whole."""
    found = one(iterable)
    match found:
        case Mapping():
            return _keys(found, limit)
        case Sequence(items=items, open=False, element=None) if 1 < len(items) <= limit:
            if all(map(_is_phase, items)) or all(map(_is_named, items)):
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
    return None


def _is_phase(item: Value) -> bool:
    """`"train"`, or `Phase.TRAIN`, which takes its own branch."""
    return is_enum_member(item) or (
        isinstance(item, Constant) and isinstance(item.value, (str, bool)) and item.under is None
    )


def _is_named(item: Value) -> bool:
    """`("train", train_loader)`"""
    match one(item):
        case Sequence(kind="tuple", items=(first, _, *_), open=False):
            named = one(first)
            if is_enum_member(named):
                return True
            return isinstance(named, Constant) and isinstance(named.value, str) and named.under is None
    return False


def _keys(mapping: Mapping, limit: int) -> list[Value] | None:
    if mapping.open or mapping.element is not None or not 1 < len(mapping.items) <= limit:
        return None
    if not all(isinstance(key, (str, bool)) for key in mapping.items):
        return None
    return [of_key(key) for key in mapping.items]


def _entries(mapping: Mapping, name: str, limit: int) -> list[Value] | None:
    keys = _keys(mapping, limit)
    if keys is None or name == "keys":
        return keys
    values = list(mapping.items.values())
    if name == "values":
        return values
    return [Sequence("tuple", pair, mapping.node) for pair in zip(keys, values, strict=True)]


def entries_of_settings(iterable: Value) -> list[Value] | None:
    """What each turn binds that goes through settings, a file's or a literal's: `for key, value in settings.items()`."""
    match one(iterable):
        case Result(callee=Member(receiver=receiver, name="items" | "keys" as name), arguments=()):
            holder = one(receiver)
        case Mapping() as holder:
            name = "keys"
        case _:
            return None
    if not isinstance(holder, Mapping) or not all(_is_setting(value) for value in holder.items.values()):
        return None
    return _entries(holder, name, _MOST_SETTINGS)


def _is_setting(value: Value) -> bool:
    found = one(value)
    return isinstance(found, (Constant, Mapping, Unknown)) or (
        isinstance(found, Sequence) and all(map(_is_setting, found.items))
    )


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


def listed_sizes(iterable: Value) -> list[Value] | None:
    """What each turn binds that goes through a list of sizes written out: `[64, 64, "M", 128]`, pairs of them."""
    found = one(iterable)
    match found:
        case Sequence(items=items, open=False, element=None):
            plain = 0 < len(items) <= _MOST_LAYERS and all(map(_is_size, items))
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


def unrolled_layers(iterable: Value) -> list[Value] | None:
    """The modules of a short list, in order: `for layer in self.layers: x = layer(x)`."""
    iterable = one(iterable)
    if isinstance(iterable, Instance):
        iterable = iterable.attributes.get("*layers", iterable)
    if not isinstance(iterable, Sequence) or iterable.element is not None or not iterable.items:
        return None
    found = [o for item in iterable.items for o in options(item)]
    own = any(isinstance(o, Instance) and isinstance(o.cls, Class) for o in found)
    if len(iterable.items) > (_MOST_BLOCKS if own else _MOST_LAYERS):
        return None
    return list(iterable.items) if all(isinstance(o, Instance) for o in found) else None


def unrolled_listeners(iterable: Value, limit: int) -> list[Value] | None:
    """The objects of a short list that is known whole, each of a class of its own: callbacks, called one after the other."""
    iterable = one(iterable)
    if not isinstance(iterable, Sequence) or iterable.open or iterable.element is not None:
        return None
    found = [one(item) for item in iterable.items]
    classes = {id(o.cls.node) for o in found if isinstance(o, Instance) and isinstance(o.cls, Class)}
    return list(iterable.items) if 1 < len(found) <= limit and len(classes) == len(found) else None


def listed_items(iterable: Value) -> tuple[Value, ...] | None:
    """The items of a short list that was written out."""
    found = one(iterable)
    if (
        isinstance(found, Sequence)
        and isinstance(found.node, s.Display)
        and not found.open
        and not found.element
    ):
        return found.items if 1 < len(found.items) <= 8 else None
    return None
