"""Data loaders: in which order they serve their samples, and whether their batches train."""

from __future__ import annotations

import inspect
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch

from .record import Record
from .rig.missing import Missing

LARGEST_BATCH = 16
LARGEST_BARE = 4  # where what is computed from them may be made up
FEWEST = 2  # where more take too long
MOST_SAMPLES = 10_000_000  # of one data set, so that numbers of two do not meet
ALONE = {
    "num_workers": 0, "pin_memory": False, "persistent_workers": False, "prefetch_factor": None, "timeout": 0,
    "multiprocessing_context": None, "pin_memory_device": "",
}  # fmt: skip


@dataclass
class Loaders:
    record: Record
    passes: dict[int, int] = field(default_factory=dict)
    iterators: Any = field(default_factory=weakref.WeakKeyDictionary)
    built: Any = field(default_factory=weakref.WeakKeyDictionary)  # loader: was it built in the focus
    last: dict[str, Any] = field(default_factory=dict)
    trained_at: int = 0
    largest: int | None = LARGEST_BATCH  # None: the program counts on the size of its batches

    def opened(self, iterator: Any, loader: Any) -> None:
        key = self.record.number(loader)
        self.passes[key] = self.passes.get(key, -1) + 1
        self.iterators[iterator] = (key, self.passes[key], loader)

    def fetched(self, iterator: Any, indices: Any, batch: Any) -> None:
        """One batch; whether it trains is known when the next one is fetched, or at the end."""
        self.close()
        key, passed, loader = self.iterators.get(iterator, (-1, 0, None))
        self.record.batches += 1
        self.last = self.record.note(
            "batch",
            loader=key,
            passed=passed,
            indices=[int(index) for index in indices] if _whole(indices) else [],
            labels=_labels(batch),
            samples=_length(loader),
            sampler=type(getattr(loader, "sampler", None)).__name__,
            built_in_focus=bool(self.built.get(loader, False)) if loader is not None else False,
            trained=False,
            origins=self._origins(loader, indices),
            **self._looks(batch),
        )
        self.trained_at = self.record.backwards

    def _origins(self, loader: Any, indices: Any) -> list[int]:
        """A number for each sample: the same for the same sample of the same data, whoever serves it."""
        data, rows = getattr(loader, "dataset", None), indices if _whole(indices) else []
        while isinstance(data, torch.utils.data.Subset):
            data, rows = data.dataset, [int(data.indices[row]) for row in rows]
        source = data.tensors[0] if isinstance(data, torch.utils.data.TensorDataset) else data
        return [self.record.number(source) * MOST_SAMPLES + row for row in rows]

    def _looks(self, batch: Any) -> dict[str, Any]:
        """What the inputs of a batch look like: a number for the content of each sample, and mean and spread of all."""
        inputs = _inputs(batch)
        if inputs is None:
            return {}
        with self.record.pause(), torch.no_grad():
            rows = inputs.detach().double().flatten(1)
            weights = torch.cos(torch.arange(rows.shape[1], dtype=torch.float64) ** 2)
            spread = float(rows.std()) if rows.numel() > 1 else 0.0
            return {
                "prints": [round(value, 6) for value in (rows @ weights).tolist()],
                "mean": float(rows.mean()),
                "spread": spread,
                "zeros": float((rows == 0).double().mean()),
            }

    def close(self) -> None:
        if self.last and self.record.backwards > self.trained_at:
            self.last["trained"] = True


def _whole(indices: Any) -> bool:
    return isinstance(indices, (list, tuple)) and all(isinstance(index, int) for index in indices)


def _inputs(batch: Any) -> Any:
    """The first tensor of a batch that has floating point numbers and one row for each sample."""
    values = (
        batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (list, tuple)) else [batch]
    )
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    found = next((value for value in tensors if value.is_floating_point() and value.dim() > 1), None)
    return found if found is not None and found.numel() and found.device.type == "cpu" else None


def _length(loader: Any) -> int:
    try:
        return len(loader.dataset)
    except (TypeError, AttributeError, NotImplementedError):
        return 0


def _labels(batch: Any) -> list[int]:
    """The class labels of a batch: its last item, if that is one whole number per sample."""
    last = batch[-1] if isinstance(batch, (list, tuple)) and batch else None
    if isinstance(last, torch.Tensor) and last.dim() == 1 and not last.is_floating_point():
        return [int(label) for label in last]
    return []


def install(record: Record, batches: str) -> Loaders:
    from torch.utils.data import dataloader

    usual = LARGEST_BARE if record.bare else LARGEST_BATCH
    loaders = Loaders(record, largest={"own": None, "few": FEWEST}.get(batches, usual))
    _hook_loader(dataloader.DataLoader, record, loaders)
    kind = dataloader._SingleProcessDataLoaderIter
    begin, fetch = kind.__init__, kind._next_data

    def start(self: Any, loader: Any) -> None:
        begin(self, loader)
        loaders.opened(self, loader)

    def following(self: Any) -> Any:
        noticed: list[Any] = []
        choose = self._next_index

        def choose_and_notice() -> Any:
            noticed.append(choose())
            return noticed[-1]

        self._next_index = choose_and_notice
        try:
            batch = fetch(self)
        finally:
            del self._next_index
        loaders.fetched(self, noticed[-1] if noticed else None, batch)
        return batch

    kind.__init__, kind._next_data = start, following
    return loaders


def _hook_loader(kind: Any, record: Record, loaders: Loaders) -> None:
    begin = kind.__init__
    order = list(inspect.signature(begin).parameters)[1:]

    def start(self: Any, *arguments: Any, **keywords: Any) -> None:
        given = {**dict(zip(order, arguments)), **keywords}
        given.update({name: value for name, value in ALONE.items() if name in given})
        size = given.get("batch_size")
        if isinstance(size, Missing):
            record.substitute(f"batches of {LARGEST_BARE}: nothing says how large they are")
            size = given["batch_size"] = LARGEST_BARE
        most = loaders.largest
        if isinstance(size, int) and most is not None and size > most:
            record.substitute(f"batches of {most} instead of {size}")
            given["batch_size"] = most
        begin(self, **given)
        loaders.built[self] = any(a <= line <= b for line in record.lines() for a, b in record.focus)

    kind.__init__ = start
