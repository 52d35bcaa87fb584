"""Edits of criteria and activations: drop one, rename one, compare with another criterion."""

from __future__ import annotations

from trainlint.meaning.objectives import Head, Objective
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Expression, Name, Subscript
from trainlint.meaning.values import Instance, Member, Result, one


def atom(node: Expression) -> str:
    """The text of an expression, in parentheses where it would fall apart elsewhere."""
    text = text_of(node)
    return text if isinstance(node, (Name, Attribute, Call, Subscript)) else f"({text})"


def without(head: Head) -> list[Change]:
    """The edit that drops an activation: its call, or its layer."""
    node, value = head.node, head.value
    if isinstance(value, Result) and isinstance(node, Call):
        if isinstance(value.callee, Member) and isinstance(node.function, Attribute):
            return [replace(node, atom(node.function.value))]
        made_here = head.layer is not None and head.layer.node is node.function
        if (head.layer is None or made_here) and node.arguments:
            return [replace(node, atom(node.arguments[0].value))]
    return _renamed_layer(head.layer, "Identity", "()")


def _renamed_layer(layer: Instance | None, name: str, arguments: str | None = None) -> list[Change]:
    node = layer.node if layer is not None else None
    if isinstance(node, Call) and isinstance(node.function, Attribute):
        prefix = text_of(node.function.value)
        if arguments is not None:
            return [replace(node, f"{prefix}.{name}{arguments}")]
        return [replace(node.function, f"{prefix}.{name}")]
    return []


def as_log_softmax(head: Head) -> list[Change]:
    """The edit that turns a softmax into a log_softmax."""
    node = head.node
    if head.layer is not None:
        return _renamed_layer(head.layer, "LogSoftmax")
    if isinstance(node, Call) and isinstance(node.function, Attribute):
        return [replace(node.function, f"{text_of(node.function.value)}.log_softmax")]
    return []


def with_logits(objective: Objective) -> list[Change]:
    """The edit that uses BCE-with-logits in place of BCE."""
    callee = one(objective.event.target)
    if isinstance(callee, Instance):
        return _renamed_layer(callee, "BCEWithLogitsLoss")
    node = objective.written
    if isinstance(node, Call) and isinstance(node.function, Attribute):
        return [replace(node.function, f"{text_of(node.function.value)}.binary_cross_entropy_with_logits")]
    return []


def wrapped(objective: Objective, template: str) -> list[Change]:
    """The prediction argument within `template`, which has one `{}`."""
    node = objective.written
    if isinstance(node, Call) and node.arguments and not node.arguments[0].star:
        argument = node.arguments[0].value
        return [replace(argument, template.format(text_of(argument)))]
    return []


def as_cross_entropy(objective: Objective, indices: bool) -> list[Change]:
    """The criterion call with cross entropy on the same prediction and target, for the experiment."""
    node = objective.written
    if (
        not isinstance(node, Call)
        or len(node.arguments) < 2
        or any(a.star or a.keyword for a in node.arguments[:2])
    ):
        return []
    prediction, target = (atom(a.value) for a in node.arguments[:2])
    if objective.criterion.kind == "bce":
        prediction = f"torch.logit({prediction}, eps=1e-6)"
    cast = f"{target}.long()" if indices else f"{target}.float()"
    return [replace(node, f"torch.nn.functional.cross_entropy({prediction}, {cast})")]
