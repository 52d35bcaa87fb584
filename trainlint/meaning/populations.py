"""How many samples a data set has, where the program says so: by its tables, its splits, or by what it is."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING

from trainlint.meaning.hub import before_methods, is_of_hub, rows_asked_for
from trainlint.meaning.objects import find_member
from trainlint.meaning.raw_tables import named_columns
from trainlint.meaning.sizes import rows_of
from trainlint.meaning.syntax import Comprehension
from trainlint.meaning.trace import Region
from trainlint.meaning.turns import turns_of
from trainlint.meaning.values import (
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    passed,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

# torchvision's data sets: samples that train, samples of the test.
KNOWN: dict[str, tuple[int, int]] = {
    "MNIST": (60_000, 10_000),
    "FashionMNIST": (60_000, 10_000),
    "KMNIST": (60_000, 10_000),
    "CIFAR10": (50_000, 10_000),
    "CIFAR100": (50_000, 10_000),
    "SVHN": (73_257, 26_032),
    "STL10": (5_000, 8_000),
    "Flowers102": (1_020, 6_149),
    "OxfordIIITPet": (3_680, 3_669),
    "Food101": (75_750, 25_250),
    "GTSRB": (26_640, 12_630),
    "DTD": (1_880, 1_880),
    "StanfordCars": (8_144, 8_041),
    "PCAM": (262_144, 32_768),
    "EuroSAT": (27_000, 27_000),  # comes in one piece
}
# The same by the name of the split that is asked for.
SPLIT: dict[str, dict[str, int]] = {
    "STL10": {"train": 5_000, "test": 8_000, "unlabeled": 100_000, "train+unlabeled": 105_000},
    "SVHN": {"train": 73_257, "test": 26_032, "extra": 531_131},
    "Flowers102": {"train": 1_020, "val": 1_020, "test": 6_149},
    "Food101": {"train": 75_750, "test": 25_250},
    "OxfordIIITPet": {"trainval": 3_680, "test": 3_669},
    "FGVCAircraft": {"train": 3_334, "val": 3_333, "trainval": 6_667, "test": 3_333},
}
_USUAL_SPLIT = {"OxfordIIITPet": "trainval", "FGVCAircraft": "trainval"}  # "train" elsewhere
_DEEPEST = 10


def samples_of(program: Program, data: Value | None, depth: int = 0) -> int | None:
    """The number of samples of a data set or of rows of a table; None where it is not known for sure."""
    if data is None or depth > _DEEPEST:
        return None
    match one(data):
        case Instance(cls=External(name=name)) as made:
            return _of_library(program, made, name.rpartition(".")[2], depth)
        case Instance(cls=Class()) as made:
            return _of_own(program, made, depth)
        case Item(source=Result(callee=External(name=name)) as split, key=Constant(value=int() as index)) if (
            name.endswith(_SPLITS)
        ):
            return _of_split(program, split, name.rpartition(".")[2], index, depth)
        case Item(key=key) if key is not None and (count := _counted(one(key))):
            return count
        case Result(callee=Member(name="select"), arguments=[indices]):  # of Hugging Face's datasets
            return _listed(program, indices, depth + 1)
        case Result(callee=Member(name="head" | "sample"), arguments=[count]):
            return _whole(program, count, depth + 1)
        case Result(callee=External(name="datasets.load_dataset")) as loaded:
            return rows_asked_for(loaded)
        case Result() as changed if is_of_hub(changed) and (before := before_methods(changed)) is not changed:
            return samples_of(program, before, depth + 1)
        case Result(callee=External(name=name), arguments=[first, *_]) if name in KEEPING:
            return samples_of(program, first, depth + 1)
        case Result(callee=Member(receiver=inner, name=name)) if name in SAME_ROWS:
            return samples_of(program, inner, depth + 1)
        case Result(callee=Member(receiver=inner, name="view" | "reshape"), arguments=shape) if _is_picture(
            shape
        ):
            return samples_of(program, inner, depth + 1)
        case Result(callee=Member(receiver=inner, name="drop")) as call if _drops_columns(call):
            return samples_of(program, inner, depth + 1)
        case Item(source=inner, key=key) if key is not None and named_columns(one(key)) is not None:
            return samples_of(program, inner, depth + 1)
        case Member(receiver=inner, name="values"):
            return samples_of(program, inner, depth + 1)
        case Result(callee=Member(name="fit_transform" | "transform"), arguments=[first, *_]):
            return samples_of(program, first, depth + 1)
        case Result(callee=External(name=name), arguments=[left, right]) if name in _ROW_BY_ROW:
            found = [samples_of(program, side, depth + 1) for side in (left, right)]
            return max((count for count in found if count is not None), default=None)
        case Sequence(items=items, open=False, element=None) if items:
            return len(items)
        case Sequence(node=Comprehension(), region=Region() as around) as made:
            return _turns(made, around)
    return rows_of(data)


def _turns(made: Sequence, around: Region) -> int | None:
    """The length of `[f"{i}.jpg" for i in range(1200)]`."""
    if not isinstance(made.node, Comprehension) or len(made.node.generators) != 1:
        return None
    loops = [item for item in around.items if type(item) is Region and item.node is made.node]
    count = turns_of(loops[-1]) if loops and not made.node.generators[0].tests else None
    return int(count) if count is not None else None


def _is_picture(shape: tuple[Value, ...]) -> bool:
    """`rows.view(-1, 1, 28, 28)`: each row is a picture."""
    listed = one(shape[0]) if len(shape) == 1 else None
    sizes = [*map(constant, listed.items if isinstance(listed, Sequence) else shape)]
    return len(sizes) == 4 and sizes[0] == -1 and all(type(n) is int and n > 0 for n in sizes[1:])


def _drops_columns(call: Result) -> bool:
    """`table.drop(columns="price")`, `table.drop("price", axis=1)`"""
    axis = passed(call, 1, "axis")
    return "columns" in call.keywords or (axis is not None and constant(axis) in (1, "columns"))


def _counted(key: Value) -> int | None:
    """How many rows `table[:2000]` or `table[2000:2500]` takes; whoever writes it has as many."""
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step)):
            first, last = constant(lower) or 0, constant(upper)
            if type(first) is int and type(last) is int and constant(step) in (None, 1):
                return last - first if 0 <= first < last else None
    return None


# `(x - mean) / std` has the rows of its larger side.
_ROW_BY_ROW = frozenset("operator.+ operator.- operator.* operator./".split())
_SPLITS = ("random_split", "train_test_split")
KEEPING = frozenset(
    "torch.tensor torch.Tensor torch.FloatTensor torch.LongTensor torch.from_numpy torch.as_tensor".split()
)
SAME_ROWS = frozenset(
    "float long double to astype numpy to_numpy values unsqueeze cuda cpu type copy reset_index log fillna".split()
)


def _of_library(program: Program, made: Instance, kind: str, depth: int) -> int | None:
    given = made.arguments[0] if made.arguments else next(iter(made.keywords.values()), None)
    if kind == "TensorDataset":
        return samples_of(program, given, depth + 1)
    if kind == "Subset":
        indices = passed(made, 1, "indices")
        return _listed(program, indices, depth + 1)
    if kind in SPLIT and isinstance(made.cls, External) and made.cls.name.startswith("torchvision."):
        usual = Constant(_USUAL_SPLIT.get(kind, "train"))
        asked = passed(made, 1, "split") or usual
        return SPLIT[kind].get(str(constant(asked)))
    if kind in KNOWN and isinstance(made.cls, External) and made.cls.name.startswith("torchvision."):
        train = constant(passed(made, 1, "train") or Constant(True))
        split = constant(made.keywords["split"]) if "split" in made.keywords else train
        trains = train if isinstance(train, bool) else None
        if isinstance(split, str):
            trains = split in ("train", "trainval") if split in ("train", "trainval", "test") else None
        return KNOWN[kind][0 if trains else 1] if trains is not None else None
    return None


def _listed(program: Program, indices: Value | None, depth: int) -> int | None:
    """`range(1000)`, `list(range(100, 200))`, `[0, 1, 2]`, `torch.randperm(len(data)).tolist()[:45000]`."""
    if depth > _DEEPEST:
        return None
    match one(indices) if indices is not None else None:
        case Sequence(items=items, open=False, element=None):
            return len(items)
        case Result(callee=External(name=name), arguments=parts) if name.endswith(_COUNTING) and parts:
            return _between(program, parts, depth)
        case Result(callee=External(name=name), arguments=[inner]) if name in _KEEPING_ORDER:
            return _listed(program, inner, depth + 1)
        case Result(callee=External(name="random.sample"), arguments=[_, count]):
            return _whole(program, count, depth)
        case Result(callee=Member(receiver=inner, name="tolist" | "numpy" | "permutation")) as call:
            return _between(program, call.arguments, depth) or _listed(program, inner, depth + 1)
        case Item(source=source, key=key) if key is not None:
            return _sliced(program, source, one(key), depth)
    return None


_COUNTING = ("builtins.range", "torch.randperm", "torch.arange", "numpy.arange", "numpy.random.permutation")
_KEEPING_ORDER = frozenset("builtins.list builtins.sorted numpy.array torch.tensor torch.as_tensor".split())


def _between(program: Program, bounds: tuple[Value, ...], depth: int) -> int | None:
    found = [_whole(program, bound, depth) for bound in bounds[:2]]
    if not found or len(bounds) > 2:
        return None
    first, last = (0, found[0]) if len(found) == 1 else found
    return last - first if first is not None and last is not None and last > first else None


def _sliced(program: Program, source: Value, key: Value, depth: int) -> int | None:
    """`order[:45000]`, which whoever writes it has; of `order[45000:]` what is left, where the whole is known."""
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step)):
            if constant(step) not in (None, 1):
                return None
            first = (
                0
                if constant(lower) is None and not isinstance(one(lower), Result)
                else _whole(program, lower, depth)
            )
            if constant(upper) is None and isinstance(one(upper), Constant):
                last = _listed(program, source, depth + 1)
            else:
                last = _whole(program, upper, depth)
            return last - first if first is not None and last is not None and last > first >= 0 else None
    return None


def _whole(program: Program, value: Value, depth: int) -> int | None:
    """A whole number: written out, `len(data)`, `int(0.8 * len(data))`."""
    match one(value):
        case Constant(value=int() as known) if not isinstance(known, bool):
            return known
        case Result(callee=External(name="builtins.len"), arguments=[data]):
            return samples_of(program, data, depth + 1) or _listed(program, data, depth + 1)
        case Result(callee=External(name="builtins.int" | "builtins.round"), arguments=[inner]):
            share = _product(program, inner, depth)
            return floor(share) if share is not None else None
        case Result(callee=External(name="operator.-" | "operator.+" as sign), arguments=[left, right]):
            first, second = _whole(program, left, depth + 1), _whole(program, right, depth + 1)
            if first is None or second is None or depth > _DEEPEST:
                return None
            return first - second if sign == "operator.-" else first + second
    return None


def _product(program: Program, value: Value, depth: int) -> float | None:
    """`0.8 * len(data)`."""
    match one(value):
        case Result(callee=External(name="operator.*"), arguments=[left, right]):
            found = [
                float(known)
                if isinstance(known := constant(part), (int, float))
                else _whole(program, part, depth + 1)
                for part in (left, right)
            ]
            return found[0] * found[1] if found[0] is not None and found[1] is not None else None
    return None


def _of_own(program: Program, made: Instance, depth: int) -> int | None:
    """By the `__len__` of the project's own data set."""
    found = find_member(made.cls, "__len__") if isinstance(made.cls, Class) else None
    machine = program.reading.machine
    if found is None or not isinstance(found[0], Function) or machine is None:
        return None
    with machine.unrecorded(), machine.apart():
        length = machine.call(machine, Bound(found[0], made, found[1]), (), {}, None, None)
    match one(length):
        case Constant(value=int() as known, under=None):
            return known
        case Result(callee=External(name="builtins.len"), arguments=[inner]):
            return samples_of(program, inner, depth + 1)
        case Item(source=Member(receiver=inner, name="shape"), key=Constant(value=0)):
            return samples_of(program, inner, depth + 1)
    return None


