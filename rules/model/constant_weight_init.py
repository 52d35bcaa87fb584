"""All units of a hidden layer compute the same, because their weights start from one constant.

Units with the same weights give the same output and get the same gradient, so that every step moves them
together: a layer of a hundred units does the work of one. Random weights are what tells units apart at the
start. A constant is right for biases and for the scale of a normalisation, where nothing has to be told apart.

```python bad level=error
import torch
from torch import nn

inputs = torch.randn(256, 20)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.weight, 0.5)  # lint: 0.5
        nn.init.zeros_(layer.bias)
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
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

It is an error where the biases start alike as well (or there are none), and a warning where PyTorch's random
biases are all that tells the units apart.

## When it is fine

Biases, weights of normalisation layers, a network without hidden layers, one last layer that starts at zero
(residual blocks, LoRA, heads) behind layers that start at random. Dropout between the layers, which breaks
the tie slowly, is not reported. Weights that are loaded afterwards.

## Fix

Leave the weights as PyTorch makes them, or draw them: `nn.init.xavier_uniform_` for tanh and sigmoid,
`nn.init.kaiming_uniform_` for ReLU.

## How to see it

`model[0].weight` after some training: its rows are equal. The loss stops where one unit per layer stops.
Experiment: the share of units whose weights equal those of another one.

## What it costs

Five hundred steps of Adam at 0.001 on four classes, 64 units, CPU, three seeds, training loss with one and
with two hidden layers of ReLU: as PyTorch starts them 0.28 and 0.06; all weights 0.5, biases 0: 1.17 and 1.29;
all weights 0: 1.30 and 1.30 (chance is 1.39); all weights 0.5 and random biases: 0.77 and 1.29.

## Sources

Goodfellow, Bengio and Courville, "Deep Learning", section 8.4 ("break symmetry"); Glorot and Bengio (2010);
He et al., "Delving Deep into Rectifiers" (2015); PyTorch documentation of `torch.nn.init`.
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, default_of, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.copied_units:
        under = default_of(found.filling.under)
        how = "stay copies of each other" if found.alike else "differ by their random biases only"
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` starts all weights of consecutive layers of `{found.architecture.name}` "
            f"at {found.filling.constant:g}{under}: the hidden units {how}",
            because=found.others,
            fix=found.drawn,
            title="Draw the weights at random",
            level=None if found.alike and not found.filling.under else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    first, last, drawn = share(written, 0), share(written, -1), share(control, -1)
    if first < MOST or (last < MOST and drops_units(written)):
        return None  # each step leaves out other units, so that copies grow apart
    said = f"{first:.0%} of the hidden units start with the weights of another one, {last:.0%} still have them at the end"
    return Effect(
        f"{said}; with the control {drawn:.0%}",
        {"copies": last, "copies_control": drawn},
        structure_only=last < MOST,
    )


MOST = 0.5


def drops_units(runs: Runs) -> bool:
    return any(call.flag("active") and call.flag("dropout") for run in runs for call in run.all("forward"))


def share(runs: Runs, when: int) -> float:
    """The share of copies in the layer where it is the largest, the last layer left out."""
    found = []
    for run in runs:
        looks = run.all("layers")
        copies = looks[when].numbers("copies") if looks else ()
        found.append(max(copies[:-1], default=0.0))
    return mean(found) if found else 0.0


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, seeds=1, weights="own", network=True),
    words=("init", "fill_", "zero_", "Parameter", "copy_", "ones_like", "full_like"),
)
