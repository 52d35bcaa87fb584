"""Data divided by hand: the slices of a drawn order, a sample of a table and the rest; and which part trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.portions import portion
from trainlint.meaning.schedules import amount
from trainlint.meaning.values import (
    Constant,
    External,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

Known = tuple[float, str | None]  # a share, and the flag whose default it is
_ROUNDING = 0.02
_DRAWING = frozenset("permutation randperm shuffle".split())


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Data that is divided without a function for it."""

    node: s.Node
    train: float
    held_out: list[float]
    under: str | None


def trains_on(program: Program, call: Result) -> frozenset[int]:
    """Which of the parts that a call gives feed a backward pass."""
    served = [t.loader.dataset for t in program.training_loaders if t.loader.dataset is not None]
    return frozenset(
        value.key.value
        for given in (*served, *_any_of_several(program))
        for value in walk(given, limit=200)
        if isinstance(value, Item)
        and isinstance(value.key, Constant)
        and isinstance(value.key.value, int)
        and one(value.source) is call
    )


def _any_of_several(program: Program) -> Iterator[Value]:
    """The lists of which training goes through one or another, as the turn says: `loaders[client]`."""
    for backward in program.backwards:
        for loop in enclosing_loops(backward.region):
            for value in walk(loop.iterable, limit=60) if loop.iterable is not None else ():
                match value:
                    case Item(source=Sequence() as several, key=key) if not isinstance(key, Constant):
                        yield several


def parted_by_hand(program: Program) -> Iterator[Parts]:
    """The parts of data whose training part feeds a loader that is seen, and whose other parts are seen as well."""
    for training in program.training_loaders:
        data, made = training.loader.dataset, one(training.loader.value)
        if data is None or getattr(made, "loop", None) is not None:
            continue  # of many: folds, or shares that are compared
        behind = list(walk(data, limit=300))
        found = _by_slices(program, behind) or _by_sample(program, behind)
        if found is not None:
            yield found


def _by_slices(program: Program, behind: list[Value]) -> Parts | None:
    """`order[:cut]` that trains, `order[cut:]` that does not."""
    trained = {edges: v for v in behind if isinstance(v, Item) and (edges := _edges(v)) is not None}
    if len(trained) != 1:
        return None
    ((edges, part),) = trained.items()
    if not isinstance(part.node, s.Node) or not _is_drawn(part.source):
        return None
    others = {e for v in _slices(program) if same(v.source, part.source) and (e := _edges(v)) is not None}
    train, held = edges[1] - edges[0], [last - first for first, last in others - {edges}]
    if not held or abs(train + sum(held) - 1) > _ROUNDING or min(train, *held) <= 0:
        return None
    return Parts(part.node, train, held, _flag(part))


def _is_drawn(source: Value) -> bool:
    """Whether what is cut is in an order drawn at random, and so no series."""
    return any(
        isinstance(v, Result) and getattr(v.callee, "name", "").rpartition(".")[2] in _DRAWING
        for v in walk(source, limit=40)
    )


def _slices(program: Program) -> Iterator[Item]:
    """The slices behind what objects are made of."""
    seen: set[int] = set()
    for made in program.instances:
        for given in (*made.arguments, *made.keywords.values()):
            for value in walk(given, limit=60):
                if isinstance(value, Item) and id(value) not in seen:
                    seen.add(id(value))
                    yield value


def _edges(item: Item) -> tuple[float, float] | None:
    """From which share to which one a slice goes, None where it is not cut by shares."""
    match one(item.key) if item.key is not None else None:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, step)):
            first, last = _edge(lower, 0.0), _edge(upper, 1.0)
            if constant(step) is None and first is not None and last is not None and last - first < 1:
                return first, last
    return None


def _edge(value: Value, default: float) -> float | None:
    found = one(value)
    if isinstance(found, Constant) and found.value is None:
        return default
    share = portion(value)
    return round(share.share, 4) if share is not None else None


def _flag(item: Item) -> str | None:
    key = one(item.key) if item.key is not None else None
    found = map(portion, key.arguments[:2]) if isinstance(key, Result) else ()
    return next((share.under for share in found if share is not None and share.under), None)


def _by_sample(program: Program, behind: list[Value]) -> Parts | None:
    """`train = frame.sample(frac=0.4)`, and `frame.drop(train.index)` is what is held out."""
    rests = [
        (call, sample) for call in program.reading.tables.calls if (sample := _dropped(call)) is not None
    ]
    for rest, sample in rests:
        share = _fraction(sample)
        if (
            share is None
            or sample.node is None
            or (sample.region is not None and sample.region.loop is not None)
        ):
            continue
        if any(v is sample for v in behind) and all(v is not rest for v in behind):
            return Parts(sample.node, share[0], _divided(rest, 1 - share[0], rests), share[1])
    return None


def _divided(rest: Result, share: float, rests: list[tuple[Result, Result]]) -> list[float]:
    """What is held out, and divided again in the same way."""
    for _, sample in rests:
        part = _fraction(sample)
        if part is not None and isinstance(sample.callee, Member) and one(sample.callee.receiver) is rest:
            return [share * part[0], share * (1 - part[0])]
    return [share]


def _fraction(value: Result) -> Known | None:
    """The share of rows that `frame.sample(frac=0.4)` draws."""
    if isinstance(value.callee, Member) and value.callee.name == "sample" and "frac" in value.keywords:
        share = amount(value.keywords["frac"])
        return share if share is not None and 0 < share[0] < 1 else None
    return None


def _dropped(call: Value) -> Result | None:
    """The sample whose rows `frame.drop(sample.index)` leaves out."""
    match call:
        case Result(callee=Member(name="drop", receiver=whole), arguments=arguments, keywords=keywords):
            for given in (*arguments[:1], *(keywords[k] for k in ("index", "labels") if k in keywords)):
                index = one(given)
                drawn = one(index.receiver) if isinstance(index, Member) and index.name == "index" else None
                if isinstance(drawn, Result) and _fraction(drawn) is not None:
                    receiver = drawn.callee.receiver if isinstance(drawn.callee, Member) else drawn
                    return drawn if same(receiver, whole) is True else None
    return None
