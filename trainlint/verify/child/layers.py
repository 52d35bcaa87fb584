"""Layers in the order of their calls: what each gives in a forward pass, and what gradient it gets in the backward pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from .record import Record

MOST_LAYERS = 64  # of one forward pass
MOST_NOTES = 60  # backward passes looked at
LARGEST = 256  # units and inputs of a layer that are compared


@dataclass
class Layers:
    record: Record
    called: list[tuple[Any, dict[str, float]]] = field(default_factory=list)
    notes: int = 0

    def leave(self, module: Any, arguments: Any, output: Any) -> None:
        weight = getattr(module, "weight", None)
        if self.record.paused or not torch.is_grad_enabled() or len(self.called) >= MOST_LAYERS:
            return
        if not isinstance(weight, torch.Tensor) or weight.dim() < 2 or not isinstance(output, torch.Tensor):
            return
        if isinstance(module, torch.nn.Embedding) or any(m is module for m, _ in self.called):
            return
        self.called.append((module, _given(output.detach())))

    def note(self) -> None:
        """After a backward pass: what reached each layer that the passes before it went through."""
        called, self.called = self.called, []
        if not called or self.notes >= MOST_NOTES:
            return
        self.notes += 1
        modules = [module for module, _ in called]
        self.record.note(
            "layers",
            gradients=[_size(m.weight.grad) for m in modules],
            biases=[_size(m.bias.grad) if _has_bias(m) else 0.0 for m in modules],
            biased=[float(_has_bias(m)) for m in modules],
            spreads=[given["spread"] for _, given in called],
            silent=[given["silent"] for _, given in called],
            copies=[_copies(m.weight.detach()) for m in modules],
            inputs=[float(m.weight[0].numel()) for m in modules],
            units=[float(m.weight.shape[0]) for m in modules],
            axes=[float(m.weight.dim()) for m in modules],
        )


def _has_bias(module: Any) -> bool:
    return isinstance(getattr(module, "bias", None), torch.Tensor)


def _given(output: Any) -> dict[str, float]:
    """Spread of what a layer gives, and the share of its units that are not positive for any sample."""
    if output.dim() < 2 or not output.is_floating_point() or not output.numel():
        return {"spread": 0.0, "silent": 0.0}
    units = output.transpose(0, 1).flatten(1) if output.dim() != 3 else output.flatten(0, 1).t()
    return {
        "spread": float(output.float().std(unbiased=False)),
        "silent": float((units.amax(1) <= 0).float().mean()),
    }


def _size(gradient: Any) -> float:
    """Root mean square of a gradient, so that layers of different size compare; 0 without one."""
    return 0.0 if gradient is None else float(gradient.detach().float().square().mean().sqrt())


def _copies(weight: Any) -> float:
    """The share of units whose weights equal those of another unit."""
    rows = weight.flatten(1)[:LARGEST, :LARGEST].float()
    if len(rows) < 2:
        return 0.0
    distance = torch.cdist(rows, rows) + torch.eye(len(rows)) * 1e9
    near = distance.min(1).values <= 1e-5 * (1.0 + rows.norm(dim=1))
    return float(near.float().mean())


def install(record: Record) -> Layers:
    from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

    layers = Layers(record)
    register_module_forward_hook(layers.leave)
    drops = Drops(record)
    register_module_forward_pre_hook(drops.enter)
    drops.hook()
    return layers


@dataclass
class Drops:
    """Dropout as it is applied in training, and whether a normalisation takes what it gives."""

    record: Record
    notes: int = 0
    last: Any = None
    data: dict[str, Any] = field(default_factory=dict)

    def enter(self, module: Any, arguments: Any) -> None:
        if (
            arguments
            and arguments[0] is self.last
            and isinstance(module, torch.nn.modules.batchnorm._NormBase)
        ):
            self.data["normalised"] = True

    def hook(self) -> None:
        import torch.nn.functional as functions

        original = functions.dropout

        def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
            if not training or self.record.paused or self.notes >= MOST_NOTES:
                return original(input, p, training, inplace)
            before = input.detach().clone() if inplace else input.detach()
            given = original(input, p, training, inplace)
            self.notes += 1
            self.last = given
            self.data = self.record.note("dropout", rate=float(p), **_dropped(before, given.detach()))
            return given

        functions.dropout = dropout


def _dropped(before: Any, after: Any) -> dict[str, Any]:
    """The share of what was not zero that is now, and how much the spread of the units grew."""
    there = before != 0
    spread = float(before.float().var(unbiased=False))
    return {
        "share": float((after[there] == 0).float().mean()) if bool(there.any()) else 0.0,
        "units": int(before.shape[1]) if before.dim() > 1 else 1,
        "variance": float(after.float().var(unbiased=False)) / spread if spread else 1.0,
        "normalised": False,
    }
