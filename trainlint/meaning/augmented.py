"""Evaluations over samples that are changed at random each time they are asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import name_given, says_training, speaks_of
from trainlint.meaning.dataflow import walk
from trainlint.meaning.datasets import covers, part, part_of
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.excerpts import Excerpt, excerpt_of
from trainlint.meaning.facts.transforms import MILD, VISION
from trainlint.meaning.given_twice import shared_at
from trainlint.meaning.iteration import underlying
from trainlint.meaning.loaders import Loader
from trainlint.meaning.objects import lineage
from trainlint.meaning.overlaps import served_to
from trainlint.meaning.place import Change, drop_item, qualified_name, replace, set_argument, text_of
from trainlint.meaning.purposes import TEST, VALIDATION, purpose_of
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.syntax import Call, Define, Node
from trainlint.meaning.transforms import (
    Step,
    is_pipeline,
    is_switched_off,
    pipelines,
    pipelines_each,
    pipelines_of_all,
    steps,
)
from trainlint.meaning.values import Class, External, Function, Instance, Item, Result, Value, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_OTHERWISE = re.compile(  # evaluations that want several draws, views of one sample, or no labels
    r"(?i)(?:^|_)(?:tta|vae|gan|discriminators?|denois\w*|diffusion|auto_?encoders?|simclr|byol|moco|simsiam|dino|mae"
    r"|contrastive|triplet_(?:loss|margin\w*)|siamese|views|inpaint\w*|test_time\w*)(?:_|$)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Augmented:
    """A random step that evaluation data goes through."""

    node: Node
    step: Step | Excerpt
    others: tuple[Step, ...]
    shared: str  # "" where the pipeline is the evaluation's own, else how training comes by it: "pipeline", "data" or its "class"
    evaluated: Node
    mended: tuple[Change, ...] = ()
    steadied: tuple[Change, ...] = ()

    @property
    def because(self) -> list[tuple[Node, str]]:
        """The places that it rests on."""
        drawn = self.step.node
        assert drawn is not None
        where = [(drawn, "draws anew for each sample")] if drawn is not self.node else []
        return [*where, (self.evaluated, "evaluates on what it gives")]

    @property
    def is_mild(self) -> bool:
        """Whether all that is drawn is whether to mirror, or which part of a sample is looked at."""
        return isinstance(self.step, Excerpt) or all(step.name in MILD for step in (self.step, *self.others))


def augmented(program: Program) -> list[Augmented]:
    found: dict[int, Augmented] = {}
    judging = [e for e in program.evaluations if e.judged and e.trained and not e.of_training]
    if not judging or speaks_of(program, _OTHERWISE):
        return []
    training = [t.loader for t in program.training_loaders]
    for evaluation in judging:
        if _is_drawn_again(evaluation):
            continue
        for served in served_to(evaluation.event) if not is_in_unit_test(evaluation.event) else ():
            said = _said_of(program, served, training, evaluation)
            said = said or _cut_at_random(program, served, training, evaluation)
            if said is not None:
                found.setdefault(id(said.step.node if said.shared == "data" else said.node), said)
    return list(found.values())


def _said_of(
    program: Program, served: Loader, training: list[Loader], evaluation: Evaluation
) -> Augmented | None:
    if served.node is None or _is_for_training(served, training) or _is_seeded(served) or _has_views(served):
        return None
    through = [p for p in pipelines(served) or () if not is_switched_off(p)]
    random = _drawing(through)
    if not random and _shared(served, [], training) == "data":
        each = ([p for p in given if not is_switched_off(p)] for given in pipelines_each(served))
        through = next((given for given in each if _drawing(given)), [])
        random = _drawing(through)
    if not random:
        through = [p for p in pipelines_of_all(served) if not is_switched_off(p)]
        random = _drawing(through)
    if not random:
        return None
    shared = _shared(served, through, training)
    node = random[0].node if not shared else served.node if shared == "data" else _node_of(served)
    if shared == "pipeline" and isinstance(node, Call):
        node = shared_at(program, node, through)
    assert node is not None
    mended: list[Change] = []
    for step in random if not shared else ():
        mended += _without(step)
    steadied = [replace(s.node, "(lambda sample: sample)") for s in random if s.node is not None]
    complete = mended if len(mended) == len(random) else []
    return Augmented(
        node, random[0], tuple(random[1:]), shared, evaluation.loop_node, tuple(complete), tuple(steadied)
    )


def _cut_at_random(
    program: Program, served: Loader, training: list[Loader], evaluation: Evaluation
) -> Augmented | None:
    """The same of held-out data whose own `__getitem__` cuts an excerpt out of each sample, wherever a draw says."""
    if served.node is None or _is_for_training(served, training) or _is_seeded(served) or _has_views(served):
        return None
    found = excerpt_of(served) if purpose_of(program, evaluation) in (VALIDATION, TEST) else None
    if found is None or found.node is None or not training:
        return None
    shared = _shared(served, [], training) or "class"
    node = served.node if shared == "data" else _node_of(served)
    assert node is not None
    return Augmented(node, found, (), shared, evaluation.loop_node, (), (replace(found.node, "0"),))


def _drawing(through: list[Value]) -> list[Step]:
    return [step for p in through for step in steps(p) if step.is_random and step.node is not None]


def _shared(served: Loader, through: list[Value], training: list[Loader]) -> str:
    judged = part_of(served)
    for other in training:
        trained = part_of(other)
        if judged is not None and trained is not None and one(judged.data) is one(trained.data):
            return "data"
    used = {id(one(p)) for other in training for p in pipelines(other) or pipelines_of_all(other)}
    if any(id(one(p)) in used for p in through):
        return "pipeline"
    made = one(judged.data) if judged is not None else None
    homes: set[str] = set()
    if isinstance(made, Instance) and isinstance(made.cls, Class):
        homes = {c.node.name for c in lineage(made.cls) if isinstance(c, Class)}
    inside = (p.node for p in map(one, through) if isinstance(p, Instance) and p.node is not None)
    return "class" if any(not homes.isdisjoint(qualified_name(n).split(".")) for n in inside) else ""


def _node_of(served: Loader) -> Node | None:
    """Where the data set is made that is given the training's pipeline, if not the loader."""
    judged = one(part(served.dataset).data) if served.dataset is not None else None
    return judged.node if isinstance(judged, Instance) and judged.node is not None else served.node


