"""By which checkpoint's tokenizer the texts of a data set were turned into numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    Bound,
    External,
    Function,
    Instance,
    Member,
    Partial,
    Result,
    Unknown,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MAPPING = frozenset(("map", "with_transform", "set_transform"))


@dataclass(frozen=True, slots=True)
class Tokenizer:
    checkpoint: str
    node: Node


def tokenizers_of(program: Program, data: Value) -> list[Tokenizer]:
    """The tokenizers that the functions apply which a data set of Hugging Face's is mapped by."""
    found: dict[str, Tokenizer] = {}
    for value in walk(data):
        if isinstance(value, Result) and isinstance(value.callee, Member) and value.callee.name in _MAPPING:
            given = value.arguments[0] if value.arguments else value.keywords.get("function")
            for made in _made_by(program, one(given)) if given is not None else ():
                found.setdefault(made.checkpoint, made)
    return list(found.values())


def _made_by(program: Program, function: Value) -> list[Tokenizer]:
    machine = program.reading.machine
    if machine is None or not isinstance(function, (Function, Bound, Partial)):
        return []
    with machine.unrecorded(), machine.apart():
        given = machine.call(machine, function, (Unknown("batch"),), {}, None, None)
    made = [v for v in walk(given) if isinstance(v, Instance) and isinstance(v.cls, External)]
    return [
        Tokenizer(name, v.node)
        for v in made
        if isinstance(v.cls, External) and "Tokenizer" in v.cls.name and v.node is not None and v.arguments
        for name in [constant(v.arguments[0])]
        if isinstance(name, str)
    ]
