"""The first layers of a deep plain network hardly learn: signal and gradient fade from layer to layer.

PyTorch's default weights shrink the signal of a ReLU network to about 0.4 of its size at each layer, and the
gradient on its way back likewise. A few layers can do with that. In a chain of ten the first ones see a
thousandth of the gradient of the last, and training waits for them. Normalisation rescales the signal at
every layer; a residual connection lets it pass unchanged; weights drawn for ReLU keep its size.

```python bad level=advice
import torch
from torch import nn

layers = [nn.Linear(20, 64), nn.ReLU()]
for _ in range(9):
    layers += [nn.Linear(64, 64), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(64, 2))  # lint: 11 layers
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(100):
    inputs = torch.randn(64, 20)
    optimizer.zero_grad()
    loss = criterion(model(inputs), (inputs[:, :4].sum(dim=1) > 0).long())
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

layers = [nn.Linear(20, 64), nn.LayerNorm(64), nn.ReLU()]
for _ in range(9):
    layers += [nn.Linear(64, 64), nn.LayerNorm(64), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(64, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(100):
    inputs = torch.randn(64, 20)
    optimizer.zero_grad()
    loss = criterion(model(inputs), (inputs[:, :4].sum(dim=1) > 0).long())
    loss.backward()
    optimizer.step()
```

## When it is fine

Fewer layers than `max-layers` allows. Any normalisation, residual or dense connection, skips as in U-Net.
SELU, weight normalisation, weights that the code draws itself (see init-mismatch), weights that are loaded.
Physics-informed networks, flows, reinforcement learning.

## Fix

The least change: `nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")` for every layer. Better for
training: BatchNorm or LayerNorm behind each layer. For real depth: residual blocks, `x + block(x)`.

## How to see it

After the first backward pass the norm of `weight.grad` falls from the last layer to the first. The loss
stands still at first and then drops. Experiment: the ratio of the first and the last.

## What it costs

`bench/depth.py`, hidden layers of 64 ReLU units, CPU, three seeds: the first layer's gradient at the start in units of the last
one's, and the loss after 300 steps of Adam at 0.001.

| hidden layers | as PyTorch starts it | Kaiming | BatchNorm | residual |
| --- | --- | --- | --- | --- |
| 4 | 0.13, 0.03 | 0.29, 0.02 | 0.76, 0.01 | 0.42, 0.06 |
| 6 | 0.02, 0.06 | 0.35, 0.004 | 0.99, 0.007 | 0.26, 0.01 |
| 8 | 0.006, 0.16 | 0.30, 0.001 | 1.6, 0.02 | 0.13, 0.007 |
| 10 | 0.0007, 0.37 | 0.18, 0.007 | 2.8, 0.01 | 0.09, 0.002 |

## Options

`max-layers` (8): networks with that many layers with weights, or fewer, are not reported.

## Sources

He et al., "Delving Deep into Rectifiers" (2015) and "Deep Residual Learning for Image Recognition" (2016);
Glorot and Bengio (2010); Ioffe and Szegedy, "Batch Normalization" (2015).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, gradient_ratio


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.deep_plains:
        if found.layers <= options.number("max-layers"):
            continue
        least = "" if found.exact else "at least "
        yield Finding(
            found.node,
            f"`{found.architecture.name}` is a plain chain of {least}{found.layers:.0f} layers: no normalisation, no "
            "residual connection, and PyTorch's default weights, which shrink the signal at each",
            because=[(written, "writes the chain") for written in found.written],
            control=found.drawn,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    faded, usual = gradient_ratio(written), gradient_ratio(control)
    if faded is None or faded > SMALL:
        return None
    said = f"the gradient of the first layer is {faded:.1e} times that of the last"
    said += f", with weights drawn for ReLU {usual:.1e} times" if usual is not None else ""
    return Effect(said, {"ratio": faded, "ratio_control": usual})


SMALL = 0.02


rule = Rule(
    check,
    symptom,
    level="advice",
    since="0.1",
    gain=3,
    needs=Needs(steps=2, seeds=3, weights="own", network=True),
    options={
        "max-layers": Option(
            8,
            "networks with that many layers with weights, or fewer, are not reported",
            "bench/depth.py; He et al. 2016",
        ),
    },
    words=("Linear", "Conv2d", "Conv1d", "Conv3d"),
)
