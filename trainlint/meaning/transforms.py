"""What is done to each sample of a data set before it is batched: pipelines of transforms, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.arithmetic import numbers
from trainlint.meaning.dataflow import walk
from trainlint.meaning.datasets import part
from trainlint.meaning.facts.transforms import (
    CERTAIN,
    CHOOSING,
    COMPOSING,
    FACTORIES,
    TRANSFORMING,
    draws_at_random,
    is_transform,
)
from trainlint.meaning.loaders import Loader
from trainlint.meaning.samples import SAMPLE, SAMPLES, alternatives
from trainlint.meaning.syntax import Node
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    External,
    Instance,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One transform of a pipeline."""

    value: Instance

    @property
    def name(self) -> str:
        """The class, without its home."""
        return self.library.rpartition(".")[2]

    @property
    def library(self) -> str:
        assert isinstance(self.value.cls, External)
        return self.value.cls.name

    @property
    def node(self) -> Node | None:
        return self.value.node

    def argument(self, position: int, *names: str) -> Value | None:
        return passed(self.value, position, *names)

    @property
    def is_made(self) -> bool:
        """Whether a function made it: a pipeline in one."""
        return self.library in FACTORIES

    @property
    def is_random(self) -> bool:
        if self.is_made:
            training = self.argument(1, "is_training")
            return training is not None and constant(training) is True
        if not draws_at_random(self.library):
            return False
        place = CERTAIN.get(self.name, 0 if self.name.endswith("Flip") else None)
        chance = self.value.keywords.get("p") or (self.argument(place, "p") if place is not None else None)
        if chance is not None and constant(chance) == 0:
            return False
        return (
            not (place is not None and chance is not None and constant(chance) == 1) and not self._turns_alike
        )

    @property
    def _turns_alike(self) -> bool:
        """Whether the angles that it may draw are a single one: `RandomRotation((90, 90))` turns each picture the same way."""
        if self.name not in ("RandomRotation", "RandomAffine"):
            return False
        given = self.argument(0, "degrees")
        angles = numbers(given) if given is not None else None
        others = [self.argument(i, name) for i, name in enumerate(("translate", "scale", "shear"), 1)]
        if self.name == "RandomAffine" and any(o is not None and not is_none(o) for o in others):
            return False
        return angles is not None and (angles == (0.0,) or (len(angles) == 2 and angles[0] == angles[1]))


def pipelines(loader: Loader) -> list[Value] | None:
    """The transforms that samples of a loader go through, in order; None where something else may be done to them."""
    if SAMPLE in loader.value.attributes:
        return _applied(loader.value.attributes[SAMPLE])
    return _given_to(one(part(loader.dataset).data)) if loader.dataset is not None else None


def pipelines_each(loader: Loader) -> list[list[Value]]:
    """The same for each of the data sets that it may be, where a setting chooses between them."""
    each = loader.value.attributes.get(SAMPLES)
    samples = each.items if isinstance(each, Sequence) else ()
    given = one(part(loader.dataset).data) if loader.dataset is not None else None
    made = alternatives(given) if isinstance(given, Choice) else [given] if given is not None else []
    return [*map(_applied, samples), *(_given_to(data) or [] for data in made)]


def pipelines_of_all(loader: Loader) -> list[Value]:
    """The transforms that all of the data sets have in common among which a setting chooses; nothing where one is not seen."""
    chosen = one(part(loader.dataset).data) if loader.dataset is not None else None
    if not isinstance(chosen, Choice):
        return []
    each = [through for through in pipelines_each(loader) if through]
    if not each or len(each) != len(alternatives(chosen)):
        return []
    common = set[int].intersection(*({id(one(p)) for p in through} for through in each))
    return [p for p in each[0] if id(one(p)) in common]


def _given_to(data: Value) -> list[Value] | None:
    """The transforms that a data set was made with."""
    if not isinstance(data, Instance):
        return None
    if isinstance(data.cls, Class) and "__getitem__" in data.cls.names:
        return None
    if isinstance(data.cls, External) and not data.cls.name.startswith(_SERVING):
        return None
    set_later = data.attributes.get("transform")
    given = [v for k, v in data.keywords.items() if k in TRANSFORMING and k != "target_transform"]
    found = [set_later] if set_later is not None else [*data.arguments, *given]
    return [v for v in found if any(map(is_pipeline, options(v)))]


_SERVING = ("torchvision.datasets.", "monai.data.", "monai.apps.")  # data sets that apply what they are given


def _applied(sample: Value) -> list[Value]:
    """The transforms that were applied on the way to a sample, whatever the way, the first one first."""
    found: dict[int, Value] = {}
    for value in walk(sample, lambda v: type(v) is not Choice or len(options(v)) == 1):
        if isinstance(value, Result) and is_pipeline(value.callee):
            found.setdefault(id(value), value.callee)
    return list(reversed(found.values()))


def is_pipeline(value: Value) -> bool:
    found = one(value)
    return (
        isinstance(found, Instance)
        and isinstance(found.cls, External)
        and (
            is_transform(found.cls.name)
            or (found.cls.name == "torch.nn.Sequential" and _holds_transforms(found))
        )
    )


def _holds_transforms(made: Instance) -> bool:
    return any(isinstance(v, Instance) and is_pipeline(v) for v in made.arguments)


def steps(pipeline: Value) -> Iterator[Step]:
    """The transforms that a pipeline surely applies, those in nested ones too; what draws among several counts as one."""
    found = one(pipeline)
    if isinstance(found, Sequence):
        for item in found.items:
            yield from steps(item)
    elif isinstance(found, Instance) and isinstance(found.cls, External):
        last = found.cls.name.rpartition(".")[2]
        if last in COMPOSING and last not in CHOOSING:
            given = found.arguments or tuple(v for k, v in found.keywords.items() if k == "transforms")
            for inner in given:
                yield from steps(inner)
        elif is_transform(found.cls.name):
            yield Step(found)


def is_switched_off(pipeline: Value) -> bool:
    """Whether a pipeline as a whole is applied to none: `A.Compose([...], p=0)`."""
    found = one(pipeline)
    chance = found.keywords.get("p") if isinstance(found, Instance) else None
    return isinstance(chance, Constant) and chance.value == 0
