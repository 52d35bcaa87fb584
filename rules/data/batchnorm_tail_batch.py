"""BatchNorm gets a batch of one sample: training stops with an error, or normalises by a single picture.

BatchNorm compares the samples of a batch. Of one value per channel there is nothing to compare: in training
mode PyTorch raises "Expected more than 1 value per channel". It need not happen at once: 1,025 samples in
batches of 64 leave one over, and the first epoch fails at its last step. On maps it does not raise, unless they
were pooled or strided down to one pixel, since one picture has many values per channel; but the statistics are
then those of that picture, not of the data.

```python bad level=warning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(129, 20), torch.randint(0, 4, (129,)))
loader = DataLoader(data, batch_size=16, shuffle=True)  # lint: 129 samples
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(129, 20), torch.randint(0, 4, (129,)))
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
```

## When it is fine

Loaders that only evaluate: in eval mode one sample is no problem. `drop_last=True`. LayerNorm, GroupNorm and
InstanceNorm, which never look at other samples. Image-to-image networks, where one picture at a time is a
choice, unless they tell classes of pixels apart by cross-entropy. Sizes that the code does not tell are not guessed.

## Fix

`drop_last=True` for the loader that trains; shuffled, another sample sits out in each epoch. With batches of
one, larger batches, or LayerNorm or GroupNorm in the place of BatchNorm. Gradient accumulation does not help
BatchNorm.

## How to see it

`len(dataset) % batch_size`. The error names the shape: `torch.Size([1, 64])`. Experiment: what is raised, or
batches of one row in training mode.

## What it costs

The run: the example ends in its first epoch, at the ninth batch (CPU). Maps, pictures of two kinds of
brightness, two convolutions, ten epochs, three seeds, CPU: with one picture per batch the training loss ends at
0.69, which is chance, because BatchNorm takes the brightness of each picture away; with eight at 0.08.

## Sources

PyTorch documentation of `torch.nn.BatchNorm1d` and `torch.utils.data.DataLoader` (`drop_last`); pytorch issue
4534 ("Expected more than 1 value per channel when training"); Wu and He, "Group Normalization" (2018).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.lone_samples:
        under = default_of(found.under)
        harm = "one value per channel, so it raises" if found.vectors else "the statistics of one picture"
        batches = f"batches of one sample{under}"
        if found.left and found.samples is not None:
            batches = f"{counted(found.samples, 'sample')} in batches of {found.size}{under} leave one over"
        yield Finding(
            found.node,
            f"{batches}: BatchNorm gets {harm} in training",
            because=[(found.norm.made, "normalises by the batch")] if found.norm.made is not None else [],
            fix=found.dropped,
            title="Drop the last batch" if found.left else "Take larger batches",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    if any(run.has_instead("batches: put together") for run in written):
        return None  # nobody knows how many rows the program's own function makes of a sample
    for run in written:
        if run.raised and "more than 1 value per channel" in run.raised:
            return Effect("training ends with: " + run.raised)
    alone = [
        call
        for run in written
        for call in run.all("forward")
        if call.flag("training") and call.number("active_norms") and call.number("rows") == 1
    ]
    shapes = [
        call.numbers("shape") for run in written for call in run.all("criterion") if call.flag("gradients")
    ]
    if not alone or not all(len(shape) <= 2 for shape in shapes):
        return None  # where the loss compares maps, each has many values for a channel
    trained = [call for run in written for call in run.all("forward") if call.flag("training")]
    if len(alone) < len(trained):
        return None  # a lone sample that does not raise is one noisy step
    said = f"{len(alone)} batches of 1 sample go through {alone[0].number('active_norms'):.0f} BatchNorm layers in training mode"
    return Effect(said, {"batches": len(alone)}, structure_only=True)


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=40, seeds=1),
    words=("DataLoader",),
)
