"""Evaluation data on another scale than the data that trained the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.datasets import part_of
from trainlint.meaning.extent import Extent
from trainlint.meaning.extents import Extents
from trainlint.meaning.huggingface import is_trainer
from trainlint.meaning.loaders import Loader
from trainlint.meaning.overlaps import served_to
from trainlint.meaning.place import Change, append_text, replace, text_of
from trainlint.meaning.recipes import apart, differs, input_of, lacks, unbatched
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.scaling import Scale, scale_of
from trainlint.meaning.syntax import Node
from trainlint.meaning.tokenizing import tokenizers_of
from trainlint.meaning.transforms import Step, pipelines
from trainlint.meaning.values import External, Instance, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """Two pipelines of one program that leave samples on different scales."""

    node: Node  # in the pipeline of the evaluation
    trained: Step | None
    evaluated: Step | None
    trained_node: Node
    distance: float  # in standard deviations; infinite where only one normalises
    mended: tuple[Change, ...]
    ranges: str = ""  # which values the trained and the evaluated step give, where that differs
    said: str = ""  # what the place does, where it is no step of a pipeline


def mismatches(program: Program) -> list[Mismatch]:
    found: dict[int, Mismatch] = {}
    training = [t.loader for t in program.training_loaders]
    extents = Extents(program.reading.tables)
    by_rows = [] if training else _trained_by_rows(program)
    for evaluation in (*program.evaluations, *program.held_out) if training or by_rows else ():
        if not evaluation.judged or not evaluation.trained or evaluation.of_training:
            continue
        if is_in_unit_test(evaluation.event):
            continue
        sources = served_to(evaluation.event)
        if not sources and evaluation.event.inputs:
            trained = [given for other in training if (given := input_of(other)) is not None]
            for made in _at_once(evaluation.event.inputs[0], by_rows or trained, len(training or by_rows)):
                found.setdefault(id(made.node), made)
        for served in sources:
            mismatch = _mismatch(served, training) or _otherwise(extents, served, training)
            if mismatch is not None:
                found.setdefault(id(mismatch.node), mismatch)
    for mismatch in _by_trainers(program):
        found.setdefault(id(mismatch.node), mismatch)
    return list(found.values())


def _by_trainers(program: Program) -> Iterator[Mismatch]:
    """`Trainer(train_dataset=..., eval_dataset=...)` of texts that two tokenizers turned into numbers."""
    for made in program.instances if program.mentions("eval_dataset") else ():
        trained, judged = (made.keywords.get(name) for name in ("train_dataset", "eval_dataset"))
        if not is_trainer(made) or trained is None or judged is None:
            continue
        first, second = tokenizers_of(program, trained), tokenizers_of(program, judged)
        if len(first) == len(second) == 1 and first[0].checkpoint != second[0].checkpoint:
            said = f"gives other numbers to words than the tokenizer of `{first[0].checkpoint}`, which training uses"
            yield Mismatch(second[0].node, None, None, first[0].node, float("inf"), (), said=said)


def _mismatch(served: Loader, training: list[Loader]) -> Mismatch | None:
    judged, kind = scale_of(pipelines(served)), _kind(served)
    scales = [scale_of(pipelines(other)) for other in training if kind and _kind(other) == kind]
    if judged is None or not scales or len({id(one(p)) for p in pipelines(served) or ()}) != 1:
        return None
    found = [_apart(scale, judged) if scale is not None else None for scale in scales]
    first = found[0]
    return first if all(f is not None for f in found) else None


def _trained_by_rows(program: Program) -> list[Value]:
    """The tables whose rows train, where no loader serves them."""
    used = program.used_by_backwards
    trained = [
        e.inputs[0]
        for e in program.events("forward")
        if e.inputs and id(e.value) in used and not is_in_unit_test(e)
    ]
    tables = {id(table): table for given in trained if (table := unbatched(given)) is not one(given)}
    return [*tables.values()]


def _at_once(judged: Value, trained: list[Value], count: int) -> Iterator[Mismatch]:
    """All rows of a table, or some in turn, that was scaled in another way than those that train."""
    table = unbatched(judged)
    found = [made for given in trained if (made := _of_tables(given, table)) is not None]
    if found and len(found) == count:
        yield found[0]


def _of_tables(trained: Value, judged: Value) -> Mismatch | None:
    lacking, other = lacks(trained, judged), differs(trained, judged)
    places = lacking or other
    if places is None:
        return None
    said = (
        f"is made without `{text_of(places[0])}`" if lacking else f"is not what `{text_of(places[0])}` does"
    )
    return Mismatch(places[1], None, None, places[0], float("inf"), (), said=said)


def _otherwise(extents: Extents, served: Loader, training: list[Loader]) -> Mismatch | None:
    """Where arithmetic or functions of the author's own do what a pipeline would."""
    found = [m for other in training if (m := _made_otherwise(extents, served, other)) is not None]
    return found[0] if found and len(found) == len(training) else None


