"""The weights of the last epoch are used although an earlier one was better, and the script has measured it.

On small data the validation loss falls, reaches its lowest after some epochs and rises again, while the training
loss goes on falling. A script that prints the validation score of every epoch and keeps the last weights has
paid for the measurement and throws its answer away.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

x = torch.randn(300, 20)
y = (x[:, :4] + 0.7 * torch.randn(300, 4)).argmax(1)
train_set, val_set = random_split(TensorDataset(x, y), [192, 108])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=108)
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(40):  # lint: 40 epochs ... last
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = sum(nn.functional.cross_entropy(model(a), b).item() for a, b in val_loader)
    print(epoch, val_loss)
torch.save(model.state_dict(), "model.pt")
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

x = torch.randn(300, 20)
y = (x[:, :4] + 0.7 * torch.randn(300, 4)).argmax(1)
train_set, val_set = random_split(TensorDataset(x, y), [192, 108])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=108)
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
lowest, waited = float("inf"), 0

for epoch in range(40):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = sum(nn.functional.cross_entropy(model(a), b).item() for a, b in val_loader)
    if val_loss < lowest:
        lowest, waited = val_loss, 0
        torch.save(model.state_dict(), "model.pt")
    else:
        waited += 1
    if waited > 3:
        break
```

## When it is fine

Runs that are too short to turn (`min-epochs`), or on much data (`max-samples`). A checkpoint of every epoch, from
which somebody picks. Averages over epochs (SWA, EMA), pruning by a tuner. Runs whose length was chosen by an
earlier one. Where only test data is measured nothing is said: that must not choose.

## Fix

Keep the weights of the epoch with the best validation score, as the good example does; stopping when it has not
improved for some epochs saves time on top. In Lightning `ModelCheckpoint(monitor="val_loss")`, in transformers
`load_best_model_at_end=True`.

## How to see it

Plot both losses: they part. Experiment: the validation loss of the last epoch against that of the best one, and
with an eighth of the epochs.

## What it costs

`bench/stopping.py`, medians of five seeds, CPU: a perceptron on 500 noisy samples is best after 15 epochs; after 30 its
validation loss is 1.10 times the lowest, after 50 it is 1.31 times, after 100 it is 1.82 times that. On 8,000 samples it is 1.17, 1.23
and 1.51 times. Accuracy suffers less than the loss.

## Options

`min-epochs` (30): shorter runs are not reported. `max-samples` (20000): nor are runs on more samples.

## Sources

Prechelt, "Early Stopping - But When?" (1998); Goodfellow, Bengio and Courville, "Deep Learning" (2016), section
7.8; `bench/stopping.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean, median

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Run, Runs, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for run in program.unstopped:
        if run.epochs[0] < options.number("min-epochs"):
            continue
        if run.samples is not None and run.samples > options.number("max-samples"):
            continue
        size = f" on {counted(run.samples, 'sample')}" if run.samples is not None else ""
        yield Finding(
            run.node,
            f"{counted(run.epochs[0], 'epoch')}{default_of(run.epochs[1])}{size}, each with a validation score, and the weights "
            "of the last one are kept whatever it says",
            because=[(run.measured, "measures validation data")],
            control=run.shortened(8),
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    here, there = [turn(run) for run in written], [turn(run) for run in control]
    if not here or not all(here) or any(last < 1.3 * best for best, last, _ in here):
        return None
    if any(pair and pair[1] >= 1.3 * pair[0] for pair in there):
        return None
    best, last = median(pair[0] for pair in here), median(pair[1] for pair in here)
    said = (
        f"the validation loss is lowest after epoch {median(pair[2] for pair in here):g} ({best:.3g}); after the last it is "
        f"{last:.3g} (medians of {len(here)} seeds, measured on this data)"
    )
    return Effect(said, {"best": best, "last": last})


def turn(run: Run) -> list[float]:
    """The lowest validation loss, the last one, and the epoch of the lowest; nothing where none was measured."""
    found: dict[int, list[float]] = {}
    for call in run.all("criterion"):
        if not call.flag("gradients"):
            found.setdefault(call.step, []).append(call.number("value"))
    losses = [fmean(values) for values in found.values()]
    return [min(losses), losses[-1], losses.index(min(losses)) + 1] if losses else []


rule = Rule(
    check,
    symptom,
    level="advice",
    since="0.1",
    gain=2,
    needs=Needs(steps=16, epochs=40, seeds=2),
    options={
        "min-epochs": Option(
            30,
            "shorter runs are not reported",
            "bench/stopping.py: after 30 epochs the validation loss is 1.10 to 1.19 times the lowest one",
        ),
        "max-samples": Option(
            20_000,
            "runs on more samples are not reported",
            "bench/stopping.py: after 100 epochs 8,000 samples lose least (1.51 times, on 500 1.82 and on 2,000 2.00 times)",
        ),
    },
    words=("backward", "training_step"),
)
