"""Networks of the program that nothing here fits: a graph's edges, say, that no trial finds.

Where a rule asks nothing about what a network computes, only whether it is called with gradients and in which mode, one
in evaluation mode gives made-up numbers instead, computed from its own weights.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from typing import Any

import torch

WIDTH = 8
MOST_WEIGHTS = 20  # tensors of them that the numbers are computed from
CUTS = re.compile(
    r"no_grad|inference_mode|set_grad_enabled|detach_?|requires_grad_?|argmax|multinomial|(batched_)?nms|item|tolist|numpy"
)
BEGINS = re.compile(r"\w*(init|reset|build|load)\w*")  # methods that run before the network is called


def may_be_replaced(rig: Any, module: Any) -> bool:
    """Whether it is a network of the project's own that evaluates, and whose text has nothing that cuts graphs."""
    if module.training or rig.request.get("bare") != "flow" or not rig.project.owns(type(module)):
        return False
    kinds = {kind for part in module.modules() for kind in type(part).__mro__ if rig.project.owns(kind)}
    return not any(_cuts(rig, kind) for kind in kinds)


def _cuts(rig: Any, kind: type) -> bool:
    """Whether methods of a class may cut graphs; so they may where they cannot be read."""
    written = list(_classes(rig, kind))
    running = [
        part for it in written for part in it.body if not BEGINS.fullmatch(str(getattr(part, "name", "")))
    ]
    names = {name for part in running for node in ast.walk(part) for name in _said(node)}
    return not written or any(CUTS.fullmatch(name) for name in names)


def _said(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield "detach" if node.attr == "data" and isinstance(node.ctx, ast.Load) else node.attr
    elif isinstance(node, ast.Name):
        yield node.id


def _classes(rig: Any, kind: type) -> Iterator[ast.ClassDef]:
    for text in (rig.world.text, *rig.project.texts):
        if kind.__name__ in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                    yield node


@contextlib.contextmanager
def answering(rig: Any, module: Any, rows: int) -> Iterator[None]:
    """While this lasts the network computes nothing of its own: as many values as the program takes apart."""
    weights = [p for p in module.parameters() if p.is_floating_point()][:MOST_WEIGHTS]
    count = next((n for name, n in _pieces(rig) if any(it is module for it in rig.named(name))), 1)

    def answer(*arguments: Any, **keywords: Any) -> Any:
        values = tuple(_numbers(weights, rows) for _ in range(count))
        return values if count > 1 else values[0]

    rig.record.substitute(f"{type(module).__name__}: made-up outputs, for no inputs were found that it takes")
    vars(module)["forward"] = answer
    try:
        yield
    finally:
        del vars(module)["forward"]


def _pieces(rig: Any) -> Iterator[tuple[str, int]]:
    yield from (rig.request.get("unpacked") or {}).items()


def _numbers(weights: list[Any], rows: int) -> Any:
    noise = torch.randn(rows, WIDTH, device=weights[0].device)
    return noise + sum((weight * torch.randn_like(weight)).mean() for weight in weights)
