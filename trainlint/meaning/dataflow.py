"""Questions about the data-flow graph of values: operations, heads, origins, identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trainlint.meaning.conditions import possible, settings_of, usual
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.facts.operations import (
    MODULE_OPERATIONS,
    SAME_OPERATION,
    SHAPE_ONLY,
)
from trainlint.meaning.values import (
    Argument,
    Bound,
    Choice,
    Class,
    Condition,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Partial,
    Result,
    Sequence,
    Unpacked,
    Value,
    constant,
    one,
    options,
)

_LIMIT = 600  # values looked at for one question
_FAR = 5_000  # values gone back to: one left out here would pass for one that a loss does not reach


def operation(value: Value) -> str:
    """The one name of a tensor operation in all its spellings, "" for what is none."""
    if not isinstance(value, Result):
        return ""
    match value.callee:
        case External(name=name):
            short = name.rpartition(".")[2] if not name.startswith("operator.") else name
            if name.startswith(("torch.", "operator.", "einops.")):
                return SAME_OPERATION.get(short, short)
            return ""
        case Member(name=name):
            return SAME_OPERATION.get(name, name)
        case Instance(cls=External(name=name)):
            layer = layer_name(name)
            return MODULE_OPERATIONS.get(layer, "") if layer is not None else ""
    return ""


def operands(value: Result) -> tuple[Value, ...]:
    """The tensor inputs of an operation: the receiver of a method comes first."""
    if isinstance(value.callee, Member):
        return (value.callee.receiver, *value.arguments)
    if value.arguments:
        return value.arguments
    return tuple(v for k, v in value.keywords.items() if k in ("input", "x", "tensors", "self"))


def peel(value: Value, given: tuple[Condition, ...] = (), settings: set[str] | None = None) -> list[Value]:
    """The values behind operations that only change shape, type or device, for every alternative.

    `given`: under which conditions it is asked; what cannot be there then does not count. With
    `settings` only what their defaults leave does, and those that decided something are added.
    """
    found: list[Value] = []
    pending: list[Value] = [value]
    seen: set[int] = set()
    while pending and len(seen) < _LIMIT:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Choice):
            pending.extend(_left(current, given, settings))
        elif isinstance(current, Result) and operation(current) in SHAPE_ONLY and operands(current):
            first = operands(current)[0]
            inner = one(first)
            pending.extend(inner.items if isinstance(inner, Sequence) and inner.items else [first])
        elif isinstance(current, Item) and not _is_column(current.key) and _is_tensor_like(current.source):
            pending.append(current.source)
        elif isinstance(current, Sequence) and current.element is not None and not current.items:
            pending.append(current.element)
        else:
            found.append(current)
    return found


def _left(value: Choice, given: tuple[Condition, ...], settings: set[str] | None) -> list[Value]:
    """The alternatives of a choice that count."""
    left = possible(value, given)
    if settings is None or len(left) == 1:
        return left
    common = [option for option in left if any(option is o for o in usual(value))]
    if 0 < len(common) < len(left):
        settings |= settings_of(value)
    return common or left


def _is_column(key: Value | None) -> bool:
    """Whether a key is a name, which no tensor takes: that of a column of a table."""
    return key is not None and isinstance(constant(key), str)


def _is_tensor_like(value: Value) -> bool:
    """Whether indexing it selects part of a tensor (and not of an unknown tuple)."""
    return any(
        bool(operation(o)) or (isinstance(o, Item) and _is_tensor_like(o.source)) for o in options(value)
    )


def walk(value: Value, enter: Callable[[Value], bool] | None = None, limit: int = _FAR) -> Iterator[Value]:
    """A value and all that it was computed from; `enter` says whether to go on below one."""
    pending: list[Value] = [value]
    seen: set[int] = set()
    while pending and len(seen) < limit:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inputs = _INPUTS.get(type(current))
        if inputs is not None and (enter is None or enter(current)):
            pending += inputs(current)


def inputs_of(value: Value) -> list[Value]:
    """What a value was directly computed or taken from."""
    inputs = _INPUTS.get(type(value))
    return inputs(value) if inputs is not None else []


def _of_result(value: Result) -> list[Value]:
    callee = value.callee
    first = callee.receiver if type(callee) is Member else callee
    return [first, *value.arguments, *value.keywords.values()]


def _of_item(value: Item) -> list[Value]:
    key = value.key
    return [value.source] if key is None or type(key) is Constant else [value.source, key]


def _of_sequence(value: Sequence) -> list[Value]:
    return [*value.items, value.element] if value.element is not None else [*value.items]


def _of_mapping(value: Mapping) -> list[Value]:
    entries = value.items.values()
    return [*entries, value.element] if value.element is not None else [*entries]


def _of_instance(value: Instance) -> list[Value]:
    return [*value.arguments, *value.keywords.values()] if type(value.cls) is External else []


_INPUTS: dict[type, Callable[[Any], list[Value]]] = {  # by type: most values that are met have none
    Result: _of_result,
    Choice: lambda value: value.options,
    Item: _of_item,
    Unpacked: lambda value: [value.source],
    Member: lambda value: [value.receiver],
    Sequence: _of_sequence,
    Mapping: _of_mapping,
    Partial: lambda value: [value.function, *value.arguments],
    Instance: _of_instance,
}


def container(value: Value) -> Value:
    """What a value was taken out of by attributes and items: the dictionary of losses behind `out["loss"]`."""
    for _ in range(8):
        match one(value):
            case Item(source=inner) | Member(receiver=inner):
                value = inner
            case Result(callee=Member(receiver=inner, name="items" | "values" | "get")):
                value = inner
            case found:
                return found
    return value


def same(first: Value, second: Value) -> bool | None:
    """Whether two values are the same object; None where they may be."""
    a, b = one(first), one(second)
    if a is b:
        return True
    if type(a) is Instance and type(b) is Instance:
        return False
    match a, b:
        case Free(name=x), Free(name=y):
            return x == y
        case Argument(name=x, function=f), Argument(name=y, function=g):
            return x == y and f is g
        case Member(receiver=x, name=n), Member(receiver=y, name=m):
            return same(x, y) if n == m else False
        case Item(source=x, key=k), Item(source=y, key=j):
            inner = same(x, y)
            if inner is False:
                return False
            if isinstance(k, Constant) and isinstance(j, Constant):
                return inner if k.value == j.value else False
            return inner if k is None and j is None else None
        case Choice(each=x), Choice(each=y) if x is not None and x is y:
            return True  # two loops over the same list
        case Choice(), _:
            answers = {same(o, b) for o in options(a)}
            return True if answers == {True} else (False if answers == {False} else None)
        case _, Choice():
            return same(b, a)
    known = (Instance, Class, Function, Constant, External, Bound)
    if isinstance(a, known) and isinstance(b, known):
        return False
    if isinstance(a, (Argument, Free)) and isinstance(b, (Argument, Free)):
        return False
    return None


def descends(target: Value, value: Value) -> Value | None:
    """The weight that is moved where its own gradient is part of what is taken away."""
    weight = _weight(target)
    for inner in walk(value):
        if isinstance(inner, Member) and inner.name == "grad" and same(_weight(inner.receiver), weight):
            return weight
    return None


def is_gradient(value: Value, depth: int = 0) -> bool:
    """Whether it is the `.grad` of something, or holds such: `[p.grad for p in parameters]`, and one of these."""
    if depth > 6:
        return False
    match value:
        case Member(name="grad"):
            return True
        case Member(receiver=inner, name="data") | Item(source=inner):
            return is_gradient(inner, depth + 1)
        case Choice() | Sequence():
            held = options(value) if isinstance(value, Choice) else _of_sequence(value)
            return any(is_gradient(inner, depth + 1) for inner in held if inner is not value)
        case Result(callee=Member(receiver=inner, name="detach" | "view" | "flatten")):
            return is_gradient(inner, depth + 1)
        case Result(callee=External(name="builtins.list" | "builtins.tuple" | "builtins.filter")):
            return any(is_gradient(inner, depth + 1) for inner in value.arguments)
    return False


def _weight(target: Value) -> Value:
    """`w` of `w.data`."""
    inner = one(target)
    return inner.receiver if isinstance(inner, Member) and inner.name == "data" else target


def certainty(value: Value) -> str:
    """How a value is known: the weakest of its alternatives."""
    order = ("imported", "constructed", "annotated", "inferred", "conventional", "guessed")
    found = [_certainty(option) for option in options(value)]
    return max(found, key=order.index) if found else "guessed"


def _certainty(value: Value) -> str:
    match value:
        case External():
            return "imported"
        case Instance(symbolic=False) | Constant() | Function() | Class():
            return "constructed"
        case Instance():
            return "constructed"
        case Result(callee=callee):
            return "constructed" if isinstance(callee, (External, Instance)) else certainty(callee)
        case Argument(annotation=annotation):
            return "annotated" if isinstance(annotation, External) else "conventional"
        case Free():
            return "conventional"
        case Member(receiver=receiver):
            return "conventional" if _certainty(one(receiver)) != "guessed" else "guessed"
    return "guessed"