def _made_otherwise(extents: Extents, served: Loader, other: Loader) -> Mismatch | None:
    trained, judged = input_of(other), input_of(served)
    found_at = _of_tables(trained, judged) if trained is not None and judged is not None else None
    if found_at is not None:
        return found_at
    if SAMPLE not in served.value.attributes or SAMPLE not in other.value.attributes:
        return None
    first, second = extents.sample(other, 0), extents.sample(served, 0)
    found = apart(first, second) if first is not None and second is not None else None
    place = _place(second, found[1]) if second is not None and found is not None else None
    origin = _place(first, found[1]) if first is not None and found is not None else None
    if found is None or place is None or origin is None:
        return None
    return Mismatch(place, None, None, origin, found[0], (), said=found[1])


def _place(extent: Extent, said: str) -> Node | None:
    """Where a picture is read, if that decides the order of its colours, else where it got its scale."""
    return getattr(extent.source, "node", None) if "colours" in said else extent.node


def _kind(loader: Loader) -> str:
    """The class of the data set: data from elsewhere may want constants of its own."""
    part = part_of(loader)
    made = one(part.data) if part is not None else None
    if not isinstance(made, Instance):
        return ""
    return made.cls.name if isinstance(made.cls, External) else f"{made.cls.unit.path} {made.cls.node.name}"


def _apart(trained: Scale, judged: Scale) -> Mismatch | None:
    first, second = trained.normalise, judged.normalise
    ranges = _ranges(trained, judged)
    if ranges is not None:
        return ranges
    if first is not None and second is not None:
        if first.value is second.value or first.node is None or second.node is None:
            return None
        change = replace(second.node, text_of(first.node))
        return Mismatch(second.node, first, second, first.node, trained.distance(judged), (change,))
    if first is second or not trained.complete or not judged.complete:
        return None
    if trained.converts is None or judged.converts is None:
        return None
    lacking = trained.converts if first is None else judged.converts
    normalise = (first or second).node if (first or second) is not None else None  # type: ignore[union-attr]  # one of both is there
    if lacking.node is None or normalise is None or judged.converts.node is None:
        return None
    node = judged.converts.node if second is None else normalise
    trained_node = normalise if second is None else lacking.node
    change = append_text(lacking.node, f", {text_of(normalise)}")
    return Mismatch(node, first, second, trained_node, float("inf"), (change,))


def _ranges(trained: Scale, judged: Scale) -> Mismatch | None:
    """Bytes that are divided by 255 in one of two pipelines that are alike in their normalisation."""
    first, second = trained.typed, judged.typed
    if (trained.normalise is None) is not (judged.normalise is None) or not (
        trained.complete and judged.complete
    ):
        return None
    if first is None or second is None or trained.is_unit is judged.is_unit or trained.distance(judged) >= 1:
        return None
    if first.node is None or second.node is None:
        return None
    said = "255, and training from 0 to 1" if trained.is_unit else "1, and training from 0 to 255"
    change = replace(second.node, text_of(first.node))
    return Mismatch(second.node, first, second, first.node, float("inf"), (change,), said)
