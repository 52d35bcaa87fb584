"""Excerpts that a data set of the project's own cuts out of each sample, at a place that it draws."""

from __future__ import annotations

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.loaders import Loader
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import External, Item, Member, Result, Sequence, Value, one
from trainlint.records import dataclass

_DRAWING = frozenset(
    "random.randint random.randrange random.uniform random.random numpy.random.randint numpy.random.uniform"
    " numpy.random.rand torch.randint torch.rand".split()
)
_EXTENTS = frozenset("shape size len ndim numel num_frames".split())


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A draw that says where a sample is cut: `start = random.randint(0, n - length)`."""

    value: Result
    name: str = "excerpt"

    @property
    def node(self) -> Node | None:
        return self.value.node


def excerpt_of(served: Loader) -> Excerpt | None:
    """The draw behind a slice of what a loader's data set gives, whatever the data set is told."""
    sample = served.value.attributes.get(SAMPLE)
    for value in walk(sample) if sample is not None else ():
        for cut in _slices(value.key) if isinstance(value, Item) and value.key is not None else ():
            for behind in walk(cut, _is_computed):
                if isinstance(behind, Result) and _is_draw(behind) and _is_always_made(behind):
                    return Excerpt(behind)
    return None


def _slices(key: Value) -> list[Value]:
    """`a:b`, alone or for some of the axes; what is drawn as an index chooses a sample."""
    found = one(key)
    each = found.items if isinstance(found, Sequence) else (found,)
    made = [v for v in map(one, each) if isinstance(v, Result)]
    return [v for v in made if isinstance(v.callee, External) and v.callee.name == "builtins.slice"]


def _is_computed(value: Value) -> bool:
    """What an index is counted from, not the samples whose lengths are asked for on the way."""
    return not isinstance(value, Member) and not (isinstance(value, Result) and _is_draw(value))


def _is_draw(value: Result) -> bool:
    return isinstance(value.callee, External) and value.callee.name in _DRAWING


def _is_always_made(draw: Result) -> bool:
    """Whether nothing but the length of a sample decides if it is drawn: no mode, no setting, no chance."""
    for region in draw.region.ancestors() if isinstance(draw.region, Region) else ():
        if region.function is not None and region.function.name == "__getitem__":
            return True
        if region.kind == "arm" and not (
            region.truth is not None and any(map(_is_extent, walk(region.truth)))
        ):
            return False
    return False


def _is_extent(value: Value) -> bool:
    if isinstance(value, Member):
        return value.name in _EXTENTS
    if isinstance(value, Result) and isinstance(value.callee, External):
        return value.callee.name == "builtins.len"
    return isinstance(value, Result) and operation(value) in _EXTENTS
