"""Distributed training repeats the order of its first epoch in every epoch.

`DistributedSampler` shuffles with a seed made of a constant and the number of the epoch, so that all
processes agree on the order. It cannot know the number: somebody has to call `set_epoch`. Without that
it shuffles once, the same way every time, and each process sees the same share of the data for ever.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
sampler = DistributedSampler(data, num_replicas=2, rank=0)
loader = DataLoader(data, batch_size=32, sampler=sampler)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(10):  # lint:
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
sampler = DistributedSampler(data, num_replicas=2, rank=0)
loader = DataLoader(data, batch_size=32, sampler=sampler)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(10):
    sampler.set_epoch(epoch)
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

## When it is fine

`DistributedSampler(..., shuffle=False)`, loaders that only evaluate, a single epoch. Frameworks that
call `set_epoch` themselves, as Lightning and the Hugging Face Trainer do.

## Fix

`sampler.set_epoch(epoch)` at the start of each epoch, before the loader is iterated. The sampler is
also at hand as `loader.sampler`. Count on from the old epoch when a run resumes.

## How to see it

Print the indices of the first batch in two epochs: they are equal. Experiment: the order of the samples
in three epochs of the same sampler, without any processes.

## What it costs

Eight samples, two processes, batches of two, process 0 (CPU): [4, 7], [2, 1] in each of three epochs.
With `set_epoch`: [4, 7], [2, 1], then [5, 2], [7, 1], then [0, 7], [6, 1]. As written, process 0 never
sees four of the eight.

## Sources

PyTorch documentation of `DistributedSampler`; pytorch/pytorch issues 11324 and 31771;
yangkky/distributed_tutorial issue 5; kan-bayashi/ParallelWaveGAN issue 177.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for training in program.fixed_epoch_samplers:
        yield Finding(
            training.epoch_node,
            f"no `set_epoch` in this loop: `{training.sampler_text}` repeats one shuffled order in every epoch",
            because=[(training.sampler_node, "shuffles by seed and epoch, and the epoch stays 0")],
            fix=training.fix,
            plant=training.planted,
            title="Tell the sampler the epoch",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    repeated = [order for run in written for order in run.orders() if repeats(order)]
    if not repeated:
        return None
    epochs, samples = len(repeated[0]), min(len(order) for order in repeated[0])
    said = (
        f"a shuffling sampler served the same {samples} samples in the same order in all of {epochs} epochs"
    )
    return Effect(said + "; with the control in another order", {"epochs": epochs, "samples": samples})


def repeats(epochs: tuple[tuple[int, ...], ...]) -> bool:
    """Whether all epochs, more than one, begin with the same draw."""
    first = epochs[0]
    shuffled = first != tuple(sorted(first))
    return (
        len(epochs) > 1 and shuffled and all(order[: len(first)] == first[: len(order)] for order in epochs)
    )


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=3, order=True),
    words=("DistributedSampler",),
)
