"""A small double of einops, for where it is not installed: its patterns are all that it is, and read here as there."""

from __future__ import annotations

import itertools
import math
import re
import string
import types
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from . import doubles
from .missing import Missing

Groups = list[list[str]]  # the axes of a side of a pattern, by the dimension that they make up
ANY, ALONE = "...", "... by itself"


def module(name: str) -> types.ModuleType:
    """The double of `einops` or of a module in it."""
    known = {"rearrange": rearrange, "reduce": reduce, "repeat": repeat, "einsum": einsum}
    layers = {"Rearrange": Rearrange, "Reduce": Reduce} if ".layers" in name else {}
    return doubles.module(
        name, lambda asked: Missing(f"{name}.{asked}", "einops is not installed"), **known, **layers
    )


def rearrange(tensor: Any, pattern: str, **sizes: int) -> Any:
    return _applied(tensor, pattern, "", sizes)


def repeat(tensor: Any, pattern: str, **sizes: int) -> Any:
    return _applied(tensor, pattern, "", sizes)


def reduce(tensor: Any, pattern: str, reduction: str, **sizes: int) -> Any:
    return _applied(tensor, pattern, reduction, sizes)


def einsum(*given: Any) -> Any:
    *tensors, pattern = given
    letters: dict[str, str] = {}
    for axis in re.findall(r"\w+", pattern):
        letters.setdefault(axis, string.ascii_letters[len(letters)])
    short = re.sub(r"\w+", lambda axis: letters[axis[0]], pattern).replace(" ", "")
    return torch.einsum(short, *tensors)


class Rearrange(nn.Module):  # type: ignore[misc,unused-ignore]
    def __init__(self, pattern: str, **sizes: int) -> None:
        super().__init__()
        self.pattern, self.sizes = pattern, sizes

    def forward(self, tensor: Any) -> Any:
        return rearrange(tensor, self.pattern, **self.sizes)


class Reduce(nn.Module):  # type: ignore[misc,unused-ignore]
    def __init__(self, pattern: str, reduction: str, **sizes: int) -> None:
        super().__init__()
        self.pattern, self.reduction, self.sizes = pattern, reduction, sizes

    def forward(self, tensor: Any) -> Any:
        return reduce(tensor, self.pattern, self.reduction, **self.sizes)


def _applied(tensor: Any, pattern: str, reduction: str, sizes: dict[str, int]) -> Any:
    if isinstance(tensor, (list, tuple)):
        tensor = torch.stack([torch.as_tensor(part) for part in tensor])
    values = torch.as_tensor(tensor)
    left, right = _sides(pattern, values.dim())
    axes, wanted = list(itertools.chain(*left)), list(itertools.chain(*right))
    known = {axis: int(axis.split()[0]) for axis in (*axes, *wanted) if axis[0].isdigit()}
    known = _lengths(left, values.shape, {**known, **sizes}, pattern)
    values = values.reshape([known[axis] for axis in axes])
    values, axes = _reduced(values, axes, wanted, reduction, pattern)
    values = values.permute([axes.index(axis) for axis in wanted if axis in axes])
    for place, axis in enumerate(wanted):
        if axis not in axes:
            values = values.unsqueeze(place)
    values = values.expand([known[axis] for axis in wanted])
    values = values.reshape([math.prod(known[axis] for axis in group) for group in right])
    return values if isinstance(tensor, torch.Tensor) else values.numpy()


def _sides(pattern: str, dimensions: int) -> tuple[Groups, Groups]:
    """Both sides of a pattern; for `...` stand as many axes as the others leave of the dimensions."""
    before, _, after = pattern.partition("->")
    left, right = _groups(before, "left"), _groups(after, "right")
    dots = [f"{ANY}{number}" for number in range(max(0, dimensions - len(left) + 1))]
    return _with_dots(left, dots), _with_dots(right, dots)


def _groups(side: str, called: str) -> Groups:
    groups: Groups = []
    inside = False
    for number, token in enumerate(re.findall(r"\(|\)|\.\.\.|\w+", side)):
        if token in ("(", ")"):
            inside = token == "("
            groups += [[]] if inside else []
            continue
        axis = f"{token} {called} {number}" if token.isdigit() else token  # a length without a name
        if inside:
            groups[-1].append(axis)
        else:
            groups.append([ALONE if axis == ANY else axis])
    return groups


def _with_dots(groups: Groups, dots: list[str]) -> Groups:
    spread = [[[dot] for dot in dots] if group == [ALONE] else [group] for group in groups]
    return [
        list(itertools.chain(*(dots if axis == ANY else [axis] for axis in group)))
        for group in itertools.chain(*spread)
    ]


def _lengths(left: Groups, shape: Sequence[int], given: dict[str, int], pattern: str) -> dict[str, int]:
    """How long each axis is: what is given, else what is left of its dimension."""
    if len(left) != len(shape):
        raise ValueError(f"{pattern!r} is for {len(left)} dimensions, and there are {len(shape)}")
    known = dict(given)
    for group, size in zip(left, shape):
        unknown = [axis for axis in group if axis not in known]
        rest = math.prod(known[axis] for axis in group if axis in known)
        if len(unknown) > 1 or size % max(1, rest) or (not unknown and rest != size):
            raise ValueError(f"{pattern!r} does not fit a dimension of {size}")
        known.update(dict.fromkeys(unknown, size // rest))
    return known


def _reduced(
    values: Any, axes: list[str], wanted: list[str], reduction: str, pattern: str
) -> tuple[Any, list[str]]:
    """Without the axes that the right side does not have."""
    gone = [place for place, axis in enumerate(axes) if axis not in wanted]
    if not gone:
        return values, axes
    kept = [axis for axis in axes if axis in wanted]
    if reduction in ("max", "min"):
        return getattr(torch, f"a{reduction}")(values, dim=gone), kept
    if reduction in ("sum", "mean"):
        return getattr(torch, reduction)(values, dim=gone), kept
    if any(values.shape[place] != 1 for place in gone):
        raise ValueError(f"{pattern!r} leaves axes out")
    return values.squeeze(gone), kept
