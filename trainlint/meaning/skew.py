"""Classifiers that learn from skewed classes and are judged by accuracy alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.imbalance import BALANCING, CLASSIFIERS, COUNTING, TELLING, WEIGHABLE
from trainlint.meaning.facts.tables import CROSS_VALIDATION, SEARCHES
from trainlint.meaning.huggingface import is_trainer
from trainlint.meaning.judged import counts_hits
from trainlint.meaning.labels import Classes, classes_of
from trainlint.meaning.place import Change, set_argument
from trainlint.meaning.tallies import tallies
from trainlint.meaning.transformers import fitted_object, made_by, parts_of
from trainlint.meaning.values import (
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Value,
    constant,
    one,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Skewed:
    """Labels that a model learns, and where it learns them. `judge`: the criterion or estimator."""

    classes: Classes
    sink: s.Node
    judge: Instance | None

    @property
    def node(self) -> s.Node:
        return self.classes.node

    @property
    def made(self) -> list[s.Node]:
        """Where the criterion or estimator is made, if that is elsewhere."""
        node = self.judge.node if self.judge is not None else None
        return [node] if node is not None and node.cst is not self.sink.cst else []

    @property
    def edits(self) -> list[Change]:
        """Weights against the counts, where the criterion or estimator takes them."""
        made = self.judge
        if made is None or not isinstance(made.cls, External) or not isinstance(made.node, s.Call):
            return []
        last, counts = made.cls.name.rpartition(".")[2], dict(self.classes.counts)
        if last in WEIGHABLE:
            return [set_argument(made.node, "class_weight", '"balanced"')]
        if not self.classes.ordered or sorted(counts) != list(range(len(counts))):
            return []
        if not self._knows_torch(made.node):
            return []
        if last == "BCEWithLogitsLoss":
            return [set_argument(made.node, "pos_weight", f"torch.tensor({counts[0] / counts[1]:.3g})")]
        if last == "CrossEntropyLoss":
            mean = sum(counts.values()) / len(counts)
            written = ", ".join(f"{mean / counts[label]:.3g}" for label in sorted(counts))
            return [set_argument(made.node, "weight", f"torch.tensor([{written}])")]
        return []

    def _knows_torch(self, node: s.Call) -> bool:
        return any(
            isinstance(statement, s.Import) and ("torch", None) in statement.names
            for statement in node.unit.body.statements
        )


def skewed(program: Program) -> list[Skewed]:
    """One for each place where labels are made; none where the program weighs, resamples or looks closer."""
    if program.mentions(*BALANCING, *TELLING) or not (program.uses(*COUNTING) or counts_hits(program)):
        return []
    found: dict[int, Skewed] = {}
    for each in (*_of_criteria(program), *_of_estimators(program), *_of_trainers(program)):
        found.setdefault(id(each.node.cst), each)
    return list(found.values()) or list(_as_written(program))


_CLASSIFYING = frozenset("cross-entropy nll bce bce-logits".split())


def _as_written(program: Program) -> Iterator[Skewed]:
    """What a literal says of the classes that the one network of the program learns."""
    written = tallies(program)
    learnt = [o for o in program.objectives if o.criterion.kind in _CLASSIFYING and o.reaches_backward]
    if len(written) != 1:
        return
    for objective in learnt[:1]:
        target = objective.event.target
        judge = target if isinstance(target, Instance) else None
        counts = tuple((float(label), float(rows)) for label, rows in enumerate(written[0].counts))
        classes = Classes(counts, written[0].node, written[0].by_index)
        yield Skewed(classes, objective.node, judge)


def _of_criteria(program: Program) -> Iterator[Skewed]:
    log = program.reading.tables
    for objective in program.objectives:
        if objective.criterion.kind == "regression":
            continue
        event = objective.event
        classes = classes_of(event.inputs[1], log) if len(event.inputs) > 1 else None
        if classes is not None:
            judge = event.target if isinstance(event.target, Instance) else None
            yield Skewed(classes, event.node, judge)


def _of_estimators(program: Program) -> Iterator[Skewed]:
    """`model.fit(x, y)` and `cross_val_score(model, x, y)`, also of pipelines and searches."""
    for call in program.reading.tables.calls:
        given = _learnt(call)
        if given is None or call.node is None:
            continue
        estimator = _classifier(fitted_object(given[0]))
        classes = classes_of(given[1], program.reading.tables) if estimator is not None else None
        if classes is not None:
            yield Skewed(classes, call.node, estimator if isinstance(estimator, Instance) else None)


def _learnt(call: Result) -> tuple[Value, Value] | None:
    """The estimator that a call trains, and the labels that it is given."""
    match call.callee:
        case Member(receiver=estimator, name="fit"):
            rest = call.arguments[1:]
        case External(name=name) if name.rpartition(".")[2] in CROSS_VALIDATION and call.arguments:
            if not _counts_hits(call.keywords):
                return None
            estimator, rest = call.arguments[0], call.arguments[2:]
        case _:
            return None
    labels = rest[0] if rest else call.keywords.get("y")
    return (estimator, labels) if labels is not None else None


def _counts_hits(keywords: dict[str, Value]) -> bool:
    """Whether a search or cross-validation measures accuracy: that is what it does unless it is told otherwise."""
    return "scoring" not in keywords or constant(keywords["scoring"]) == "accuracy"


def _classifier(estimator: Value, depth: int = 0) -> Value | None:
    """The classifier at the end of pipelines and searches, where it is one that takes classes as they come."""
    made = made_by(estimator) or ""
    name = made.rpartition(".")[2]
    if depth > 3 or not made.startswith(("sklearn.", "skorch.", "imblearn.")):
        return None
    if name in ("Pipeline", "make_pipeline"):
        parts = parts_of(estimator)
        return _classifier(fitted_object(parts[-1]), depth + 1) if parts else None
    if name in SEARCHES and isinstance(estimator, Instance):
        inner = next(iter(estimator.arguments), estimator.keywords.get("estimator"))
        if inner is None or not _counts_hits(estimator.keywords):
            return None
        return _classifier(fitted_object(inner), depth + 1)
    return estimator if name in CLASSIFIERS or name in _NETS else None


_NETS = ("NeuralNetClassifier", "NeuralNetBinaryClassifier")


def _of_trainers(program: Program) -> Iterator[Skewed]:
    """Data sets of `datasets` that the Trainer of transformers gets."""
    for made in program.instances:
        if not isinstance(made.cls, External) or not is_trainer(made):
            continue
        given = made.keywords.get("train_dataset")
        labels = _labels_of(one(given)) if given is not None else None
        classes = classes_of(labels, program.reading.tables) if labels is not None else None
        if classes is not None and made.node is not None:
            yield Skewed(classes, made.node, made)


def _labels_of(data: Value) -> Value | None:
    """The label column behind `Dataset.from_dict({...}).train_test_split(0.2)["train"].map(tokenise)`."""
    for _ in range(8):
        match data:
            case Result(callee=External(name="datasets.Dataset.from_dict"), arguments=[content, *_]):
                columns = one(content)
                if not isinstance(columns, Mapping):
                    return None
                return next((v for k, v in columns.items.items() if k in ("label", "labels")), None)
            case Result(callee=Member(receiver=inner, name=name)) if name in _ROWS_KEPT:
                data = one(inner)
            case Item(source=source, key=key) if key is not None and constant(key) == "train":
                data = one(source)
            case _:
                return None
    return None


_ROWS_KEPT = frozenset(
    "train_test_split map shuffle with_format set_format rename_column remove_columns cast_column class_encode_column".split()
)
