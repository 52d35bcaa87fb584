"""Loops that are part of a network's own computation: over heads, hops or layers, in methods beside `forward`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import external_bases, lineage
from trainlint.meaning.syntax import Define
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Class, Function

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def is_part_of_network(program: Program, loop: Region) -> bool:
    """Whether a loop in a module's method applies the module's own parts, in a program that trains nothing itself.

    Whoever trains the network calls the method; what the loop makes is one batch's graph.
    """
    owner = _owner(loop)
    if owner is None or program.backwards:
        return False
    forwards = of_kind(loop, "forward")
    inner: set[int] = set()
    for made in program.instances:
        if isinstance(made.cls, Class) and any(base is owner for base in lineage(made.cls)):
            if any(e.target is made for e in forwards):
                return False  # it evaluates itself, as a whole
            inner.update(id(part) for part in parts(made))
    return bool(forwards) and all(any(id(v) in inner for v in walk(e.target)) for e in forwards)


def _owner(loop: Region) -> Class | None:
    """The torch module in whose method a loop stands; Lightning's modules evaluate themselves."""
    if isinstance(loop.node, Define):
        return None
    call = next((r for r in loop.ancestors() if r.kind == "call"), None)
    owner = call.function.owner if call is not None and isinstance(call.function, Function) else None
    if not isinstance(owner, Class) or any("LightningModule" in name for name in external_bases(owner)):
        return None
    return owner if any(is_module_class(name) for name in external_bases(owner)) else None
