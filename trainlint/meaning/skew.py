"""Classifiers that learn from skewed classes and are judged by accuracy alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.imbalance import BALANCING, CLASSIFIERS, COUNTING, TELLING, WEIGHABLE
from trainlint.meaning.labels import Classes, classes_of
from trainlint.meaning.place import Change, set_argument
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import External, Instance, Member
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
    def edits(self) -> list[Change]:
        """Weights against the counts, where the criterion or estimator takes them."""
        made = self.judge
        if made is None or not isinstance(made.cls, External) or not isinstance(made.node, s.Call):
            return []
        last, counts = made.cls.name.rpartition(".")[2], dict(self.classes.counts)
        if last in WEIGHABLE:
            return [set_argument(made.node, "class_weight", '"balanced"')]
        if sorted(counts) != list(range(len(counts))) or not self._knows_torch(made.node):
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
    if program.mentions(*BALANCING, *TELLING) or not program.uses(*COUNTING):
        return []
    found: dict[int, Skewed] = {}
    for one in (*_of_criteria(program), *_of_estimators(program)):
        found.setdefault(id(one.node.cst), one)
    return list(found.values())


def _of_criteria(program: Program) -> Iterator[Skewed]:
    for objective in program.objectives:
        event = objective.event
        classes = classes_of(event.inputs[1]) if len(event.inputs) > 1 else None
        if classes is not None:
            judge = event.target if isinstance(event.target, Instance) else None
            yield Skewed(classes, event.node, judge)


def _of_estimators(program: Program) -> Iterator[Skewed]:
    for call in program.reading.tables.calls:
        if not isinstance(call.callee, Member) or call.callee.name != "fit" or len(call.arguments) < 2:
            continue
        estimator = fitted_object(call.callee.receiver)
        made = made_by(estimator) or ""
        if call.node is None or not made.startswith("sklearn.") or made.rpartition(".")[2] not in CLASSIFIERS:
            continue
        classes = classes_of(call.arguments[1])
        if classes is not None:
            yield Skewed(classes, call.node, estimator if isinstance(estimator, Instance) else None)
