"""Backward passes and optimizer steps: which gradient was made when, and which one reached an update."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from . import graphs
from .record import Record

LOOKED_AT = 4096  # elements of each gradient, evenly spread; all of them where it has no more


@dataclass
class Trace:
    """What is known about the gradient of one parameter since it was last cleared."""

    fresh: Any = None  # sum of what backward passes added since the last step
    total: Any = None  # sum since the gradient was last seen cleared
    carried: float = 0.0  # norm of what was there before the first backward after a step
    moment: tuple[int, int] = (-1, 0)  # loop and iteration of the last backward


@dataclass
class Gradients:
    record: Record
    parameters: Any = field(
        default_factory=weakref.WeakValueDictionary
    )  # by identity: == of tensors is no bool
    traces: dict[int, Trace] = field(default_factory=dict)
    registered: set[int] = field(default_factory=set)  # parameters of modules that were called
    optimised: set[int] = field(default_factory=set)
    discarded: int = 0  # gradients cleared before any step saw them
    starts: dict[int, Any] = field(default_factory=dict)  # the weights as each optimizer found them
    listeners: list[Any] = field(default_factory=list)  # called after each backward pass

    def watch(self, parameters: Iterable[Any]) -> None:
        for parameter in parameters:
            self.parameters[id(parameter)] = parameter

    def before(self) -> dict[int, Any]:
        """Look at all gradients before a backward pass; what is gone since the last look was cleared."""
        copies: dict[int, Any] = {}
        for key, parameter in list(self.parameters.items()):
            trace = self.traces.setdefault(key, Trace())
            sample = look(parameter.grad)
            present = norm([sample])
            if not present:
                self.discarded += trace.fresh is not None
                self.traces[key] = Trace()
                continue
            if trace.fresh is None:
                trace.carried = present
            copies[key] = sample
        return copies

    def after(self, before: dict[int, Any]) -> tuple[float, int]:
        """Norm of what this backward pass added, and how many parameters it reached."""
        added, reached = [], 0
        for key, parameter in list(self.parameters.items()):
            if parameter.grad is None:
                continue
            trace = self.traces.setdefault(key, Trace())
            old = before.get(key)
            own = look(parameter.grad) if old is None else look(parameter.grad) - old
            if not bool(own.any()):
                continue
            reached += 1
            added.append(own)
            trace.fresh = own if trace.fresh is None else trace.fresh + own
            trace.total = own if trace.total is None else trace.total + own
            trace.moment = self.record.moment
        return norm(added), reached

    def stepped(self, optimizer: Any) -> dict[str, Any]:
        """What an optimizer finds in the gradients when it steps."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.watch(parameters)
        self.optimised |= {id(p) for p in parameters}
        traces = [self.traces.get(id(p), Trace()) for p in parameters]
        gradients = [look(p.grad) for p in parameters]
        moments = [trace.moment for trace in traces if trace.fresh is not None]
        loop, index = self.record.moment
        delays = [index - at for where, at in moments if where == loop]
        sums = [(g, t.total) for g, t in zip(gradients, traces) if g is not None and t.total is not None]
        return {
            "gradient_norm": norm(gradients),
            "highest": highest(p.grad for p in parameters),
            "fresh_norm": norm(trace.fresh for trace in traces),
            "carried_norm": math.hypot(*(trace.carried for trace in traces)),
            "sum_error": norm(g - t for g, t in sums) if sums else 0.0,
            "parameters": len(parameters),
            "with_gradient": sum(bool(norm([g])) for g in gradients),
            "delay": min(delays) if delays else 0,
        }

    def moved(self, optimizer: Any) -> float:
        """How far its weights have come since it was made, by the length that they had then."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if id(p) in self.starts]
        start = norm(self.starts[id(p)] for p in parameters)
        return norm(look(p) - self.starts[id(p)] for p in parameters) / start if start else 0.0

    def forget(self, optimizer: Any) -> None:
        """After its step a gradient is no longer fresh."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                trace = self.traces.get(id(parameter))
                if trace is not None:
                    trace.fresh, trace.carried = None, 0.0


def effective(optimizer: Any) -> float:
    """The median rate behind the sums of squares that Adagrad keeps; 0 of optimizers that keep none."""
    kept = [
        group["lr"] / (look(optimizer.state[p]["sum"]).sqrt() + 1e-10)
        for group in optimizer.param_groups
        for p in group["params"]
        if "sum" in optimizer.state.get(p, ())
    ]
    return float(torch.cat(kept).median()) if kept else 0.0


