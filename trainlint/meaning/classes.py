"""Whether a binary criterion trains classes that exclude each other."""

from __future__ import annotations

from dataclasses import dataclass

from trainlint.meaning.dataflow import operation, peel, same, walk
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.objectives import Objective
from trainlint.meaning.syntax import Node
from trainlint.meaning.targets import eye_rows, one_hot_of, origins
from trainlint.meaning.values import Constant, External, Instance, Item, Member, Result, Value, constant, one

# Data sets whose targets are one class index each.
_SINGLE_LABEL = frozenset(
    "MNIST FashionMNIST KMNIST EMNIST QMNIST CIFAR10 CIFAR100 SVHN STL10 ImageFolder ImageNet Caltech101 Caltech256"
    " Flowers102 Food101 GTSRB DTD EuroSAT StanfordCars OxfordIIITPet".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Exclusive:
    """The evidence that the classes exclude each other. `indices`: the target is the class index itself."""

    why: str
    what: str
    node: Node | None
    indices: bool


def exclusive_classes(objective: Objective) -> Exclusive | None:
    width = output_width(objective.prediction)
    if (width is not None and width <= 2) or _is_mixed(objective):
        return None
    hot = one_hot_of(objective.target) or eye_rows(objective.target)
    if hot is not None and (width is not None or _is_compared(objective)):
        count = f"{width} classes" if width is not None else "the classes"
        return Exclusive(f"the targets are one-hot rows of integer labels, {count} exclude each other",
                         "turns one label per sample into a row", hot[1], False)  # fmt: skip
    if width is not None and _is_class_index(objective.target):
        return Exclusive(f"the targets are class indices and the model has {width} outputs",
                         "one class index per sample", None, True)  # fmt: skip
    return None


def _is_mixed(objective: Objective) -> bool:
    """Mixed or smoothed labels are no longer exclusive."""
    return objective.program.mentions("mixup", "cutmix", "Mixup", "CutMix", "focal", "FocalLoss", "label_smoothing", "smoothing")


def output_width(value: Value) -> int | None:
    """The size of the last dimension, where the layer that made it is known."""
    for part in peel(value):
        current: Value = part
        for _ in range(6):
            match current:
                case Result(callee=Instance(cls=External(name=name)) as layer):
                    if layer_name(name) in ("Linear", "LazyLinear"):
                        return _size(layer, 1, "out_features")
                    if layer_name(name) is None or not current.arguments:
                        return None
                    current = next(iter(peel(current.arguments[0])), current)
                case Result() if operation(current) in ("sigmoid", "softmax", "relu", "tanh", "dropout"):
                    source = current.callee.receiver if isinstance(current.callee, Member) else current.arguments[0]
                    current = next(iter(peel(source)), current)
                case _:
                    return None
    return None


def _size(layer: Instance, position: int, keyword: str) -> int | None:
    given = layer.keywords.get(keyword)
    if given is None and len(layer.arguments) > position:
        given = layer.arguments[position]
    number = constant(given) if given is not None else None
    return number if isinstance(number, int) else None


def _is_compared(objective: Objective) -> bool:
    """Whether the same prediction is judged by its largest entry."""
    return objective.program.mentions("argmax") and any(
        isinstance(v, Constant) or same(v, objective.prediction) for v in (objective.prediction,)
    )


def _is_class_index(target: Value) -> bool:
    """Whether targets are the labels of a data set with one class per sample."""
    for origin in origins(target):
        if operation(origin) in ("float", "long"):
            return False
        match origin:
            case Item(source=Item(source=loader, key=None), key=Constant(value=1)):
                if not _serves_labels(one(loader)):
                    return False
            case _:
                return False
    return bool(origins(target))


def _serves_labels(loader: Value) -> bool:
    return any(
        isinstance(v, Instance) and isinstance(v.cls, External) and v.cls.name.startswith("torchvision.datasets.")
        and v.cls.name.rpartition(".")[2] in _SINGLE_LABEL and "target_transform" not in v.keywords
        for v in walk(loader)
    )  # fmt: skip
