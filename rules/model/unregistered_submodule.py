"""Layers are never trained, saved or moved, because a plain list hides them from the model.

`nn.Module` notices a layer only when the layer itself is assigned as an attribute. A Python list, tuple
or dict of layers is just a value to it: `parameters()`, `state_dict()`, `.to(device)`, `.train()` and
`.eval()` all pass them by. The forward pass works, so the network trains around layers that keep their
random weights, and a model loaded from a checkpoint gets new random ones.

```python bad
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.layers = [nn.Linear(16, 16) for _ in range(depth)]  # lint: layers
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.out(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(8, 16)), torch.randint(2, (8,)))
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(depth)])
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.out(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(8, 16)), torch.randint(2, (8,)))
    loss.backward()
    optimizer.step()
```

## When it is fine

When the same layers are registered as well (`add_module`, `nn.Sequential(*self.blocks)`, an attribute
each), when they have no weights, when their parameters are handed to the optimizer by hand, and when a
frozen teacher is hidden on purpose.

## Fix

`nn.ModuleList` for a list or tuple, `nn.ModuleDict` for a dict, `nn.Sequential` where they simply run
in order. The automatic fix wraps the list. Old checkpoints lack the layers: load them with care.

## How to see it

`print(model)` does not show the layers; their `weight.grad` grows but `weight` never changes. After
`model.cuda()` the forward pass raises "Expected all tensors to be on the same device".

## What it costs

The model above trains 2 of its 8 parameter tensors and saves as many (counted on the CPU). Where every
layer is in the list, the optimizer raises "optimizer got an empty parameter list".

## Sources

PyTorch documentation of `torch.nn.ModuleList`; pytorch issues 666, 1053, 38639 and 59925;
pytorch-meta-optimizer issue 11 (LSTM cells that never trained).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for hidden in program.hidden_modules:
        yield Finding(
            hidden.node,
            f"`self.{hidden.attribute}` keeps modules in a plain {hidden.kind}: their weights are not in parameters(), "
            "so they are not trained, moved or saved",
            because=[(m.node, "a module with weights") for m in hidden.modules[:2] if m.node is not None],
            fix=hidden.registered,
            title=f"Keep them in an nn.{hidden.container_class}",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run in written:
        if run.raised and "empty parameter list" in run.raised:
            return Effect("the optimizer finds no parameters at all: " + run.raised)
    passes = [event for run in written for event in run.all("backward") if event.flag("hidden")]
    stepped = any(run.all("step") for run in written)
    if not passes and stepped and any(run.all("backward") for run in written):
        return None  # it trains, and what it keeps takes no part
    if not passes or not stepped:
        return _kept(written)  # without an optimizer nobody knows what one would be given
    hidden, used = passes[0].number("hidden_elements"), passes[0].number("elements")
    said = f"{hidden:.0f} of the {used:.0f} weights in the loss are in no `parameters()` and no optimizer: they never change"
    return Effect(
        said, {"hidden_weights": hidden, "weights": used, "hidden_tensors": passes[0].number("hidden")}
    )


def _kept(written: Runs) -> Effect | None:
    """What a network keeps that nobody else builds or trains here, and does not list as its own."""
    networks = [event for run in written for event in run.all("held") if event.flag("hidden")]
    if not networks:
        return None
    hidden, every = networks[0].number("hidden_elements"), networks[0].number("elements")
    said = f"{hidden:.0f} of the {every:.0f} weights that the network keeps are in no `parameters()`"
    return Effect(said, {"hidden_weights": hidden, "weights": every}, structure_only=True)


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=2, network=True),
    words=("Module", "LightningModule", "nn", "forward"),
)
