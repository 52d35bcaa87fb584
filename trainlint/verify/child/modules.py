"""Calls of models from outside: in which mode, under which gradient mode, and what the mode did to the output."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from . import graphs
from .gradients import Gradients
from .record import Record

PROBES = 3  # how often the mode's effect is measured at one place
DROPOUT = (nn.modules.dropout._DropoutNd, nn.RReLU)
NORM = (nn.modules.batchnorm._NormBase,)
ALONE = (
    nn.modules.instancenorm._InstanceNorm,
)  # each sample by itself: no batch moves another one's statistics


@dataclass
class Calls:
    record: Record
    gradients: Gradients
    depth: int = 0
    probed: dict[int, int] = field(default_factory=dict)  # line: how often
    buffers: list[Any] = field(default_factory=list)  # running statistics when the call began

    def enter(self, module: Any, arguments: Any) -> None:
        if self.record.paused or is_criterion(module):
            return
        self.depth += 1
        if self.depth == 1:
            self.buffers = [
                copy.deepcopy(layer.state_dict()) for layer in mode_layers(module) if is_norm(layer)
            ]
            self.gradients.registered |= {id(p) for p in module.parameters()}
            self.gradients.watch(module.parameters())

    def left(self, module: Any, arguments: Any, *rest: Any) -> None:
        """The hook: keywords and output, but after a call that raised torch leaves the keywords out."""
        self.leave(module, arguments, rest[0] if len(rest) > 1 else {}, rest[-1])

    def leave(self, module: Any, arguments: Any, keywords: Any, output: Any) -> None:
        if self.record.paused or is_criterion(module):
            return
        self.depth = max(0, self.depth - 1)
        if not self.depth and output is not None:  # nothing where it raised
            self.record.forwards += 1
            self._note(module, arguments, keywords, output)

    def _note(self, module: Any, arguments: Any, keywords: Any, output: Any) -> None:
        layers = list(mode_layers(module))
        active = [layer for layer in layers if layer.training]
        tensors = list(tensors_in(output))
        roots = [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]
        nodes, size = graphs.measure(roots) if roots else (0, 0)
        data = self.record.note(
            "forward", module=self.record.number(module), name=type(module).__name__, training=module.training,
            gradients=torch.is_grad_enabled(), nodes=nodes, bytes=size, layers=len(layers), active=len(active),
            dropout=sum(is_dropout(layer) for layer in layers), norms=sum(is_norm(layer) for layer in layers),
            active_norms=sum(is_norm(layer) for layer in active), trained=False, rows=int(tensors[0].shape[0]) if tensors and tensors[0].dim() else 1,
            trainable=sum(p.requires_grad for p in module.parameters()), weights=len(list(module.parameters())),
            **_input(arguments),
        )  # fmt: skip
        for tensor in tensors[:1]:
            if tensor.grad_fn is not None:
                tensor.register_hook(lambda gradient: data.update(trained=True))
        if active and not self.record.only_order and self.probed.get(data["line"], 0) < PROBES:
            self.probed[data["line"]] = self.probed.get(data["line"], 0) + 1
            data.update(self._probe(module, arguments, keywords))

    def _probe(self, module: Any, arguments: Any, keywords: Any) -> dict[str, Any]:
        """The same batch twice more: how far two passes differ, and how far this one moved the statistics."""
        norms = [layer for layer in mode_layers(module) if is_norm(layer)]
        kept = [(old, layer) for old, layer in zip(self.buffers, norms) if not isinstance(layer, ALONE)]
        moved = max((_distance(old, layer.state_dict()) for old, layer in kept), default=0.0)
        state = torch.get_rng_state()
        with self.record.pause(), torch.no_grad(), _copied_buffers(norms):
            try:
                first = next(tensors_in(module.forward(*arguments, **keywords)), None)
                second = next(tensors_in(module.forward(*arguments, **keywords)), None)
            except Exception:  # a model that cannot be called twice is not measured
                return {"moved": moved}
            finally:
                torch.set_rng_state(state)
        return {"moved": moved, "differ": _difference(first, second)}


@contextlib.contextmanager
def _copied_buffers(layers: list[Any]) -> Iterator[None]:
    """Copies stand in for running statistics: changing these would be a change to what autograd saved."""
    originals = [dict(layer._buffers) for layer in layers]
    for layer, buffers in zip(layers, originals):
        layer._buffers.update(
            {name: buffer.clone() for name, buffer in buffers.items() if buffer is not None}
        )
    try:
        yield
    finally:
        for layer, buffers in zip(layers, originals):
            layer._buffers.update(buffers)


def _input(arguments: Any) -> dict[str, float]:
    """Mean and spread of what goes in, and of its columns, if it has some, the widest by the narrowest."""
    given = next(tensors_in(arguments), None)
    if given is None or not given.numel() or given.dim() < 2:
        return {}
    with torch.no_grad():
        values = given.detach().double()
        widths = values.std(0, unbiased=False) if values.dim() == 2 else values.new_ones(1)
        widths = widths[widths > 0]
        return {
            "input_mean": float(values.mean()),
            "input_spread": float(values.std(unbiased=False)),
            "input_uneven": float(widths.max() / widths.min()) if widths.numel() else 1.0,
        }


def mode_layers(module: Any) -> Iterator[Any]:
    """Layers that do something else in training than in evaluation."""
    return (layer for layer in module.modules() if is_dropout(layer) or is_norm(layer))


def is_dropout(layer: Any) -> bool:
    if isinstance(layer, DROPOUT):
        return getattr(layer, "p", 1.0) > 0
    return isinstance(layer, (nn.RNNBase, nn.MultiheadAttention)) and layer.dropout > 0


def is_norm(layer: Any) -> bool:
    return isinstance(layer, NORM) and bool(layer.track_running_stats)


def is_criterion(module: Any) -> bool:
    return type(module).__module__ == "torch.nn.modules.loss"


def tensors_in(value: Any) -> Iterator[Any]:
    """Floating tensors of an output, whatever it is wrapped in; sparse ones, which are graphs mostly, left out."""
    if isinstance(value, torch.Tensor):
        if value.is_floating_point() and value.layout is torch.strided:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def _difference(first: Any, second: Any) -> float:
    """Mean distance of two outputs in units of their spread."""
    if first is None or second is None or first.shape != second.shape:
        return 0.0
    spread = float(first.float().std(unbiased=False)) or 1.0
    return float((first - second).abs().float().mean()) / spread


def _distance(old: dict[str, Any], new: dict[str, Any]) -> float:
    """How far running statistics moved, relative to their size."""
    moved = 0.0
    for name in ("running_mean", "running_var"):
        if name in old and name in new:
            size = float(old[name].norm()) or 1.0
            moved = max(moved, float((new[name] - old[name]).norm()) / size)
    return moved


def _hook_modes(record: Record) -> None:
    """Each switch of a whole network, and whether it changed anything."""
    switch, depth = nn.Module.train, [0]

    def train(self: Any, mode: bool = True) -> Any:
        if not depth[0] and not record.paused:
            changes = any(layer.training != mode for layer in self.modules())
            record.note("mode", module=record.number(self), training=bool(mode), changes=changes)
        depth[0] += 1
        try:
            return switch(self, mode)
        finally:
            depth[0] -= 1

    nn.Module.train = train


def install(record: Record, gradients: Gradients) -> None:
    from torch.nn.modules import module as hooks

    calls = Calls(record, gradients)
    _hook_modes(record)
    hooks.register_module_forward_pre_hook(calls.enter)
    try:
        hooks.register_module_forward_hook(calls.left, with_kwargs=True, always_call=True)
    except TypeError:  # before torch 2.4 or so: the hook does not see keywords
        hooks.register_module_forward_hook(lambda m, a, output: calls.leave(m, a, {}, output))
