"""Whether a binary criterion trains classes that exclude each other."""

from __future__ import annotations

from trainlint.meaning.dataflow import operands, operation, peel
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.judged import is_judged_by_argmax
from trainlint.meaning.objectives import Objective
from trainlint.meaning.syntax import Node
from trainlint.meaning.targets import class_count, classes_of_one_hot, eye_rows, hot_at, one_hot_of, whole
from trainlint.meaning.values import External, Instance, Result, Value, constant, one, passed
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Exclusive:
    """The evidence that the classes exclude each other. `indices`: the target is the class index itself."""

    why: str
    what: str
    node: Node | None
    indices: bool


def exclusive_classes(objective: Objective) -> Exclusive | None:
    width, count = output_width(objective.prediction), class_count(objective.target)
    if _is_mixed(objective) or _is_weighted_by_hand(objective):
        return None
    if count is not None and count > 2:
        outputs = f" and the model has {width} output{'s' if width != 1 else ''}" if width is not None else ""
        return Exclusive(
            f"the targets are the indices of {count} classes{outputs}", "one class index", None, True
        )
    hot = eye_rows(objective.target) or one_hot_of(objective.target) or _read_back(objective)
    width = classes_of_one_hot(objective.target) if hot is not None and width is None else width
    if (
        hot is None
        or (width is not None and width <= 2)
        or not (width is not None or _is_compared(objective))
    ):
        return None
    number = f"{width} classes" if width is not None else "the classes"
    why = f"the targets are one-hot rows of integer labels, {number} exclude each other"
    return Exclusive(why, "turns one label per sample into a row", hot[1], False)


def _is_weighted_by_hand(objective: Objective) -> bool:
    """A loss of single entries that is weighted further (focal, detection): no plain classification."""
    detail = objective.event.detail
    return isinstance(detail, dict) and "reduction" in detail and constant(detail["reduction"]) == "none"


def _is_mixed(objective: Objective) -> bool:
    """Mixed or smoothed labels are no longer exclusive."""
    return objective.program.mentions(
        "mixup", "cutmix", "Mixup", "CutMix", "focal", "FocalLoss", "label_smoothing", "smoothing"
    )


def output_width(value: Value) -> int | None:
    """The size of the last dimension, where the layer that made it is known."""
    for part in peel(value):
        current: Value = part
        for _ in range(6):
            match current:
                case Result(callee=Instance(cls=External(name=name)) as layer):
                    if layer_name(name) in ("Linear", "LazyLinear"):
                        return _size(layer, 1, "out_features")
                    if layer_name(name) is None:
                        return _replaced(layer)
                    if not current.arguments:
                        return None
                    current = next(iter(peel(current.arguments[0])), current)
                case Result() if operation(current) in ("sigmoid", "softmax", "relu", "tanh", "dropout"):
                    given = operands(current)
                    if not given:
                        return None
                    current = next(iter(peel(given[0])), current)
                case _:
                    return None
    return None


def _replaced(network: Instance) -> int | None:
    """The size of the last layer that a library's network was given: `resnet.fc = nn.Linear(512, 3)`."""
    last = one(network.attributes.get("fc", network.attributes.get("head", network)))
    if (
        isinstance(last, Instance)
        and isinstance(last.cls, External)
        and layer_name(last.cls.name) == "Linear"
    ):
        return _size(last, 1, "out_features")
    return None


def _size(layer: Instance, position: int, keyword: str) -> int | None:
    given = passed(layer, position, keyword)
    return whole(given) if given is not None else None


def _is_compared(objective: Objective) -> bool:
    """Whether the same prediction is judged by its largest entry."""
    return objective.program.uses("argmax", "max", "topk")


def _read_back(objective: Objective) -> tuple[Value, Node | None] | None:
    """Rows with a one at a label, which the program itself reads as the one class of each sample."""
    hot = hot_at(objective.target)
    return hot if hot is not None and is_judged_by_argmax(objective.program) else None
