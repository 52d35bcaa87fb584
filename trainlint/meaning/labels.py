"""How many rows each class of some labels has, where the program says so."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.facts.imbalance import FILES, LOADED
from trainlint.meaning.facts.tables import PARTING, SPLIT
from trainlint.meaning.syntax import Node
from trainlint.meaning.tables import column_of
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


def classes_of(value: Value, depth: int = 0) -> Classes | None:
    """The classes of labels, behind the operations that keep them."""
    value = one(value)
    if depth > _DEEPEST:
        return None
    match value:
        case Result(callee=Member(receiver=inner, name=name)) if name in _KEEPING:
            if name == "pop" and value.arguments:
                return _column(inner, column_of(value.arguments[0]))
            return classes_of(inner, depth + 1)
        case Result(callee=External(name=name)):
            return _made(value, name, depth)
        case Sequence(node=s.Binary() as node):
            return _counted(_written(node), node)
        case Item():
            return _part(value, depth)
        case Member(receiver=inner, name=name):
            if name == "target":
                return _loaded(inner)
            return classes_of(inner, depth + 1) if name in ("values", "data") else _column(inner, name)
    return None


def _counted(counts: dict[float, float] | None, node: Node | None) -> Classes | None:
    if counts is None or node is None or len(counts) < 2 or min(counts.values()) <= 0:
        return None
    return Classes(tuple(sorted(counts.items())), node)


def _made(value: Result, name: str, depth: int) -> Classes | None:
    last = name.rpartition(".")[2]
    if last in _WRAPPING and value.arguments:
        return classes_of(value.arguments[0], depth + 1)
    if last in _STACKING or last == "choice" or last == "binomial":
        return _counted(_stacked(value) if last in _STACKING else _drawn(value, last), value.node)
    if name in ("operator.<", "operator.>", "operator.<=", "operator.>="):
        return _counted(_compared(value, name), value.node)
    return None


def _stacked(value: Result) -> dict[float, float] | None:
    """`torch.cat([torch.zeros(950), torch.ones(50)])`"""
    listed = one(value.arguments[0]) if value.arguments else None
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
        share = constant(value.arguments[1]) if len(value.arguments) > 2 else None
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
            right=s.Literal(value=int() as rows),
        ) if isinstance(label, (int, float)):
            return {float(label): rows}
    return None


def _part(value: Item, depth: int) -> Classes | None:
    source, key = one(value.source), value.key
    index = constant(key) if key is not None else None
    match source:
        case Result(callee=External(name=name)) if name.endswith(SPLIT) and isinstance(index, int):
            given = source.arguments[index // 2 : index // 2 + 1]
            return classes_of(given[0], depth + 1) if given else None
        case Result(callee=External(name=name)) if index == 1 and name.startswith("sklearn.datasets."):
            return _generated(source) or _loaded(source)
        case Item(key=None) as batch if index == 1:
            return _of_batches(one(batch.source), depth)
    if isinstance(index, str):
        return _column(source, index)
    match one(key) if key is not None else None:
        case Result(callee=External(name=name)) if name.rpartition(".")[2] in _SHUFFLED:
            return classes_of(source, depth + 1)
    return None


def _of_batches(loader: Value, depth: int) -> Classes | None:
    """The labels behind the batches of a loader over a `TensorDataset`, or over a part of one."""
    for _ in range(4):
        match loader:
            case Instance(cls=External(name=name), arguments=(first, *rest)):
                if name in LOADERS:
                    loader = one(first)
                    continue
                return classes_of(rest[0], depth + 1) if name.endswith("TensorDataset") and rest else None
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


def _generated(call: Result) -> Classes | None:
    """`make_classification(1000, weights=[0.95])`"""
    given = one(call.keywords["weights"]) if "weights" in call.keywords else None
    if not isinstance(given, Sequence) or given.open:
        return None
    shares = [constant(item) for item in given.items]
    if not shares or not all(isinstance(share, float) and 0 < share < 1 for share in shares):
        return None
    rest = 1 - sum(shares)
    if len(shares) == 1:
        shares.append(rest)
    return _counted({float(label): share for label, share in enumerate(shares)}, call.node)


def _loaded(value: Value) -> Classes | None:
    found = one(value)
    if isinstance(found, Result) and isinstance(found.callee, External) and found.callee.name in LOADED:
        return _counted(dict(enumerate(LOADED[found.callee.name])), found.node)
    return None


def _column(table: Value, name: str | None) -> Classes | None:
    found = one(table)
    if not isinstance(found, Result) or not isinstance(found.callee, External) or not found.arguments:
        return None
    path = constant(found.arguments[0])
    if found.callee.name != "pandas.read_csv" or not isinstance(path, str):
        return None
    for word, (column, counts) in FILES.items():
        if word in path.lower() and name == column:
            return _counted(dict(enumerate(counts)), found.node)
    return None
