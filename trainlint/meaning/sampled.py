"""What a function in a pipeline takes its sample for: a picture of Pillow, or a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.values import Argument, External, Function, Instance, Member, Result, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

# Methods of the one that neither the other nor an array has.
_OF_PICTURES = frozenset(
    "convert crop filter rotate getbbox thumbnail quantize getchannel putalpha getpixel getcolors".split()
)
_OF_TENSORS = frozenset("unsqueeze expand permute float clamp clone contiguous expand_as".split())
_ON_PICTURES = ("PIL.ImageOps.", "PIL.ImageEnhance.", "PIL.ImageChops.")


def taken_by(program: Program, step: Instance) -> str:
    """ "picture" or "tensor" for `Lambda(lambda x: ...)` that asks its sample for what only these have, else ""."""
    function = one(step.arguments[0]) if step.arguments else None
    machine = program.reading.machine
    if not isinstance(function, Function) or machine is None:
        return ""
    sample = Argument("sample", function)
    with machine.unrecorded(), machine.apart():
        made = machine.call(machine, function, (sample,), {}, None, None)
    for value in walk(made, limit=60):
        match value:
            case Result(callee=Member(receiver=receiver, name=name)) if receiver is sample:
                if name in _OF_PICTURES or name in _OF_TENSORS:
                    return "picture" if name in _OF_PICTURES else "tensor"
            case Result(callee=External(name=name), arguments=(first, *_)) if first is sample:
                if name.startswith(_ON_PICTURES):
                    return "picture"
    return ""
