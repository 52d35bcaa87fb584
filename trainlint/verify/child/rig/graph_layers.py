"""Layers on graphs under torch_geometric's names: what a node becomes of itself and of its neighbours.

They mix as their kind does (by the mean, by attention, by a network of the program's own), and are as wide as the originals.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn


def gathered(values: Any, places: Any, count: int, how: str = "mean") -> Any:
    """What arrives at each of so many places: its sum, mean or largest value."""
    index = places.reshape(-1, *[1] * (values.dim() - 1)).expand_as(values)
    kind = {"add": "sum", "sum": "sum", "max": "amax", "min": "amin"}.get(str(how), "mean")
    empty = values.new_zeros(count, *values.shape[1:])
    return empty.scatter_reduce(0, index, values, kind, include_self=False)


def softened(scores: Any, places: Any, count: int) -> Any:
    """Scores as shares of all that arrive at the same place."""
    weights = (scores - scores.detach().max()).exp()
    return weights / gathered(weights, places, count, "sum")[places].clamp_min(1e-16)


def pairs(edges: Any) -> Any:
    """Edges as two rows of numbers, whether they come so or as a sparse matrix."""
    return edges.coalesce().indices() if edges.is_sparse else edges


class MessagePassing(nn.Module):  # type: ignore[misc,unused-ignore]
    """What programs build layers of their own on: a message for each edge, gathered at its end."""

    def __init__(
        self, aggr: Any = "add", *arguments: Any, flow: str = "source_to_target", node_dim: int = -2, **keywords: Any
    ) -> None:  # fmt: skip
        super().__init__()
        self.aggr, self.flow, self.node_dim = aggr, flow, node_dim

    def propagate(self, edge_index: Any, size: Any = None, **given: Any) -> Any:
        start, end = pairs(edge_index)
        if self.flow == "target_to_source":
            start, end = end, start
        tensors = [v for v in given.values() if isinstance(v, torch.Tensor) and v.dim() > 1]
        count = int(size[1]) if size is not None and size[1] is not None else len(tensors[0])
        known = {**given, "edge_index": edge_index, "index": end, "size": size, "ptr": None, "size_i": count, "dim_size": count}  # fmt: skip
        for name, value in given.items():
            there, here = value if isinstance(value, tuple) else (value, value)
            for ending, chosen, places in (("_j", there, start), ("_i", here, end)):
                fits = isinstance(chosen, torch.Tensor) and chosen.dim() > 0
                known[name + ending] = chosen[places] if fits and len(chosen) > int(places.max()) else chosen
        said = self._asked(self.message, known)
        if "aggregate" in vars(type(self)):
            out = self.aggregate(said, **self._wanted(self.aggregate, known))
        else:
            out = gathered(said, end, count, self.aggr)
        taken = list(inspect.signature(self.update).parameters)[1:]
        return self.update(out, **{name: known[name] for name in taken if name in known})

    def _wanted(self, method: Any, known: dict[str, Any]) -> dict[str, Any]:
        return {name: known[name] for name in inspect.signature(method).parameters if name in known}

    def _asked(self, method: Any, known: dict[str, Any]) -> Any:
        return method(**self._wanted(method, known))

    def message(self, x_j: Any) -> Any:
        return x_j

    def update(self, inputs: Any) -> Any:
        return inputs

    def reset_parameters(self) -> None:
        for layer in list(self.modules())[1:]:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()


class Mixing(MessagePassing):
    """The mean of the neighbours and the node itself, each through a layer."""

    def __init__(self, in_channels: Any, out_channels: int, *arguments: Any, **keywords: Any) -> None:
        super().__init__()
        widths = in_channels if isinstance(in_channels, (tuple, list)) else (in_channels, in_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.lin, self.lin_r = (
            _linear(width, out_channels, bias) for width, bias in zip(widths, (False, True))
        )

    def forward(self, x: Any, edge_index: Any, *arguments: Any, **keywords: Any) -> Any:
        there, here = x if isinstance(x, (tuple, list)) else (x, x)
        start, end = pairs(edge_index)
        mixed = gathered(there[start], end, len(here if here is not None else there))
        out = self.lin(mixed)
        return out if here is None else out + self.lin_r(here)


class Attending(MessagePassing):
    """The neighbours and the node itself by attention, with several heads."""

    def __init__(
        self, in_channels: Any, out_channels: int, heads: int = 1, concat: bool = True, negative_slope: float = 0.2,
        dropout: float = 0.0, *arguments: Any, **keywords: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        width = in_channels[0] if isinstance(in_channels, (tuple, list)) else in_channels
        self.in_channels, self.out_channels = in_channels, out_channels
        self.heads, self.concat, self.dropout = heads, concat, float(dropout)
        self.lin = _linear(width, heads * out_channels, False)
        self.att = nn.Parameter(torch.randn(2, heads, out_channels) / out_channels**0.5)
        self.bias = nn.Parameter(torch.zeros(heads * out_channels if concat else out_channels))

    def forward(self, x: Any, edge_index: Any, *arguments: Any, **keywords: Any) -> Any:
        values = self.lin(x[0] if isinstance(x, (tuple, list)) else x).reshape(
            -1, self.heads, self.out_channels
        )
        places = torch.arange(len(values), device=values.device)
        start, end = torch.cat([pairs(edge_index), torch.stack([places, places])], 1)
        scores = (values * self.att[0]).sum(-1)[start] + (values * self.att[1]).sum(-1)[end]
        shares = softened(nn.functional.leaky_relu(scores, 0.2), end, len(values))
        shares = nn.functional.dropout(shares, self.dropout, self.training)
        out = gathered(values[start] * shares[..., None], end, len(values), "sum")
        return (out.flatten(1) if self.concat else out.mean(1)) + self.bias


class Summing(MessagePassing):
    """The node and the sum of its neighbours, through a network of the program's own."""

    def __init__(
        self, nn: Any, eps: float = 0.0, *arguments: Any, **keywords: Any
    ) -> None:  # its name is theirs
        super().__init__()
        self.nn, self.eps = nn, eps

    def forward(self, x: Any, edge_index: Any, *arguments: Any, **keywords: Any) -> Any:
        start, end = pairs(edge_index)
        return self.nn((1 + self.eps) * x + gathered(x[start], end, len(x), "sum"))


