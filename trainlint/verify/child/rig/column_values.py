"""What the columns of a table hold, by what a program does with them: values that it compares or translates, classes that it counts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Union

COUNTING = frozenset("value_counts unique nunique cat get_group".split())  # what is asked of classes
ENCODERS = frozenset("LabelEncoder LabelBinarizer OneHotEncoder OrdinalEncoder".split())
TAKING_CLASSES = frozenset("factorize crosstab".split())
TRANSLATING = frozenset("map replace".split())
SAME_VALUES = frozenset("astype to_numpy tolist copy".split())
Value = Union[str, int, float]


def parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def calls_in(text: str) -> Iterator[ast.Call]:
    tree = parsed(text)
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call)) if tree is not None else ()


def classes_in(text: str) -> Iterator[str]:
    """Columns whose values are counted, grouped by, encoded, or kept in proportion by a split."""
    tree = parsed(text)
    if tree is None:
        return
    encoders = ENCODERS.union(_encoders(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in COUNTING:
            yield from _columns(node.value)
        elif isinstance(node, ast.Call):
            yield from _of_call(node, encoders)


def _of_call(call: ast.Call, encoders: frozenset[str]) -> Iterator[str]:
    called, owner = _last(call.func), getattr(call.func, "value", None)
    encodes = called.startswith("fit") and _last(getattr(owner, "func", owner)) in encoders
    for argument in call.args[:1]:
        if encodes or called in TAKING_CLASSES:
            yield from _columns(argument)
        elif called == "groupby":
            yield from _words(argument)
    for keyword in call.keywords:
        if keyword.arg == "stratify":
            yield from _columns(keyword.value)
        elif keyword.arg == "columns" and called == "get_dummies":
            yield from _words(keyword.value)


def _encoders(tree: ast.Module) -> Iterator[str]:
    """Names of what encodes classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _last(getattr(node.value, "func", None)) in ENCODERS:
            yield _last(node.targets[0])


def values_in(text: str) -> Iterator[tuple[str, Value]]:
    """What a column holds: `table["sex"] == "male"`, `table["sex"].map({"male": 0, "female": 1})`."""
    tree = parsed(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            yield from _told(node.left, node.comparators)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            said, called = node.args[0], node.func.attr
            if called == "isin" and isinstance(said, ast.List):
                yield from _told(node.func.value, said.elts)
            elif called in TRANSLATING and isinstance(said, ast.Dict):
                yield from _told(node.func.value, said.keys)


def _told(owner: ast.expr, told: Iterable[ast.expr | None]) -> Iterator[tuple[str, Value]]:
    said = [node.value for node in told if isinstance(node, ast.Constant)]
    for name in _columns(owner):
        yield from ((name, value) for value in said if isinstance(value, (str, int, float)) and value != "")


def takes_the_rest(text: str) -> bool:
    """Whether a program goes on with the columns that it does not name: all but the one that it drops, all of some type."""
    if any(_leaves_others(call) for call in calls_in(text)):
        return True
    tree = parsed(text)
    return tree is not None and any(
        isinstance(node, ast.Subscript) and _is_wide(node) for node in ast.walk(tree)
    )


def _leaves_others(call: ast.Call) -> bool:
    called = _last(call.func)
    if called == "drop":
        axes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "axis")]
        of_columns = any(isinstance(axis, ast.Constant) and axis.value in (1, "columns") for axis in axes)
        return of_columns or any(keyword.arg == "columns" for keyword in call.keywords)
    return called == "select_dtypes" or ast.unparse(call.func).endswith(".columns.difference")


def _is_wide(part: ast.Subscript) -> bool:
    """Whether it is a range of columns: `table.iloc[:, 1:]`."""
    by_place = _last(part.value) in ("iloc", "values")
    return by_place and isinstance(part.slice, ast.Tuple) and isinstance(part.slice.elts[-1], ast.Slice)


def dropped_in(text: str) -> set[str]:
    """The columns that a program drops."""
    found: set[str] = set()
    for call in calls_in(text):
        if _last(call.func) == "drop":
            said = [
                *call.args[:1],
                *(word.value for word in call.keywords if word.arg in ("columns", "labels")),
            ]
            found.update(name for part in said for name in _words(part))
    return found


def _columns(node: ast.expr | None) -> Iterator[str]:
    """The columns that an expression names: `table["sex"]`, `table.sex`, `table[["sex", "age"]].values`."""
    if isinstance(node, ast.Subscript):
        key = node.slice
        yield from _words(key.elts[1] if isinstance(key, ast.Tuple) and len(key.elts) == 2 else key)
    elif isinstance(node, ast.Call) and _last(node.func) in SAME_VALUES:
        yield from _columns(getattr(node.func, "value", None))
    elif isinstance(node, ast.Attribute) and node.attr in ("values", "str"):
        yield from _columns(node.value)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.attr


def _words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for part in node.elts if isinstance(node, (ast.List, ast.Tuple)) else ():
        yield from _words(part)


def _last(node: ast.AST | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else str(getattr(node, "id", ""))