def norm(samples: Iterable[Any]) -> float:
    return math.sqrt(sum(float(sample.square().sum()) for sample in samples if sample is not None))


def highest(gradients: Iterable[Any]) -> float:
    """The largest element of some gradients, whatever its sign."""
    return max((float(g.detach().abs().max()) for g in gradients if g is not None and g.numel()), default=0.0)


def look(gradient: Any) -> Any:
    """A copy of evenly spread elements, scaled so that its norm estimates that of the whole."""
    if gradient is None:
        return None
    whole = (gradient.to_dense() if gradient.is_sparse else gradient).detach().flatten()
    stride = -(-whole.numel() // LOOKED_AT) or 1
    return whole[::stride].float() * math.sqrt(stride)


def install(record: Record) -> Gradients:
    gradients = Gradients(record)
    _hook_backward(record, gradients)
    _hook_steps(record, gradients)
    _hook_derivatives(record)
    return gradients


def _hook_derivatives(record: Record) -> None:
    """Derivatives that something goes backward through: they are a part of what is learnt, as of an equation."""
    derive = torch.autograd.grad

    def grad(*arguments: Any, **keywords: Any) -> Any:
        if keywords.get("create_graph") and not record.paused:
            record.note("derived")
        return derive(*arguments, **keywords)

    torch.autograd.grad = grad


def _hook_backward(record: Record, gradients: Gradients) -> None:
    original = torch.autograd.backward

    def backward(tensors: Any, *arguments: Any, **keywords: Any) -> Any:
        if record.paused:
            return original(tensors, *arguments, **keywords)
        losses = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        data = record.note("backward", attached=any(loss.grad_fn is not None for loss in losses), raised="")
        data.update(_graph_parameters(losses, gradients))
        copies = gradients.before()
        try:
            result = original(tensors, *arguments, **keywords)
        except Exception as error:
            data["raised"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise
        record.backwards += 1
        data["added_norm"], data["reached"] = gradients.after(copies)
        data["discarded"] = gradients.discarded
        for listen in gradients.listeners:
            listen()
        return result

    torch.autograd.backward = backward


def _graph_parameters(losses: list[Any], gradients: Gradients) -> dict[str, Any]:
    """Which parameters the losses depend on, and how many of these nobody registered or optimises."""
    used = {
        key: p
        for loss in losses
        for key, p in graphs.leaves(loss).items()
        if isinstance(p, torch.nn.Parameter)
    }
    gradients.watch(used.values())
    hidden = [
        p for key, p in used.items() if key not in gradients.registered and key not in gradients.optimised
    ]
    return {
        "factors": [factor for loss in losses[:1] for factor in graphs.factors(loss)],
        "values": [float(loss.detach().sum()) for loss in losses][:4],
        "parameters": len(used),
        "watched": sum(parameter.requires_grad for parameter in gradients.parameters.values()),
        "hidden": len(hidden),
        "hidden_elements": sum(p.numel() for p in hidden),
        "elements": sum(p.numel() for p in used.values()),
    }


def _hook_steps(record: Record, gradients: Gradients) -> None:
    from torch.optim.optimizer import (
        Optimizer,
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    def before(optimizer: Any, arguments: Any, keywords: Any) -> None:
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        data = record.note(
            "step", optimizer=record.number(optimizer), kind=type(optimizer).__name__, rates=rates
        )
        data["decay"] = max(
            (float(group.get("weight_decay", 0)) for group in optimizer.param_groups), default=0.0
        )
        stepped = [p for group in optimizer.param_groups for p in group["params"]]
        data["weights"] = sum(isinstance(p, torch.nn.Parameter) for p in stepped)
        data.update(gradients.stepped(optimizer))
        data["closure"] = len(arguments) > 1 or bool(keywords.get("closure"))

    def after(optimizer: Any, arguments: Any, keywords: Any) -> None:
        gradients.forget(optimizer)
        if record.events and record.events[-1]["kind"] == "step":
            record.events[-1]["data"]["moved"] = gradients.moved(optimizer)
            record.events[-1]["data"]["effective"] = effective(optimizer)
        record.steps += 1

    register_optimizer_step_pre_hook(before)
    register_optimizer_step_post_hook(after)
    start = Optimizer.__init__

    def begin(self: Any, *arguments: Any, **keywords: Any) -> None:
        start(self, *arguments, **keywords)
        parameters = [p for group in self.param_groups for p in group["params"]]
        gradients.watch(parameters)
        gradients.optimised |= {id(p) for p in parameters}
        gradients.starts.update((id(p), look(p)) for p in parameters if not torch.nn.parameter.is_lazy(p))

    Optimizer.__init__ = begin
