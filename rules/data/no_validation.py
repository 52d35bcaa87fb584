"""Nobody knows how good the network is, because it is only ever seen on the samples that trained it.

The training loss says how well the samples are remembered. It falls as well where there is nothing to learn:
with labels drawn by lot, a network that is large enough ends near zero. Only samples that it has never seen tell
learning from remembering, and tell when to stop.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(600, 20)
y = (x[:, :3].sum(1) > 0).long()
data = TensorDataset(x, y)
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(20):  # lint: 20 epochs on 600 samples ... none of them is held out
    hits = 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        scores = model(inputs)
        nn.functional.cross_entropy(scores, labels).backward()
        optimizer.step()
        hits += (scores.argmax(1) == labels).sum().item()
    print(epoch, hits / len(data))
torch.save(model.state_dict(), "model.pt")
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

x = torch.randn(600, 20)
y = (x[:, :3].sum(1) > 0).long()
train_set, val_set = random_split(TensorDataset(x, y), [500, 100])
loader = DataLoader(train_set, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(20):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in DataLoader(val_set, batch_size=100))
    print(epoch, hits / len(val_set))
torch.save(model.state_dict(), "model.pt")
```

## When it is fine

Where there is nothing to predict: autoencoders, generative pairs, reinforcement learning, a function fitted to
its own points. Demonstrations, on few samples or on noise (`min-samples`, `min-epochs`). Code that is handed its
data by others, and projects where another file evaluates what is saved here, are not reported.

## Fix

Set a tenth to a fifth aside before anything is computed of the data: `train_set, val_set = random_split(data, [0.8,
0.2])`, by group or by time where samples belong together. Measure after every epoch.

## How to see it

Shuffle the labels and train again: if the printed number is nearly as good, it says nothing. Static only: an
experiment cannot show a number that is not computed.

## What it costs

With labels drawn by lot a network with 256 hidden units (400 samples of 20 numbers, two classes, 60 epochs, Adam,
five seeds, CPU) scores 1.00 on the samples that trained it and 0.50 on new ones, which is chance.

## Options

`min-samples` (200): runs on fewer samples are taken for demonstrations. `min-epochs` (3): so are shorter ones.

## Sources

Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning" (2009), section 7.2; Zhang and others,
"Understanding Deep Learning Requires Rethinking Generalization" (2017); Google, "Deep Learning Tuning Playbook".
"""

from collections.abc import Iterator

from trainlint import Finding, Option, Options, Program, Rule, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for run in program.unvalidated:
        if run.samples is not None and run.samples < options.number("min-samples"):
            continue
        if run.epochs is not None and run.epochs[0] < options.number("min-epochs"):
            continue
        length, size = "training", ""
        if run.epochs is not None:
            length = counted(run.epochs[0], "epoch") + default_of(run.epochs[1])
        if run.samples is not None:
            size = f" on {counted(run.samples, 'sample')}"
        kept = "none of them" if size else "no sample"
        yield Finding(
            run.node,
            f"{length}{size}, and {kept} is held out: nothing shows whether the network learns or remembers",
            because=[(run.loader, "serves all of the data")],
        )


rule = Rule(
    check,
    None,
    level="advice",
    since="0.1",
    gain=3,
    options={
        "min-samples": Option(
            200,
            "runs on fewer samples are taken for demonstrations",
            "a fifth of 200 samples tells an accuracy to within seven points (binomial standard error at 0.7)",
        ),
        "min-epochs": Option(
            3,
            "shorter runs are taken for demonstrations",
            "triage: runs of one or two epochs show that code runs",
        ),
    },
    words=("DataLoader", "backward", "Trainer"),
)
