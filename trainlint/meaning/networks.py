"""Loops that are part of a network's own computation: over heads, hops or layers, in methods beside `forward`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.flow import of_kind
from trainlint.meaning.iteration import underlying
from trainlint.meaning.loaders import loaders_behind
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import external_bases, lineage
from trainlint.meaning.syntax import Define
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Class, External, Instance, Result, Value, one, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def is_part_of_network(program: Program, loop: Region) -> bool:
    """Whether a loop in a module's method (or in a function it calls) applies the module's own parts.

    Whoever trains the network calls the method; what the loop makes is one batch's graph.
    """
    owner = _owner(loop)
    if owner is None or (loop.iterable is not None and loaders_behind(loop.iterable)):
        return False
    forwards = of_kind(loop, "forward")
    if not forwards:
        return False
    made = program.made_of(owner)
    if any(id(e.target) in made.wholes for e in forwards) and not _counts(loop):
        return False  # it evaluates itself, as a whole
    return all(_is_inner(e.target, made.inner, loop) for e in forwards)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The identities of the objects of a class and its subclasses, and of what they are made of."""

    wholes: frozenset[int]
    inner: frozenset[int]


def made_of(owner: Class, instances: Iterable[Instance]) -> Made:
    wholes: set[int] = set()
    inner: set[int] = set()
    for made in instances:
        if isinstance(made.cls, Class) and any(base is owner for base in lineage(made.cls)):
            wholes.add(id(made))
            inner.update(id(part) for part in parts(made))
            inner.update(id(o) for value in made.attributes.values() for o in options(value))
    return Made(frozenset(wholes), frozenset(inner))


def _is_inner(target: Value, inner: frozenset[int], loop: Region) -> bool:
    """Whether what is applied is a part of the network, or a layer made for the moment."""
    found = one(target)
    if isinstance(found, Instance) and found.loop is not None and found.loop.inside(loop):
        return True
    return any(id(v) in inner for v in walk(target))


def _counts(loop: Region) -> bool:
    """A loop over steps, which feeds a network with what it gave before."""
    source = underlying(loop.iterable) if loop.iterable is not None else None
    match source:
        case Result(callee=External(name="builtins.range")):
            return True
    return False


def _owner(loop: Region) -> Class | None:
    """The torch module in whose method a loop stands; Lightning's modules evaluate themselves, over loaders."""
    if isinstance(loop.node, Define):
        return None
    for region in loop.ancestors():
        owner = region.function.owner if region.function is not None else None
        names = external_bases(owner) if isinstance(owner, Class) else []
        if any("LightningModule" in name for name in names):
            return owner if _counts(loop) else None
        if any(is_module_class(name) for name in names):
            return owner
    return None
