"""Where data is divided into a part to learn from and a part to be judged on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.derived import rest_of
from trainlint.meaning.facts.tables import CROSS_VALIDATION, JUDGING, SPLIT, SPLIT_HOMES, TRAINING
from trainlint.meaning.parted import may_divide
from trainlint.meaning.rows import Rows, are_apart, covers, selected
from trainlint.meaning.shaped import Table, View
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.transformers import fitted_object, is_model, kind_of
from trainlint.meaning.values import Constant, External, Member, Result, Value, constant, passed
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader

_MOST_PARTS = 120


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A division of rows in two. `inside`: a library divides them itself, as cross-validation does.

    `columns`: which of several tables that are divided alike it is, the features first; None where there is one.
    """

    node: Node
    whole: Table
    train: Rows
    test: Rows
    call: Result | None = None
    inside: bool = False
    argument: int = 0
    arguments: int = 1

    @property
    def place(self) -> Node:
        """What stands for it in a sentence."""
        return self.node.function if isinstance(self.node, Call) and self.call is not None else self.node


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A call that learns from a table, or judges by one."""

    call: Result
    trains: bool
    table: Table


_ANSWERING = frozenset(
    "predict predict_proba decision_function".split()
)  # a discriminant analysis does, beside a projection


def uses(reader: Reader) -> Iterator[Use]:
    """Calls of estimators: `model.fit(x, y)`, `model.score(x, y)`."""
    asked = [
        c.callee for c in reader.log.calls if isinstance(c.callee, Member) and c.callee.name in _ANSWERING
    ]
    answering = {id(fitted_object(callee.receiver)) for callee in asked}
    for call in reader.log.calls:
        if not isinstance(call.callee, Member) or call.callee.name not in TRAINING | JUDGING:
            continue
        if not (call.arguments or "X" in call.keywords):
            continue
        estimator = call.callee.receiver
        if kind_of(estimator) is not None and id(fitted_object(estimator)) not in answering:
            continue
        given = call.arguments[0] if call.arguments else call.keywords["X"]
        yield Use(call, call.callee.name in TRAINING, reader.at_call(given, call))


def splits(reader: Reader) -> list[Split]:
    """All divisions of a program's tables, read once."""
    if reader.divided is None:
        reader.divided = _splits(reader)
    return reader.divided


def _splits(reader: Reader) -> list[Split]:
    found = [*_by_call(reader), *_by_parts(reader, list(uses(reader)))]
    apart = {split.node.cst for split in found}
    return [*found, *(s for s in _inside(reader) if s.node.cst not in apart)]


def splits_by_call(reader: Reader) -> list[Split]:
    """Those that a call makes, without the search for parts that make a whole, which is long where networks are built."""
    return [*_by_call(reader), *_inside(reader)]


def _by_call(reader: Reader) -> Iterator[Split]:
    """`train_test_split(x, y)` and `random_split(data, sizes)`."""
    for call in reader.log.calls:
        name = call.callee.name if isinstance(call.callee, External) else ""
        if call.node is None or not call.arguments:
            continue
        sample = rest_of(call)
        if sample is not None:
            yield _left(reader, call, sample)
        if name.rpartition(".")[2] == SPLIT and name.startswith(SPLIT_HOMES):
            if _is_sample(reader, call):
                continue
            for index, argument in enumerate(call.arguments):
                yield _divided(reader, call, argument, index, len(call.arguments))
        elif name == "torch.utils.data.random_split":
            yield _divided(reader, call, call.arguments[0], 0, 1)


def _is_sample(reader: Reader, call: Result) -> bool:
    """Whether nobody ever reads what a split holds out: the rows are only made fewer."""
    read = [constant(item.key) for item in reader.log.taken.get(id(call), ()) if item.key is not None]
    return bool(read) and all(type(key) is int and key % 2 == 0 for key in read)


def _left(reader: Reader, call: Result, sample: Result) -> Split:
    """`rest = table.drop(sample.index)`"""
    assert call.node is not None and isinstance(call.callee, Member)
    whole = reader.at_call(call.callee.receiver, call)
    train, test = (selected(whole.rows, ("sample", id(sample), part)) for part in (0, 1))
    return Split(call.node, whole, train, test)


def _divided(reader: Reader, call: Result, argument: Value, index: int, count: int) -> Split:
    whole = reader.rows_of(argument, View(call.at))
    train, test = (selected(whole.rows, ("keys", id(call), part)) for part in (0, 1))
    assert call.node is not None
    return Split(call.node, whole, train, test, call, False, index, count)


def _by_parts(reader: Reader, used: list[Use]) -> Iterator[Split]:
    """`x[:n]` and `x[n:]`, `x[train]` and `x[test]` of a fold, a mask and its opposite, a sample and the rest."""
    known: list[tuple[Table, Table]] = []
    for item in reader.log.parts[:_MOST_PARTS]:
        if item.node is None or not may_divide(item):
            continue
        mine = reader.table(item, View(item.at))
        whole = reader.table(item.source, View(item.at))
        if not mine.rows or mine.rows == whole.rows:
            continue
        for its, its_whole in known:
            if its_whole.rows == whole.rows and _are_apart(its.rows, mine.rows):
                if not _is_mask(mine) or _are_learnt_and_judged(its.rows, mine.rows, used):
                    table = Table(whole.rows, mine.fits & its.fits, whole.stacked)
                    yield Split(item.node, table, its.rows, mine.rows)
                    break
        known.append((mine, whole))


def _are_apart(first: Rows, second: Rows) -> bool:
    pairs = [(a, b) for a in first for b in second if a[0] == b[0]]
    return bool(pairs) and all(
        len(a[1]) == len(b[1]) > 0 and a[1][:-1] == b[1][:-1] and _divide(a[1][-1], b[1][-1])
        for a, b in pairs
    )


def _divide(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return are_apart(first, second) or are_apart(second, first)


def _is_mask(table: Table) -> bool:
    return any(path[-1][0] == "mask" for _, path in table.rows)


def _are_learnt_and_judged(first: Rows, second: Rows, used: list[Use]) -> bool:
    """Whether one of the parts trains and the other one judges: a mask alone may only be for looking at."""
    trained = [use.table.rows for use in used if use.trains]
    judged = [use.table.rows for use in used if not use.trains]
    return any(
        any(covers(a, rows) for rows in trained) and any(covers(b, rows) for rows in judged)
        for a, b in ((first, second), (second, first))
    )


def _inside(reader: Reader) -> Iterator[Split]:
    """`cross_val_score(model, x, y)` and `model.fit(x, y, validation_split=0.2)` divide by themselves."""
    for call in reader.log.calls:
        given = _cross_validated(call) or _held_back(call)
        if given is None or call.node is None:
            continue
        whole = reader.at_call(given, call)
        if any(part[0] == "keys" for _, path in whole.rows for part in path):
            continue  # of a part that is for training: what is held out elsewhere stays clean
        train, test = (selected(whole.rows, ("keys", id(call), part)) for part in (0, 1))
        yield Split(call.node, whole, train, test, call, True, 0, 2)


def _cross_validated(call: Result) -> Value | None:
    if not isinstance(call.callee, External) or call.callee.name.rpartition(".")[2] not in CROSS_VALIDATION:
        return None
    return passed(call, 1, "X")


def _held_back(call: Result) -> Value | None:
    if not isinstance(call.callee, Member) or call.callee.name != "fit" or not is_model(call.callee.receiver):
        return None
    share = constant(call.keywords.get("validation_split", Constant(0)))
    return call.arguments[0] if isinstance(share, float) and share > 0 and call.arguments else None
