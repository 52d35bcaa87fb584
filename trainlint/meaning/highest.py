"""How high the values of a picture are in a pipeline that holds functions of the author's own: `Lambda(lambda x: x / 255)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.facts.transforms import MAKE_BYTES, VISION
from trainlint.meaning.scaling import is_float_type
from trainlint.meaning.syntax import Node
from trainlint.meaning.transforms import Step
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Function,
    Instance,
    Result,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

BYTES = 255.0
_DIVIDES = frozenset("operator./ div true_divide divide div_".split())
_MULTIPLIES = frozenset("operator.* mul multiply mul_".split())


@dataclass(frozen=True, slots=True, eq=False)
class Highest:
    """The largest value of a white pixel, and the step that made it so."""

    value: float
    node: Node


def highest(program: Program, before: list[Value]) -> Highest | None:
    """What the steps make of a picture of bytes, in order; None where one of them may do something else."""
    found: Highest | None = None
    for value in map(one, before):
        if isinstance(value, Instance) and isinstance(value.cls, External):
            if not value.cls.name.startswith(VISION) or value.node is None:
                return None
            if value.cls.name.endswith(".Lambda"):
                found = _through(program, value.arguments[0] if value.arguments else value, value.node, found)
            else:
                found = _behind(Step(value), value.node, found)
                if found is None and Step(value).name not in _ON_PICTURES:
                    return None
                continue
        elif isinstance(value, Function):
            found = _through(program, value, value.node, found)
        else:
            return None
        if found is None:
            return None
    return found


_ON_PICTURES = frozenset(
    "Resize CenterCrop RandomCrop RandomResizedCrop RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine"
    " Pad ColorJitter Grayscale RandomGrayscale FiveCrop TenCrop".split()
)


def _behind(step: Step, node: Node, before: Highest | None) -> Highest | None:
    """What one of the library's steps leaves; None where it is not known, and for pictures that are no tensors yet."""
    if step.name in MAKE_BYTES or step.name == "ToTensor":
        return Highest(1.0 if step.name == "ToTensor" else BYTES, node) if before is None else None
    if before is None or step.name in _ON_PICTURES:
        return before
    if step.name == "ConvertImageDtype":
        return Highest(1.0, node) if before.value == BYTES else None
    if step.name == "ToDtype" and is_float_type(step.argument(0, "dtype")):
        scale = step.argument(1, "scale")
        if scale is None or constant(scale) is False:
            return Highest(before.value, node)
        return Highest(1.0, node) if before.value == BYTES and constant(scale) is True else None
    return None


def _through(program: Program, function: Value, node: Node, before: Highest | None) -> Highest | None:
    """What a function leaves that does nothing to its sample but to multiply or divide it, or to change its type."""
    given, machine = one(function), program.reading.machine
    if before is None or machine is None or not isinstance(given, Function):
        return None
    sample = Argument("sample", given)
    with machine.unrecorded(), machine.apart():
        made = machine.call(machine, given, (sample,), {}, None, None)
    factor = _factor(made, sample)
    return Highest(before.value * factor, node) if factor is not None else None


def _factor(value: Value, sample: Value, depth: int = 0) -> float | None:
    parts = peel(value)
    if len(parts) != 1 or depth > 4:
        return None
    if parts[0] is sample:
        return 1.0
    given = operands(parts[0]) if isinstance(parts[0], Result) else ()
    if len(given) != 2:
        return None
    name = operation(parts[0])
    number = _number(given[1])
    if name in _DIVIDES and number:
        inner = _factor(given[0], sample, depth + 1)
        return inner / number if inner is not None else None
    if name in _MULTIPLIES:
        inner = _factor(given[0] if number else given[1], sample, depth + 1)
        number = number or _number(given[0])
        return inner * number if inner is not None and number else None
    return None


def _number(value: Value) -> float | None:
    match one(value):
        case Constant(value=bool()):
            return None
        case Constant(value=float() | int() as number, under=None) if number > 0:
            return float(number)
    return None
