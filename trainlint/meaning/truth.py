"""Whether a condition is decided: only by constants that no flag or setting can change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trainlint.meaning.facts.tables import HOMES
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
    Member,
    Module,
    Result,
    Sequence,
    Value,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.syntax import Node

_TRUE = (Class, Function, Module)
_ARITHMETIC = frozenset("+ - * / // % ** @ unary-".split())


def truth(value: Value) -> bool | None:
    """True or False where every alternative agrees, else None."""
    if type(value) is not Choice:
        return _single(value)
    found = {_single(option) for option in options(value)}
    return found.pop() if len(found) == 1 and not may_come_round(value) else None


def may_come_round(value: Value) -> bool:
    """Whether a loop that is being read may give a name another value at its end than the one known so far."""
    if type(value) is not Choice:
        return False
    if value.loop and len(value.options) == 1:
        return True
    return not value.loop and any(may_come_round(option) for option in value.options)


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
    return found.pop() if len(found) == 1 and not may_come_round(value) else None


def decided_by(value: Value, answer: Callable[[Value], bool | None]) -> Value | None:
    """The condition that a question about a value comes down to: `layer is not None` of `layer = Net() if flag else None`.

    None where the value is no choice between two by one condition, or both give the same answer.
    """
    if type(value) is not Choice or value.loop or value.under is None or len(value.options) != 2:
        return None
    first, second = (value.under.get(id(option), ()) for option in value.options)
    if len(first) != 1 or len(second) != 1 or first[0][0] is not second[0][0] or first[0][1] is second[0][1]:
        return None
    answers = [answer(option) for option in value.options]
    if None in answers or answers[0] is answers[1]:
        return None
    test, holds = first[0]
    return test if answers[0] is holds else negated(test)


def negated(test: Value, node: Node | None = None) -> Value:
    """`not test`."""
    known = truth(test)
    if known is not None:
        return Constant(not known, node)
    if isinstance(test, Constant):
        return Constant(not test.value, node, test.under, _opposite(test.asked))
    return Result(External("operator.unarynot"), (test,), {}, node)


def _opposite(asked: tuple[str, Any] | None) -> tuple[str, Any]:
    """What `not` makes of a comparison of a setting, or of the setting itself."""
    return ("not", None) if asked is None else (_OPPOSITES.get(asked[0], "?"), asked[1])


_OPPOSITES = {"==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in"}


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
        case Result(callee=Member(receiver=Instance(cls=External(name=name)), name="fit" | "set_output")):
            return False if name.startswith(HOMES) else None  # scikit-learn's estimators give themselves
    return None
