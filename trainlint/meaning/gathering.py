"""What is put into arrays and meters: `scores[epoch] = accuracy`, `metric.update(guess, label)`.

Neither can be seen in the value that is read later, for an array and a meter stay the objects that they were.
"""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import is_module
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Constant, External, Instance, Item, Member, Result, Sequence, Value, one

_FRESH = frozenset("reset clear zero".split())
_ARRAYS = ("torch.", "numpy.", "operator.", "builtins.", "pandas.")
_MOST_NESTED = 4
_MOST_GIVEN = 64  # values to one meter; a log book that gets more is none


def note_put(machine: Machine, holder: Value, keys: list[Value], value: Value, node: Node) -> None:
    """`scores[epoch] = accuracy`, `confusion[label, guess] += 1`: where it is put says as much as what."""
    depth = 0
    while isinstance(holder, Item) and depth < _MOST_NESTED:
        holder, keys, depth = one(holder.source), [], depth + 1
    if isinstance(holder, (Result, Sequence)):
        machine.record("put", node, holder, value, tuple(keys))


def note_call(machine: Machine, callee: Value, result: Value, given: tuple[Value, ...], node: Node) -> None:
    """`metric(guess, label)`, `metric.update(guess, label)`; `metric.compute()`, `metric.reset()`."""
    holder = one(callee.receiver) if isinstance(callee, Member) else callee
    if not _may_be_meter(holder):
        return
    told = tuple(value for value in given if not isinstance(one(value), Constant))
    _, known, asked = machine.meters.get(id(holder), (holder, (), False))
    if told:
        before = () if asked else known  # what comes after the number was asked for is of another round
        machine.meters[id(holder)] = (holder, (*before, *told)[:_MOST_GIVEN], False)
        machine.record("put", node, holder, Sequence("tuple", told))
    elif known and isinstance(callee, Member):
        if callee.name in _FRESH:
            machine.meters[id(holder)] = (holder, (), False)
        else:
            machine.meters[id(holder)] = (holder, known, True)
            machine.record("put", node, result, Sequence("tuple", known))


def _may_be_meter(holder: Value) -> bool:
    match holder:
        case Instance(cls=External()):
            return not is_module(holder)
        case Result(callee=External(name=name)):
            return not name.startswith(_ARRAYS)
    return False
