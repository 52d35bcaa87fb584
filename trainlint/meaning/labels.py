"""How many rows each class of some labels has, where the program says so."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.facts.tables import FOLDS, PARTING, SPLIT
from trainlint.meaning.rarities import Known, column, column_key, generated, is_last, loaded
from trainlint.meaning.syntax import Node
from trainlint.meaning.tables import Tables, column_of
from trainlint.meaning.values import (
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

_DEEPEST = 24
_KEEPING = frozenset(
    "long float double int bool to cuda cpu astype reshape view unsqueeze squeeze numpy to_numpy ravel flatten type copy"
    " clone values pop requires_grad_ contiguous".split()
)
_WRAPPING = frozenset(
    "tensor from_numpy as_tensor Tensor LongTensor FloatTensor array asarray Series".split()
)
_FILLED = {"zeros": 0, "ones": 1}
_STACKING = frozenset("cat concatenate concat hstack r_ append".split())
_DRAWING = frozenset(("choice", "binomial"))
_DRAWN = frozenset("rand random random_sample uniform".split())
_SHUFFLED = frozenset("randperm permutation".split())


@dataclass(frozen=True, slots=True)
class Classes:
    """Rows (or shares) by class, and where that is said."""

    counts: tuple[tuple[float, float], ...]  # class and number of its rows
    node: Node

    @property
    def largest(self) -> float:
        return max(number for _, number in self.counts)

    @property
    def smallest(self) -> float:
        return min(number for _, number in self.counts)

    @property
    def ratio(self) -> float:
        return self.largest / self.smallest

    @property
    def share(self) -> float:
        """The accuracy of a model that always says the largest class."""
        return self.largest / sum(number for _, number in self.counts)


def classes_of(value: Value, log: Tables | None = None, depth: int = 0) -> Classes | None:
    """The classes of labels, behind the operations that keep them; `log`: what is written into tables."""
    value = one(value)
    if depth > _DEEPEST:
        return None
    match value:
        case Result(callee=Member(receiver=inner, name=name)) if name in _KEEPING:
            if name == "pop" and value.arguments:
                return _named(column(inner, column_of(value.arguments[0]), log))
            return classes_of(inner, log, depth + 1)
        case Result(callee=External(name=name)):
            return _made(value, name, log, depth)
        case Result(callee=Member(name=name)) if name in _DRAWING:
            return _counted(_drawn(value, name), value.node)
        case Sequence(node=s.Binary() as node):
            return _counted(_written(node), node)
        case Item():
            return _part(value, log, depth)
        case Member(receiver=inner, name=name):
            if name == "target":
                return _loaded(inner)
            if name in ("values", "data"):
                return classes_of(inner, log, depth + 1)
            return _named(column(inner, name, log))
    return None


def _named(known: Known | None) -> Classes | None:
    return _counted(dict(enumerate(known.counts)), known.node) if known is not None else None


def _loaded(value: Value) -> Classes | None:
    found = loaded(value)
    return _counted(dict(enumerate(found[0])), found[1]) if found is not None else None


def _counted(counts: dict[float, float] | None, node: Node | None) -> Classes | None:
    if counts is None or node is None or len(counts) < 2 or min(counts.values()) <= 0:
        return None
    return Classes(tuple(sorted(counts.items())), node)


def _made(value: Result, name: str, log: Tables | None, depth: int) -> Classes | None:
    last = name.rpartition(".")[2]
    if last in _WRAPPING and value.arguments:
        return classes_of(value.arguments[0], log, depth + 1)
    if last in _STACKING or last in _DRAWING:
        return _counted(_stacked(value) if last in _STACKING else _drawn(value, last), value.node)
    if name in ("operator.<", "operator.>", "operator.<=", "operator.>="):
        return _counted(_compared(value, name), value.node)
    if name == "operator.==":
        return _one_of_two(value, log, depth)
    if last == "where" and len(value.arguments) == 3:
        told = {constant(argument) for argument in value.arguments[1:]}
        return classes_of(value.arguments[0], log, depth + 1) if told == {0, 1} else None
    if last == "repeat" and name.startswith("numpy."):
        return _counted(_repeated(value), value.node)
    return None


def _one_of_two(value: Result, log: Tables | None, depth: int) -> Classes | None:
    """`y == "1"`: two classes under other names."""
    found = classes_of(value.arguments[0], log, depth + 1)
    is_class = isinstance(constant(value.arguments[1]), (str, int))
    return found if found is not None and len(found.counts) == 2 and is_class else None


def _repeated(value: Result) -> dict[float, float] | None:
    """`np.repeat([0, 1], [950, 50])`"""
    given = [one(argument) for argument in value.arguments]
    if len(given) != 2 or not all(isinstance(each, Sequence) and not each.open for each in given):
        return None
    labels, rows = ([constant(item) for item in getattr(each, "items", ())] for each in given)
    if len(labels) != len(rows) or not all(isinstance(each, int) for each in (*labels, *rows)):
        return None
    return dict(zip(labels, rows, strict=True))


def _stacked(value: Result) -> dict[float, float] | None:
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
    while isinstance(value, Result) and isinstance(value.callee, Member) and value.callee.name in _KEEPING:
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


def _drawn(value: Result, name: str) -> dict[float, float] | None:
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


def _compared(value: Result, name: str) -> dict[float, float] | None:
    """`torch.rand(1000) < 0.03`"""
    left, share = one(value.arguments[0]), constant(value.arguments[1])
    if not isinstance(left, Result) or not isinstance(share, float) or not 0 < share < 1:
        return None
    drawn = left.callee.name.rpartition(".")[2] if isinstance(left.callee, (External, Member)) else ""
    if drawn not in _DRAWN or (drawn == "uniform" and left.arguments):
        return None
    true = share if "<" in name else 1 - share
    return {0: 1 - true, 1: true}


def _written(node: s.Expression) -> dict[float, float] | None:
    """`[0] * 950 + [1] * 50`"""
    match node:
        case s.Binary(operator="+", left=left, right=right):
            first, second = _written(left), _written(right)
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


def _part(value: Item, log: Tables | None, depth: int) -> Classes | None:
    source, key = one(value.source), value.key
    index = constant(key) if key is not None else None
    match source:
        case Result(callee=External(name=name)) if name.endswith(SPLIT) and isinstance(index, int):
            given = source.arguments[index // 2 : index // 2 + 1]
            return classes_of(given[0], log, depth + 1) if given else None
        case Result(callee=External(name=name)) if index == 1 and name.startswith("sklearn.datasets."):
            shares = generated(source)
            return _counted(dict(enumerate(shares)), source.node) if shares else _loaded(source)
        case Item(key=None) as batch if index == 1:
            return _of_batches(one(batch.source), log, depth)
        case Result(callee=External(name=name)) if index == "target" and name.startswith("sklearn."):
            return _loaded(source)
        case (
            Member(receiver=table, name="iloc" | "loc" | "values")
            | Result(callee=Member(receiver=table, name="to_numpy"))
        ):
            return _named(column(table, column_key(key), log)) if is_last(key) or column_key(key) else None
    if column_key(key) is not None:
        return _named(column(source, column_key(key), log))
    return classes_of(source, log, depth + 1) if key is not None and _is_drawn(one(key)) else None


def _is_drawn(key: Value, depth: int = 0) -> bool:
    """Whether rows are picked by chance: a permutation or a part of it, one side of a fold or of a split."""
    if depth > _STEPS:
        return False
    match key:
        case Item(source=inner):
            return _is_drawn(one(inner), depth + 1)
        case Result(callee=External(name=name)):
            last = name.rpartition(".")[2]
            if last in _SHUFFLED or last.endswith(SPLIT):
                return True
            return last in _WRAPPING and bool(key.arguments) and _is_drawn(one(key.arguments[0]), depth + 1)
        case Result(callee=Member(receiver=inner, name=name)):
            if name in _SHUFFLED or (name == "split" and _are_folds(one(inner))):
                return True
            return name in _KEEPING and _is_drawn(one(inner), depth + 1)
    return False


_STEPS = 4


def _are_folds(value: Value) -> bool:
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, External)
        and value.cls.name.rpartition(".")[2] in FOLDS
    )


def _of_batches(loader: Value, log: Tables | None, depth: int) -> Classes | None:
    """The labels behind the batches of a loader over a `TensorDataset`, or over a part of one."""
    for _ in range(4):
        match loader:
            case Instance(cls=External(name=name), arguments=(first, *rest)):
                if name in LOADERS:
                    loader = one(first)
                    continue
                return (
                    classes_of(rest[0], log, depth + 1) if name.endswith("TensorDataset") and rest else None
                )
            case Item(source=source):
                call = one(source)
                if (
                    isinstance(call, Result)
                    and isinstance(call.callee, External)
                    and call.callee.name in PARTING
                ):
                    loader = one(call.arguments[0])
                    continue
        return None
    return None
