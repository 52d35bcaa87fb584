"""Labels that the code makes itself, and how many of each: filled, repeated, drawn with known shares."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.tables import column_of
from trainlint.meaning.values import (
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    called,
    constant,
    one,
    passed,
)

KEEPING = frozenset(
    "long float double int bool to cuda cpu astype reshape view unsqueeze squeeze numpy to_numpy ravel flatten type copy"
    " clone values pop requires_grad_ contiguous tolist to_list item".split()
)
_FILLED = {"zeros": 0, "ones": 1}
_DRAWN = frozenset("rand random random_sample uniform".split())


def repeated(value: Result) -> dict[float, float] | None:
    """`np.repeat([0, 1], [950, 50])`"""
    given = [one(argument) for argument in value.arguments]
    if len(given) != 2 or not all(isinstance(each, Sequence) and not each.open for each in given):
        return None
    labels, rows = ([constant(item) for item in getattr(each, "items", ())] for each in given)
    if len(labels) != len(rows) or not all(isinstance(each, int) for each in (*labels, *rows)):
        return None
    return dict(zip(labels, rows, strict=True))


def stacked(value: Result) -> dict[float, float] | None:
    """`torch.cat([torch.zeros(950), torch.ones(50)])`"""
    listed = one(value.arguments[0]) if value.arguments else None
    if len(value.arguments) == 2 and not isinstance(listed, Sequence):
        listed = Sequence("list", value.arguments)  # `np.append(a, b)`
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return None
    counts: dict[float, float] = {}
    for item in listed.items:
        filled = _filled(one(item))
        if filled is None:
            return None
        counts[filled[0]] = counts.get(filled[0], 0) + filled[1]
    return counts


def _filled(value: Value) -> tuple[float, float] | None:
    while isinstance(value, Result) and isinstance(value.callee, Member) and value.callee.name in KEEPING:
        value = one(value.callee.receiver)
    if not isinstance(value, Result) or not isinstance(value.callee, External) or not value.arguments:
        return None
    last, size = value.callee.name.rpartition(".")[2], one(value.arguments[0])
    rows = constant(size.items[0]) if isinstance(size, Sequence) and size.items else constant(size)
    if not isinstance(rows, int):
        return None
    if last == "full" and len(value.arguments) > 1:
        label = constant(value.arguments[1])
        return (float(label), rows) if isinstance(label, (int, float)) else None
    return (_FILLED[last], rows) if last in _FILLED else None


def drawn(value: Result, name: str) -> dict[float, float] | None:
    """`np.random.choice([0, 1], 1000, p=[0.97, 0.03])`"""
    if name == "binomial":
        share = constant(value.arguments[1]) if len(value.arguments) > 1 else None
        single = bool(value.arguments) and constant(value.arguments[0]) == 1
        return {0: 1 - share, 1: share} if single and isinstance(share, float) and 0 < share < 1 else None
    shares = one(value.keywords["p"]) if "p" in value.keywords else None
    if not isinstance(shares, Sequence) or shares.open:
        return None
    known = [constant(item) for item in shares.items]
    if not all(isinstance(share, float) for share in known):
        return None
    return {float(label): share for label, share in enumerate(known)}


def compared(value: Result, name: str) -> dict[float, float] | None:
    """`torch.rand(1000) < 0.03`"""
    left, share = one(value.arguments[0]), constant(value.arguments[1])
    if not isinstance(left, Result) or not isinstance(share, float) or not 0 < share < 1:
        return None
    if called(left) not in _DRAWN or (called(left) == "uniform" and left.arguments):
        return None
    true = share if "<" in name else 1 - share
    return {0: 1 - true, 1: true}


def written(node: s.Expression) -> dict[float, float] | None:
    """`[0] * 950 + [1] * 50`"""
    match node:
        case s.Binary(operator="+", left=left, right=right):
            first, second = written(left), written(right)
            if first is None or second is None:
                return None
            return {label: first.get(label, 0) + second.get(label, 0) for label in {*first, *second}}
        case s.Binary(
            operator="*",
            left=s.Display(items=(s.Literal(value=label),)),
            right=right,
        ) if isinstance(label, (int, float)):
            rows = _whole(right)
            return {float(label): rows} if rows is not None else None
    return None


def _whole(node: s.Expression) -> int | None:
    """A number, or a name that the file gives one."""
    match node:
        case s.Literal(value=int() as rows):
            return rows
        case s.Name(id=name) if node.unit.scope is not None and name in node.unit.scope.names:
            found = constant(node.unit.scope.names[name])
            return found if isinstance(found, int) else None
    return None


def sampled(table: Value, label: str) -> tuple[dict[float, float], s.Node] | None:
    """`pd.concat([frame[frame["y"] == 0].sample(900), frame[frame["y"] == 1].sample(30)])`"""
    match table:
        case Result(callee=External(name="pandas.concat"), arguments=(parts, *_), node=node) if node:
            listed = one(parts)
        case _:
            return None
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return None
    counts: dict[float, float] = {}
    for part in listed.items:
        drawn_rows = _rows_of_one(one(part), label)
        if drawn_rows is None or drawn_rows[0] in counts:
            return None
        counts[drawn_rows[0]] = drawn_rows[1]
    return counts, node


def _rows_of_one(part: Value, label: str) -> tuple[float, float] | None:
    """A class, and how many of its rows are drawn: `frame[frame["y"] == 1].sample(30)`."""
    match part:
        case Result(callee=Member(receiver=chosen, name="sample")) as call:
            number, rows = passed(call, 0, "n"), one(chosen)
        case _:
            return None
    wanted = constant(number) if number is not None else None
    match rows.key if isinstance(rows, Item) else None:
        case Result(callee=External(name="operator.=="), arguments=(asked, Constant(value=int(which)))):
            column = one(asked)
        case _:
            return None
    name = column_of(column.key) if isinstance(column, Item) else getattr(column, "name", None)
    return (which, wanted) if name == label and type(wanted) is int else None
