"""Calls of loss functions: what they were given, what they answered, and what they could answer at best."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch

from . import graphs
from .record import Record

FUNCTIONS = {
    "cross_entropy": "cross_entropy",
    "nll_loss": "nll_loss",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "mse_loss": "mse",
    "l1_loss": "l1",
    "smooth_l1_loss": "smooth_l1",
    "huber_loss": "huber",
    "kl_div": "kl_div",
}
MOST_LABELS, MOST_CLASSES = 4096, 10  # of one call, for the recall of each class
RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "hardtanh": (-1.0, 1.0),
    "log_softmax": (-math.inf, 0.0),
    "log_sigmoid": (-math.inf, 0.0),
}


def install(record: Record) -> None:
    for name, kind in FUNCTIONS.items():
        original = getattr(torch.nn.functional, name)
        setattr(torch.nn.functional, name, _recorded(record, kind, original))


def _recorded(record: Record, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def criterion(input: Any, target: Any, *arguments: Any, **keywords: Any) -> Any:
        if record.paused or not isinstance(input, torch.Tensor) or not isinstance(target, torch.Tensor):
            return original(input, target, *arguments, **keywords)
        with record.pause(), torch.no_grad():
            data = record.note("criterion", kind=kind, raised="", **_describe(kind, input, target))
        data["reduction"] = str(keywords.get("reduction", "mean"))
        if input.requires_grad and input.grad_fn is not None:
            input.register_hook(lambda gradient: data.update(gradient_norm=float(gradient.norm())))
        try:
            with record.pause():
                value = original(input, target, *arguments, **keywords)
        except Exception as error:
            data["raised"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise
        data["value"] = float(value.detach().float().mean())
        return value

    return criterion


def _describe(kind: str, input: Any, target: Any) -> dict[str, Any]:
    scores = input.detach().float()
    activation = graphs.last_activation(input)
    data: dict[str, Any] = {
        "activation": activation,
        "scores_of": graphs.last_activation(input, "log_softmax"),
        "shape": list(input.shape),
        "classes": int(input.shape[1]) if input.dim() > 1 else 1,
        "gradients": input.requires_grad
        or target.requires_grad,  # who hands them over the wrong way round trains too
        **_row_facts(scores),
        **_target_facts(target, input),
    }
    data.update(_reach(activation, target) if target.is_floating_point() else {})
    data["floor"] = _floor(kind, data, target)
    return data


def _row_facts(scores: Any) -> dict[str, Any]:
    """What kind of numbers the rows are: any scores, probabilities, or logarithms of these."""
    if not scores.numel():
        return {"empty": True}
    rows = scores if scores.dim() > 1 else scores.unsqueeze(0)
    sums, logs = rows.sum(1), rows.logsumexp(1)
    sigmoid = rows.sigmoid().sum(1)
    lowest = (rows == rows.amin(1, keepdim=True)).float()
    return {
        "lowest": float(scores.min()),
        "highest": float(scores.max()),
        "zeros": float((scores == 0).float().mean()),
        "outside_unit": float(((scores < 0) | (scores > 1)).float().mean()),
        "row_sum": float(sums.mean()),
        "row_sum_error": float((sums - 1).abs().max()),
        "row_log_error": float(logs.abs().max()),
        "row_log_mean": float(logs.mean()),
        "tied": float((lowest * (lowest.sum(1, keepdim=True) > 1)).mean()),
        "spread": float((rows.amax(1) - rows.amin(1)).max()),
        "sigmoid_row_sum": float(sigmoid.mean()),
    }


def _target_facts(target: Any, input: Any) -> dict[str, Any]:
    values = target.detach().float()
    one_hot = False
    if target.shape == input.shape and target.dim() > 1 and target.shape[1] > 1:
        one_hot = bool(((values == 0) | (values == 1)).all()) and bool((values.sum(1) == 1).all())
    return {
        "target_type": str(target.dtype).replace("torch.", ""),
        "target_shape": list(target.shape),
        "target_lowest": float(values.min()) if values.numel() else 0.0,
        "target_highest": float(values.max()) if values.numel() else 0.0,
        "target_whole": bool((values == values.round()).all()),
        "one_hot": one_hot,
        "rounded": float((input.float().round() == values).float().mean())
        if input.shape == values.shape
        else -1.0,
        "accuracy": _accuracy(input, target, one_hot),
        "recalls": _recalls(input, target),
    }


def _accuracy(input: Any, target: Any, one_hot: bool) -> float:
    """The share of samples whose highest score is at their class; -1 where targets are no classes."""
    if input.dim() < 2 or input.shape[1] < 2 or not target.numel():
        return -1.0
    if one_hot:
        return float((input.argmax(1) == target.argmax(1)).float().mean())
    if target.is_floating_point() or target.shape != input.shape[:1] + input.shape[2:]:
        return -1.0
    return float((input.argmax(1) == target).float().mean())


def _recalls(input: Any, target: Any) -> list[float]:
    """For each of a few classes that are there: the share of its samples that the scores give to it."""
    if not target.numel() or target.numel() > MOST_LABELS or bool((target != target.round()).any()):
        return []
    if input.shape == target.shape and (input.dim() < 2 or input.shape[1] < 2):
        probable = input.min() >= 0 and input.max() <= 1
        said = (input > (0.5 if probable else 0.0)).long()
    elif input.dim() == 2 and target.dim() == 1 and not target.is_floating_point():
        said = input.argmax(1)
    else:
        return []
    labels = target.long().unique().tolist()
    if len(labels) > MOST_CLASSES:
        return []
    return [float((said[target == label] == label).float().mean()) for label in labels]


def _reach(activation: str, target: Any) -> dict[str, Any]:
    """The share of targets that no output of this activation can reach, and how far away they stay."""
    low, high = RANGES.get(activation, (-math.inf, math.inf))
    values = target.detach().float()
    below, above = (low - values).clamp(min=0), (values - high).clamp(min=0)
    missing = below + above
    if not values.numel():
        return {}
    return {
        "unreachable": float((missing > 1e-6).float().mean()),
        "missing_squared": float(missing.pow(2).mean()),
        "missing_absolute": float(missing.mean()),
        "target_spread": float(values.std(unbiased=False)),
    }


def _floor(kind: str, data: dict[str, Any], target: Any) -> float:
    """The lowest value that this loss can take on these targets, given the range its input is confined to."""
    activation = data["activation"]
    bounded = activation in ("softmax", "sigmoid")
    if kind == "cross_entropy" and activation == "softmax":
        return math.log(1 + (data["classes"] - 1) / math.e)
    if kind == "cross_entropy" and activation == "sigmoid":
        return math.log(1 + (data["classes"] - 1) / math.e)
    if kind == "bce_with_logits" and bounded:
        values = target.detach().float()
        return float((values * math.log1p(math.exp(-1)) + (1 - values) * math.log(2)).mean())
    if kind in ("mse", "l1") and data.get("unreachable"):
        return float(data["missing_squared" if kind == "mse" else "missing_absolute"])
    return 0.0
