"""Batches that are objects: graphs with `x`, `edge_index` and `y`, texts with `text` and `label`."""

from __future__ import annotations

from typing import Any

import torch

ROWS = {"num_graphs", "batch_size", "num_nodes"}


class Bundle:
    """Tensors by name, of so many samples; where it is moved to it already is."""

    def __init__(self, rows: int, values: dict[str, Any]) -> None:
        vars(self).update(values, **dict.fromkeys(ROWS, rows))
        if "batch" in values:
            self.batch = torch.arange(rows)
        if "edge_index" in values:
            self.edge_index = torch.stack([torch.arange(rows), torch.arange(rows).roll(1)])

    def to(self, *arguments: Any, **keywords: Any) -> Bundle:
        return self

    cuda = cpu = pin_memory = to


def bundled(samples: list[dict[str, Any]]) -> Bundle:
    """Samples as one batch."""
    values = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
    return Bundle(len(samples), values)
