"""Logarithms of probabilities, and whether they stay finite once a network has become sure of itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from .graphs import PASSING
from .record import Record

GAP = 200.0  # between the scores of a sure network; single precision ends at some 100
BOUNDED = {"Softmax", "Sigmoid", "Tanh", "Sin", "Cos"}
STEPS = 6  # back in the graph, through changes of shape


def install(record: Record) -> None:
    torch.log = _recorded(record, torch.log)
    torch.Tensor.log = _recorded(record, torch.Tensor.log)


def _recorded(record: Record, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def log(given: Any, *arguments: Any, **keywords: Any) -> Any:
        if not record.paused and isinstance(given, torch.Tensor) and given.grad_fn is not None:
            with record.pause(), torch.no_grad():
                stretched = _stretched(given.grad_fn)
                if stretched is not None:
                    kind, values = stretched
                    lost = 1 - float(torch.isfinite(original(values)).float().mean())
                    record.note("log", kind=kind, lost=lost, gap=GAP)
        return original(given, *arguments, **keywords)

    return log


def _stretched(node: Any) -> tuple[str, Any] | None:
    """The probabilities that would be there if the same scores lay 200 apart, by the same operations."""
    opposite = False
    for _ in range(STEPS):
        name = node.name().partition("Backward")[0]
        if name == "Softmax":
            scores = _apart(node._saved_result.log().clamp(min=-GAP), _reach(node.next_functions[0][0]))
            return "softmax", scores.softmax(node._saved_dim - (2**64 if node._saved_dim > 2**63 else 0))
        if name == "Sigmoid":
            logits = torch.logit(node._saved_result.clamp(1e-30, 1 - 1e-7))
            chance = _apart(logits, _reach(node.next_functions[0][0])).sigmoid()
            return "sigmoid", 1 - chance if opposite else chance
        if name == "Div" and node.next_functions[0][0] is not None:
            return _quotient(node.next_functions[0][0])
        if name in ("Sum", "Add") and (powers := _powers(node)) is not None:
            return ("exponentials", powers.sum(-1)) if name == "Sum" else ("one more", powers + 1)
        if name == "Rsub":
            opposite = True
        elif not name.startswith((*PASSING, "Gather", "MaskedSelect")):
            return None
        node = node.next_functions[0][0] if node.next_functions else None
        if node is None:
            return None
    return None


def _powers(node: Any) -> Any | None:
    """Exponentials of the same scores, moved apart, where a node takes exponentials."""
    inner = next((given for given, _ in node.next_functions if given is not None), None)
    if inner is None or inner.name().partition("Backward")[0] != "Exp":
        return None
    return _apart(inner._saved_result.log(), _reach(inner.next_functions[0][0])).exp()


def _quotient(node: Any) -> tuple[str, Any] | None:
    if node.name().partition("Backward")[0] != "Exp":
        return None
    powers = _apart(node._saved_result.log(), _reach(node.next_functions[0][0])).exp()
    return "quotient", powers / powers.sum(-1, keepdim=True)


def _apart(scores: Any, reach: float | None) -> Any:
    """The same scores, moved apart until they are 200 from the lowest to the highest, around 0, or as far as they reach."""
    middle = (scores.max() + scores.min()) / 2
    gap, shift = (GAP, GAP / 4) if reach is None or 2 * reach > GAP else (2 * reach, 0.0)
    return (scores - middle) * (gap / (scores.max() - scores.min()).clamp(min=1e-6)) + shift


def _reach(node: Any) -> float | None:
    """How far from 0 scores can be, where what made them bounds them: probabilities, cosines, also some times as large."""
    scale = 1.0
    for _ in range(STEPS):
        name = node.name().partition("Backward")[0] if node is not None else ""
        if name in BOUNDED or _is_of_unit_vectors(node, name):
            return scale
        if name in ("Mul", "Div") and node._saved_self is None and node._saved_other.numel() == 1:
            factor = abs(float(node._saved_other)) or 1.0
            scale = scale * factor if name == "Mul" else scale / factor
        elif name != "Neg" and not name.startswith(PASSING):
            return None
        node = next((parent for parent, _ in node.next_functions if parent is not None), None)
    return None


def _is_of_unit_vectors(node: Any, name: str) -> bool:
    """Whether it is a product of rows and columns of length one, of which at least one is here to be seen."""
    if name != "Mm":
        return False
    seen = [
        (value, axis) for value, axis in ((node._saved_self, 1), (node._saved_mat2, 0)) if value is not None
    ]
    scaled = [
        parent is None or parent.name().startswith(("Div", *PASSING)) for parent, _ in node.next_functions
    ]
    return (
        bool(seen) and all(scaled) and all(bool((value.norm(dim=axis) < 1.001).all()) for value, axis in seen)
    )
