"""Units of the network are dead: a plain ReLU that is always below zero passes nothing and learns nothing.

ReLU has slope 0 below zero. A unit that is below zero for every sample gives 0, gets no gradient, and stays
where it is. Two things send units there: biases that start well below zero, and steps so large that a single
one moves a unit out of reach of the data. Nothing brings it back.

```python bad level=advice
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.bias, -1.0)  # lint: -1
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

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.zeros_(layer.bias)
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

BatchNorm or LayerNorm between, which centre what ReLU gets. Leaky ReLU, GELU, ELU, SiLU, which have a slope
everywhere. Residual connections. Biases of the output, and of gates. Usual rates. Where lr-too-large speaks
as well, it says that the loss does not fall, and this page what has become of the units.

## Fix

Start biases at zero, `nn.init.zeros_`. A smaller rate: 0.001 for Adam. `nn.LeakyReLU()` keeps a slope of 0.01
below zero.

## How to see it

`(x <= 0).all(dim=0).float().mean()` behind a ReLU, for one batch of some hundred samples: the share of dead
units. Experiment: that share in the layer where it is largest.

## What it costs

`bench/dead_units.py`, three hidden layers of 64 units, 300 steps, CPU, three seeds: dead units and loss (chance is 1.39).

| start and rate | dead | loss |
| --- | --- | --- |
| Adam 0.001 | 5 % | 0.08 |
| biases at -0.1 | 6 % | 0.07 |
| biases at -0.3 | 36 % | 1.32 |
| biases at -1 | 67 % | 1.32 |
| Adam 0.01 | 13 % | 0.006 |
| Adam 0.03 | 22 % | 0.18 |
| Adam 0.1 | 60 % | 0.70 |
| SGD 0.2, momentum 0.9 | 1 % | 0.09 |
| SGD 0.3, momentum 0.9 | 24 % | 1.17 |
| SGD 0.5, momentum 0.9 | 61 % | 1.31 |

SGD without momentum lost no units at rates up to 1, and is not reported.

## Options

`max-bias` (-0.25): biases above it are not reported. `max-rate` (0.025): the same for the rates of Adam and
its relatives. `max-pace` (4): the same for `rate * momentum / (1 - momentum)` of SGD with momentum.

## Sources

Glorot, Bordes and Bengio, "Deep Sparse Rectifier Neural Networks" (2011); Maas, Hannun and Ng, "Rectifier
Nonlinearities Improve Neural Network Acoustic Models" (2013); Lu et al., "Dying ReLU and Initialization:
Theory and Numerical Examples" (2019).
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import (
    Effect,
    Finding,
    Needs,
    Option,
    Options,
    Program,
    Rule,
    Runs,
    counted,
    default_of,
    last_losses,
    text_of,
)


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.low_biases:
        if found.value > options.number("max-bias"):
            continue
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` starts the units of {counted(found.layers, 'layer')} of `{found.architecture.name}` at "
            f"{found.value:g}: below zero a plain ReLU passes nothing and learns nothing",
            fix=found.raised,
            title="Start the biases at zero",
        )
    for steep in program.steep_courses:
        course = steep.course
        if course.rate is None or course.rate[0] <= options.number("max-rate"):
            continue
        is_carried = course.kind == "SGD" and course.pace > options.number("max-pace")
        if not (course.is_adaptive or is_carried):
            continue
        momentum = f" and momentum {course.momentum:g}" if is_carried else ""
        yield Finding(
            course.node,
            f"{course.kind} at lr={course.rate[0]:g}{default_of(course.rate[1])}{momentum} over {steep.layers:.0f} plain ReLU "
            "layers without normalisation: steps of this size leave units dead",
            because=[(course.step.node, "takes steps of this size")],
            control=course.with_rate(course.usual_rate),
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    dead, usual = silent(written), silent(control)
    if dead < SOME or dead < 2 * usual:
        return None
    ends, others = last_losses(written, 5), last_losses(control, 5)
    if ends and others and mean(ends) < 1.02 * mean(others):
        return None  # other paths carry what these units do not
    said = (
        f"{dead:.0%} of the units of a layer are below zero for the whole batch, with the control {usual:.0%}"
    )
    return Effect(said, {"dead": dead, "dead_control": usual})


SOME = 0.3


def silent(runs: Runs) -> float:
    """The share of units that are silent, in the hidden layer where it is largest, at the end."""
    found = [
        max(looks[-1].numbers("silent")[:-1], default=0.0)
        for looks in (r.all("layers") for r in runs)
        if looks
    ]
    return mean(found) if found else 0.0


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=30, epochs=2, seeds=2, weights="own"),
    options={
        "max-bias": Option(
            -0.25, "biases above it are not reported", "bench/dead_units.py: at -0.3 learning stops"
        ),
        "max-rate": Option(
            0.025,
            "rates of Adam and its relatives up to it are not reported",
            "bench/dead_units.py: at 0.03 a fifth dies",
        ),
        "max-pace": Option(
            4,
            "rate * momentum / (1 - momentum) of SGD up to which it is not reported",
            "bench/dead_units.py: at 0.5 and momentum 0.9 two thirds die",
        ),
    },
    words=("relu", "ReLU"),
)
