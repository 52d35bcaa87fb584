"""Rows of tables: which of them a value holds, as parts of parts of where they came from."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from trainlint.meaning.values import (
    NONE,
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    one,
)

Selector: TypeAlias = tuple[Any, ...]  # ("keys", split, part), ("slice", lower, upper), ("mask", ...)
Atom: TypeAlias = tuple[int, tuple[Selector, ...]]  # where the rows came from, and which of them
Rows: TypeAlias = frozenset[Atom]

# Calls that give the numbers of all rows, in their order or in one that is drawn.
_NUMBERING = frozenset("arange permutation randperm range".split())
_COUNTING = frozenset("arange range".split())
_RELISTING = frozenset("list array asarray tensor from_numpy as_tensor LongTensor".split())
_AS_LISTED = frozenset("tolist numpy long cpu to astype".split())
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_DEEPEST = 8
_WINDOW = 0.1  # of the first part: rows that the second one has as well, to look back on
_LONGEST = 12  # parts of parts of a table
MOST = 200  # parts that one value may hold


def selected(rows: Rows, selector: Selector) -> Rows:
    """What a selector takes of some rows. Parts of parts without end, as a recurrent network makes them, are no rows."""
    if len(rows) > MOST:
        return frozenset()
    return frozenset((origin, (*path, selector)) for origin, path in rows if len(path) < _LONGEST)


def covers(whole: Rows, part: Rows) -> bool:
    """Whether all of some rows are among others, as far as both are known to come from one place."""
    return bool(part) and all(
        any(origin == o and path == p[: len(path)] for origin, path in whole) for o, p in part
    )


def touches(whole: Rows, part: Rows) -> bool:
    """Whether some of the rows are surely among others."""
    return any(origin == o and path == p[: len(path)] for origin, path in whole for o, p in part)


def are_apart(first: Selector, second: Selector) -> bool:
    """Whether two selectors divide what they select from between them."""
    match first, second:
        case ("keys" | "sample" as kind, split, part), ("keys" | "sample" as alike, other, rest):
            return kind == alike and bool(split == other and part != rest)
        case ("slice", None, upper), ("slice", lower, None):
            return upper is not None and _meet(upper, lower)
        case ("slice", None, upper), ("slice", lower, _):
            return upper is not None and _meet(upper, lower)
        case ("order", order, *part), ("order", other, *rest):
            return order == other and are_apart(("slice", *part), ("slice", *rest))
        case ("mask", sign), ("mask", other):
            return _are_opposite(sign, other)
    return False


def _meet(upper: str, lower: str | None) -> bool:
    if lower is None:
        return False
    if upper == lower or _reaches_back(upper, lower):
        return True
    if _is_number(upper) and _is_number(lower):
        return 0 < int(upper) <= int(lower)
    return _is_further_on(lower, upper)


def _is_further_on(lower: str, upper: str) -> bool:
    """Whether `lower` is `upper` and some more, or a larger share of the same number."""
    if lower.startswith(f"operator.+({upper},") or (
        lower.startswith("operator.+(") and lower.endswith(f",{upper})")
    ):
        return True
    first, second = _SHARE.fullmatch(upper), _SHARE.fullmatch(lower)
    if first is None or second is None:
        return False
    (share, of), (more, other) = (_share_and_whole(found) for found in (first, second))
    return of == other and 0 < share <= more <= 1


def _share_and_whole(found: re.Match[str]) -> tuple[float, str]:
    return float(found["before"] or found["after"]), found["right"] or found["left"]


# `int(0.8 * len(x))`, `round(len(x) * 0.8)`, as `signature` writes them.
_SHARE = re.compile(
    r"(?:(?:builtins\.(?:int|round)|math\.(?:floor|ceil))\()?"
    r"operator\.\*\((?:(?P<before>0?\.\d+),(?P<right>.+)|(?P<left>.+),(?P<after>0?\.\d+))\)+"
)


def _reaches_back(upper: str, lower: str) -> bool:
    """Whether the second part begins some rows before the first one ends: `prices[n - window:]` behind `prices[:n]`.

    The first one that is to be foretold needs the window before it.
    """
    if _is_number(upper) and _is_number(lower):
        back = int(upper) - int(lower)
        return 0 < back <= (_WINDOW * int(upper) if int(upper) > 0 else -int(upper))
    negative = upper.startswith("-") and lower.startswith(f"-operator.+({upper[1:]},")
    return negative or lower.startswith(f"operator.-({upper},")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _are_opposite(first: str, second: str) -> bool:
    if f"~{first}" == second or f"~{second}" == first:
        return True
    a, b = first.split("\0"), second.split("\0")
    if len(a) != 3 or len(b) != 3 or a[0] != b[0]:
        return False
    if a[2] == b[2]:
        return _OPPOSITE.get(a[1]) == b[1]
    return a[1] == b[1] == "==" and a[2].startswith("'") and b[2].startswith("'")


def row_selector(key: Value) -> Selector | None:
    """What a key takes of the rows; None: all of them, or columns."""
    key = one(key)
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step)):
            if step is not NONE and signature(step) not in ("None", "1"):
                return ("slice", *(f"{signature(part)}::{signature(step)}" for part in (lower, upper)))
            bounds = [None if _is_begin(part) else _bound(part) for part in (lower, upper)]
            return None if bounds == [None, None] else ("slice", *bounds)
        case Item(
            source=Item(source=Result() | Instance() as split, key=None), key=Constant(value=int() as part)
        ):
            return ("keys", id(split), part)
        case Item(source=Result() as split, key=Constant(value=int() as part)) if _divides(split):
            return ("keys", id(split), part % 2)
        case Item(source=source, key=within) if within is not None:
            order, cut = _order(source), row_selector(within)
            if order is not None and cut is not None and cut[0] == "slice":
                return ("order", order, *cut[1:])
        case Item(source=source, key=None) if (each := row_selector(source)) and each[0] == "order":
            return each  # one after the other: `[rows[i] for i in order[:n]]`
        case Result(callee=External(name=name)) if name.startswith("operator."):
            return ("mask", _mask(key))
        case Result(callee=External(name=name), arguments=arguments) if (
            name.rpartition(".")[2] in _RELISTING | _COUNTING and arguments
        ):
            return _counted(name.rpartition(".")[2], arguments) or ("some", signature(key))
        case Result(
            callee=Member(name="isin" | "between" | "isnull" | "notnull" | "isna" | "notna" | "duplicated")
        ):
            return ("mask", _mask(key))
        case Constant(value=int()):
            return ("row", key.value)
    return ("some", signature(key))


def _is_begin(end: Value) -> bool:
    """Whether a slice that begins there leaves nothing out: none, 0, or `int(0 * n)` as the first of several shares."""
    match one(end):
        case Constant(value=value):
            return value is None or (type(value) in (int, float) and value == 0)
        case Result(callee=External(name="builtins.int" | "builtins.round"), arguments=(share,)):
            return _is_begin(share)
        case Result(callee=External(name="operator.*"), arguments=(left, right)):
            return any(isinstance(one(part), Constant) and _is_begin(part) for part in (left, right))
    return False


def _counted(function: str, arguments: tuple[Value, ...]) -> Selector | None:
    """`range(800, 1000)`, in a list or not, takes what the slice of the same ends takes."""
    if function in _RELISTING:
        return row_selector(arguments[0])
    if len(arguments) > 2:
        return None
    lower, upper = (None, arguments[0]) if len(arguments) == 1 else arguments
    first = None if lower is None or signature(lower) == "0" else _bound(lower)
    return ("slice", first, _bound(upper))


def _bound(value: Value) -> str:
    """The signature of an end of a slice, in which that of another end can be found again."""
    match one(value):
        case Result(callee=External(name="operator.+" | "operator.-" as sign), arguments=(left, right)):
            return f"{sign}({signature(left)},{signature(right)})"
        case Result(callee=External(name="operator.unary-"), arguments=(inner,)):
            return f"-{_bound(inner)}"
    return signature(value)


def _order(value: Value, depth: int = 0) -> int | None:
    """What stands for an order of all rows, as `np.random.permutation(len(x))` gives one, whatever it is kept in."""
    match one(value) if depth < _DEEPEST else None:
        case Result(callee=Member(name=name)) as call if name == "permutation":
            return id(call)
        case Result(callee=Member(receiver=inner, name=name)) if name in _AS_LISTED:
            return _order(inner, depth + 1)
        case Result(callee=External(name=name), arguments=(inner, *_)) as call:
            last = name.rpartition(".")[2]
            if last in _RELISTING:
                return _order(inner, depth + 1)
            return id(call) if last in _NUMBERING else None
    return None


def _divides(split: Result) -> bool:
    return isinstance(split.callee, External) and split.callee.name.endswith("train_test_split")


def _mask(key: Value) -> str:
    match key:
        case Result(callee=External(name="operator.unary~"), arguments=(inner,)):
            return f"~{_mask(one(inner))}"
        case Result(callee=External(name=name), arguments=(left, right)):
            operator = name.removeprefix("operator.")
            if operator in _OPPOSITE:
                return "\0".join((signature(left), operator, signature(right)))
    return signature(key)


def signature(value: Value, depth: int = 0) -> str:
    """A text that two values share if they were computed alike from the same things."""
    value = one(value)
    if depth > _DEEPEST:
        return f"#{id(value)}"
    match value:
        case Constant(value=known):
            return repr(known)
        case Free(name=name):
            return name
        case Argument(name=name, function=function):
            return f"{name}@{id(function)}"
        case External(name=name):
            return name
        case Member(receiver=receiver, name=name):
            return f"{signature(receiver, depth + 1)}.{name}"
        case Item(source=source, key=key) if key is not None:
            return f"{signature(source, depth + 1)}[{signature(key, depth + 1)}]"
        case Result(callee=External(name="builtins.len"), arguments=(part,)) if _head_of(part) is not None:
            return _head_of(part) or ""
        case Result(callee=External(name="operator.unary-"), arguments=(inner,)):
            return f"-{signature(inner, depth + 1)}"
        case Result(callee=callee, arguments=arguments) if isinstance(callee, (External, Member)):
            if not arguments and isinstance(callee, External):
                return f"#{id(value)}"
            given = ",".join(signature(argument, depth + 1) for argument in arguments)
            return f"{signature(callee, depth + 1)}({given})"
        case Sequence(items=items, element=None) if items:
            return f"[{','.join(signature(item, depth + 1) for item in items)}]"
    return f"#{id(value)}"


def _head_of(part: Value) -> str | None:
    """How many rows `table[:n]` has: the `train` that is `table[:len(train)]` is as long as it was."""
    match one(part):
        case Item(key=Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step))):
            if signature(lower) == signature(step) == "None" and not signature(upper).startswith(
                ("-", "None")
            ):
                return _bound(upper)
    return None
