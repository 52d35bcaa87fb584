"""Calls that are evaluations by their name and are given batches, of functions and methods that no file shows."""

from __future__ import annotations

import re
from functools import lru_cache

from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.iteration import underlying
from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import External, Free, Instance, Item, Member, Value, one

_JUDGES = re.compile(r"(?i)val|test|eval|predict|infer|scor|metric|acc(?!um)|detect|classif|segment")
_PARTS = 3  # of a batch: `batch["image"][0]`


def says_evaluation(callee: Value | None) -> bool:
    """Whether a function that is not seen is one that evaluates, by its name."""
    if not isinstance(callee, (External, Free, Member)):
        return False
    return _judges(callee.name)


@lru_cache(maxsize=4096)
def _judges(name: str) -> bool:
    return _JUDGES.search(name.rpartition(".")[2]) is not None


def note_asked(
    machine: Machine,
    callee: External | Member,
    result: Value,
    given: tuple[Value, ...],
    node: Node | None,
) -> None:
    """`evaluate(net, loader)` and `net.predict(batch)` of a module that is not at hand."""
    if node is not None and _judges(callee.name) and any(map(_is_served, given)):
        machine.record("asked", node, callee, result, given)


def _is_served(value: Value) -> bool:
    """Whether a value is a loader, or of a batch that one gives."""
    found = one(value)
    for _ in range(_PARTS):
        if not isinstance(found, Item):
            break
        found = one(found.source)
    made = underlying(found)
    return isinstance(made, Instance) and isinstance(made.cls, External) and made.cls.name in LOADERS
