"""How many rows each class of some labels has, where the program says so."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.facts.imbalance import IMAGES
from trainlint.meaning.facts.tables import FOLDS, PARTING, SPLIT
from trainlint.meaning.made_labels import KEEPING, compared, drawn, repeated, sampled, stacked, written
from trainlint.meaning.rarities import (
    Known,
    column,
    column_key,
    generated,
    is_last,
    is_read,
    loaded,
    whole_of,
)
from trainlint.meaning.renamed import renamed_from
from trainlint.meaning.syntax import Node
from trainlint.meaning.tables import Tables, column_of
from trainlint.meaning.values import (
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

_DEEPEST = 24
_WRAPPING = frozenset(
    "tensor from_numpy as_tensor Tensor LongTensor FloatTensor array asarray Series".split()
)
_STACKING = frozenset("cat concatenate concat hstack r_ append".split())
_DRAWING = frozenset(("choice", "binomial"))
_SHUFFLED = frozenset("randperm permutation".split())


@dataclass(frozen=True, slots=True)
class Classes:
    """Rows (or shares) by class, and where that is said."""

    counts: tuple[tuple[float, float], ...]  # class and number of its rows
    node: Node
    ordered: bool = True  # whether it is known which number is whose

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
        case Result(callee=Member(receiver=inner, name=name)) if name in KEEPING:
            if name == "pop" and value.arguments:
                return _column(inner, column_of(value.arguments[0]), log, depth)
            return classes_of(inner, log, depth + 1)
        case Result(callee=External(name=name)):
            return _made(value, name, log, depth) or _renamed(value, log, depth)
        case Result(callee=Member(name=name)) if name in _DRAWING:
            return _counted(drawn(value, name), value.node)
        case Sequence(node=s.Binary() as node):
            return _counted(written(node), node)
        case Item():
            return _part(value, log, depth) or _renamed(value, log, depth)
        case Member(receiver=inner, name=name):
            if name == "target":
                return _loaded(inner)
            if name in ("values", "data"):
                return classes_of(inner, log, depth + 1)
            return _renamed(value, log, depth) or _column(inner, name, log, depth)
    return _renamed(value, log, depth)


def _renamed(value: Value, log: Tables | None, depth: int) -> Classes | None:
    """The classes of labels that these are one to one."""
    told = renamed_from(value)
    found = classes_of(told[0], log, depth + 1) if told is not None else None
    if found is None or told is None or told[1]:
        return found
    return Classes(found.counts, found.node, False)


def _column(table: Value, name: str | None, log: Tables | None, depth: int) -> Classes | None:
    """The labels in a column: what was written into it, or the file's own."""
    found: Value | None = table
    for _ in range(_STEPS):
        found = one(found) if found is not None else None
        fills = log.fills.get(id(found), ()) if log is not None and name is not None else ()
        filled = [fill.value for fill in fills if fill.column == name]
        if filled:
            return classes_of(filled[0], log, depth + 1) if len(filled) == 1 else None
        picked = sampled(found, name) if found is not None and name is not None else None
        if picked is not None:
            return _counted(*picked)
        found = whole_of(found) if found is not None else None
    return _named(column(table, name, log))


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
        return _counted(stacked(value) if last in _STACKING else drawn(value, last), value.node)
    if name in ("operator.<", "operator.>", "operator.<=", "operator.>="):
        return _counted(compared(value, name), value.node)
    if name == "operator.==":
        return _one_of_two(value, log, depth)
    if last == "where" and len(value.arguments) == 3:
        told = {constant(argument) for argument in value.arguments[1:]}
        return classes_of(value.arguments[0], log, depth + 1) if told == {0, 1} else None
    if last == "repeat" and name.startswith("numpy."):
        return _counted(repeated(value), value.node)
    return None


def _one_of_two(value: Result, log: Tables | None, depth: int) -> Classes | None:
    """`y == "1"`: two classes under other names."""
    found = classes_of(value.arguments[0], log, depth + 1)
    is_class = isinstance(constant(value.arguments[1]), (str, int))
    return found if found is not None and len(found.counts) == 2 and is_class else None


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
        case Item(key=None) as batch if index == 1 or isinstance(index, str):
            return _of_batches(one(batch.source), index, log, depth)
        case Result(callee=External(name=name)) if index == "target" and name.startswith("sklearn."):
            return _loaded(source)
        case (
            Member(receiver=table, name="iloc" | "loc" | "values")
            | Result(callee=Member(receiver=table, name="to_numpy"))
        ):
            if is_last(key) or column_key(key):
                return _column(table, column_key(key), log, depth)
    if column_key(key) is not None:
        return _column(source, column_key(key), log, depth)
    if type(index) is int and isinstance(source, Result) and is_read(source):
        return _column(source, str(index), log, depth)  # of a file without names
    return classes_of(source, log, depth + 1) if key is not None and _is_drawn(one(key)) else None


def _is_drawn(key: Value, depth: int = 0) -> bool:
    """Whether rows are picked by chance: a permutation or a part of it, one side of a fold or of a split."""
    if depth > _STEPS:
        return False
    match key:
        case Unknown(reason="index"):
            return True  # of a sample
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
            return name in KEEPING and _is_drawn(one(inner), depth + 1)
    return False


_STEPS = 4


def _are_folds(value: Value) -> bool:
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, External)
        and value.cls.name.rpartition(".")[2] in FOLDS
    )


def _of_batches(loader: Value, index: int | str, log: Tables | None, depth: int) -> Classes | None:
    """The labels behind the batches of a loader: of a `TensorDataset`, of a part of one, of a project's own data set."""
    for _ in range(4):
        match loader:
            case Instance(cls=External(name=name), attributes={"*sample": sample}) if name in LOADERS:
                return _of_sample(one(sample), index, log, depth)
            case Instance(cls=External(name=name)) if name in IMAGES:
                return _counted(dict(enumerate(IMAGES[name])), loader.node) if index == 1 else None
            case Instance(cls=External(name=name), arguments=(first, *rest)):
                if name in LOADERS:
                    loader = one(first)
                    continue
                return (
                    classes_of(rest[0], log, depth + 1)
                    if name.endswith("TensorDataset") and rest and index == 1
                    else None
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


def _of_sample(sample: Value, index: int | str, log: Tables | None, depth: int) -> Classes | None:
    """The labels in what `__getitem__` gives, by their place or their key."""
    match sample:
        case Sequence(items=items, open=False) if isinstance(index, int) and index < len(items):
            return classes_of(items[index], log, depth + 1)
        case Mapping(items=entries) if index in entries:
            return classes_of(entries[index], log, depth + 1)
    return None
