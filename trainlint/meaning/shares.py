"""How much of the data a program trains on, and how much it holds out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.claims import says_held_out
from trainlint.meaning.divided import parted_by_hand, trains_on
from trainlint.meaning.facts.tables import CROSS_VALIDATION, FOLDS, SEARCHES, SPLIT, SPLIT_HOMES
from trainlint.meaning.place import Change, set_argument
from trainlint.meaning.populations import samples_of
from trainlint.meaning.portions import listed_sizes
from trainlint.meaning.sizes import rows_of
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DEFAULT = 0.25  # of train_test_split, which names neither size


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A split whose sizes are known: the share of each part that is held out, and of what trains."""

    node: s.Node
    held_out: float  # the largest of the parts, or the only one
    train: float
    under: str | None = None
    rows: int | None = None  # of the whole, where the program says so
    nested: bool = False
    epochs: float = 0.0  # how often a run of one process goes over the data; 0 where that is not known

    @property
    def callee(self) -> s.Node:
        return self.node.function if isinstance(self.node, s.Call) else self.node

    @property
    def sizes(self) -> list[s.Node]:
        """The arguments that say how large the parts are."""
        given = self.node.arguments if isinstance(self.node, s.Call) else ()
        return [a.value for a in given if a.keyword in ("test_size", "train_size")]

    @property
    def edits(self) -> list[Change]:
        """A fifth held out, where the call names its share."""
        named = {a.keyword for a in self.node.arguments} if isinstance(self.node, s.Call) else set()
        if self.nested or "test_size" not in named or "train_size" in named:
            return []
        assert isinstance(self.node, s.Call)
        return [set_argument(self.node, "test_size", "0.2")]


def shares(program: Program) -> list[Share]:
    """One for each split of all the data; none where folds or repetitions judge in its place."""
    if program.uses(*CROSS_VALIDATION, *FOLDS, *SEARCHES):
        return []
    calls = [
        call
        for call in program.reading.tables.calls
        if isinstance(call.callee, External) or _is_of_datasets(call)
    ]
    found = [share for call in calls for share in _shares_of(program, call, calls)]
    found += [
        Share(parts.node, max(parts.held_out), parts.train, parts.under, None, True)
        for parts in parted_by_hand(program)
    ]
    epochs = _epochs(program)
    return [replace(share, epochs=epochs) for share in {id(s.node.cst): s for s in found}.values()]


# Signs of more data than one process goes over many times.
_LARGE = frozenset(
    "DistributedSampler DistributedDataParallel init_process_group IterableDataset deepspeed Accelerator"
    " xla_multiprocessing webdataset max_steps".split()
)


def _epochs(program: Program) -> float:
    if program.uses(*_LARGE):
        return 0.0
    known = [course.epochs[0] for course in program.courses if course.epochs is not None]
    return min(known) if known and len(known) == len(program.courses) else 0.0


def _shares_of(program: Program, call: Result, calls: list[Result]) -> Iterator[Share]:
    divided = _sizes(call, trains_on(program, call))
    if divided is None or not isinstance(call.node, s.Call) or _is_part(_whole(call)):
        return
    if call.region is not None and call.region.loop is not None:
        return  # of many: repetitions, or shares that are compared
    train, parts, under = divided
    if not _are_all_used(program, call):
        return
    nested = False
    for other in calls:
        within = _sizes(other) if other is not call else None
        place = _part_of(_whole(other), call) if within is not None else None
        if within is None or place is None:
            continue
        nested = True
        if place == 0:
            parts = [*parts, *(train * part for part in within[1])]
            train *= within[0]
        else:
            parts = [parts[0] * within[0], *(parts[0] * part for part in within[1])]
    rows = rows_of(_whole(call)) or _few(program, call, max(parts))
    yield Share(call.node, max(parts), train, under, rows, nested)


_FEW = 500  # held-out samples, of which an accuracy of 0.9 is told to no better than 1.3 points


def _few(program: Program, call: Result, share: float) -> int | None:
    """The number of samples of a known data set, where the part that is held out is small."""
    samples = samples_of(program, _whole(call))
    return samples if samples is not None and samples * share < _FEW else None


