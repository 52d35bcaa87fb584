"""What a program takes of the outputs of a network that is not here, as its text says: a loss, parts by their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..skeleton import losses

OF_OUTPUTS = {"logits", "loss", "last_hidden_state", "pooler_output"}  # of networks as transformers has them


def losses_of(text: str, name: str) -> Iterator[int]:
    """The places at which what a network gives is a loss: `loss, scores = model(x, y)`, and `loss.backward()`."""
    tree = ast.parse(text)
    started = losses(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            func, target = node.value.func, node.targets[0]
            if name and name in (getattr(func, "id", ""), getattr(func, "attr", "")):
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                yield from (place for place, part in enumerate(parts) if getattr(part, "id", "") in started)


def entries_of(text: str, name: str) -> Iterator[str]:
    """Under which names a program asks for what a network gives: `model(x).logits`, or `out = model(x)` and `out.loss`."""
    tree = ast.parse(text)
    results = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _calls(node.value, name)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            _calls(node.value, name) or getattr(node.value, "id", "") in results
        ):
            yield from {node.attr} & OF_OUTPUTS


def _calls(node: ast.AST, name: str) -> bool:
    func = node.func if isinstance(node, ast.Call) else None
    return bool(name) and name in (getattr(func, "id", ""), getattr(func, "attr", ""))
