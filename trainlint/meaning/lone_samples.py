"""Batches of one sample in front of BatchNorm: all of them, or the one that is left at the end of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.chains import Chain, Step, is_quiet
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.layers import NORMALISATION
from trainlint.meaning.given import give
from trainlint.meaning.loaders import Loader, TrainingLoader
from trainlint.meaning.one_pixel import is_of_one_pixel
from trainlint.meaning.place import Change, set_argument
from trainlint.meaning.populations import samples_of
from trainlint.meaning.schedules import amount
from trainlint.meaning.syntax import Node
from trainlint.meaning.truth import truth
from trainlint.meaning.unbatched import holds_batches
from trainlint.meaning.values import External, Result, Sequence, constant, one, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class LoneSamples:
    """A loader that hands single samples to a BatchNorm. `left`: only what is left of `samples` by batches of `size`."""

    loader: Loader
    norm: Step
    vectors: bool  # one value for each channel: it raises
    size: int
    under: str | None
    samples: int | None

    @property
    def left(self) -> bool:
        return self.size > 1

    @property
    def node(self) -> Node:
        assert self.loader.node is not None
        return self.loader.node

    @property
    def dropped(self) -> list[Change]:
        """The edit that leaves the lone sample out, or takes larger batches."""
        if self.left:
            return [set_argument(self.node, "drop_last", "True")]
        return [give(self.node, "batch_size", "16", 1)]


def lone_samples(program: Program) -> Iterator[LoneSamples]:
    said: set[int] = set()
    for training in program.training_loaders:
        if (
            training.loader.node is None
            or id(training.loader.value) in said
            or is_in_unit_test(training.backward)
        ):
            continue
        for architecture in program.architectures:
            found = _lone(program, training, architecture) if _is_fed(training, architecture) else None
            if found is not None and id(training.loader.value) not in said:
                if found.size == 1 and holds_batches(program, training.loader):
                    continue
                said.add(id(training.loader.value))
                yield found


def _is_fed(training: TrainingLoader, architecture: Architecture) -> bool:
    """Whether the network is applied to batches of the loader, and learns from them."""
    event, loss = architecture.event, training.backward.value
    if event is None or not architecture.trains or loss is None:
        return False
    if not any(v is architecture.value for v in walk(loss)):
        return training.backward is event or event.region.inside(training.loop)
    return any(
        v is training.loader.value
        for given in event.inputs
        for v in walk(given, lambda v: v is not training.loader.value)
    )


def _lone(program: Program, training: TrainingLoader, architecture: Architecture) -> LoneSamples | None:
    loader = training.loader
    given = loader.argument("batch_size")
    known = amount(given) if given is not None else (1.0, None)
    if known is None or loader.open or _batches_otherwise(loader) or _is_frozen(program, architecture):
        return None
    size, dropping = int(known[0]), loader.argument("drop_last")
    drops = truth(dropping) if dropping is not None else False
    norm = _norm(architecture.chain, size > 1 or _paints(program, architecture))
    if norm is None or drops is None:
        return None
    samples = samples_of(program, loader.dataset)
    if given is None and samples is None:
        return None  # the data set may hand out batches itself
    if size > 1 and (drops or samples is None or samples % size != 1 or samples < size):
        return None
    return LoneSamples(loader, norm, _is_of_vectors(architecture.chain, norm), size, known[1], samples)


def _batches_otherwise(loader: Loader) -> bool:
    """Whether a sampler or a function of its own says what a batch is."""
    names = ("batch_sampler", "collate_fn", "sampler")
    given = [loader.argument(name) for name in names]
    return any(g is not None and constant(g) is not None for g in given)


def _is_frozen(program: Program, architecture: Architecture) -> bool:
    """Whether some of its normalisations are kept in eval mode."""
    if architecture.is_pretrained:
        return True
    mine = {id(part) for part in architecture.parts[1:]}
    return any(id(event.target) in mine for event in program.events("mode"))


def _norm(chain: Chain, wants_vectors: bool) -> Step | None:
    """A normalisation that gets one value per channel; else, where that will do, one of maps that are classified."""
    norms = [step for step in chain.every if step.kind in NORMALISATION]
    vectors = [step for step in norms if _is_of_vectors(chain, step)]
    if vectors or wants_vectors:
        return next(iter(vectors), None)
    return next(iter(norms), None)


def _paints(program: Program, architecture: Architecture) -> bool:
    """Whether a network makes pictures of pictures; one that tells classes of pixels apart is a classifier."""
    chain = architecture.chain
    if not (chain.joins or any("Transpose" in s.kind or s.kind == "Upsample" for s in chain.every)):
        return False
    return not any(
        objective.criterion.kind == "cross-entropy"
        and any(v is architecture.value for v in options(objective.prediction))
        for objective in program.objectives
    )


def _is_of_vectors(chain: Chain, norm: Step) -> bool:
    """Whether a normalisation gets one value per channel: of flat features, or of maps of one pixel."""
    return _is_of_features(chain, norm) or is_of_one_pixel(chain, norm)


def _is_of_features(chain: Chain, norm: Step) -> bool:
    """What a linear layer makes of flat features."""
    if norm.kind not in ("BatchNorm1d", "LazyBatchNorm1d") or norm not in chain.steps:
        return False
    before = chain.steps[: chain.steps.index(norm)]
    made = next((step for step in reversed(before) if not (is_quiet(step) or step.activates)), None)
    if made is None or made.kind not in ("Linear", "LazyLinear"):
        return False
    return any(step.kind in _FLATTENING or _reduces(step) for step in before) or all(
        map(_keeps_vectors, before)
    )


def _reduces(step: Step) -> bool:
    """`x.amax(dim=2)`, `x.mean((2, 3))`: of each sample one vector is left."""
    value = step.value
    if step.kind not in _REDUCING or not isinstance(value, Result):
        return False
    given = value.keywords.get("dim") or next(
        iter(value.arguments[isinstance(value.callee, External) :]), None
    )
    found = one(given) if given is not None else None
    axes = [constant(v) for v in (found.items if isinstance(found, Sequence) else [given] if given else [])]
    return bool(axes) and all(isinstance(axis, int) and axis != 0 for axis in axes)


_REDUCING = ("amax", "amin", "max", "mean", "sum", "logsumexp")
_FLATTENING = ("Flatten", "flatten", "view", "reshape")


def _keeps_vectors(step: Step) -> bool:
    return (
        step.kind in ("Linear", "BatchNorm1d", "LazyLinear", "LazyBatchNorm1d")
        or is_quiet(step)
        or bool(step.activates)
    )
