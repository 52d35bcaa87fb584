"""Taking a program apart that nobody will ask again, so that its memory comes back at once.

Traces and values refer to each other in circles: a region to its items and they to their region, a class to its
methods and they to their class. Python frees circles only when it looks for garbage among all objects, the
syntax trees too, which takes longer than much of the analysis. Opened here, they need not be looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.trace import Region
from trainlint.meaning.unit import Frame
from trainlint.meaning.values import Choice, Class, Function

if TYPE_CHECKING:
    from trainlint.meaning.machine import Knot
    from trainlint.meaning.program import Program
    from trainlint.meaning.values import Instance


def forget(program: Program) -> None:
    """Open all circles of a program; it can answer nothing afterwards."""
    reading = program.reading
    for knot in reading.knots:
        _open(knot)
    for instance in reading.instances:
        _empty(instance)
    for root in reading.roots:
        _open_region(root)
    for unit in reading.units:
        if unit.scope is not None:
            unit.scope.names.clear()
        unit.scope, unit.state = None, "new"
    reading.roots, reading.instances, reading.units, reading.knots = [], [], [], []
    program.__dict__.clear()


def _open(knot: Knot) -> None:
    match knot:
        case Function():
            knot.scope = knot.owner = knot.decorated = None
        case Class():
            knot.names.clear()
            knot.lineage = None
        case Frame():
            knot.names.clear()
            knot.outer = None
        case Choice():
            knot.options.clear()
        case Region():
            _open_region(knot)


def _empty(instance: Instance) -> None:
    instance.attributes.clear()
    instance.keywords.clear()
    instance.arguments = ()
    instance.loop = None


def _open_region(region: Region) -> None:
    pending = [region]
    while pending:
        current = pending.pop()
        pending += [item for item in current.items if type(item) is Region]
        current.items.clear()
        current.parent = current.truth = current.iterable = current.flat = None
        current.given = ()
