"""Networks that see the very same pictures in every epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import pretrained
from trainlint.meaning.architectures import is_other_field
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import walk
from trainlint.meaning.datasets import part
from trainlint.meaning.facts.columns import PICTURES, READING
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.loaders import Loader, TrainingLoader
from trainlint.meaning.objectives import Objective
from trainlint.meaning.objects import is_module
from trainlint.meaning.place import text_of
from trainlint.meaning.populations import samples_of
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.scaling import is_known
from trainlint.meaning.schedules import amount, iterations
from trainlint.meaning.syntax import Node
from trainlint.meaning.transforms import is_pipeline, pipelines, steps
from trainlint.meaning.truth import is_none
from trainlint.meaning.unscaled import is_labelled, is_otherwise
from trainlint.meaning.values import (
    Choice,
    Class,
    External,
    Instance,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    called,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_VARYING = re.compile(
    r"(?i)aug|mix_?up|cut_?mix|cut_?out|flip|jitter|rotat|affine|erasing|perspective|elastic|rand(?:om)?_?\w*crop|fliplr|rot90"
    r"|kornia|albumentations|\brandom_?apply|randaugment|noise|dali|torchio|shift_?scale"
)
_PICTURED = (
    "torch.",
    "numpy.",
    "cv2.",
    "PIL.",
    "torchvision.transforms.",
    "torchvision.io.",
    "operator.",
    "os.",
    "builtins.",
    "pathlib.",
)
_LIBRARIES = ("torchvision.models.", "timm.", "efficientnet_pytorch.", "pretrainedmodels.")
_DRAWN = re.compile(r"(?i)rand|normal|uniform|shuffle|choice|bernoulli")
Known = tuple[float, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Unvaried:
    """A pipeline without a random step, behind which pictures train."""

    training: TrainingLoader
    pipeline: Instance | None  # None: the data set does all that is done by itself
    data: Instance
    samples: int | None
    epochs: Known

    @property
    def node(self) -> Node:
        node = self.pipeline.node if self.pipeline is not None else self.data.node
        assert node is not None
        return node

    @property
    def because(self) -> list[tuple[Node, str]]:
        """The places that it rests on."""
        places = (self.data.node, "goes through it"), (self.training.loader.node, "serves it")
        return [(node, said) for node, said in places[self.pipeline is None :] if node is not None]

    @property
    def name(self) -> str:
        """The class of the data set."""
        cls = self.data.cls
        return cls.node.name if isinstance(cls, Class) else cls.name.rpartition(".")[2]


def unvaried(program: Program) -> list[Unvaried]:
    """One for each pipeline; none where anything in the program speaks of augmentation."""
    if (
        not program.training_loaders
        or is_other_field(program)
        or is_otherwise(program)
        or program.speaks_of(_VARYING)
    ):
        return []
    found: dict[int, Unvaried] = {}
    for training in program.training_loaders:
        if is_in_unit_test(training.backward) or not _convolves(program, training):
            continue
        made = _of(program, training)
        if made is not None:
            found.setdefault(id(made.node.cst), made)
    return list(found.values())


def _convolves(program: Program, training: TrainingLoader) -> bool:
    """Whether a network for pictures is what the loader's batches train, and all of it, with labels that come with them."""
    objectives = [o for o in program.objectives if training.backward in o.backwards]
    if not objectives or not all(is_labelled(o) and _is_classified(o) for o in objectives):
        return False
    modules = {
        id(v): v for o in objectives for v in walk(o.prediction) if isinstance(v, Instance) and is_module(v)
    }
    return any(map(_looks, modules.values())) and not _is_frozen(program, list(modules.values()))


def _is_classified(objective: Objective) -> bool:
    return objective.criterion.kind in ("cross-entropy", "nll", "bce", "bce-with-logits")


def _looks(module: Instance) -> bool:
    if not isinstance(module.cls, External):
        return False
    return layer_name(module.cls.name) == "Conv2d" or module.cls.name.startswith(_LIBRARIES)


def _is_frozen(program: Program, modules: list[Instance]) -> bool:
    """Whether pretrained parts may be kept as they are, so that a small head is all that learns."""
    frozen = program.uses("requires_grad", "requires_grad_", "freeze") or bool(
        program.events("requires_grad")
    )
    return frozen and any(pretrained(module) for module in modules)


def _of(program: Program, training: TrainingLoader) -> Unvaried | None:
    served = training.loader
    collate = served.argument("collate_fn")
    data = one(part(served.dataset).data) if served.dataset is not None and not served.open else None
    epochs = epochs_of(program, training)
    if not isinstance(data, Instance) or epochs is None or (collate is not None and not is_none(collate)):
        return None
    through = pipelines(served)
    if through is None or not all(is_known(p) for p in through) or not _shows_pictures(served, data):
        return None
    if any(step.is_random for p in through for step in steps(p)):
        return None
    pipeline = one(through[0]) if through else None
    node = pipeline.node if isinstance(pipeline, Instance) else data.node
    if node is None or "imagenet" in text_of(data.node or node).lower():
        return None
    if not isinstance(pipeline, Instance):
        if through or not isinstance(data.cls, Class):
            return None
        pipeline = None
    return Unvaried(training, pipeline, data, samples_of(program, served.dataset), epochs)


def _shows_pictures(served: Loader, data: Instance) -> bool:
    """Whether all that is done to the pictures of a data set is seen."""
    if isinstance(data.cls, External):
        return (
            data.cls.name.startswith("torchvision.datasets.") and data.cls.name.rpartition(".")[2] in PICTURES
        )
    sample = one(served.value.attributes.get(SAMPLE, Unknown()))
    shown = one(sample.items[0]) if isinstance(sample, Sequence) and sample.items else None
    values = list(walk(shown, lambda v: not _reads(v))) if shown is not None else []
    read = [v for v in values if _reads(v)]
    return bool(read) and all(map(_is_steady, values)) and not any(_draws(v) for r in read for v in walk(r))


def _reads(value: Value) -> bool:
    """Whether a picture comes from a file here: where the file's name is from does not change it."""
    return isinstance(value, Result) and isinstance(value.callee, External) and value.callee.name in READING


def _draws(value: Value) -> bool:
    return isinstance(value, Result) and _DRAWN.search(called(value)) is not None


def _is_steady(value: Value) -> bool:
    """Whether a step on the way of a picture is known, and does the same each time."""
    match value:
        case Choice():
            return len(value.options) == 1
        case Result(callee=External(name=name)):
            return name.startswith(_PICTURED) and _DRAWN.search(name) is None
        case Result(callee=Member(name=name)):
            return _DRAWN.search(name) is None
        case Result(callee=callee):
            return is_pipeline(callee)
    return True


def epochs_of(program: Program, training: TrainingLoader) -> Known | None:
    """How many times the data is gone through, as far as the code says it."""
    loops = enclosing_loops(training.loop)
    for loop in loops[1:]:
        known = iterations(loop)
        if known is not None:
            return known
    trainers = [
        i
        for i in program.instances
        if isinstance(i.cls, External) and i.cls.name.endswith("lightning.Trainer")
    ]
    given = trainers[0].keywords.get("max_epochs") if len(trainers) == 1 and len(loops) == 1 else None
    return amount(given) if given is not None else None
