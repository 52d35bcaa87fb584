"""A loss function of which the program says no more than what it is called with: of a reconstruction and of what shapes a code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

USUAL = 2  # what is given to a loss function of torch.nn


class Measure(nn.Module):  # type: ignore[misc,unused-ignore]
    """How far the first two are apart, where they are of one shape, and how large all others are that have a graph.

    `pieces` is how many values the program takes the result apart into: the first is the whole.
    """

    def __init__(self, pieces: int = 1) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        given = [*_tensors((*arguments, *keywords.values()))]
        pairs = (
            [(one, other) for one, other in [tuple(given[:2])] if one.shape == other.shape]
            if given[1:]
            else []
        )
        terms = [nn.functional.mse_loss(one, other.to(one.dtype)) for one, other in pairs]
        terms += [value.square().mean() for value in (given[2:] if pairs else given) if value.requires_grad]
        whole = torch.stack(terms).sum() if terms else torch.zeros(())
        return (whole, *(whole.detach() for _ in range(self.pieces - 1))) if self.pieces > 1 else whole


def _tensors(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def is_called_otherwise(text: str, name: str) -> bool:
    """Whether a program calls something of a name with other than an output and a target, and never with just these."""
    counts = [
        len(node.args) + len(node.keywords)
        for node in (ast.walk(ast.parse(text)) if name and name in text else ())
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    ]
    return bool(counts) and USUAL not in counts and max(counts) > 0
