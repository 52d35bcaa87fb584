"""Data with nothing to learn by heart: targets drawn at random, samples drawn anew, samples that are all there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.targets import origins
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DRAWN = frozenset(
    "randn rand zeros ones randint empty full normal uniform standard_normal linspace arange".split()
)
_SAME = frozenset(
    "float long double to numpy astype fit_transform transform unsqueeze type cuda cpu type_as clone detach int".split()
)


def is_noise(dataset: Value) -> bool:
    """Whether the targets are drawn at random whatever the inputs are: there is nothing to learn."""
    match one(dataset):
        case Instance(cls=External(name="torch.utils.data.TensorDataset"), arguments=(_, *targets)):
            return all(is_drawn(target) for target in targets)
        case Item(
            source=Result(callee=External(name="torch.utils.data.random_split"), arguments=(whole, *_))
        ):
            return is_noise(whole)
    return False


def foretells_noise(program: Program) -> bool:
    """Whether a network learns to tell the noise that was added in the step, as those of diffusion do."""
    return any(
        objective.criterion.kind == "regression"
        and sum(_is_normal(side) for side in (objective.prediction, objective.target)) == 1
        for objective in program.objectives
    )


def _is_normal(value: Value) -> bool:
    """Whether a value is drawn from a normal distribution, in a loop or a function that one calls."""
    return any(
        isinstance(v, Result)
        and operation(v) in _NORMAL
        and v.region is not None
        and enclosing_loops(v.region)
        for v in origins(value)
    )


_NORMAL = frozenset(("randn", "randn_like", "normal", "normal_"))


def is_drawn(value: Value) -> bool:
    """Whether a value is numbers drawn, or counted up, as they come out of a function of PyTorch or NumPy."""
    match one(value):
        case Result(callee=External(name=name)) if name.rpartition(".")[2] in _DRAWN:
            return True
        case Result(callee=Member(receiver=receiver, name=name)) if name in _SAME:
            return is_drawn(receiver)
    return False


def is_drawn_within(rows: Value | None, loop: Region) -> bool:
    """Whether a table is drawn in each turn of a loop, other numbers each time: no sample comes twice."""
    return rows is not None and any(
        isinstance(v, Result) and _is_random(v) and v.region is not None and v.region.inside(loop)
        for v in walk(rows)
    )


def is_drawn_anew(sample: Value | None) -> bool:
    """Whether a data set's sample is drawn when it is asked for, whatever its number: no sample comes twice."""
    found = list(walk(sample)) if sample is not None else []
    if any(isinstance(v, (Unknown, Argument, Free)) or _is_picked(v) for v in found):
        return False  # it depends on its number, on what nobody sees, or is one of those that are there
    return any(isinstance(v, Result) and _is_random(v) for v in found)


def _is_picked(value: Value) -> bool:
    """Whether a value is one of many, by chance: `names[randrange(len(names))]`, `choice(names)`."""
    if isinstance(value, Item):
        return value.key is None or any(isinstance(v, Result) and _is_random(v) for v in walk(value.key))
    name = value.callee.name if isinstance(value, Result) and isinstance(value.callee, External) else ""
    return name.rpartition(".")[2] in _PICKING


_PICKING = frozenset(
    "choice choices sample permutation shuffle randperm open load imread read_image read_csv loadtxt".split()
)


def _is_random(value: Result) -> bool:
    match value.callee:
        case External(name=name) if name.startswith("sklearn.datasets.make_"):
            return constant(value.keywords.get("random_state", Constant(None))) is None
        case External(name=name):
            return name.startswith(("torch.rand", "torch.normal", "numpy.random.", "random."))
        case Member(receiver=Result(callee=External(name="numpy.random.default_rng"))):
            return True
    return False


def is_written_out(rows: Value | None) -> bool:
    """Whether all rows stand in the code, as those of XOR do: they are the problem, and nothing else will be asked."""
    return rows is not None and any(
        isinstance(v, Sequence)
        and len(v.items) > 1
        and not v.open
        and v.element is None
        and all(isinstance(one(row), (Sequence, Constant)) for row in v.items)
        for v in walk(rows, lambda inner: not isinstance(inner, Sequence))
    )
