"""Class indices that a regression loss takes for quantities."""

from __future__ import annotations

from trainlint.meaning.classes import output_width
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.nominal import is_nominal, number_of_names, rounds_predictions
from trainlint.meaning.objectives import Objective, is_activation
from trainlint.meaning.place import Change, replace
from trainlint.meaning.rewrites import atom
from trainlint.meaning.syntax import Call
from trainlint.meaning.targets import class_count, origins
from trainlint.meaning.values import External, Result, Value
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class RegressedClasses:
    """A regression loss on the indices of some classes; `width`: how many outputs the network has, if known.

    `count`: how many classes; None where they are known to be classes, and more than two, but not their number.
    """

    objective: Objective
    count: int | None
    width: int | None

    @property
    def as_cross_entropy(self) -> list[Change]:
        """The edit for the experiment: one output for each class, and cross entropy on them."""
        node = self.objective.written
        if self.count is None:
            return []
        widened = [] if self.width == self.count else self._widened
        if (
            not isinstance(node, Call)
            or len(node.arguments) < 2
            or (self.width != self.count and not widened)
        ):
            return []
        if any(a.star or a.keyword for a in node.arguments[:2]):
            return []
        prediction, target = (atom(a.value) for a in node.arguments[:2])
        call = f"torch.nn.functional.cross_entropy({prediction}, {target}.flatten().long())"
        return [*widened, replace(node, call)]

    @property
    def _widened(self) -> list[Change]:
        """The last linear layer with one output for each class."""
        for head in self.objective.heads[:1]:
            layer = head.layer
            known = layer is not None and isinstance(layer.cls, External)
            if known and layer_name(layer.cls.name) == "Linear" and isinstance(layer.node, Call):  # type: ignore[union-attr]
                given = layer.node.arguments  # type: ignore[union-attr]
                if self.width == 1 and len(given) > 1 and not given[1].keyword:
                    return [replace(given[1].value, str(self.count))]
        return []


def regressed_classes(objective: Objective) -> RegressedClasses | None:
    """Whether the targets are known to be the indices of three classes or more; two make a fair regression."""
    if objective.criterion.kind != "regression" or not objective.learns or not objective.reaches_backward:
        return None
    count = class_count(objective.target)
    if count is None and is_nominal(objective.target, objective.program.reading.tables):
        return _of_codes(objective)
    if count is None or count < 3:
        return None
    if any(map(_is_drawn, origins(objective.target))) and not objective.program.uses("argmax", "round"):
        return None  # whole numbers that stand in for something else
    return RegressedClasses(objective, count, output_width(objective.prediction))


def _of_codes(objective: Objective) -> RegressedClasses | None:
    """Codes of words or folders: more than two where there are as many outputs, or where raw ones are rounded."""
    width, names = (
        output_width(objective.prediction),
        number_of_names(objective.target, objective.program.reading.tables),
    )
    if names is not None and names < 3:
        return None
    if width is not None and width > 2:
        return RegressedClasses(objective, width, width)
    is_squashed = any(map(is_activation, objective.heads)) or objective.program.uses("sigmoid", "Sigmoid")
    if width == 1 and not is_squashed and rounds_predictions(objective.program):
        return RegressedClasses(objective, names, width)
    return None


def _is_drawn(origin: Value) -> bool:
    match origin:
        case Result(callee=External(name="torch.randint" | "numpy.random.randint")):
            return True
    return False
