"""What arrays and meters hold by what was put into them, for whoever asks what a number comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from trainlint.meaning.dataflow import inputs_of
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Constant, Instance, Item, Sequence, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Put:
    """A value that was put somewhere, at which places of it, under which conditions."""

    values: tuple[Value, ...]
    keys: tuple[Value, ...]
    loop: Region | None


Gathered: TypeAlias = Mapping[int, list[Put]]
NOTHING: Gathered = {}


def gathered(program: Program) -> Gathered:
    """By the identity of arrays, meters and what these were asked for, all that was put into them."""
    found: dict[int, list[Put]] = {}
    shared: set[int] = set()
    for event in program.events("put"):
        assert event.value is not None
        puts = found.setdefault(id(event.target), [])
        if isinstance(event.target, Instance) and any(put.loop is not event.loop for put in puts):
            shared.add(id(event.target))  # what it is asked for tells of which loop
        puts.append(Put((event.value, *event.inputs, *_conditions(event)), event.inputs, event.loop))
    return {holder: puts for holder, puts in found.items() if holder not in shared}


def _conditions(event: Event) -> Iterator[Value]:
    """What decides whether a turn of a loop puts it there: `if guess == label: right[label] += 1`."""
    for region in event.region.ancestors():
        if region.kind == "loop":
            return
        if region.kind == "arm" and region.truth is not None:
            yield region.truth


def put_into(value: Value, gathered: Gathered, seen: dict[int, Value]) -> list[Value]:
    """What a value holds of what was put into it; of an array's element only what may have been put there."""
    if type(value) is not Item:
        return [given for put in gathered.get(id(value), ()) for given in put.values]
    source = one(value.source)
    puts = gathered.get(id(source))
    if puts is None or value.key is None:
        return []
    seen.setdefault(id(source), source)
    keys = _parts(value.key)
    return [
        *inputs_of(source),
        *(given for put in puts if _may_be_one_place(keys, put.keys) for given in put.values),
    ]


def _parts(key: Value) -> tuple[Value, ...]:
    found = one(key)
    return found.items if isinstance(found, Sequence) else (key,)


def _may_be_one_place(one_key: tuple[Value, ...], other: tuple[Value, ...]) -> bool:
    """Whether two places may be the same: not where both are written out and differ."""
    pairs = ((one(a), one(b)) for a, b in zip(one_key, other, strict=False))
    return not any(
        isinstance(a, Constant) and isinstance(b, Constant) and a.value != b.value for a, b in pairs
    )
