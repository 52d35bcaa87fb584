"""Entries that are written into what nobody is seen to make: `batch["scores"] = net(batch["x"])` of a loader's batch.

Only what carries a graph is noted, by names: numbers that go into a table or an array are asked for elsewhere.
"""

from __future__ import annotations

from trainlint.meaning.attachment import attached
from trainlint.meaning.machine import Machine
from trainlint.meaning.values import (
    Argument,
    Free,
    Item,
    Mapping,
    Result,
    Value,
    constant,
    one,
    options,
)

_OPEN = (Item, Argument, Free, Result)


def note_entry(machine: Machine, holder: Value, key: object, value: Value) -> None:
    if isinstance(holder, _OPEN) and isinstance(key, str) and attached(value) is True:
        _, entries = machine.filled.setdefault(id(holder), (holder, {}))
        machine.write(entries, key, value)


def note_entries(machine: Machine, holder: Value, given: Value) -> None:
    """`batch.update({"scores": scores})`"""
    source = one(given)
    if isinstance(source, Mapping):
        for key, value in source.items.items():
            for each in options(holder):
                note_entry(machine, each, key, value)


def entry(machine: Machine, holder: Value, key: Value) -> Value | None:
    """What was written into an entry, the last time."""
    known = machine.filled.get(id(holder)) if machine.filled else None
    name = constant(key)
    return known[1].get(name) if known is not None and isinstance(name, str) else None
