"""Which branches belong together: conditions on one setting that cannot hold at the same time.

`if self.task == "classes": y = softmax(y)` here and `if self.task == "values": return mse(y, t)` there never
meet. Conditions are compared by what they ask about, not by their text.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from trainlint.meaning.values import (
    Argument,
    Choice,
    Condition,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

_EQUAL = frozenset(("operator.==", "operator.is", "operator.in"))
_DIFFERENT = frozenset(("operator.!=", "operator.is not", "operator.not in"))


@dataclass(frozen=True, slots=True)
class Fact:
    """A subject is (or, `inside` False, is not) one of some values."""

    subject: Hashable
    values: frozenset[Hashable]
    inside: bool

    def excludes(self, other: Fact) -> bool:
        if self.subject != other.subject:
            return False
        if self.inside and other.inside:
            return self.values.isdisjoint(other.values)
        if self.inside:
            return self.values <= other.values
        return other.inside and other.values <= self.values


def exclude(first: Iterable[Condition], second: Iterable[Condition]) -> bool:
    """Whether two sets of conditions cannot hold together."""
    known = [fact for condition in first for fact in facts(*condition)]
    if not known:
        return False
    return any(a.excludes(b) for condition in second for b in facts(*condition) for a in known)


def possible(value: Choice, given: tuple[Condition, ...]) -> list[Value]:
    """The alternatives that can be there under some conditions; all of them if none seems to be left."""
    if not given or not value.under:
        return value.options
    left = [o for o in value.options if not exclude(value.under.get(id(o), ()), given)]
    return left or value.options


def settings_of(value: Choice) -> set[str]:
    """The settings whose defaults decide which alternatives of a choice are there."""
    return settings_in(c for o in value.options for c in (value.under or {}).get(id(o), ()))


def settings_in(conditions: Iterable[Condition]) -> set[str]:
    """The settings that conditions ask about."""
    return {test.under for test, _ in conditions if isinstance(test, Constant) and test.under is not None}


def usual(value: Choice) -> list[Value]:
    """The alternatives that are there while all settings have their defaults."""
    under = value.under or {}
    return [option for option in value.options if is_usual(under.get(id(option), ()))]


def by_default(value: Value) -> list[Value]:
    """The alternatives of a value, nested ones too, that are there while all settings have their defaults."""
    found: list[Value] = []
    pending, looked = [value], 0
    while pending and looked < 50:
        current, looked = pending.pop(), looked + 1
        if isinstance(current, Choice):
            pending += usual(current) or current.options
        elif all(current is not known for known in found):
            found.append(current)
    return found[:8]


def is_usual(conditions: Iterable[Condition]) -> bool:
    """Whether conditions on settings hold while these have their defaults."""
    return not any(
        isinstance(test, Constant) and test.under is not None and bool(test.value) != holds
        for test, holds in conditions
    )


def depends_on(value: Value, conditions: Iterable[Condition]) -> bool:
    """Whether which alternative of a value is there depends on what these conditions choose."""
    chosen = {fact.subject for condition in conditions for fact in facts(*condition) if _is_choice(fact)}
    pending, looked = [value], 0
    while pending and chosen and looked < 50:
        current, looked = pending.pop(), looked + 1
        if isinstance(current, Choice):
            pending += current.options
            given = (c for under in (current.under or {}).values() for c in under)
            if any(fact.subject in chosen for condition in given for fact in facts(*condition)):
                return True
    return False


def _is_choice(fact: Fact) -> bool:
    return isinstance(fact.subject, tuple) and fact.subject[0] == "alternative"


_ALTERNATIVE = "*alternative"


def conditions_of(value: Choice, option: Value) -> tuple[Condition, ...]:
    """Under which conditions an alternative is there, that it is this one included.

    What one network of a table gives meets that network's own loss only. In a loop it may be another one each turn.
    """
    known = conditions_within(value, option)
    if value.loop or value.each is not None:
        return known
    return (*known, (Result(External(_ALTERNATIVE), (value, option), {}, None), True))


def conditions_within(value: Choice, option: Value, depth: int = 0) -> tuple[Condition, ...]:
    """Those of an alternative, or of one among the alternatives of an alternative."""
    for outer in value.options:
        under = (value.under or {}).get(id(outer), ())
        if outer is option:
            return under
        if isinstance(outer, Choice) and depth < _NESTED and any(o is option for o in options(outer)):
            return (*under, *conditions_within(outer, option, depth + 1))
    return ()


_NESTED = 4


def facts(test: Value, holds: bool) -> Iterator[Fact]:
    """What a condition says about its subject."""
    found = one(test)
    match found:
        case Constant(under=str(under), asked=("not", None)):
            yield Fact((("flag", under), "on"), frozenset({True}), not holds)
        case Constant(under=str(under), asked=(operator, asked)):
            yield from _compared(("flag", under), f"operator.{operator}", asked, holds)
        case Constant(under=str(under)):
            yield Fact((("flag", under), "on"), frozenset({True}), holds)
        case Result(callee=External(name=name), arguments=[whole, option]) if name == _ALTERNATIVE:
            yield Fact(("alternative", id(whole)), frozenset({id(option)}), holds)
        case Result(callee=External(name="operator.unarynot"), arguments=[inner]):
            yield from facts(inner, not holds)
        case Result(callee=External(name="operator.and"), arguments=parts) if holds:
            for part in parts:
                yield from facts(part, True)
        case Result(callee=External(name=name), arguments=[left, right]) if name in _EQUAL | _DIFFERENT:
            about = subject(one(left))
            if about is not None:
                yield from _compared(about, name, _plain(one(right)), holds)
        case _:
            about = subject(found)
            if about is not None:
                yield Fact((about, "on"), frozenset({True}), holds)


def _compared(about: Hashable, operator: str, asked: object, holds: bool) -> Iterator[Fact]:
    several = operator.endswith("in")
    values = asked if several else (asked,)
    if not isinstance(values, tuple) or any(not isinstance(v, (str, int, type(None))) for v in values):
        return
    if operator in _EQUAL:
        yield Fact(about, frozenset(values), holds)
    elif operator in _DIFFERENT:
        yield Fact(about, frozenset(values), not holds)


def _plain(value: Value) -> object:
    if isinstance(value, Constant):
        return value.value
    if isinstance(value, Sequence) and not value.open and value.element is None:
        return tuple(_plain(one(item)) for item in value.items)
    return ...


def subject(value: Value) -> Hashable | None:
    """A key of a setting that does not change while a program runs; None for what may."""
    match value:
        case Constant(under=str(under)):
            return ("flag", under)
        case Argument(name=name, function=function):
            return ("argument", name, id(function.node))
        case Free(name=name):
            return ("free", name)
        case Instance() | Unknown():
            return id(value)
        case Member(receiver=receiver, name=name):
            inner = subject(one(receiver))
            return None if inner is None else (inner, name)
        case Item(source=source, key=Constant(value=str() | int() as key)):
            inner = subject(one(source))
            return None if inner is None else (inner, "[]", key)
    return None
