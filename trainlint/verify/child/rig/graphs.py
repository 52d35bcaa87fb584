"""A small double of torch_geometric and of the packages under it, for where these are not installed.

What it has not is missing: layers of rarer kinds, graphs of several kinds of nodes, samplers of neighbours.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch

from . import doubles
from .graph_data import OF_GRAPHS, Batch, Data, Loader, double
from .graph_layers import LAYERS, gathered, softened
from .missing import Missing

OF_NODES = {
    "Planetoid", "CitationFull", "CoraFull", "Amazon", "Coauthor", "WebKB", "WikipediaNetwork", "Actor", "KarateClub",
    "Reddit", "Reddit2", "Flickr", "Yelp", "WikiCS", "HeterophilousGraphDataset",
}  # fmt: skip
PARTS = {
    "data",
    "datasets",
    "loader",
    "nn",
    "transforms",
    "utils",
    "typing",
    "conv",
    "pool",
    "glob",
    "norm",
    "inits",
}
Substitute = Callable[[str], None]


def module(name: str, substitute: Substitute) -> types.ModuleType:
    """The double of `torch_geometric`, `torch_scatter` or `torch_sparse`, or of a module in one."""
    return doubles.module(name, lambda asked: _named(asked, name, substitute), __version__="2.5.0")


def _named(name: str, owner: str, substitute: Substitute) -> Any:
    if name in OF_NODES or name in OF_GRAPHS:
        substitute(f"{name}: stand-in dataset")
        return double(name, 0)
    if owner.endswith("transforms") and name[:1].isupper() and "Link" not in name:
        return _composed if name == "Compose" else lambda *arguments, **keywords: _unchanged
    known = {**LAYERS, **FUNCTIONS, "Data": Data, "Batch": Batch, "DataLoader": Loader}
    if name in known:
        return known[name]
    if name in PARTS:
        return module(f"{owner}.{name}", substitute)
    return Missing(f"{owner}.{name}", f"{owner.partition('.')[0]} is not installed")


def _unchanged(graph: Any) -> Any:
    """What transforms of a graph leave it as: its features are small, and its nodes divided, already."""
    return graph


def _composed(transforms: Any) -> Callable[[Any], Any]:
    def apply(graph: Any) -> Any:
        for transform in transforms:
            graph = transform(graph)
        return graph

    return apply


def _count(edges: Any, nodes: Any = None) -> int:
    return int(nodes) if nodes is not None else int(edges.max()) + 1


def _with_loops(edges: Any, edge_attr: Any = None, fill_value: Any = 1.0, num_nodes: Any = None) -> Any:
    places = torch.arange(_count(edges, num_nodes), device=edges.device)
    if edge_attr is not None:
        edge_attr = torch.cat([edge_attr, edge_attr.new_ones(len(places), *edge_attr.shape[1:])])
    return torch.cat([edges, torch.stack([places, places])], 1), edge_attr


def _without_loops(edges: Any, edge_attr: Any = None) -> Any:
    others = edges[0] != edges[1]
    return edges[:, others], edge_attr if edge_attr is None else edge_attr[others]


def _degree(index: Any, num_nodes: Any = None, dtype: Any = None) -> Any:
    return torch.bincount(index, minlength=_count(index, num_nodes)).to(dtype or torch.float)


def _both_ways(edges: Any, edge_attr: Any = None, *arguments: Any, **keywords: Any) -> Any:
    both = torch.cat([edges, edges.flip(0)], 1)
    return both if edge_attr is None else (both, torch.cat([edge_attr, edge_attr]))


def _dense(
    edges: Any, batch: Any = None, edge_attr: Any = None, max_num_nodes: Any = None, **keywords: Any
) -> Any:
    count = _count(edges, max_num_nodes)
    made = torch.zeros(1, count, count, device=edges.device)
    made[0, edges[0], edges[1]] = 1.0 if edge_attr is None else edge_attr.float().reshape(-1)
    return made


def _sparse(adjacency: Any) -> Any:
    edges = adjacency.nonzero().t().contiguous()
    return edges, adjacency[edges[0], edges[1]]


def _others(
    edges: Any, num_nodes: Any = None, num_neg_samples: Any = None, *given: Any, **keywords: Any
) -> Any:
    return torch.randint(0, _count(edges, num_nodes), (2, int(num_neg_samples or edges.shape[1])))


def _softmax(src: Any, index: Any, ptr: Any = None, num_nodes: Any = None, dim: int = 0) -> Any:
    return softened(src, index, _count(index, num_nodes))


def _scattered(how: str) -> Callable[..., Any]:
    def scatter(
        src: Any, index: Any, dim: int = 0, *given: Any, dim_size: Any = None, reduce: str = "", **more: Any
    ) -> Any:
        places = index if index.dim() == 1 else index.reshape(len(index), -1)[:, 0]
        moved = src.movedim(dim, 0)
        return gathered(moved, places, _count(places, dim_size), reduce or how).movedim(0, dim)

    return scatter


def _multiplied(
    index_a: Any, value_a: Any, index_b: Any, value_b: Any, m: int, k: int, n: int, *given: Any, **how: Any
) -> Any:
    one = torch.sparse_coo_tensor(index_a, value_a, (m, k))
    product = torch.sparse.mm(one, torch.sparse_coo_tensor(index_b, value_b, (k, n))).coalesce()
    return product.indices(), product.values()


FUNCTIONS: dict[str, Any] = {
    "add_self_loops": _with_loops, "add_remaining_self_loops": _with_loops, "remove_self_loops": _without_loops,
    "degree": _degree, "to_undirected": _both_ways, "to_dense_adj": _dense, "dense_to_sparse": _sparse,
    "negative_sampling": _others, "softmax": _softmax, "scatter": _scattered("add"), "spspmm": _multiplied,
    **{f"scatter_{how}": _scattered(how) for how in ("add", "sum", "mean")},
}  # fmt: skip
