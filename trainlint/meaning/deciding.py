"""Criteria of the project that decide on something, as `argmax` does, and measure that: no gradient comes through."""

from __future__ import annotations

from trainlint.meaning.dataflow import operation
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.operations import COMPARISONS
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import is_module
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Class, External, Instance, Member, Result, Value, one

_DECIDING = frozenset("argmax argmin round floor ceil sign eq ne gt ge lt le".split())


def is_cut_by_criterion(term: Result, cut: Result | Member) -> bool:
    """Whether a term of a loss was computed by a module without weights, in which a decision cut the graph.

    A `detach` is written on purpose; a network may report a count of its own.
    """
    if not isinstance(cut, Result) or not _decides(cut):
        return False
    call = _criterion_around(term.region)
    return call is not None and cut.region is not None and cut.region.inside(call)


def _decides(cut: Result) -> bool:
    named = cut.callee.name if isinstance(cut.callee, External) else ""
    return operation(cut) in _DECIDING or named in COMPARISONS


def _criterion_around(region: Region | None) -> Region | None:
    """The call of such a module's `forward` that a value was computed in."""
    for around in region.ancestors() if region is not None else ():
        function = around.function
        if around.kind == "call" and function is not None and function.name == "forward":
            given = function.node.parameters[:1]
            owner = one((around.names or {})[given[0].name]) if given and around.names else None
            return around if owner is not None and _is_criterion(owner) else None
    return None


def _is_criterion(owner: Value) -> bool:
    if not isinstance(owner, Instance) or not isinstance(owner.cls, Class) or not is_module(owner):
        return False
    inner = [p.cls.name for p in parts(owner) if isinstance(p, Instance) and isinstance(p.cls, External)]
    return not any(
        layer_name(name) in WEIGHTED or layer_name(name) is None or name.endswith(".Parameter")
        for name in inner
    )
