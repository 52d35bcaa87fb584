"""Batches of one or two samples, and batches that hold a good part of the data: what an update learns from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import holds, layers, named
from trainlint.meaning.architectures import is_other_field, takes_derivatives
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.datasets import part
from trainlint.meaning.facts.layers import INSTANCE_NORM, NORMALISATION
from trainlint.meaning.given import give, given_at
from trainlint.meaning.hub import is_of_hub
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.loaders import Loader, TrainingLoader
from trainlint.meaning.place import Change
from trainlint.meaning.populations import samples_of
from trainlint.meaning.rhythm import periods
from trainlint.meaning.schedules import amount
from trainlint.meaning.syntax import Define, Literal, Node
from trainlint.meaning.truth import is_none
from trainlint.meaning.unbatched import holds_batches
from trainlint.meaning.values import (
    Bound,
    Class,
    External,
    Function,
    Instance,
    Partial,
    Result,
    Value,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_ELSEWHERE = (  # where small batches are the practice, or large ones
    "torch_geometric", "dgl", "edge_index", "adjacency", "DistributedSampler", "deepspeed", "Accelerator", "peft", "accumulate",
    "gradient_accumulation_steps", "accumulate_grad_batches", "accum_iter", "accumulation_steps", "bbox", "bboxes", "boxes", "anchors",
    "discriminator", "Discriminator", "generator_loss", "style_loss", "gram_matrix", "bag", "bags", "NTXentLoss", "SimCLR",
    "contrastive_loss", "InfoNCE", "prototypes", "support", "episode", "episodes", "gpytorch", "overfit", "volume", "voxel",
)  # fmt: skip
_REGIONS = "mask", "masks"  # of pictures; of a network that embeds words they say which are padding
_DRAWING = frozenset(  # layers of networks that paint, segment or look at volumes
    "Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Upsample PixelShuffle UpsamplingBilinear2d LazyConv3d".split()
) | INSTANCE_NORM  # fmt: skip
_OF_SAMPLES = (
    "torch.utils.data.TensorDataset",
    "torch.utils.data.dataset.TensorDataset",
    "torchvision.datasets.",
)
_EMBEDDING = "Embedding", "EmbeddingBag"
_PADDING = frozenset("pad_sequence pad padding".split())
_WITHOUT_BATCHES = ("LBFGS", "Rprop")


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a course: how many samples each has, and of how many, as far as that is known."""

    course: Course
    loader: Loader
    size: int
    under: str | None  # the flag whose default that is
    samples: int | None
    is_near_masks: bool = False

    @property
    def node(self) -> Node:
        assert self.loader.node is not None
        return self.loader.node

    @property
    def updates(self) -> int | None:
        """How many updates an epoch has."""
        return -(-self.samples // self.size) if self.samples is not None else None

    @property
    def total(self) -> float | None:
        """How many updates the run has, where its length is known."""
        epochs = self.course.epochs
        return epochs[0] * self.updates if epochs is not None and self.updates is not None else None

    @property
    def is_plain(self) -> bool:
        """Whether the layers are seen, new, deep enough to matter, and ask for no batches of a size of their own."""
        course = self.course
        if not course.networks or course.is_pretrained:
            return False
        every = [layer for network in course.networks for layer in layers(network)]
        if course.depth < 2 and not any(map(_is_classifier, every)):
            return False
        if not _DRAWING.isdisjoint(map(named, every)):
            return False
        if self.is_near_masks and not all(holds(network, *_EMBEDDING) for network in course.networks):
            return False
        return all(
            isinstance(layer.cls, External)
            and (layer.cls.name.startswith("torch.nn.") or _is_classifier(layer))
            for layer in every
        )

    @property
    def normalises_by_batch(self) -> bool:
        """Whether layers may need many samples to normalise by: what single ones do to them is another matter."""
        networks = self.course.networks
        return any(
            holds(network, *NORMALISATION) or any(map(_is_classifier, layers(network)))
            for network in networks
        )

    @property
    def is_of_whole_samples(self) -> bool:
        """Whether what the loader batches are surely samples of one size, and no batches of the data set's own making."""
        data = _whole(self.loader.dataset)
        if _pads(self.loader):
            return self.loader.argument("batch_size") is not None
        if _collates(self.loader):
            return False
        if is_of_hub(data):
            return self.loader.argument("batch_size") is not None and not self.course.is_recurrent
        if not isinstance(data, Instance):
            return False
        if isinstance(data.cls, Class):
            return self.loader.argument("batch_size") is not None and not self.course.is_recurrent
        return data.cls.name.startswith(_OF_SAMPLES)

    def of_size(self, count: int) -> list[Change]:
        """The edit that makes batches of another size."""
        return [give(self.node, "batch_size", str(count), 1)]

    @property
    def is_literal(self) -> bool:
        written = given_at(self.node, "batch_size", 1)
        return written is None or isinstance(written, Literal)


def batches(program: Program) -> Iterator[Batches]:
    """The loaders of known batches that train, each with the one optimizer that steps on them."""
    if (
        not program.courses
        or is_other_field(program)
        or takes_derivatives(program)
        or program.uses(*_ELSEWHERE)
    ):
        return
    if program.mentions("torch_geometric", "dgl") or any(
        keyword in _ELSEWHERE for keyword in _keywords(program)
    ):
        return
    near_masks = program.uses(*_REGIONS)
    for training in program.training_loaders:
        course, loader = _course(program, training), training.loader
        if course is None or loader.node is None or loader.open or _batches_otherwise(loader):
            continue
        if is_in_unit_test(training.backward) or _is_seldom(course) or course.kind in _WITHOUT_BATCHES:
            continue
        samples = samples_of(program, loader.dataset)
        size = _size(program, loader)
        if size is not None and size[0] >= 1:
            if size[0] == 1 and holds_batches(program, loader):
                continue
            yield Batches(course, loader, round(size[0]), size[1], samples, near_masks)


def _is_classifier(layer: Instance) -> bool:
    """A whole network of torchvision's for pictures: `resnet18(num_classes=10)`."""
    name = layer.cls.name if isinstance(layer.cls, External) else ""
    return name.startswith("torchvision.models.") and name.count(".") <= 3 and not name.startswith(_NOT_PLAIN)


_NOT_PLAIN = tuple(
    f"torchvision.models.{name}"
    for name in ("detection", "segmentation", "video", "optical_flow", "quantization", "get_model")
)


def _keywords(program: Program) -> Iterator[str]:
    for made in program.instances:
        yield from made.keywords


def _course(program: Program, training: TrainingLoader) -> Course | None:
    """The one course whose optimizer steps on a loader's batches."""
    stepped = [c for c in program.courses if any(c.step is step for step in training.steps)]
    fitted = [c for c in program.courses if isinstance(c.step.detail, Fitted)]
    found = stepped or (fitted if len(program.courses) == 1 else [])
    return found[0] if len(found) == 1 and found[0].is_alone else None


def _size(program: Program, loader: Loader) -> Known | None:
    """The size of a batch; `len(data)` where that can be counted."""
    given = loader.argument("batch_size")
    if given is None:
        return 1.0, None
    match one(given):
        case Result(callee=External(name="builtins.len"), arguments=[data]):
            count = samples_of(program, data)
            return (float(count), None) if count is not None else None
    return amount(given)


def _batches_otherwise(loader: Loader) -> bool:
    """Whether a sampler says what a batch is."""
    given = [loader.argument(name) for name in ("batch_sampler", "sampler")]
    return any(g is not None and is_none(g) is not True for g in given)


def _collates(loader: Loader) -> bool:
    given = loader.argument("collate_fn")
    return given is not None and is_none(given) is not True


def _pads(loader: Loader) -> bool:
    """Whether a function of the project's own, or a collator of transformers, pads the samples of a batch to one length."""
    given = loader.argument("collate_fn")
    made = one(given) if given is not None else None
    made = one(made.function) if isinstance(made, Partial) else made
    if isinstance(made, Instance) and isinstance(made.cls, External):
        return made.cls.name.startswith("transformers.") and made.cls.name.endswith("WithPadding")
    function = made.function if isinstance(made, Bound) else made
    if not isinstance(function, Function) or not isinstance(function.node, Define):
        return False
    return not _PADDING.isdisjoint(function.node.body.words)


def _is_seldom(course: Course) -> bool:
    """Whether it steps every so many batches, as far as can be seen."""
    if course.update is None:
        return False
    guards = course.update.event.guards(course.update.loop)
    return any(periods(arm.truth) for arm in guards if arm.truth is not None)


def _whole(data: Value | None) -> Value | None:
    return one(part(data).data) if data is not None else None
