"""Whether a program may keep some weights as they are: what it writes to `requires_grad`, and whether that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.values import constant

_FREEZING = re.compile(r"(?i)freez|requires_grad")

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def may_freeze(program: Program) -> bool:
    """A read (`if p.requires_grad`) freezes nothing, nor does a write in a branch that is never taken."""
    events = program.events("requires_grad")
    if any(event.value is None or constant(event.value) is not True for event in events):
        return True
    if not program.speaks_of(_FREEZING):
        return False
    own = {
        n.name
        for unit in program.units
        for n in s.nodes_in(unit.body)
        if isinstance(n, (s.Define, s.DefineClass))
    }
    if any(_asks_to_freeze(node, own) for unit in program.units for node in s.nodes_in(unit.body)):
        return True
    machine = program.reading.machine
    entered = machine.entered if machine is not None else set()
    seen = {id(event.node.cst) for event in events}
    return any(
        function is not None and function not in entered
        for unit in program.units
        for node, function in _writes(unit.body)
        if id(node.cst) not in seen
    )


def _asks_to_freeze(node: s.Node, own: set[str]) -> bool:
    """`trainer.freeze_backbone()`, `create(freeze=True)` of a library, whose inside is not at hand."""
    if not isinstance(node, s.Call):
        return False
    match node.function:
        case s.Name(id=name) | s.Attribute(name=name):
            pass
        case _:
            return False
    if name in own:
        return False
    asked = [a for a in node.arguments if a.keyword is not None and "freez" in a.keyword.lower()]
    return "freez" in name.lower() or any(
        not (isinstance(a.value, s.Literal) and a.value.value in (False, None, 0)) for a in asked
    )


def _writes(body: s.Block) -> Iterator[tuple[s.Node, s.Define | None]]:
    """What sets `requires_grad`, each with the function that it is in."""
    inner = [node for node in s.nodes_in(body) if isinstance(node, s.Define)]
    owner = {id(node): define for define in _outermost_first(inner) for node in s.nodes_in(define.body)}
    for node in s.nodes_in(body):
        if _is_write(node):
            yield node, owner.get(id(node))


def _outermost_first(defines: list[s.Define]) -> list[s.Define]:
    """So that the innermost function has the last word on what is in it."""
    size = {id(define): sum(1 for _ in s.nodes_in(define.body)) for define in defines}
    return sorted(defines, key=lambda define: -size[id(define)])


def _is_write(node: s.Node) -> bool:
    match node:
        case s.Assign(targets=targets):
            return any(isinstance(t, s.Attribute) and t.name == "requires_grad" for t in targets)
        case s.Call(function=s.Attribute(name="requires_grad_")):
            return True
        case s.Call(function=s.Name(id="setattr"), arguments=(_, name, *_)):
            return isinstance(name.value, s.Literal) and name.value.value == "requires_grad"
    return False
