"""The weights are drawn at a scale that does not fit the layers, so that the signal explodes or dies out.

Behind a layer with `n` inputs per unit and ReLU the signal is `std * sqrt(n / 2)` times as large as before.
Only a spread near `sqrt(2 / n)` keeps it. `nn.init.normal_` draws with a spread of 1 unless told otherwise:
a factor of 6 for 64 inputs, of 11 for 256, at every layer. A spread of 0.02, right for networks with
normalisation, divides by 9 for 64 inputs. Xavier's factor of 0.7 for ReLU does harm only in deep networks.
Kaiming's and Xavier's formulas need two dimensions: given a bias or the scale of a normalisation they raise.

```python bad level=advice
import torch
from torch import nn

model = nn.Sequential(
    nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight)  # lint: 202 times
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(100):
    inputs = torch.randn(64, 20)
    optimizer.zero_grad()
    loss = criterion(model(inputs), (inputs[:, :4].sum(dim=1) > 0).long())
    loss.backward()
    optimizer.step()
```

```python bad level=error
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
for parameter in model.parameters():
    nn.init.xavier_uniform_(parameter)  # lint: raises
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

model = nn.Sequential(
    nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
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

Normalisation or residual connections anywhere: they set the scale themselves (GANs and transformers draw with
0.02 for that reason). Shallow networks, where the factor stays between `min-growth` and `max-growth`. The last
layer, which may start small. Sizes that the code does not tell, weights that are loaded.

## Fix

`nn.init.kaiming_normal_(w, nonlinearity="relu")` for ReLU and its kin, `nn.init.xavier_uniform_(w)` for tanh,
`nn.init.zeros_(b)` for biases; or leave PyTorch's own start, which does for a few layers. In a loop over all
parameters `if p.dim() > 1:`.

## How to see it

Print `x.std()` behind each layer for one batch; the first loss is far above `log(classes)`, or stays exactly
there. Experiment: the spread behind the last hidden layer against that of the first, or what was raised.

## What it costs

`bench/depth.py`: loss after 300 steps of Adam at 0.001, ReLU, 64 units, CPU, three seeds (chance is 1.39):

| hidden layers | Kaiming | Xavier | normal, std 1 | normal, std 0.02 |
| --- | --- | --- | --- | --- |
| 2 | 0.15 | 0.13 | 11.7 | 0.29 |
| 4 | 0.02 | 0.02 | 76.7 | 0.68 |
| 8 | 0.001 | 0.002 | 11,184 | 0.66 |

## Options

`max-growth` (30) and `min-growth` (0.02): factors between them are not reported.

## Sources

He et al., "Delving Deep into Rectifiers" (2015); Glorot and Bengio (2010); PyTorch documentation of
`torch.nn.init`.
"""

from collections.abc import Iterator
from math import log
from statistics import mean

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.flat_fillings:
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` raises: `{found.how}` needs two dimensions, and the {found.tensor} of "
            f"`{found.kind}` has one",
            fix=found.guarded,
            title="Fill tensors of two dimensions only",
        )
    for scaling in program.scalings:
        if options.number("min-growth") <= scaling.growth <= options.number("max-growth"):
            continue
        size = f"{scaling.growth:.3g} times" if scaling.growth < 1 else f"{scaling.growth:,.0f} times"
        yield Finding(
            scaling.node,
            f"`{text_of(scaling.node)}` does not fit the sizes of the layers: behind {scaling.layers:.0f} of them in "
            f"`{scaling.architecture.name}` the signal is {size} as large",
            fix=scaling.fitted,
            level="advice",
            title="Draw the weights to fit the sizes of the layers",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run in written:
        if run.raised and (
            "two dimensions" in run.raised or "2 dimensions" in run.raised or "2 or more" in run.raised
        ):
            return Effect("the program ends before it trains: " + run.raised)
    grown, usual = growth(written), growth(control)
    if grown is None or LEAST < grown < MOST:
        return beside(written, control)
    said = f"the spread behind the last hidden layer is {grown:.2g} times that behind the first"
    said += f", with the control {usual:.2g} times" if usual is not None else ""
    return Effect(said, {"growth": grown, "growth_control": usual})


LEAST, MOST, WIDER = 0.05, 20.0, 5.0


def beside(written: Runs, control: Runs) -> Effect | None:
    """Where each layer grows by little: how much wider or narrower than the control's the last hidden one is."""
    here, there = last_hidden(written), last_hidden(control)
    if here is None or there is None or abs(log(here)) <= abs(log(there)) or 1 / WIDER < here / there < WIDER:
        return None
    said = f"the spread behind the last hidden layer is {here:.3g}, {here / there:.2g} times the {there:.2g} of the control"
    return Effect(said, {"spread": here, "spread_control": there})


def last_hidden(runs: Runs) -> float | None:
    """Spread of the last hidden layer at first, over the seeds."""
    first = [run.all("layers")[0].numbers("spreads") for run in runs if run.all("layers")]
    found = [spreads[-2] for spreads in first if len(spreads) > 2 and spreads[-2]]
    return mean(found) if found else None


def growth(runs: Runs) -> float | None:
    """Spread of the last hidden layer in units of the first layer's, over the seeds."""
    first = [run.all("layers")[0].numbers("spreads") for run in runs if run.all("layers")]
    found = [spreads[-2] / spreads[0] for spreads in first if len(spreads) > 2 and spreads[0]]
    return mean(found) if found else None


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    gain=3,
    needs=Needs(steps=1, seeds=2, weights="own", network=True),
    options={
        "max-growth": Option(30, "smaller factors are not reported", "bench/depth.py; He et al. 2015"),
        "min-growth": Option(0.02, "larger factors are not reported", "bench/depth.py; He et al. 2015"),
    },
    words=("init", "normal_", "uniform_", "Parameter", "copy_", "ones_like", "full_like"),
)
