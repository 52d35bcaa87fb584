"""Labels under other names: encoded to numbers, looked up in a dictionary, shifted, put into a list one by one."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import operation
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import (
    External,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
)

_ENCODERS = frozenset(("LabelEncoder", "OrdinalEncoder"))


def renamed_from(value: Value) -> tuple[Value, bool] | None:
    """The labels that these are one to one, and whether they are numbered in the order of their names."""
    match value:
        case Result(
            callee=Member(receiver=encoder, name="fit_transform" | "transform"), arguments=(inner, *_)
        ):
            known = (made_by(fitted_object(encoder)) or "").rpartition(".")[2] in _ENCODERS
            return (inner, True) if known else None
        case Result(callee=Member(receiver=inner, name="map" | "replace" | "apply"), arguments=(table,)):
            return (inner, False) if _tells_apart(one(table)) else None
        case Result(callee=Member(receiver=listed, name="index"), arguments=(inner,)):
            return (inner, False) if _tells_apart(one(listed)) else None
        case Result(callee=Member(receiver=table, name="get"), arguments=(inner, *_)):
            return (inner, False) if isinstance(one(table), Mapping) and _tells_apart(one(table)) else None
        case Result(callee=External(name="builtins.int" | "builtins.float"), arguments=(inner,)):
            return inner, True
        case Result(callee=External(name="builtins.list" | "builtins.tuple"), arguments=(inner,)):
            return inner, True
    return _elsewhere(value)


def _elsewhere(value: Value) -> tuple[Value, bool] | None:
    """Of parts, lists and sums: `codes`, `factorize(column)[0]`, `table[label]`, `[table[d] for d in column]`, `y - 1`."""
    match value:
        case Member(receiver=categories, name="codes"):
            return _codes(one(categories))
        case Item(source=Result(callee=External(name="pandas.factorize"), arguments=(inner, *_)), key=key):
            return (inner, False) if key is not None and constant(key) == 0 else None
        case Item(source=table, key=key) if key is not None and isinstance(one(table), Mapping):
            return (key, False) if _tells_apart(one(table)) else None
        case Item(source=source, key=None):
            return source, True
        case Sequence(items=(), element=element) if element is not None and _is_unfiltered(value):
            return element, True
        case Result() if operation(value) in ("operator.-", "operator.+") and len(value.arguments) == 2:
            return (value.arguments[0], True) if type(constant(value.arguments[1])) is int else None
    return None


def _codes(categories: Value) -> tuple[Value, bool] | None:
    """`column.astype("category").cat.codes`, `pd.Categorical(column).codes`"""
    match categories:
        case Member(receiver=inner, name="cat"):
            column = one(inner)
            if isinstance(column, Result) and isinstance(column.callee, Member):
                return (column.callee.receiver, True) if column.callee.name == "astype" else None
        case Result(callee=External(name="pandas.Categorical"), arguments=(inner, *_)):
            return inner, True
    return None


def _is_unfiltered(listed: Sequence) -> bool:
    return not isinstance(listed.node, s.Comprehension) or not any(g.tests for g in listed.node.generators)


def _tells_apart(table: Value) -> bool:
    """Whether no two classes get one number: a list of names, a dictionary of as many numbers, or one that counts."""
    match table:
        case Sequence(items=items, open=False):
            return len(items) > 1
        case Sequence(element=element):
            return element is not None
        case Mapping(items=entries, open=False, element=None) if entries:
            numbers = [constant(entry) for entry in entries.values()]
            return len({*map(repr, numbers)}) == len(numbers) and all(type(n) is int for n in numbers)
        case Mapping(
            node=s.Comprehension(
                element=s.Name(id=name), generators=(s.Generator(iterable=iterable, target=target),)
            )
        ):
            return _counts(iterable) and isinstance(target, s.Display) and _first(target) == name
        case Result(callee=Member(name="unique" | "tolist" | "to_list")):
            return True
        case Result(callee=External(name=name), arguments=(_, *_)):
            return name in ("builtins.sorted", "builtins.list", "numpy.unique", "pandas.unique")
        case _:
            return False


def _counts(iterable: s.Expression) -> bool:
    return (
        isinstance(iterable, s.Call)
        and isinstance(iterable.function, s.Name)
        and iterable.function.id == "enumerate"
    )


def _first(target: s.Display) -> str:
    return target.items[0].id if target.items and isinstance(target.items[0], s.Name) else ""
