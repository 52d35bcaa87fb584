"""Logarithms of probabilities, and whether they stay finite once a network has become sure of itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from .graphs import PASSING
from .record import Record

GAP = 200.0  # between the scores of a sure network; single precision ends at some 100
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
            scores = _apart(node._saved_result.log().clamp(min=-GAP))
            return "softmax", scores.softmax(node._saved_dim - (2**64 if node._saved_dim > 2**63 else 0))
        if name == "Sigmoid":
            chance = _apart(torch.logit(node._saved_result.clamp(1e-30, 1 - 1e-7))).sigmoid()
            return "sigmoid", 1 - chance if opposite else chance
        if name == "Div" and node.next_functions[0][0] is not None:
            return _quotient(node.next_functions[0][0])
        if name == "Rsub":
            opposite = True
        elif not name.startswith((*PASSING, "Gather", "MaskedSelect")):
            return None
        node = node.next_functions[0][0] if node.next_functions else None
        if node is None:
            return None
    return None


def _quotient(node: Any) -> tuple[str, Any] | None:
    if node.name().partition("Backward")[0] != "Exp":
        return None
    powers = _apart(node._saved_result.log()).exp()
    return "quotient", powers / powers.sum(-1, keepdim=True)


def _apart(scores: Any) -> Any:
    """The same scores, moved apart until they are 200 from the lowest to the highest, around 0."""
    middle = (scores.max() + scores.min()) / 2
    return (scores - middle) * (GAP / (scores.max() - scores.min()).clamp(min=1e-6)) + GAP / 4