def _of_split(program: Program, split: Result, kind: str, index: int, depth: int) -> int | None:
    if kind == "random_split" and len(split.arguments) > 1:
        return _of_lengths(program, split, index, depth)
    if kind == "train_test_split" and 0 <= index < 2 * len(split.arguments):
        whole = samples_of(program, split.arguments[index // 2], depth + 1)
        return _of_shares(split, whole, index % 2) if whole is not None else None
    return None


def _of_lengths(program: Program, split: Result, index: int, depth: int) -> int | None:
    given = one(split.arguments[1])
    if not isinstance(given, Sequence) or given.open or given.element is not None:
        return None
    lengths = [constant(item) for item in given.items]
    if not -len(lengths) <= index < len(lengths):
        return None
    own = lengths[index]
    if type(own) is int:
        return own
    if not isinstance(own, float):
        return _whole(program, given.items[index], depth)
    whole = samples_of(program, split.arguments[0], depth + 1)
    return floor(own * whole) if isinstance(own, float) and whole is not None and whole % 100 == 0 else None


def _of_shares(split: Result, whole: int, part: int) -> int | None:
    """scikit-learn rounds the test part up, and gives the rest to training."""
    test, train = (split.keywords.get(name) for name in ("test_size", "train_size"))
    if train is not None:
        return None
    share = constant(test) if test is not None else 0.25
    if not isinstance(share, (int, float)):
        return None
    held_out = share if isinstance(share, int) else ceil(round(share * whole, 9))
    return held_out if part else whole - held_out
