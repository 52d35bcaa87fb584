"""Which PyTorch a program was written for, where its idioms run in no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import enclosing_loops, of_kind
from trainlint.meaning.syntax import Call
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def is_volatile(program: Program, region: Region, values: Iterable[Value]) -> bool:
    """`Variable(x, volatile=True)`: nothing computed from it had a graph. Later programs show by their idioms."""
    if program.uses("no_grad", "inference_mode", "set_grad_enabled") or not is_marked_volatile(
        program, values
    ):
        return False
    around = enclosing_loops(region)[:1]
    return any(map(takes_first_of_scalar, around)) or not program.uses("item", "device")


def is_served_volatile(program: Program, values: Iterable[Value]) -> bool:
    """Whether torchtext serves an evaluation, which gave volatile batches to programs of before torch 0.4."""
    if program.uses("no_grad", "inference_mode", "set_grad_enabled") or not program.mentions("torchtext"):
        return False
    if not any(_evaluates(v) for value in values for v in walk(value)):
        return False
    return program.uses("volatile") or any(map(takes_first_of_scalar, program.roots))


def _evaluates(served: Value) -> bool:
    """`data.Iterator(dataset, train=False)`, and all but the first of `BucketIterator.splits((train, valid))`."""
    match served:
        case Instance(cls=External(name=name)) | Result(callee=External(name=name)):
            iterates = name.startswith("torchtext.") and name.endswith("Iterator")
            return iterates and constant(served.keywords.get("train", NONE)) is False
        case Item(source=Result(callee=External(name=name)), key=Constant(value=int() as position)):
            return position > 0 and name.startswith("torchtext.") and name.endswith("Iterator.splits")
    return False


def is_marked_volatile(program: Program, values: Iterable[Value]) -> bool:
    """Whether an input was marked so, on some path: whoever wrote that knew what `no_grad` is for."""
    if not program.mentions("volatile"):
        return False
    return any(_is_made_volatile(v) for value in values for v in walk(value))


def _is_made_volatile(value: Value) -> bool:
    if isinstance(value, Instance) and isinstance(value.node, Call):  # the project's own `Variable`
        return any(argument.keyword == "volatile" for argument in value.node.arguments)
    return isinstance(value, Result) and any(
        constant(option) is True for option in options(value.keywords.get("volatile", NONE))
    )


def takes_first_of_scalar(region: Region) -> bool:
    """`loss.data[0]` is kept: what ran before torch 0.4 and raises an error since 0.5."""
    return any(
        isinstance(inner, Item)
        and constant(inner.key or NONE) == 0
        and isinstance(inner.source, Member)
        and inner.source.name == "data"
        for kept in of_kind(region, "keep")
        for inner in (walk(kept.value) if kept.value is not None else ())
    )
