"""The network sees the training data in the same order in every epoch.

Stochastic gradient descent counts on batches that look like random draws. Without `shuffle=True` a
`DataLoader` hands out samples 0, 1, 2, ... in every epoch: the same neighbours always share a batch,
and the end of the file always has the last word. Where the data is stored class by class, as in image
folders, each batch holds one class and the network forgets the others while it trains on it.

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

cats, dogs = torch.randn(256, 20) - 1, torch.randn(256, 20) + 1
x, y = torch.cat([cats, dogs]), torch.cat([torch.zeros(256), torch.ones(256)]).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32)  # lint:
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    for inputs, labels in loader:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

cats, dogs = torch.randn(256, 20) - 1, torch.randn(256, 20) + 1
x, y = torch.cat([cats, dogs]), torch.cat([torch.zeros(256), torch.ones(256)]).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    for inputs, labels in loader:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
```

This is an error where the order by class can be read from the code (image folders, concatenated
classes, sorted tables) and a warning otherwise.

## When it is fine

A sampler that draws at random, data sets that shuffle or draw by themselves in each epoch, not once for all,
streams. Order that matters: recurrent state carried from batch to batch, time series read in sequence. One batch that holds
everything. Loaders that only evaluate. Lightning in a distributed run, which puts a sampler that shuffles
in their place (unless `use_distributed_sampler=False`).

## Fix

`shuffle=True` for the loader that trains. If `sampler=SequentialSampler(...)` is given, replace it by
`RandomSampler(...)`. Where a distributed sampler is there in distributed runs only, `shuffle=sampler is
None` shuffles the others. A loader that also serves for evaluation is better built twice.

## How to see it

Print the labels of the first batch of two epochs: they are the same. A loss that saws up and down with
the length of an epoch shows it too. Experiment: the order of samples over epochs, the runs of one class
in it.

## What it costs

A network like the one above on noisy data (1,000 samples, five classes, ten epochs, five seeds, CPU):
held-out accuracy 0.53 with data stored class by class, 0.60 when shuffled. With the same data stored in
mixed order the fixed order cost nothing that could be told from noise (0.597 against 0.605).

## Sources

Bottou, "Stochastic Gradient Descent Tricks" (2012); Bengio, "Practical Recommendations for
Gradient-Based Training of Deep Architectures" (2012); PyTorch documentation of `DataLoader`;
ultralytics/yolov5 issue 5622.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, set_argument, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for training in program.training_loaders:
        loader = training.loader
        if not training.keeps_one_order or loader.node is None:
            continue
        ordered, alone = training.class_ordered, training.is_unsampled_alone
        why = (
            f"{ordered}, so whole batches hold one class" if ordered else "every epoch sees the same batches"
        )
        shared = training.is_ordered_when_shared
        where = " in a run without the distributed sampler" if alone else ""
        where = " in a run with its distributed sampler" if shared else where
        said = f" (by the default of `{loader.settings[0]}`)" if loader.settings else ""
        yield Finding(
            loader.node,
            f"`{text_of(loader.callee)}` serves the training batches unshuffled{where}: {why}{said}",
            because=[(training.backward.node, "trains on its batches")],
            fix=[]
            if loader.is_sequential or alone or shared
            else [set_argument(loader.node, "shuffle", "True")],
            plant=loader.unshuffled,
            title="Shuffle the training loader",
            level="warning" if alone or shared or loader.settings or not ordered else None,
        )


# Steps that a batch is good for where every batch comes once: of a few networks, each has its own.
OF_ONE_BATCH = 4


def symptom(written: Runs, control: Runs) -> Effect | None:
    repeated = [
        order for run in written if not fits_one_batch(run) for order in run.orders() if repeats(order)
    ]
    if not repeated or not any(step.number("weights") for run in written for step in run.all("step")):
        return None  # images are fitted to a network that stands still, or nothing is
    epochs, samples = len(repeated[0]), min(len(order) for order in repeated[0])
    said = f"the first {samples} samples come in the same order in all of {epochs} epochs"
    if epochs == 1:
        said = f"the {samples} samples come in the order in which they are stored"
    classes, mixed = classes_per_batch(written), classes_per_batch(control)
    if classes and mixed > classes:
        said += f"; a batch holds {classes:.1f} classes on average, shuffled {mixed:.1f}"
    measured = {"epochs": epochs, "samples": samples, "classes_per_batch": classes, "classes_shuffled": mixed}
    return Effect(said, measured)


def fits_one_batch(run: Run) -> bool:
    """Whether what trains is a single batch for many steps, as a test that the network can learn it: it has no order.

    Each pass over a loader served one batch then, and many steps were taken before the next one came.
    """
    batches = [event for event in run.all("batch") if event.flag("trained")]
    passes = {(event.number("loader"), event.number("passed")) for event in batches}
    ends = [*(event.step for event in batches[1:]), len(run.all("step"))]
    return (
        bool(batches)
        and len(passes) == len(batches)
        and all(end - event.step > OF_ONE_BATCH for event, end in zip(batches, ends, strict=True))
    )


def repeats(epochs: tuple[tuple[int, ...], ...]) -> bool:
    """Whether every epoch takes the samples as the first does; a single one, whether it takes them as stored."""
    first = epochs[0]
    if len(first) < 8:
        return False
    if len(epochs) == 1:
        return first == tuple(range(len(first)))
    return all(len(order) >= 8 and order[: len(first)] == first[: len(order)] for order in epochs)


def classes_per_batch(runs: Runs) -> float:
    counts = [
        len(set(batch.numbers("labels")))
        for run in runs
        for batch in run.all("batch")
        if batch.flag("trained")
    ]
    return sum(counts) / max(1, len(counts))


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=3, seeds=1, data="class-ordered", order=True),
    words=("DataLoader", "GraphDataLoader", "StatefulDataLoader"),
)
