"""Which way a number is better, as the program says itself: by what it keeps as the best of its run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operation, same
from trainlint.meaning.directions import HIGH, LOW
from trainlint.meaning.place import text_of
from trainlint.meaning.syntax import Assign, Call, Comparison, Evaluate, Expression, If, Name, Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import External, Result, Value, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_BETTER = {"<": LOW, "<=": LOW, ">": HIGH, ">=": HIGH}
_OTHER = {LOW: HIGH, HIGH: LOW}


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """`if score > best: best = score; save(model)`: the number that is kept, and whether for being low or high."""

    number: Value
    better: str
    node: Node


def better_by_choice(program: Program, number: Value) -> Best | None:
    """How the program chooses by a number, or by what it is rounded of, where all of its choices agree."""
    wanted = [number, unrounded(number)]
    found = [
        best
        for root in program.roots
        for best in _in(root)
        if any(same(best.number, each) is True for each in wanted)
    ]
    return found[0] if len({best.better for best in found}) == 1 else None


def unrounded(number: Value) -> Value:
    """What a number goes up and down with: `loss` of `math.ceil(loss * 1000) / 1000`."""
    for _ in range(8):
        match one(number):
            case Result(callee=External(name=name), arguments=(inner, *_)) if name in _ROUNDING:
                number = inner
            case Result(callee=External(name="operator.*" | "operator./"), arguments=(inner, by)) if (
                _is_positive(by)
            ):
                number = inner
            case Result(callee=External(name="operator.*"), arguments=(by, inner)) if _is_positive(by):
                number = inner
            case found:
                return found
    return number


def _is_positive(value: Value) -> bool:
    factor = constant(value)
    return isinstance(factor, (int, float)) and factor > 0


_ROUNDING = frozenset(
    "math.ceil math.floor math.trunc builtins.round builtins.float numpy.ceil numpy.floor numpy.round numpy.around"
    " torch.ceil torch.floor torch.round".split()
)


def _in(region: Region) -> Iterator[Best]:
    for item in region.items:
        if type(item) is Region:
            yield from _of(item)
            yield from _in(item)


def _of(arm: Region) -> Iterator[Best]:
    truth = one(arm.truth) if arm.truth is not None else None
    if arm.kind != "arm" or not arm.holds or not isinstance(arm.node, If) or not isinstance(truth, Result):
        return
    match arm.node.test:
        case Comparison(left=left, rest=((sign, right),)) if sign in _BETTER:
            pass
        case _:
            return
    if operation(truth) != f"operator.{sign}" or not _does_more(arm.node):
        return
    if _becomes(arm.node, right, left):
        yield Best(truth.arguments[0], _BETTER[sign], arm.node.test)
    elif _becomes(arm.node, left, right):
        yield Best(truth.arguments[1], _OTHER[_BETTER[sign]], arm.node.test)


def _becomes(test: If, kept: Expression, number: Expression) -> bool:
    """Whether what is kept takes the number's place, so that the next one is compared with it."""
    return any(
        isinstance(s, Assign)
        and s.value is not None
        and text_of(s.value) == text_of(number)
        and any(text_of(target) == text_of(kept) for target in s.targets)
        for s in test.then.statements
    )


def _does_more(test: If) -> bool:
    """Whether something goes by it that is more than a note of how far the number went."""
    statements = [s for s in test.then.statements if not _is_said(s)]
    return len(statements) > 1


def _is_said(statement: object) -> bool:
    match statement:
        case Evaluate(value=Call(function=Name(id="print"))):
            return True
    return False
