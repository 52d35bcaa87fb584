"""Edits that make a harm certain where it is flagged, for experiments only: what does not show when it is planted there
could not have shown as written either.

Each takes hold of the place that is flagged and of what would undo the harm, so that neither the rest of the program nor an
experiment that ends early can make the two programs differ in anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainlint.meaning.place import (
    Change,
    Place,
    insert_after,
    insert_before,
    set_argument,
    text_of,
    wrap_statement,
)
from trainlint.meaning.syntax import Call

if TYPE_CHECKING:
    from trainlint.meaning.objectives import Objective

APPLIED = {  # activations, with the scores that none of them gives
    "softmax": ("torch.softmax(scores, dim=1)", "scores.min() < 0 or scores.max() > 1"),
    "sigmoid": ("torch.sigmoid(scores)", "scores.min() < 0 or scores.max() > 1"),
    "tanh": ("torch.tanh(scores)", "scores.abs().max() > 1"),
    "relu": ("torch.relu(scores)", "scores.min() < 0"),
}


def graph_kept(place: Place) -> list[Change]:
    """Each time that a statement runs, some graph stays alive for good."""
    graph = '__import__("torch").ones(1, requires_grad=True).exp()'
    return [insert_before(place, f'globals().setdefault("_kept", []).append({graph})')]


def graph_built(forward: Place) -> list[Change]:
    """A forward pass builds its graph, whatever encloses it."""
    return [wrap_statement(forward, "with torch.enable_grad():")]


def in_train_mode(forward: Place, model: str) -> list[Change]:
    """A forward pass is entered in train mode."""
    return [insert_before(forward, f"{model}.train()")] if model else []


def eval_mode_for_good(switch: Place) -> list[Change]:
    """Behind a call of `eval()`, train mode cannot be switched on again."""
    model, called, behind = text_of(switch).rpartition(".eval()")
    if not called or behind:
        return []
    return [insert_after(switch, f"{model}.train = lambda mode=True: {model}")]


def gradients_carried(step: Place, backward: Place, optimizer: str) -> list[Change]:
    """What a step used is there again before the next backward pass, whoever cleared it."""
    each = f'for group in {optimizer}.param_groups for p in group["params"]'
    kept = "None if p.grad is None else p.grad.clone()"
    gone = "not (p.grad is not None and p.grad.any())"
    back = f'setattr(p, "grad", p._kept.clone()) {each} if getattr(p, "_kept", None) is not None and {gone}'
    return [
        insert_before(step, f'[setattr(p, "_kept", {kept}) {each}]'),
        insert_before(backward, f"[{back}]"),
    ]


def rate_held(step: Place, optimizer: str, rate: float) -> list[Change]:
    """Each step is taken at one rate, whatever else sets it."""
    return [insert_before(step, f"[group.update(lr={rate!r}) for group in {optimizer}.param_groups]")]


def stored_order(loader: Place) -> list[Change]:
    """A loader serves its samples in the order in which they are stored."""
    if not isinstance(loader, Call):
        return []
    samplers = [a.keyword for a in loader.arguments if a.keyword in ("sampler", "batch_sampler")]
    undone = [set_argument(loader, keyword, "None") for keyword in samplers if keyword]
    return [set_argument(loader, "shuffle", "False"), *undone]


def deaf(told: Sequence[Change]) -> list[Change]:
    """A sampler that is told the epoch does not listen; `told` are the edits that would tell it."""
    names = [change.text.partition(".set_epoch(")[0] for change in told]
    return [
        Change(change.node, change.how, f"{name}.set_epoch = lambda epoch: None")
        for change, name in zip(told, names, strict=True)
    ]


def activated(objective: Objective, operation: str) -> list[Change]:
    """The criterion gets what an activation makes of the scores, unless it may get that already."""
    if operation not in APPLIED:
        return []
    applied, raw = APPLIED[operation]
    return objective.wrapped(f"(lambda scores: {applied} if {raw} else scores)({{}})")
