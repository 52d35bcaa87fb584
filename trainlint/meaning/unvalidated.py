"""Supervised training whose network nobody measures on data that it has not seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from trainlint.meaning.architectures import is_other_field, takes_derivatives
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import is_trial, says_held_out
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.dataflow import walk
from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.loaders import Loader
from trainlint.meaning.noise import is_drawn_anew, is_noise
from trainlint.meaning.populations import samples_of
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.schedules import iterations
from trainlint.meaning.syntax import Literal, Node, nodes_in
from trainlint.meaning.trace import Event
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from trainlint.meaning.program import Program

_HOLDING_OUT = (
    "train_test_split", "random_split", "KFold", "StratifiedKFold", "GroupKFold", "TimeSeriesSplit", "ShuffleSplit",
    "StratifiedShuffleSplit", "cross_val_score", "cross_validate", "LeaveOneOut", "Learner", "DataBunch", "NeuralNetClassifier",
    "NeuralNetRegressor", "evaluate", "benchmark", "profiler", "Profiler", "timeit", "SubsetRandomSampler", "lm_eval",
)  # fmt: skip
_EVALUATES = re.compile(
    r"(?:eval|evaluate|evaluation|test|testing|validate|validation|score|metrics?)(?:_\w+)?"
)
# From where a name begins: else a long line is gone through again from each of its letters.
_FILE = re.compile(r"(?<![\w.{}-])[\w.{}-]+\.(?:pt|pth|ckpt|bin|pkl|safetensors|tar)")
_MOVING = frozenset(
    "to cuda cpu float long double view reshape squeeze unsqueeze flatten int half detach clone".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Unvalidated:
    """A run on samples none of which is set aside."""

    node: Node
    loader: Node  # what serves all of them
    epochs: Known | None
    samples: int | None


def unvalidated(program: Program) -> list[Unvalidated]:
    courses = [course for course in program.courses if _is_whole(course)]
    trainers = [made for made in program.instances if _is_classifying(made)]
    if not (courses or trainers) or not _may_speak(program):
        return []
    found: dict[int, Unvalidated] = {}
    for course in courses:
        made = _in_batches(program, course) or _in_one_piece(program, course)
        if made is not None:
            found.setdefault(id(made.node), made)
    for trainer in trainers:
        assert trainer.node is not None
        found.setdefault(id(trainer.node), Unvalidated(trainer.node, trainer.node, None, None))
    return list(found.values())


def _is_whole(course: Course) -> bool:
    """Whether the networks are made here, and no other optimizer takes turns with this one."""
    return course.is_alone and bool(course.networks) and not is_in_unit_test(course.step)


def _is_classifying(made: Instance) -> bool:
    """A Trainer of transformers that is given labels and nothing to evaluate on."""
    if not isinstance(made.cls, External) or made.cls.name != "transformers.Trainer" or made.node is None:
        return False
    if "train_dataset" not in made.keywords or not {"eval_dataset", "compute_metrics", "**"}.isdisjoint(
        made.keywords
    ):
        return False
    return _is_classifier(
        one(made.keywords.get("model", made.arguments[0] if made.arguments else Constant(None)))
    )


def _may_speak(program: Program) -> bool:
    """Whether nothing in the program, or in files that share something with it, speaks of held-out data."""
    if is_other_field(program) or takes_derivatives(program) or program.uses(*_HOLDING_OUT):
        return False
    if program.held_out or any(not e.of_training for e in program.evaluations):
        return False
    if is_trial(program.units[0].path) or any(map(_speaks, program.units)):
        return False
    if any(constant(made.keywords.get("train", Constant(True))) is False for made in program.instances):
        return False
    return not _is_evaluated_elsewhere(program)


def _speaks(unit: Unit) -> bool:
    """Whether a name, a key or a path says that data is held out; `model.eval()` does not."""
    if any(says_held_out(word) for word in unit.code_words - {"eval", "dev"}):
        return True
    written = (n.value for n in nodes_in(unit.body) if isinstance(n, Literal) and isinstance(n.value, str))
    return any(" " not in text and len(text) < 100 and says_held_out(text) for text in written)


def _is_evaluated_elsewhere(program: Program) -> bool:
    """Whether another file of the project evaluates what this one trains, or takes this one for a library."""
    project = program.reading.project
    own = {unit.file for unit in program.units if unit.file is not None}
    entry = program.units[0].file
    saved = {name for file in own for name in _FILE.findall(project.text(file) or "")}
    for file in project.files:
        if file in own or project.is_test(file):
            continue
        if (
            _EVALUATES.fullmatch(file.stem)
            and file.parent == (entry.parent if entry else None)
            and _is_plain(file)
        ):
            return True
        if not any(_EVALUATES.fullmatch(word.lower()) for word in project.words(file) - {"eval"}):
            continue
        text = project.text(file) or ""
        if not own.isdisjoint(project.imports(file)) or any(name in text for name in saved):
            return True
    return False


def _is_plain(file: Path) -> bool:
    """`test.py`, `evaluate.py`: the script that goes with `train.py`."""
    return "_" not in file.stem


def _in_batches(program: Program, course: Course) -> Unvalidated | None:
    for training in program.training_loaders:
        if course.update is None and training.backward.detail != RETURNED:
            continue
        if course.update is not None and not any(step is course.step for step in training.steps):
            continue
        data, served = training.loader.dataset, training.loader.node
        if data is None or served is None or training.loader.open or is_noise(data):
            return None
        if not _is_made_here(training.loader) or _draws(training.loader):
            return None
        if not _is_supervised(program, training.backward, _is_label) and not _classifies(training.backward):
            return None
        around = course.epochs_node
        node = around if around is not None else training.backward.node
        return Unvalidated(node, served, course.epochs, samples_of(program, data))
    return None


def _in_one_piece(program: Program, course: Course) -> Unvalidated | None:
    """All samples of a table in every step: `loss_fn(model(x), y)`."""
    if course.update is None or not course.is_full_batch or not course.update.backwards:
        return None
    backward = course.update.backwards[0]
    if not _is_supervised(program, backward, _is_column):
        return None
    objective = next(o for o in program.objectives if o.event.region.inside(course.loops[0]))
    node = course.loops[0].node
    count = samples_of(program, objective.target)
    return Unvalidated(node, objective.node, iterations(course.loops[0]), count) if node is not None else None


def _is_made_here(loader: Loader) -> bool:
    """Whether the data set is made where it is seen, not handed over by whoever may hold some of it back."""
    made = one(loader.dataset) if loader.dataset is not None else None
    if isinstance(made, Instance):
        return not made.symbolic and made.node is not None
    behind = list(walk(made)) if made is not None else []
    read = any(isinstance(v, Result) and _function(v).startswith(_READING) for v in behind)
    return read and not any(isinstance(v, (Argument, Free)) for v in behind)


def _draws(loader: Loader) -> bool:
    """Whether each sample is drawn when it is asked for: the next batch is as new as any that is held out."""
    return is_drawn_anew(loader.value.attributes.get(SAMPLE))


def _is_supervised(program: Program, backward: Event, is_label: Callable[[Value, Value], bool]) -> bool:
    """Whether the loss compares what the network gives with labels, and with nothing else."""
    reached = {id(v) for v in walk(backward.value)} if backward.value is not None else set()
    mine = [o for o in program.objectives if o.event.value is not None and id(o.event.value) in reached]
    return bool(mine) and all(is_label(o.target, o.prediction) for o in mine)


def _classifies(backward: Event) -> bool:
    """Whether the loss is what a classifier of transformers computes by itself of the labels that it is given."""
    for value in walk(backward.value) if backward.value is not None else ():
        match value:
            case (
                Member(receiver=receiver, name="loss") | Item(source=receiver, key=Constant(value="loss" | 0))
            ):
                given = one(receiver)
            case _:
                continue
        if isinstance(given, Result) and _is_classifier(one(given.callee)):
            return not {"labels", "**", "start_positions"}.isdisjoint(given.keywords)
    return False


def _is_classifier(model: Value) -> bool:
    name = model.cls.name if isinstance(model, Instance) and isinstance(model.cls, External) else ""
    return name.startswith("transformers.") and name.endswith(("Classification", "ForQuestionAnswering"))


def _is_label(target: Value, prediction: Value) -> bool:
    labels = [_unmoved(option) for option in options(target)]
    given = {id(v) for v in walk(prediction)}
    return all(isinstance(v, Item) and v.key is not None and id(v) not in given for v in labels)


def _is_column(target: Value, prediction: Value) -> bool:
    """Whether a target was read from a file or a library's data, and the network was given the rest of it."""
    given = {id(v) for v in walk(prediction)}
    if id(_unmoved(target)) in given:
        return False
    return any(isinstance(v, Result) and _function(v).startswith(_READING) for v in walk(target))


def _function(value: Result) -> str:
    return value.callee.name.rpartition(".")[2] if isinstance(value.callee, External) else ""


_READING = ("read_", "load_", "fetch_", "loadtxt", "genfromtxt", "load", "make_")


def _unmoved(value: Value) -> Value:
    """A target before its type, its shape or its device was changed."""
    for _ in range(12):
        match one(value):
            case Result(callee=Member(receiver=inner, name=name)) if name in _MOVING:
                value = inner
            case found:
                return found
    return value
