"""Training stops while the loss is still falling, because small data comes to few updates.

What counts is the number of updates, not of epochs. Three epochs of ImageNet are fifteen thousand of them, three
epochs of 400 samples in batches of 32 are 39. A network that starts from random weights needs some hundred
before it has found what there is to find.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(400, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(3):  # lint: 3 epochs ... 75 updates
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(400, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(20):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Fine-tuning. Data large enough for many updates per epoch. Trials: files that are called a test, demo, toy
or tutorial, and data whose targets are drawn at random. Lengths and sizes that the script does not tell.

## Fix

More epochs, with a held-out loss beside the training loss to see when to stop; a smaller batch gives more updates
per epoch.

## How to see it

The training loss of the last epoch is clearly lower than that of the one before. Experiment: where the loss
gets with more epochs.

## What it costs

`bench/rates.py`: perceptron on 2,000 noisy samples of five classes, 63 updates per epoch, Adam at 1e-3, CPU, median of
three seeds: held-out accuracy 0.41 after one epoch, 0.61 after two, 0.69 after three and 0.70 after
five. SGD at 0.01 with momentum: 0.28, 0.45, 0.59 and 0.70. After that it falls again: more is not always better.

## Options

`min-updates` (200): runs of more updates are not reported. `min-updates-photographs` (2000): the same for CIFAR
and other known photographs. `max-epochs` (10): nor are runs of more epochs.

## Sources

Goodfellow, Bengio and Courville, "Deep Learning", section 7.8, on when to stop; Google, "Deep Learning Tuning
Playbook", on the number of training steps; `bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean, median

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for budget in program.budgets:
        least = options.number("min-updates-photographs" if budget.is_of_photographs else "min-updates")
        if budget.updates >= least or budget.epochs[0] > options.number("max-epochs"):
            continue
        yield Finding(
            budget.node,
            f"{counted(budget.epochs[0], 'epoch')}{default_of(budget.epochs[1])} of {counted(budget.samples, 'sample')} in batches "
            f"of {budget.batch}: {counted(budget.updates, 'update')}, too few for a network that starts from random weights",
            because=[(budget.course.node, "starts from new weights")],
            control=budget.for_epochs(20),
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    short, long = [run.losses() for run in written], [run.losses() for run in control]
    if not short or any(len(losses) < 10 for losses in short) or len(short) != len(long):
        return None
    ends = [(fmean(a[-10:]), fmean(b[-10:]), fmean(a[:10])) for a, b in zip(short, long, strict=True)]
    if any(end > 0.8 * stopped or stopped > 0.98 * begun for stopped, end, begun in ends):
        return None
    stopped, end = median(pair[0] for pair in ends), median(pair[1] for pair in ends)
    said = (
        f"after {len(short[0])} updates the loss is {stopped:.3g} and falling; after {len(long[0])} it is {end:.3g} "
        f"(medians of {len(ends)} seeds, measured on this data)"
    )
    return Effect(
        said, {"updates": len(short[0]), "loss": stopped, "updates_control": len(long[0]), "end": end}
    )


rule = Rule(
    check,
    symptom,
    level="advice",
    since="0.1",
    gain=3,
    needs=Needs(steps=16, epochs=20, seeds=2, weights="own"),
    options={
        "min-updates": Option(
            200,
            "runs of more updates are not reported",
            "bench/rates.py: accuracy stops rising after 190 to 320 updates, on the simplest of the networks",
        ),
        "min-updates-photographs": Option(
            2000,
            "the same for CIFAR and other known photographs",
            "the fastest entries of DAWNBench (2018) reach 94 % on CIFAR-10 in 24 epochs of 98 updates; He et al. "
            "2016 train it for 64,000",
        ),
        "max-epochs": Option(
            10, "runs of more epochs are not reported", "who writes more than ten has thought about it"
        ),
    },
    words=("DataLoader",),
)
