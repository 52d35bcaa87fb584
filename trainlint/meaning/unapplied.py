"""A paste that shows its network and its criterion, and leaves out the loop in which one is applied to the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.objects import is_module
from trainlint.meaning.trace import BY_FRAMEWORK, Event
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import NONE, Class, External, Free, Instance

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

# Those whose input needs nothing before it: the loop that is left out can only have handed on what the network gives.
_OF_SCORES = ("cross-entropy", "bce-logits", "multilabel-logits")


def unapplied(program: Program) -> Event | None:
    """The one criterion of a paste on the output of its one network, where nothing in the paste applies either."""
    unit = program.reading.entry
    if unit.scope is None or not has_no_imports(unit):
        return None
    if any(map(_applies, (e for root in program.roots for e in root.events()))):
        return None
    made = {name: v for name, v in unit.scope.names.items() if isinstance(v, Instance) and not v.symbolic}
    criteria = {name: v for name, v in made.items() if _is_criterion(v)}
    networks = [v for v in made.values() if isinstance(v.cls, Class) and is_module(v)]
    if len(criteria) != 1 or len(networks) != 1:
        return None
    (name, judge), network = *criteria.items(), networks[0]
    output = program.reading.applied(network)
    if judge.node is None or output is None or _is_used(unit, name):
        return None
    inputs = (output, Free("target", judge.node))
    return Event("criterion", judge.node, program.roots[0], judge, None, inputs, {BY_FRAMEWORK: NONE})


def _applies(event: Event) -> bool:
    """Whether something is given samples; `Swish()` of what the paste does not define only makes a part."""
    return event.kind in ("criterion", "backward", "fit") or (event.kind == "forward" and bool(event.inputs))


def _is_criterion(made: Instance) -> bool:
    found = criterion(made.cls.name) if isinstance(made.cls, External) else None
    return found is not None and found.kind in _OF_SCORES


def _is_used(unit: Unit, name: str) -> bool:
    """Whether the text has the name of the criterion anywhere but where it is made."""
    return len(re.findall(rf"\b{re.escape(name)}\b", unit.source.text)) != 1
