"""By what predictions are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.syntax import Attribute, Call, Comparison, Literal, Name, Node, nodes_in

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def is_judged_by_argmax(program: Program) -> bool:
    """Whether the largest entries of two tables are compared: of the prediction and of the target."""
    return any(_compares_largest(node) for unit in program.units for node in nodes_in(unit.body))


def _compares_largest(node: Node) -> bool:
    match node:
        case Comparison(left=left, rest=((_, right),)):
            return _takes_largest(left) and _takes_largest(right)
        case Call(function=Attribute(name="eq" | "equal", value=left), arguments=(right, *_)):
            sides = [left, right.value]
            return sum(map(_takes_largest, sides)) == 2
        case Call(arguments=(first, second, *_)):
            return _takes_largest(first.value) and _takes_largest(second.value)
    return False


def _takes_largest(node: Node) -> bool:
    while True:
        match node:
            case Call(function=Attribute(name="argmax")):
                return True
            case Call(function=Attribute(value=inner)) | Attribute(value=inner):
                node = inner
            case _:
                return False


def counts_hits(program: Program) -> bool:
    """Whether somewhere the places where two things are alike are counted: `(guess == y).sum()`, `sum(guess == y)`."""
    return any(_counts(node) for unit in program.units for node in nodes_in(unit.body))


def _counts(node: Node) -> bool:
    match node:
        case Call(function=Attribute(name="sum" | "mean", value=inner)):
            return _are_alike(inner)
        case Call(
            function=Attribute(name="sum" | "mean" | "count_nonzero") | Name(id="sum"), arguments=(a, *_)
        ):
            return _are_alike(a.value)
    return False


def _are_alike(node: Node) -> bool:
    """`guess == y`, also as numbers: `(guess == y).float()`"""
    match node:
        case Call(function=Attribute(value=inner)):
            return _are_alike(inner)
        case Comparison(rest=(("==", right),)):
            return not isinstance(right, Literal)  # how many there are of one
    return False