def _sizes(
    call: Result, trains: frozenset[int] = frozenset()
) -> tuple[float, list[float], str | None] | None:
    """The shares of what trains and of the other parts."""
    name = call.callee.name if isinstance(call.callee, External) else ""
    if not call.arguments and not _is_of_datasets(call):
        return None
    if name.rpartition(".")[2] == SPLIT and name.startswith(SPLIT_HOMES):
        return _named_sizes(call)
    if _is_of_datasets(call):
        return _named_sizes(call)
    if name == "torch.utils.data.random_split" and len(call.arguments) > 1:
        return listed_sizes(one(call.arguments[1]), trains)
    return None


def _is_of_datasets(call: Result) -> bool:
    """`load_dataset(...).train_test_split(test_size=0.2)` of Hugging Face's datasets."""
    return isinstance(call.callee, Member) and call.callee.name == SPLIT and "test_size" in call.keywords


def _whole(call: Result) -> Value:
    """What is divided."""
    return call.callee.receiver if isinstance(call.callee, Member) else call.arguments[0]


def _named_sizes(call: Result) -> tuple[float, list[float], str | None] | None:
    test, train = call.keywords.get("test_size"), call.keywords.get("train_size")
    if test is None and train is None:
        return 1 - _DEFAULT, [_DEFAULT], None
    held, kept = _fraction(test, call), _fraction(train, call)
    under = next((v.under for v in (test, train) if isinstance(v, Constant) and v.under), None)
    if test is not None and held is None:
        return None
    if train is not None and kept is None:
        return None
    if held is None:
        held = 1 - kept if kept is not None else _DEFAULT
    elif kept is not None and held + kept < 1 - _ROUNDING:
        return None  # only some of the data is used at all
    return 1 - held, [held], under


_ROUNDING = 0.01


def _fraction(size: Value | None, call: Result) -> float | None:
    """A share; a number of rows where it is known how many there are."""
    known = constant(size) if size is not None else None
    if isinstance(known, float) and 0 < known < 1:
        return known
    if isinstance(known, int) and known > 1:
        rows = rows_of(_whole(call))
        return known / rows if rows and known < rows else None
    return None


def _part_of(value: Value, call: Result) -> int | None:
    """Which part of a split a value is: 0 trains, 1 is held out."""
    match one(value):
        case Item(source=source, key=Constant(value=int() as index)) if one(source) is call:
            return index % 2
        case Item(source=source, key=Constant(value="train" | "test" as name)) if one(source) is call:
            return int(name == "test")
    return None


def _is_part(value: Value) -> bool:
    match one(value):
        case Item(key=Constant(value="test" | "validation" | "dev")):
            return True  # a part by its own name, whoever made it
        case Item(source=source, key=Constant()):
            inner = one(source)
            return isinstance(inner, Result) and _sizes(inner) is not None
        case Instance(cls=External(name=name)) as made if name.startswith("torchvision.datasets."):
            return constant(passed(made, 1, "train") or Constant(True)) in (False, "test")
        case Instance(arguments=(first, *_)):
            return _is_part(first)
    return False


def _are_all_used(program: Program, call: Result) -> bool:
    """Whether every part is named and read somewhere: else the call only draws a sample, or divides what is held out."""
    node = call.node
    assert node is not None
    if _is_of_datasets(call):
        return _are_both_read(program, call)
    for statement in s.nodes_in(node.unit.body):
        if (
            isinstance(statement, s.Assign)
            and statement.value is not None
            and statement.value.cst is node.cst
        ):
            target = statement.targets[0]
            items = target.items if isinstance(target, s.Display) else ()
            names = [t.id for t in items if isinstance(t, s.Name)]
            called = [
                t.id if isinstance(t, s.Name) else t.name
                for t in items
                if isinstance(t, (s.Name, s.Attribute))
            ]
            first = called[0] if called else ""
            return all(_is_read(name, node) for name in names) and not says_held_out(first)
    return True


def _are_both_read(program: Program, call: Result) -> bool:
    """Whether `parts["train"]` and `parts["test"]` of this very split are read, in the program that the file is.

    Who reads one of them only draws a sample, or judges by a part of what is held out as a whole.
    """
    read = program.reading.tables.taken.get(id(call), ())
    return {"train", "test"} <= {constant(item.key) for item in read if item.key is not None}


def _is_read(name: str, node: s.Node) -> bool:
    written = node.unit.source.text
    return not name.startswith("_") and len(re.findall(rf"\b{re.escape(name)}\b", written)) > 1
