"""A network that the program only builds goes forward and backward all the same, for findings about its layers.

Its inputs are ones that it takes, and its loss is a random share of what it gives: nothing is said of the program's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .fitting import device_of, fit_call, sample
from .world import first_tensor

ROWS, PATIENCE, RATE = 16, 4.0, 0.01
CONTAINERS = (list, tuple, set, dict)
DEEPEST = 5  # containers in containers


def train(rig: Any, network: Any) -> Any:
    """Train what was built, if it is a network and the rule is about such; the network itself."""
    if not rig.request.get("network") or not isinstance(network, nn.Module) or rig.record.backwards:
        return network
    names = _taken(network)
    rig.record.note("held", **held(network))
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


def held(network: Any) -> dict[str, int]:
    """How many weights a network has, and how many more lie in lists and tables that it keeps."""
    listed = {id(p): p for p in network.parameters()}
    found = {id(p): p for module in _kept(network, 0) for p in module.parameters()}
    hidden = [p for key, p in found.items() if key not in listed and p.requires_grad]
    return {
        "hidden": len(hidden),
        "hidden_elements": sum(_size(p) for p in hidden),
        "elements": sum(_size(p) for p in (*listed.values(), *hidden)),
    }


def _size(parameter: Any) -> int:
    return 0 if nn.parameter.is_lazy(parameter) else int(parameter.numel())


def _kept(thing: Any, depth: int) -> Iterator[nn.Module]:
    """The modules that a network or a container keeps in lists, tuples, sets and dictionaries."""
    if depth > DEEPEST:
        return
    if isinstance(thing, nn.Module):
        yield thing
        inner = [part for module in thing.modules() for part in _containers(vars(module))]
    else:
        inner = list(thing.values() if isinstance(thing, dict) else thing)
    for part in inner:
        if isinstance(part, (nn.Module, *CONTAINERS)):
            yield from _kept(part, depth + 1)


def _containers(attributes: dict[str, Any]) -> Iterator[Any]:
    own = nn.Module().__dict__  # what every module keeps, its registered parts among them
    yield from (
        value for name, value in attributes.items() if name not in own and isinstance(value, CONTAINERS)
    )
