"""The first layers hardly learn: each sigmoid on the way back shrinks the gradient at least four-fold.

The slope of the sigmoid is 0.25 at its steepest and almost 0 where it saturates. Going backwards, every
hidden sigmoid multiplies the gradient by that slope, so that after a few layers next to nothing arrives at
the first one. ReLU has slope 1 where it is active. A sigmoid at the output is another matter: it turns a
score into a probability.

```python bad
import torch
from torch import nn

inputs = torch.randn(256, 20)
labels = (inputs[:, :4].sum(dim=1) > 0).long()
model = nn.Sequential(
    nn.Linear(20, 64), nn.Sigmoid(),  # lint: 4 layers
    nn.Linear(64, 64), nn.Sigmoid(),
    nn.Linear(64, 64), nn.Sigmoid(),
    nn.Linear(64, 2),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

inputs = torch.randn(256, 20)
labels = (inputs[:, :4].sum(dim=1) > 0).long()
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 2),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

## When it is fine

One or two hidden layers (`min-layers`). Sigmoids that gate (LSTM, attention, squeeze-and-excitation) or
end the network. Normalisation before each sigmoid, and residual connections, carry the gradient past it.
Networks whose smooth derivatives are needed, as in physics-informed training. Tanh is not reported: its
slope is 1 in the middle.

## Fix

`nn.ReLU()` (or GELU, SiLU) between the layers. Where it has to be a sigmoid, put `nn.BatchNorm1d` or
`nn.LayerNorm` before it.

## How to see it

After the first `loss.backward()` print `p.grad.norm()` of the first and the last weight. The loss stays at
its first value, `log(classes)`, for many steps. Experiment: the ratio of the two gradients.

## What it costs

`bench/saturation.py`: ratio of the first to the last weight's gradient at the start, 64 units, CPU, three seeds:

| hidden layers | sigmoid | tanh | ReLU | BatchNorm and sigmoid |
| --- | --- | --- | --- | --- |
| 1 | 0.14 | 0.55 | 0.49 | 0.20 |
| 3 | 0.005 | 0.47 | 0.48 | 0.31 |
| 5 | 0.00004 | 0.22 | 0.07 | 0.17 |

Loss after 300 steps of SGD at 0.1, three hidden layers: sigmoid 1.32 (chance is 1.39), ReLU 0.28; of Adam
at 0.001: 0.73 and 0.09.

## Options

`min-layers` (3): networks with fewer hidden sigmoids are not reported.

## Sources

Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010);
Glorot, Bordes and Bengio, "Deep Sparse Rectifier Neural Networks" (2011); Ioffe and Szegedy, "Batch
Normalization" (2015).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, gradient_ratio


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.saturations:
        if found.count < options.number("min-layers"):
            continue
        yield Finding(
            found.node,
            f"sigmoid between the {found.layers:.0f} layers of `{found.architecture.name}`: {found.count:.0f} of them "
            "each shrink the gradient of the layers before at least four-fold",
            because=[(step.made, "another one") for step in found.hidden[1:3] if step.made is not None],
            fix=found.rectified,
            title="Use ReLU between the layers",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    shrunk, usual = gradient_ratio(written), gradient_ratio(control)
    if shrunk is None or shrunk > SMALL or any(run.all("derived") for run in written):
        return None  # derivatives of the network are learnt, for which an activation has to be smooth
    said = f"the gradient of the first layer is {shrunk:.1e} times that of the last"
    said += f", with the control {usual:.1e} times" if usual is not None else ""
    return Effect(said, {"ratio": shrunk, "ratio_control": usual})


SMALL = 0.01


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=2, seeds=3, weights="own", network=True),
    options={
        "min-layers": Option(
            3,
            "networks with fewer hidden sigmoids are not reported",
            "bench/saturation.py: with one or two the first layer still gets a hundredth of the last one's gradient; "
            "Glorot and Bengio 2010",
        ),
    },
    words=("sigmoid", "Sigmoid"),
)
