"""Held-out data that is the rest of another draw than the one whose part trains: many of its samples train all the same.

`random_split(data, ...)` deals anew each time it is called. The second part of one call is no complement of the first part
of another: of ten of its samples eight train, where eight of ten train.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.dataflow import inputs_of
from trainlint.meaning.datasets import is_same_data
from trainlint.meaning.syntax import Attribute, Call, Define, Name, Node, nodes_in
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Class,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

_SPLIT = "torch.utils.data.random_split", "torch.utils.data.dataset.random_split"
_READING = ("pandas.read_", "numpy.load", "numpy.genfromtxt", "torch.load", "datasets.load_dataset")
_LEAST = 0.3  # of a table that trains: a few rows of a large one are seldom drawn again
_MOST = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """A part of some data that a call draws."""

    call: Result
    whole: Value
    part: int  # the first is what trains


def drawn_anew(trained: Value, judged: Value) -> tuple[Draw, Draw] | None:
    """The draw behind data that trains, and one of its own behind data that is held out, of one whole."""
    learnt, held = draws(trained), draws(judged)
    for mine in learnt:
        for other in held:
            apart = mine.call not in _calls(held) and other.call not in _calls(learnt)
            if mine.part == 0 and apart and _is_of_one_whole(mine, other) and not _is_repeated(mine, other):
                return mine, other
    return None


def _calls(found: list[Draw]) -> list[Result]:
    return [draw.call for draw in found]


def draws(data: Value) -> list[Draw]:
    """The draws that decide which samples a data set holds."""
    pending, seen, found = [data], set[int](), list[Draw]()
    while pending and len(seen) < _MOST:
        current = one(pending.pop())
        if id(current) in seen:
            continue
        seen.add(id(current))
        draw = _draw(current)
        if draw is not None:
            found.append(draw)
            pending.append(draw.whole)
        elif isinstance(current, Instance) and isinstance(current.cls, Class):
            pending += [v for name, v in current.attributes.items() if not name.startswith("*")]
        else:
            pending += inputs_of(current)
    return found


def _draw(value: Value) -> Draw | None:
    match value:
        case Item(source=source, key=Constant(value=int() as key)):
            call = one(source)
            if not isinstance(call, Result) or not isinstance(call.callee, External) or not call.arguments:
                return None
            if call.callee.name in _SPLIT:
                return Draw(call, call.arguments[0], key)
            if call.callee.name.endswith(".train_test_split") and _is_dealt(call, key):
                return Draw(call, call.arguments[key // 2], key % 2)
        case Result(callee=Member(receiver=receiver, name="sample"), keywords={"frac": share}):
            part = constant(share)
            if isinstance(part, float) and part < 1:
                return Draw(value, receiver, 0 if part >= _LEAST else 1)
    return None


def _is_dealt(call: Result, key: int) -> bool:
    """Whether one of the results of scikit-learn's split is one that it draws: not by the order of the rows."""
    return key // 2 < len(call.arguments) and constant(call.keywords.get("shuffle", Constant(True))) is True


def _is_of_one_whole(first: Draw, second: Draw) -> bool:
    a, b = one(first.whole), one(second.whole)
    return is_same_data(a, b) or _is_read_alike(a, b)


def _is_read_alike(first: Value, second: Value) -> bool:
    """`pd.read_csv(path)` twice."""
    match first, second:
        case Result(callee=External(name=x), arguments=(p, *_)), Result(
            callee=External(name=y), arguments=(q, *_)
        ):
            return x == y and x.startswith(_READING) and (is_same_data(p, q) or _is_one_path(p, q))
    return False


def _is_one_path(first: Value, second: Value) -> bool:
    known = constant(first)
    return isinstance(known, str) and known == constant(second)


def _is_repeated(first: Draw, second: Draw) -> bool:
    """Whether the second draw may be the first one over again: by its seed, or by one that is set before."""
    if isinstance(first.call.callee, Member):
        return (
            False  # two samples of a table overlap whatever the seed: the smaller one is a part of the other
        )
    told = [_seed(draw.call) for draw in (first, second)]
    if told[0] is not None and told[1] is not None:
        numbers = [constant(seed) for seed in told if seed is not None]
        return not all(isinstance(number, int) for number in numbers) or numbers[0] == numbers[1]
    return any(_is_seeded(draw.call) for draw in (first, second))


def _seed(call: Result) -> Value | None:
    """What a call is told to draw by; a generator is not looked into."""
    for name in ("random_state", "generator"):
        given = call.keywords.get(name)
        if given is not None and is_none(given) is not True:
            return given
    positional = call.arguments[2:] if _is_split_of_torch(call) else ()
    return positional[0] if positional else None


def _is_split_of_torch(call: Result) -> bool:
    return isinstance(call.callee, External) and call.callee.name in _SPLIT


def _is_seeded(call: Result) -> bool:
    """Whether the code around a draw sets or knows a seed; a script that sets one begins with it, and draws twice from there."""
    function = next((r.function for r in _around(call) if r.function is not None), None)
    if function is not None:
        words = function.node.body.words if isinstance(function.node, Define) else frozenset[str]()
        return any("seed" in word.lower() for word in words)
    return call.node is not None and sum(map(_sets_seed, nodes_in(call.node.unit.body))) > 1


def _around(call: Result) -> Iterator[Region]:
    if isinstance(call.region, Region):
        yield from call.region.ancestors()


def _sets_seed(node: Node) -> bool:
    match node:
        case Call(function=Name(id=name) | Attribute(name=name)):
            return "seed" in name.lower()
    return False