def _is_for_training(served: Loader, training: list[Loader]) -> bool:
    """Whether it serves what is trained on, to see how well that went."""
    judged = part_of(served)
    if served.node is not None and says_training(name_given(served.node)):
        return True
    trained = [part_of(other) for other in training]
    return judged is None or any(t is not None and covers(t, judged) for t in trained)


def _is_seeded(served: Loader) -> bool:
    """Whether the data set draws in the same way each time, by a seed for each sample."""
    data = one(served.dataset) if served.dataset is not None else None
    if not isinstance(data, Instance) or not isinstance(data.cls, Class):
        return False
    for base in lineage(data.cls):
        found = base.names.get("__getitem__") if isinstance(base, Class) else None
        if isinstance(found, Function) and isinstance(found.node, Define):
            return not {"seed", "manual_seed", "fork_rng"}.isdisjoint(found.node.body.words)
    return False


def _has_views(served: Loader) -> bool:
    """Whether a sample is transformed in the same way more than once, to compare what comes out."""
    sample = served.value.attributes.get(SAMPLE)
    made = walk(sample) if sample is not None else ()
    through = [id(one(v.callee)) for v in made if isinstance(v, Result) and is_pipeline(v.callee)]
    return len(through) > len(set(through))


def _is_drawn_again(evaluation: Evaluation) -> bool:
    """Whether the same batches are evaluated several times on purpose: a loop over draws around them."""
    for region in list(evaluation.loop.ancestors())[1:]:
        if region.kind == "loop" and not region.unrolled and region.iterable is not None:
            source = underlying(region.iterable)
            is_count = isinstance(source, Result) and isinstance(source.callee, External)
            trains = any(e.kind == "backward" for e in region.events())
            if is_count and not trains and not isinstance(source, Item):
                return True
    return False


def _without(step: Step) -> list[Change]:
    """The edit that leaves a random step out, or does what it does to the middle of the image."""
    node = step.node
    if not isinstance(node, Call):
        return []
    if step.is_made:
        return [set_argument(node, "is_training", "False")]
    prefix = text_of(node.function).rpartition(step.name)[0]
    crop = step.argument(0, "size")
    if step.library.startswith(VISION) and "Crop" in step.name:
        size = node.arguments[0].value if node.arguments else None
        if crop is None or size is None or node.arguments[0].keyword not in (None, "size"):
            return []
        return [replace(node, _in_the_middle(step, prefix, text_of(size), constant(crop)))]
    if "Crop" in step.name:
        return []
    return [drop_item(node)]


def _in_the_middle(step: Step, prefix: str, size: str, pixels: object) -> str:
    """What crops the middle of an image where a random crop takes any part of it."""
    if step.name == "RandomCrop" or not isinstance(pixels, int):
        return f"{prefix}CenterCrop({size})"
    return f"{prefix}Resize({round(pixels * 256 / 224)}), {prefix}CenterCrop({size})"
