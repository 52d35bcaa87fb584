"""Dropout takes away what the network needs: nearly all units, its own answer, or what BatchNorm measures.

Three habits turn a cheap regulariser into a handicap. A rate of 0.75 or more leaves a few units per layer;
often the number was meant as the share to keep, as TensorFlow 1 had it, but in PyTorch `p` is the share that
is dropped. Dropout behind the last layer sets predictions to zero at random: a regression then settles at
`1 - p` times its targets, where the squared error is least. Dropout right before BatchNorm gives the
normalisation a variance in training that evaluation does not have.

```python bad level=warning
import torch
from torch import nn

inputs = torch.randn(256, 20)
labels = (inputs[:, :4].sum(dim=1) > 0).long()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.8), nn.Linear(64, 2))  # lint: 0.8
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

```python bad level=warning
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out, self.dropout = nn.Linear(20, 64), nn.Linear(64, 1), nn.Dropout(0.25)  # lint: values

    def forward(self, x):
        x = self.dropout(torch.relu(self.hidden(x)))
        return self.dropout(self.out(x))


inputs = torch.randn(256, 20)
targets = inputs[:, :4].sum(dim=1, keepdim=True)
model = Net()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

inputs = torch.randn(256, 20)
labels = (inputs[:, :4].sum(dim=1) > 0).long()
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

## When it is fine

`p=0` as a switch. High rates on very wide or redundant inputs that you tuned by validation (raise
`max-rate`); graph networks, which are not reported. Dropout left on at evaluation to estimate uncertainty.
Dropout behind an activation that another layer follows.

## Fix

A rate between 0.1 and 0.5; `1 - keep` where a share to keep was meant. No dropout behind the last layer.
`Linear, BatchNorm1d, ReLU, Dropout` in this order.

## How to see it

The training loss stays above the validation loss. Two passes over one batch give different answers.
Experiment: the share of units that are zeroed, zeros among the scores, variance before and after.

## What it costs

`bench/dropout.py`, two hidden layers of 64 units, 500 samples, four classes, CPU, five seeds: loss on the training samples 0.10 at a
rate of 0.5, 0.31 at 0.75, 0.40 at 0.8, 0.83 at 0.9; held-out accuracy 0.768, 0.769, 0.761 and 0.665. So 0.75 is
where learning gets slow, 0.9 where it fails. Dropout on the output of a regression, three seeds: predictions
end at 0.75 times the targets for `p=0.25` and at 0.50 times for `p=0.5`. On the scores of a classifier, and before
instead of behind BatchNorm, 0.5 cost nothing that could be told from noise (0.773 and 0.761 against 0.768 and
0.764): these are advice.

## Options

`max-rate` (0.75): the lowest rate that is reported. `before-norm` (0.25): the same, right before BatchNorm.

## Sources

Srivastava et al., "Dropout" (2014): hidden units are kept with a probability of 0.5 to 0.8; Li et al.,
"Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift" (2019); PyTorch
documentation of `torch.nn.Dropout`.
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.extreme_dropouts:
        if found.kind == "rate" and found.rate < options.number("max-rate"):
            continue
        if found.kind == "norm" and found.rate < options.number("before-norm"):
            continue
        under = default_of(found.under)
        edit = {"rate": found.with_rate(0.5), "output": list(found.removed), "norm": []}[found.kind]
        kept = (
            f", about {(1 - found.rate) * found.units:.0f} of {found.units} units stay" if found.units else ""
        )
        yield Finding(
            found.node,
            {
                "rate": f"dropout of {found.rate:g}{under} zeroes that share{kept}: `p` is what is dropped, not what is kept",
                "output": f"dropout of {found.rate:g}{under} on the output: {'values' if found.shrinks else 'scores'} are set to "
                "zero at random before the loss",
                "norm": f"dropout of {found.rate:g}{under} right before BatchNorm: the variance it learns is not that of evaluation",
            }[found.kind],
            because=[
                *([(found.next, "takes what it gives")] if found.next is not None else []),
                *([(found.applied, "drops some of them")] if found.applied is not None else []),
            ],
            fix=[] if found.under else edit,
            control=edit if found.kind != "norm" else found.with_rate(0),
            level=None if found.kind == "rate" or found.shrinks else "advice",
            title="Drop no scores" if found.kind == "output" else "Drop half at most",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    drops = [drop for run in written for drop in run.all("dropout")]
    most = max((drop.number("share") for drop in drops), default=0.0)
    if most >= MOST:
        units = max(drop.number("units") for drop in drops if drop.number("share") == most)
        return Effect(
            f"{most:.0%} of the {units:.0f} units behind the dropout are zero in a training step",
            {"share": most},
        )
    zeros = mean_of(
        [call.number("zeros") for run in written for call in run.all("criterion") if call.flag("gradients")]
    )
    if zeros > SOME:
        return Effect(f"{zeros:.0%} of the scores that the loss gets are set to zero", {"zeros": zeros})
    grown = mean_of([drop.number("variance") for drop in drops if drop.flag("normalised")])
    if grown > GROWN:
        return Effect(
            f"BatchNorm measures {grown:.2f} times the variance that evaluation has", {"variance": grown}
        )
    return None


MOST, SOME, GROWN = 0.68, 0.02, 1.05


def mean_of(numbers: list[float]) -> float:
    return mean(numbers) if numbers else 0.0


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, seeds=1, network=True),
    options={
        "max-rate": Option(
            0.75,
            "the lowest rate that is reported",
            "Srivastava et al. 2014; the sweep on this page: bench/dropout.py",
        ),
        "before-norm": Option(
            0.25,
            "the lowest rate right before BatchNorm that is reported",
            "below it the variance in training is less than a third above that of evaluation: 1 / (1 - p)",
        ),
    },
    words=("Dropout", "dropout", "Dropout2d", "Dropout1d", "AlphaDropout"),
)
