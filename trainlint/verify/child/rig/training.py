"""A network that the program only builds goes forward and backward all the same, for findings about its layers.

Its inputs are ones that it takes, and its loss is a random share of what it gives: nothing is said of the program's own.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from .fitting import device_of, fit_call, sample
from .world import first_tensor

ROWS, PATIENCE, RATE = 16, 4.0, 0.01


def train(rig: Any, network: Any) -> Any:
    """Train what was built, if it is a network and the rule is about such; the network itself."""
    if not rig.request.get("network") or not isinstance(network, nn.Module) or rig.record.backwards:
        return network
    names = _taken(network)
    with rig.record.pause():
        shapes = fit_call(network, names, len(names), names, {}, PATIENCE)
    if shapes is None:
        return network
    rig.record.substitute("data: stand-in inputs, and a loss of no meaning, for a network that is only built")
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    network.train()
    for step in rig.project.loops.over(range(rig.record.steps_wanted), 0):
        with rig.record.pause():
            inputs = [sample(shape, ROWS, step).to(device_of(network)) for shape in shapes]
        given = first_tensor(network(*inputs))
        if given is None or not given.requires_grad:
            return network
        optimizer.zero_grad()
        (given.float() * torch.randn_like(given.float())).mean().backward()
        optimizer.step()
    return network


def _taken(network: Any) -> list[str]:
    """The arguments that it cannot do without."""
    taken = inspect.signature(network.forward).parameters.values()
    needed = [p.name for p in taken if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return needed or ["x"]
