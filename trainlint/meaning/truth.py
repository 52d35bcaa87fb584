"""Whether a condition is decided: only by constants that no flag or setting can change."""

from __future__ import annotations

from trainlint.meaning.values import (
    Bound,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Module,
    Result,
    Sequence,
    Value,
    options,
)

_TRUE = (Class, Function, Module)
_ARITHMETIC = frozenset("+ - * / // % ** @ unary-".split())


def truth(value: Value) -> bool | None:
    """True or False where every alternative agrees, else None."""
    if type(value) is not Choice:
        return _single(value)
    found = {_single(option) for option in options(value)}
    return found.pop() if len(found) == 1 else None


def _single(value: Value) -> bool | None:
    match value:
        case Constant(under=None):
            return bool(value.value)
        case Sequence(open=False, element=None, items=items):
            return bool(items)
        case Instance(cls=External()):
            return True
    return True if isinstance(value, _TRUE) else None


def is_none(value: Value) -> bool | None:
    """Whether a value is None, where that is known; a setting's None is not."""
    if type(value) is not Choice:
        return _none(value)
    found = {_none(option) for option in options(value)}
    return found.pop() if len(found) == 1 else None


def _none(value: Value) -> bool | None:
    match value:
        case Constant(under=None):
            return value.value is None
        case Constant():
            return None
        case Instance() | Sequence() | Mapping() | Class() | Function() | Bound() | Module():
            return False
        case Item(key=Result(callee=External(name="builtins.slice"))):
            return False  # a part of something, perhaps an empty one
        case Result(callee=External(name=name)) if name.startswith("operator."):
            return False if name.removeprefix("operator.") in _ARITHMETIC else None
    return None
