"""Graphs as torch_geometric hands them out, for where it is not installed: one large graph, or many small ones.

The neighbours of a node are mostly of its own class, and each class has features around its own centre, so that there is
something to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import data as utils_data

NODES, NEIGHBOURS, GRAPHS = 120, 4, 64  # of the one large graph; of each node; how many small ones
OF_GRAPHS = {
    "TUDataset", "MoleculeNet", "ZINC", "QM9", "QM7b", "GNNBenchmarkDataset", "PPI", "MNISTSuperpixels", "ModelNet",
    "ShapeNet", "AQSOL", "LRGBDataset",
}  # fmt: skip
SPLIT_TEN_TIMES = {"WikipediaNetwork", "WebKB", "Actor"}
WIDTHS = {  # features and classes of what programs name
    "cora": (1433, 7), "citeseer": (3703, 6), "pubmed": (500, 3), "mutag": (7, 2), "proteins": (3, 2), "enzymes": (3, 6),
    "nci1": (37, 2), "dd": (89, 2), "computers": (767, 10), "photo": (745, 8), "cs": (6805, 15), "karateclub": (34, 4),
    "ppi": (50, 121), "reddit": (602, 41), "qm9": (11, 19), "zinc": (1, 1), "imdb-binary": (1, 2),
}  # fmt: skip
KNOWN = ("x", "edge_index", "edge_attr", "edge_weight", "y", "pos", "batch", "ptr")


class Data:
    """A graph: tensors by name."""

    def __init__(
        self, x: Any = None, edge_index: Any = None, edge_attr: Any = None, y: Any = None, pos: Any = None, **others: Any
    ) -> None:  # fmt: skip
        given = {"x": x, "edge_index": edge_index, "edge_attr": edge_attr, "y": y, "pos": pos, **others}
        vars(self).update({name: value for name, value in given.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        if name in KNOWN:
            return None
        raise AttributeError(f"a graph has no attribute {name!r}")

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __contains__(self, name: str) -> bool:
        return name in vars(self)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(vars(self).items())

    def keys(self) -> list[str]:
        return list(vars(self))

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def apply(self, change: Any) -> Data:
        tensors = {name: value for name, value in self if isinstance(value, torch.Tensor)}
        vars(self).update({name: change(value) for name, value in tensors.items()})
        return self

    def to(self, device: Any, *arguments: Any, **keywords: Any) -> Data:
        return self.apply(lambda value: value.to(device))

    def cpu(self, *arguments: Any, **keywords: Any) -> Data:
        return self.to("cpu")

    def cuda(self, *arguments: Any, **keywords: Any) -> Data:
        return self.apply(lambda value: value.cuda())

    def clone(self) -> Data:
        made = type(self).__new__(type(self))
        vars(made).update({n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in self})
        return made

    def contiguous(self, *arguments: Any, **keywords: Any) -> Data:
        return self

    detach = coalesce = pin_memory = contiguous

    @property
    def num_nodes(self) -> int:
        if "_nodes" in vars(self):
            return int(vars(self)["_nodes"])
        if self.x is not None:
            return len(self.x)
        return int(self.edge_index.max()) + 1 if self.edge_index is not None else len(self.pos)

    @num_nodes.setter
    def num_nodes(self, count: int) -> None:
        vars(self)["_nodes"] = count

    @property
    def num_edges(self) -> int:
        return int(self.edge_index.shape[1])

    @property
    def num_features(self) -> int:
        return 0 if self.x is None else int(self.x.shape[1]) if self.x.dim() > 1 else 1

    @property
    def num_edge_features(self) -> int:
        return 0 if self.edge_attr is None else int(self.edge_attr.reshape(self.num_edges, -1).shape[1])

    num_node_features = num_features

    def is_undirected(self) -> bool:
        return True

    def has_self_loops(self) -> bool:
        return bool((self.edge_index[0] == self.edge_index[1]).any())

    contains_self_loops = has_self_loops

    def has_isolated_nodes(self) -> bool:
        return False

    contains_isolated_nodes = is_directed = has_isolated_nodes


class Batch(Data):
    """Graphs side by side as one, each node with the number of its graph."""

    @classmethod
    def from_data_list(cls, graphs: Any, *arguments: Any, **keywords: Any) -> Batch:
        graphs = list(graphs)
        sizes = torch.tensor([graph.num_nodes for graph in graphs])
        ends = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
        made: Any = cls()
        for name, first in graphs[0]:
            values = [getattr(graph, name) for graph in graphs]
            if name == "edge_index":
                values = [value + end for value, end in zip(values, ends)]
            if name == "_nodes":
                made._nodes = int(ends[-1])
            elif isinstance(first, torch.Tensor):
                values = [value.reshape(1) if value.dim() == 0 else value for value in values]
                setattr(made, name, torch.cat(values, dim=1 if name == "edge_index" else 0))
            else:
                setattr(made, name, torch.tensor(values) if isinstance(first, (int, float)) else values)
        made.batch, made.ptr = torch.arange(len(graphs)).repeat_interleave(sizes), ends
        made._graphs = graphs
        return made  # type: ignore[no-any-return]

    @property
    def num_graphs(self) -> int:
        return len(self.ptr) - 1

    batch_size = num_graphs

    def to_data_list(self) -> list[Data]:
        return list(vars(self)["_graphs"])

    def __getitem__(self, key: Any) -> Any:
        return vars(self)["_graphs"][key] if isinstance(key, int) else getattr(self, key)


class Loader(utils_data.DataLoader):  # type: ignore[misc,type-arg,unused-ignore]
    """Batches of graphs; of anything else as usual."""

    def __init__(self, dataset: Any, *arguments: Any, **keywords: Any) -> None:
        for name in ("follow_batch", "exclude_keys"):
            keywords.pop(name, None)
        super().__init__(dataset, *arguments, **{"collate_fn": _collated, **keywords})


def _collated(samples: list[Any]) -> Any:
    whole = isinstance(samples[0], Data)
    return Batch.from_data_list(samples) if whole else utils_data.default_collate(samples)


class Graphs(utils_data.Dataset):  # type: ignore[misc,type-arg,unused-ignore]
    """A data set of graphs under the name of one of torch_geometric's."""

    kind, seed = "Planetoid", 0

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        said = [str(value) for value in (*arguments, *keywords.values()) if isinstance(value, str)]
        named = [WIDTHS[word.lower()] for word in (*reversed(said), self.kind) if word.lower() in WIDTHS]
        self.num_features, self.num_classes = named[0] if named else (16, 4)
        self.num_node_features, self.num_edge_features, self.name = self.num_features, 0, self.kind
        self.transform = keywords.get("transform")
        count = GRAPHS if self.kind in OF_GRAPHS else 1
        self.graphs = [self._graph(place, count) for place in range(count)]

    def _graph(self, place: int, count: int) -> Data:
        drawn = torch.Generator().manual_seed(self.seed * 1_000_003 + place)
        nodes = NODES if count == 1 else 10 + place % 5
        classes = max(2, self.num_classes)
        own = torch.arange(nodes) * 7 % classes if count == 1 else torch.full((nodes,), place * 7 % classes)
        centres = torch.randn(classes, self.num_features, generator=torch.Generator().manual_seed(7_000_003))
        x = centres[own] + torch.randn(nodes, self.num_features, generator=drawn)
        start = torch.arange(nodes).repeat_interleave(NEIGHBOURS)
        steps = torch.randint(1, max(2, nodes // classes), start.shape, generator=drawn)
        end = (start + (steps * classes if count == 1 else steps)) % nodes
        edges = torch.cat([torch.stack([start, end]), torch.stack([end, start])], 1)
        y = own if count == 1 else own[:1] if self.num_classes > 1 else x.mean().reshape(1)
        made = Data(x, edges, y=y)
        if count == 1:
            for name, share in (("train_mask", 0), ("val_mask", 1), ("test_mask", 2)):
                mask = torch.arange(nodes) // classes % 3 == share
                ten = self.kind in SPLIT_TEN_TIMES
                setattr(made, name, mask[:, None].repeat(1, 10) if ten else mask)
        return made

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int):
            graph = self.graphs[index].clone()
            return graph if self.transform is None else self.transform(graph)
        places = torch.arange(len(self))[index if isinstance(index, slice) else torch.as_tensor(index)]
        return self._of(places.tolist())

    def _of(self, places: list[int]) -> Graphs:
        made: Any = type(self).__new__(type(self))
        made.__dict__.update(vars(self), graphs=[self.graphs[place] for place in places])
        return made  # type: ignore[no-any-return]

    def shuffle(self, return_perm: bool = False) -> Any:
        order = torch.randperm(len(self))
        return (self._of(order.tolist()), order) if return_perm else self._of(order.tolist())

    def copy(self, *arguments: Any) -> Graphs:
        return self

    @property
    def data(self) -> Data:
        return self.graphs[0] if len(self) == 1 else Batch.from_data_list(self.graphs)

    _data = data

    @property
    def y(self) -> Any:
        return self.data.y


def double(kind: str, seed: int) -> type:
    """The class that stands in for one data set."""
    return type(kind, (Graphs,), {"kind": kind, "seed": seed})