class Comparing(MessagePassing):
    """Each node with how its neighbours differ, through a network of the program's own."""

    def __init__(
        self, nn: Any, aggr: str = "max", *arguments: Any, **keywords: Any
    ) -> None:  # its name is theirs
        super().__init__(aggr)
        self.nn = nn

    def forward(self, x: Any, edge_index: Any, *arguments: Any, **keywords: Any) -> Any:
        start, end = pairs(edge_index)
        return gathered(self.nn(torch.cat([x[end], x[start] - x[end]], -1)), end, len(x), self.aggr)


class Spreading(MessagePassing):
    """Predictions that are mixed with those of the neighbours some times over."""

    def __init__(
        self, K: int = 1, alpha: float = 0.1, dropout: float = 0.0, *given: Any, **keywords: Any
    ) -> None:
        super().__init__()
        self.rounds, self.alpha, self.dropout = K, alpha, float(dropout)

    def forward(self, x: Any, edge_index: Any, *arguments: Any, **keywords: Any) -> Any:
        (start, end), first = pairs(edge_index), x
        for _ in range(self.rounds):
            x = (1 - self.alpha) * gathered(x[start], end, len(x)) + self.alpha * first
        return x


def _linear(width: int, outputs: int, bias: bool) -> Any:
    return nn.LazyLinear(outputs, bias) if width < 0 else nn.Linear(width, outputs, bias)


def _pool(how: str) -> Any:
    def pool(x: Any, batch: Any = None, size: Any = None, *arguments: Any, **keywords: Any) -> Any:
        batch = torch.zeros(len(x), dtype=torch.long, device=x.device) if batch is None else batch
        return gathered(x, batch, int(size or batch.max() + 1), how)

    return pool


class Norm(nn.Module):  # type: ignore[misc,unused-ignore]
    """Normalises the columns of all nodes, whichever graph they are of."""

    def __init__(self, in_channels: int, *arguments: Any, **keywords: Any) -> None:
        super().__init__()
        self.module = nn.BatchNorm1d(in_channels)

    def forward(self, x: Any, *arguments: Any, **keywords: Any) -> Any:
        return self.module(x)


LAYERS: dict[str, Any] = {
    **dict.fromkeys(
        ("GCNConv", "SAGEConv", "GraphConv", "SGConv", "TAGConv", "ChebConv", "LEConv", "ClusterGCNConv", "ARMAConv"), Mixing
    ),
    **dict.fromkeys(("GATConv", "GATv2Conv", "TransformerConv", "SuperGATConv"), Attending),
    "GINConv": Summing, "EdgeConv": Comparing, "APPNP": Spreading, "MessagePassing": MessagePassing,
    **{f"global_{how}_pool": _pool(how) for how in ("mean", "add", "max")},
    **dict.fromkeys(("BatchNorm", "GraphNorm"), Norm),
}  # fmt: skip
