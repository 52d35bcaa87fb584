"""Which functions lead to training: they call what goes backward, or what calls that.

A function that only puts an experiment together, `frame = read(path); net = build(frame); fit(net, frame)`, has to be
read to its end, however long the data takes.
"""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.machine import TRAINING_WORDS, Machine
from trainlint.meaning.values import Class, Deferred, Function, Module, Value

_DEPTH = 3  # functions between an experiment and its backward pass


def leads_to_training(machine: Machine, function: Function) -> bool:
    """Whether what a function names, in its file or class, speaks of training, or leads to what does."""
    known = machine.leading.get(id(function.node))
    if known is None:
        known = machine.leading[id(function.node)] = _leads(machine, function, _DEPTH, set())
    return known


def _leads(machine: Machine, function: Function, depth: int, seen: set[int]) -> bool:
    if not isinstance(function.node, s.Define) or id(function.node) in seen:
        return False
    seen.add(id(function.node))
    words = function.node.body.words
    if not TRAINING_WORDS.isdisjoint(words):
        return True
    if depth == 0:
        return False
    known = dict(function.unit.scope.names) if function.unit.scope is not None else {}
    if function.owner is not None:
        known.update(function.owner.names)
    return any(_speaks(machine, known[word], depth, seen) for word in words if word in known)


def _speaks(machine: Machine, named: Value, depth: int, seen: set[int]) -> bool:
    match named:
        case Function():
            return _leads(machine, named, depth - 1, seen)
        case Class():
            return any(
                isinstance(member, Function)
                and isinstance(member.node, s.Define)
                and not TRAINING_WORDS.isdisjoint(member.node.body.words)
                for member in named.names.values()
            )
        case Module(unit=unit):
            return not TRAINING_WORDS.isdisjoint(unit.code_words)
        case Deferred(file=file) if file is not None:
            home = machine.load_unit(file)
            return home is not None and not TRAINING_WORDS.isdisjoint(home.code_words)
    return False
