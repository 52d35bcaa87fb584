"""Pictures that constants leave on a scale that no network expects, wherever the constants are applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.extent import Extent
from trainlint.meaning.extents import Extents
from trainlint.meaning.loaders import Loader, is_loader
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.unscaled import first_layers
from trainlint.meaning.values import Sequence, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_NARROW, _WIDE = 0.1, 30.0


def misplaced_pictures(program: Program) -> Iterator[tuple[Extent, str]]:
    """Pictures that are normalised and nearly constant, or far above zero: and what has become of them."""
    for extent in _shown(program):
        low, high = min(c.low for c in extent.columns), max(c.high for c in extent.columns)
        if not extent.of_pictures or extent.node is None:
            continue
        if 0 < max(c.width for c in extent.columns) < _NARROW:
            yield extent, f"leaves pixels between {low:.3g} and {high:.3g}: they were divided before"
        elif high > _WIDE and -high / 10 < low < 0:
            yield extent, f"leaves pixels from {low:.3g} to {high:,.4g}: they were not divided by 255 before"


def _shown(program: Program) -> Iterator[Extent]:
    """What loaders give, and what reaches a first layer."""
    extents = Extents(program.reading.tables)
    for made in program.instances:
        if is_loader(made) and SAMPLE in made.attributes:
            sample = one(made.attributes[SAMPLE])
            found = extents.sample(Loader(made), 0 if isinstance(sample, Sequence) else None)
            if found is not None:
                yield found
    for objective in program.objectives:
        if objective.learns and not is_in_unit_test(objective.event):
            yield from (layer.extent for layer in first_layers(program, extents, objective.prediction))
