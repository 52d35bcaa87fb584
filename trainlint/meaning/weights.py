"""How many weights a network has, and whether anything keeps it from learning its samples by heart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import Architecture, is_other_field
from trainlint.meaning.chains import Chain, Step
from trainlint.meaning.courses import Course
from trainlint.meaning.dataflow import walk
from trainlint.meaning.dropouts import rate_of
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.hand_batches import rows_by_hand
from trainlint.meaning.loaders import TrainingLoader
from trainlint.meaning.modules import parts
from trainlint.meaning.noise import is_drawn, is_drawn_within, is_written_out
from trainlint.meaning.place import Change, replace, set_argument, text_of
from trainlint.meaning.populations import KEEPING, SAME_ROWS, samples_of
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.scales import fans, least_fans
from trainlint.meaning.schedules import iterations
from trainlint.meaning.stacks import weights_in
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.values import (
    Argument,
    Class,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DECAYING = frozenset(("AdamW", "Lion", "LAMB", "Lamb", "SGDW"))
_STOPPING = re.compile(
    r"(?i)early|patience|best_|_best|\bbest\b|l1_|l2_|lambda|regulari[sz]|penalty|mixup|cutmix|augment|jitter|noise|smooth"
)


def weights_of(chain: Chain) -> float | None:
    """How many weights the layers of a chain have; layers aside whose size is not known: `nn.Linear(x.shape[1], 64)`."""
    total = 0.0
    for step in chain.every:
        if step.mixes:
            sizes = fans(step)
            if not step.exact:
                return None
            if sizes is None:
                continue
            total += sizes[0] * _units(step, sizes[1]) * step.times
    return total


def weights_at_least(chain: Chain) -> float:
    """The same from below, without convolutions: a size that may be one of several counts as the least of them.

    Where words are looked up, a sample is as many as it has words: recurrent layers and transformers do not count there.
    """
    total = 0.0
    words = not {"Embedding", "EmbeddingBag"}.isdisjoint(chain.kinds())
    for step in chain.every:
        for into, out, times in least_fans(step):
            total += into * out * times
        if step.layer is not None and not words:
            total += weights_in(step.layer) * step.times
    return total


def _units(step: Step, out: int) -> int:
    """The number of units: `fans` counts a convolution's once for each place of its kernel."""
    if step.kind == "Linear" or step.layer is None:
        return out
    given = passed(step.layer, 1, "out_channels")
    found = one(given) if given is not None else None
    return int(getattr(found, "value", out))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A network that trains on samples whose number is known."""

    course: Course
    architecture: Architecture
    loader: TrainingLoader | None  # None: the code takes the rows itself
    data: Value | None
    weights: float
    samples: int
    epochs: tuple[float, str | None] | None

    @property
    def node(self) -> Node:
        return self.course.node

    @property
    def share(self) -> float:
        """Weights for each sample."""
        return self.weights / max(1, self.samples)

    @property
    def decayed(self) -> list[Change]:
        """The edit that lets the optimizer decay the weights."""
        node = self.node
        if not isinstance(node, Call):
            return []
        function = text_of(node.function)
        if self.course.kind == "Adam" and function.endswith("optim.Adam"):
            return [replace(node.function, function + "W")]
        return [set_argument(node, "weight_decay", "5e-4")] if self.course.kind in ("SGD", "RMSprop") else []


def fitted(program: Program) -> Iterator[Fitted]:
    """The networks of known size whose training samples are counted."""
    return _fitted(program, weights_of)


def crowded(program: Program) -> Iterator[Fitted]:
    """The networks whose samples are counted, with the weights that their layers have at least."""
    return _fitted(program, weights_at_least)


def _fitted(program: Program, counted: Callable[[Chain], float | None]) -> Iterator[Fitted]:
    if is_other_field(program) or not program.courses:
        return
    for course in program.courses:
        if course.is_pretrained or len(course.networks) != 1:
            continue
        architecture = _trained(program, course.networks[0])
        if architecture is None or not architecture.chain.whole:
            continue
        weights = counted(architecture.chain)
        if weights is None:
            continue
        yield from _served(program, course, architecture, weights)


def _trained(program: Program, network: Instance) -> Architecture | None:
    """What trains of a network: all of it, or its only part that is called, as the steps of a Lightning module do."""
    trained = [a for a in program.architectures if a.trains]
    whole = next((a for a in trained if a.network is network), None)
    inner = {id(part) for part in parts(network)}
    within = [a for a in trained if id(a.network) in inner]
    return whole or (within[0] if len(within) == 1 else None)


def _served(program: Program, course: Course, architecture: Architecture, weights: float) -> Iterator[Fitted]:
    """With what the network learns from, by a loader or by hand."""
    for training in program.training_loaders:
        loss, data = training.backward.value, training.loader.dataset
        if loss is None or not any(v is architecture.value for v in walk(loss)) or training.loader.open:
            continue
        samples = samples_of(program, data)
        if samples is not None:
            loops = enclosing_loops(training.loop)
            epochs = iterations(loops[1]) if len(loops) > 1 else course.epochs
            if any(is_drawn_within(data, loop) for loop in loops[:2]):
                return
            yield Fitted(course, architecture, training, data, weights, samples, epochs)
            return
    rows = rows_by_hand(architecture) if not program.training_loaders else None
    samples = samples_of(program, rows) if rows is not None else None
    if samples is not None and course.loops:
        epochs = iterations(course.loops[-1])
        if is_drawn_within(rows, course.loops[-1]) or is_written_out(rows):
            return
        yield Fitted(course, architecture, None, rows, weights, samples, epochs)


def unregularised(program: Program) -> Iterator[Fitted]:
    """Of these the ones that nothing holds back: no decay, dropout, normalisation, augmentation or early end."""
    for made in fitted(program):
        if _decays(made.course) or made.architecture.chain.normalised or _drops(made.architecture.chain):
            continue
        if _stops(program) or _varies(made) or _is_told_noise(program, made.architecture):
            continue
        yield made


def _is_told_noise(program: Program, network: Architecture) -> bool:
    """Whether all that a network is compared with was drawn at random: it shows how an optimizer is used."""
    targets = [o.target for o in program.objectives if any(v is network.value for v in walk(o.prediction))]
    return bool(targets) and all(map(is_drawn, targets))


def _decays(course: Course) -> bool:
    return course.kind in _DECAYING or course.number("weight_decay", 0.0) != 0 or course.has_groups


def _drops(chain: Chain) -> bool:
    return any(rate_of(step) is not None or "rop" in step.kind for step in chain.every)


def _stops(program: Program) -> bool:
    """Whether the code speaks of an early end, of the best state, or of penalties and noise."""
    return program.speaks_of(_STOPPING) or any(
        loop.may_be_left for root in program.roots for loop in root.loops()
    )


def _varies(made: Fitted) -> bool:
    """Whether samples change from epoch to epoch, or may do so: plain tensors and fixed transforms are sure not to."""
    data = made.data
    for value in walk(data) if data is not None else ():
        if isinstance(value, Instance):
            if isinstance(value.cls, Class):
                if data is None or value is not one(data) or made.loader is None:
                    return True
                if not _serves_rows(made.loader.loader.value):
                    return True
            if isinstance(value.cls, External) and not _is_fixed(value.cls.name):
                return True
        elif isinstance(value, (Function, Unknown, Argument)):
            return True  # a function of its own, or what nobody sees
    return _is_drawn(data)


def _serves_rows(loader: Value) -> bool:
    """Whether a sample of the project's own data set is a row of each table that it holds, and no more."""
    sample = loader.attributes.get(SAMPLE) if isinstance(loader, Instance) else None
    return sample is not None and _is_row(sample)


