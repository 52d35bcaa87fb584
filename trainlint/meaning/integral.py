"""Tensors of whole numbers: what is written into their rows is rounded, and leaves its graph behind."""

from __future__ import annotations

from trainlint.meaning.values import Constant, External, Result, Sequence, Value, one, options

_FILLED = frozenset("zeros ones empty full zeros_like ones_like empty_like full_like arange tensor".split())
_WHOLE = frozenset(f"torch.{name}" for name in "int8 int16 int32 int64 uint8 bool short int long".split()) | {
    "builtins.int",
    "builtins.bool",
}
_CASTS = frozenset("int long short bool byte".split())


def is_of_whole_numbers(value: Value | None) -> bool:
    """Whether each of its alternatives is surely a tensor of integers or of truth values."""
    return value is not None and all(map(_is_whole, options(value)))


def _is_whole(made: Value) -> bool:
    if not isinstance(made, Result):
        return False
    if not isinstance(made.callee, External):
        name = getattr(made.callee, "name", "")
        return name in _CASTS and not made.arguments and not made.keywords
    library, _, name = made.callee.name.rpartition(".")
    if library != "torch" or name not in _FILLED:
        return False
    kind = one(made.keywords["dtype"]) if "dtype" in made.keywords else None
    if kind is not None:
        return isinstance(kind, External) and kind.name in _WHOLE
    return name in ("tensor", "arange") and bool(made.arguments) and all(map(_holds_whole, made.arguments))


def _holds_whole(value: Value) -> bool:
    found = one(value)
    if isinstance(found, Constant):
        return isinstance(found.value, int)
    if isinstance(found, Sequence):
        held = [*found.items, *([found.element] if found.element is not None else [])]
        return bool(held) and all(map(_holds_whole, held))
    return False
