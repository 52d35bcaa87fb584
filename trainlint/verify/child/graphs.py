"""How much of the autograd graph is alive, and how many bytes it saves for a backward pass."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterable, Iterator
from typing import Any

import torch

MOST_NODES = 20_000
PASSING = (
    "View", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "TBackward", "Clone", "ToCopy", "Alias", "Slice",
    "Select", "Expand", "AsStrided", "UnsafeView", "Index", "Flatten", "CopySlices", "Float", "Contiguous",
)  # fmt: skip
ACTIVATIONS = {
    "Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu",
    "Hardsigmoid": "sigmoid", "Softplus": "softplus", "LogSigmoid": "log_sigmoid", "Hardtanh": "hardtanh",
}  # fmt: skip


def measure(roots: Iterable[Any]) -> tuple[int, int]:
    """Nodes reachable from these, and the bytes of distinct storages that they have saved."""
    waiting = [root for root in roots if root is not None]
    seen = set(waiting)
    storages: dict[int, int] = {}
    while waiting and len(seen) < MOST_NODES:
        node = waiting.pop()
        for tensor in _saved(node):
            if not (tensor.is_leaf and tensor.requires_grad) and not tensor.is_sparse:
                storage = tensor.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return len(seen), sum(storages.values())


def measure_live() -> tuple[int, int]:
    """The same for the graphs of all tensors that are alive."""
    kinds = set(_kinds(torch.Tensor))
    return measure(thing.grad_fn for thing in gc.get_objects() if type(thing) in kinds)


def _kinds(kind: type) -> Iterator[type]:
    """A class and all that derive from it: asking each object for its class's ancestors takes far longer."""
    derived: list[type] = type.__subclasses__(kind)
    yield kind
    for child in derived:
        yield from _kinds(child)


def last_activation(tensor: Any, through: str = "") -> str:
    """The activation that made a tensor, looking through changes of shape and one other activation; else empty."""
    node = tensor.grad_fn
    while node is not None:
        name = node.name().partition("Backward")[0]
        if name in ACTIVATIONS and ACTIVATIONS[name] != through:
            return ACTIVATIONS[name]
        if (name not in ACTIVATIONS and not name.startswith(PASSING)) or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""


SUMMING = ("Add", "Sub", "Sum", "Mean", "Neg", "Mul", "Div", "Pow", "Abs", *PASSING)
TERMS = 12  # nodes below a loss that are asked for what its terms are multiplied by


def factors(tensor: Any) -> list[float]:
    """The numbers that a loss, or a term of it, is multiplied by on its last steps, divisors as what they come to."""
    found: list[float] = []
    waiting = [tensor.grad_fn]
    for _ in range(TERMS):
        node = waiting.pop(0) if waiting else None
        if node is None or not node.name().startswith(SUMMING):
            continue
        name = node.name().partition("Backward")[0]
        if name in ("Mul", "Div"):
            by = _multiplier(node)
            found += [] if not by else [by if name == "Mul" else 1 / by]
        waiting += [parent for parent, _ in node.next_functions if parent is not None]
    return found


def _multiplier(node: Any) -> float:
    """The number on the other side of a product or quotient; 0 where that is no number, or is learnt."""
    if sum(parent is not None for parent, _ in node.next_functions) != 1:
        return 0.0
    sides = [getattr(node, name, None) for name in ("_saved_other", "_saved_self")]
    numbers = [
        side for side in sides if isinstance(side, torch.Tensor) and side.numel() == 1 and side.dim() == 0
    ]
    return float(numbers[0]) if numbers and node.next_functions[0][0] is not None else 0.0


def leaves(tensor: Any) -> dict[int, Any]:
    """The parameters that a loss depends on, by identity."""
    found: dict[int, Any] = {}
    waiting = [tensor.grad_fn] if tensor.grad_fn is not None else []
    seen = set(waiting)
    while waiting and len(seen) < MOST_NODES:
        node = waiting.pop()
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found[id(leaf)] = leaf
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return found


def _saved(node: Any) -> list[Any]:
    """Tensors that a node keeps; none once a backward pass has freed them."""
    tensors: list[Any] = []
    for name in _saved_names(node.__class__):
        try:
            value = getattr(node, name)
        except RuntimeError:
            return []  # freed
        items = value if isinstance(value, (tuple, list)) else (value,)
        tensors += (item for item in items if isinstance(item, torch.Tensor))
    return tensors


@functools.lru_cache(maxsize=512)
def _saved_names(kind: Any) -> tuple[str, ...]:
    names = tuple(name for name in dir(kind) if name.startswith("_saved_"))
    return names or (("saved_tensors",) if hasattr(kind, "saved_tensors") else ())