def _is_row(value: Value) -> bool:
    match one(value):
        case Sequence(items=items, open=False, element=None):
            return bool(items) and all(map(_is_row, items))
        case Mapping(items=items, open=False):
            return bool(items) and all(map(_is_row, items.values()))
        case Item(source=source, key=Unknown(reason="index")):
            return all(not isinstance(v, (Function, Unknown, Argument)) for v in walk(source))
        case Result(callee=External(name=name), arguments=[first, *_]) if name in KEEPING:
            return _is_row(first)
        case Result(callee=Member(receiver=inner, name=name)) if name in SAME_ROWS:
            return _is_row(inner)
    return False


def _is_fixed(name: str) -> bool:
    """Whether a library's class keeps samples as they are, or does the same to them each time."""
    if not name.startswith(("torchvision.", "albumentations.", "torchaudio.", "kornia.", "monai.", "timm.")):
        return True
    return name.startswith("torchvision.datasets.") or name.rpartition(".")[2] in _FIXED


_FIXED = frozenset(
    "Compose ToTensor Normalize Resize CenterCrop Grayscale ToImage ToDtype ConvertImageDtype Pad".split()
)


def _is_drawn(served: Value | None) -> bool:
    """Whether the labels are drawn at random: a demonstration, with nothing to learn."""
    data = one(served) if served is not None else None
    labels = data.arguments[1:] if isinstance(data, Instance) else ()
    return any(
        isinstance(v, Result)
        and isinstance(v.callee, External)
        and v.callee.name in ("torch.randint", "torch.randn", "torch.rand")
        for label in labels
        for v in [one(label)]
    )
