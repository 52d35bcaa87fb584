"""How many samples each class has, written out: a literal whose entries are the classes that a network tells apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.values import (
    Constant,
    External,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MORE_THAN_A_CODE = 256  # gray levels and the codes of maps end below
_KEEPING = frozenset("builtins.list builtins.tuple builtins.sorted builtins.set builtins.enumerate".split())
_PLAIN = frozenset("sum max min len print sorted list tuple set enumerate".split())


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """The rows of each class, and where that is written."""

    counts: tuple[int, ...]
    node: s.Node
    by_index: bool  # whether the entries stand in the order of the labels


def tallies(program: Program) -> list[Tally]:
    """The literals of numbers whose length is the number of outputs of a layer or network."""
    found: dict[int, Tally] = {}
    for made in program.instances:
        if made.symbolic or not isinstance(made.cls, External):
            continue
        for size in (*made.arguments, *made.keywords.values()):
            literal = _counted(size)
            tally = _tally(literal) if literal is not None else None
            if literal is None or tally is None or _is_used_otherwise(program, literal):
                continue
            found.setdefault(id(tally.node), tally)
    return list(found.values())


def _counted(size: Value) -> Mapping | Sequence | None:
    """The literal of `len(counts)`, also of a list of its keys."""
    match one(size):
        case Result(callee=External(name="builtins.len"), arguments=(listed,)):
            return _literal(listed)
    return None


def _literal(value: Value) -> Mapping | Sequence | None:
    found = one(value)
    for _ in range(4):
        match found:
            case Result(callee=External(name=name), arguments=(inner, *_)) if name in _KEEPING:
                found = one(inner)
            case Result(callee=Member(receiver=inner, name="keys" | "values" | "items")):
                found = one(inner)
            case Mapping() | Sequence():
                return found
            case _:
                return None
    return None


def _tally(literal: Mapping | Sequence) -> Tally | None:
    if literal.open or literal.element is not None or literal.node is None:
        return None
    by_key = isinstance(literal, Mapping)
    given = [*literal.items.values()] if isinstance(literal, Mapping) else [*literal.items]
    counts = [entry.value for entry in map(one, given) if type(entry) is Constant]
    if len(counts) != len(given) or not 1 < len(counts) <= 100:
        return None
    if not all(type(count) is int and count > 0 for count in counts) or max(counts) < _MORE_THAN_A_CODE:
        return None
    ordered = not by_key or list(literal.items) == list(range(len(counts)))
    return Tally(tuple(counts), literal.node, ordered)


def _is_used_otherwise(program: Program, literal: Mapping | Sequence) -> bool:
    """Whether the numbers are read for more than their sum: to weigh, to draw, as limits."""
    names = _names_of(program, literal)
    return any(_reads(node, names) for unit in program.units for node in _nodes_apart(unit.body))


def _names_of(program: Program, literal: Mapping | Sequence) -> frozenset[str]:
    found: set[str] = set()
    for unit in program.units:
        for node in s.nodes_in(unit.body):
            if isinstance(node, s.Assign) and node.value is literal.node:
                found |= {key for target in node.targets if (key := _last_name(target))}
    return frozenset(found)


def _nodes_apart(body: s.Block) -> Iterator[s.Node]:
    """All nodes but those within a sum, a largest or smallest entry, a length or a print."""
    sums = [
        node
        for node in s.nodes_in(body)
        if isinstance(node, s.Call) and isinstance(node.function, s.Name) and node.function.id in _PLAIN
    ]
    within = {id(node) for call in sums for node in s.nodes_in(call)}
    return (node for node in s.nodes_in(body) if id(node) not in within)


def _reads(node: s.Node, names: frozenset[str]) -> bool:
    match node:
        case s.Subscript(value=holder):
            return _last_name(holder) in names
        case s.Attribute(value=holder, name="values" | "items" | "get"):
            return _last_name(holder) in names
        case s.Call(arguments=arguments):
            return any(_last_name(argument.value) in names for argument in arguments)
    return False


def _last_name(node: s.Expression) -> str:
    match node:
        case s.Name(id=name) | s.Attribute(name=name):
            return name
    return ""
