"""An epoch makes hardly any updates, or each update follows one or two samples: the batch has an extreme size.

Each batch makes one update. A batch that holds a good part of the data leaves a handful of updates in an epoch, and the same
number of epochs ends long before the network has learnt. A batch of one or two samples makes very many updates, each
in the direction of these samples alone: the loss jitters, a rate that fits other batches is too large, and hardware idles.

```python bad level=advice
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(2048, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=2048, shuffle=True)  # lint: 2,048 of 2,048 samples ... 1 update
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(20):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

```python bad level=advice
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(2048, 20)
y = (x[:, :3].sum(1) + torch.randn(2048) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=1, shuffle=True)  # lint: 1 sample
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(20):
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

torch.manual_seed(0)
x = torch.randn(2048, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
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

Little data. Long runs, which make enough updates whatever the batch. Convex models, LBFGS, whole graphs, equations.
Small ones where memory or the task asks for them: large models with accumulated gradients, detection, volumes, image
translation, samples of different sizes, reinforcement learning. BatchNorm and single samples are another rule's matter.

## Fix

`batch_size=32`; then move in powers of two and tune the rate anew, which goes with the size of the batch.

## How to see it

Print `len(loader)`: so many updates has an epoch. Experiment: updates in an epoch and the loss after the same epochs; for
small batches how much the length of the gradient varies.

## What it costs

`bench/batch.py`: 1,024 samples with noisy labels, two layers, SGD at 0.05, 20 epochs, CPU, means of three seeds.

| batch | updates an epoch | gradient varies by | training loss | held-out accuracy |
| --- | --- | --- | --- | --- |
| 1 | 1,024 | 136 % | 0.52 | 0.51 |
| 2 | 512 | 87 % | 0.34 | 0.54 |
| 8 | 128 | 27 % | 0.47 | 0.59 |
| 32 | 32 | 14 % | 0.78 | 0.62 |
| 128 | 8 | 9 % | 1.08 | 0.57 |
| 256 | 4 | 6 % | 1.28 | 0.51 |
| 1,024 | 1 | 4 % | 1.50 | 0.36 |

Adam at 0.001 minds single samples less (0.59).

## Options

`small` (2): batches of at most so many samples are small. `share` (0.25): batches that hold at least that part of the data
are large. `min-samples` (1000): less data is not reported. `enough` (1000): large batches in runs of so many updates are
not reported.

## Sources

Masters and Luschi, "Revisiting Small Batch Training for Deep Neural Networks" (2018): best results between 2 and 32; Keskar
et al., "On Large-Batch Training for Deep Learning" (2017), whose large batch is a tenth of the data; Bengio, "Practical
Recommendations for Gradient-Based Training of Deep Architectures" (2012): 32 is a good default; `bench/batch.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean, median, pstdev

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.batches:
        few = found.samples is not None and found.samples < options.number("min-samples")
        if few or not found.is_plain:
            continue
        under = default_of(found.under)
        if found.size <= options.number("small"):
            if not found.is_of_whole_samples or found.normalises_by_batch:
                continue
            many = f", {found.updates:,} times an epoch" if found.updates is not None else ""
            said = f"each update follows {counted(found.size, 'sample')}{under}{many}: noise leads, and training is slow"
        elif found.samples is not None and found.size >= options.number("share") * found.samples:
            if found.total is not None and found.total >= options.number("enough"):
                continue
            held, updates = min(found.size, found.samples), found.updates or 1
            said = f"a batch{under} holds {held:,} of {found.samples:,} samples: {counted(updates, 'update')} an epoch"
        else:
            continue
        plain = found.is_literal and not found.under
        yield Finding(
            found.node,
            said,
            because=[(found.course.step.node, "one update for each batch")],
            fix=found.of_size(32) if plain else (),
            control=() if plain else found.of_size(32),
            title="Take batches of 32",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    size, other, samples = batch(written), batch(control), data(written)
    if not size or not other or not samples or not is_deep(written):
        return None
    counts = f"{-(-samples // size):,} updates an epoch, with batches of {other} {-(-samples // other):,}"
    if 5 * size >= samples and other < size:
        here, there = ended(written), ended(control)
        if not there < 0.9 * here:
            return None
        said = f"{counts}; after the same epochs the loss is {here:.3g} against {there:.3g} (measured on this data)"
        return Effect(said, {"size": size, "loss": here, "loss_control": there})
    here, there = jitter(written), jitter(control)
    if size > 4 or here < 1.5 * there:
        return None
    said = f"{counts}; the length of the gradient varies by {here:.0%} from step to step against {there:.0%}"
    return Effect(said, {"size": size, "varies": here, "varies_control": there})


def is_deep(runs: Runs) -> bool:
    """Whether more than one layer learns: a linear model bears batches of any size."""
    return any(len(look.numbers("units")) > 1 for run in runs for look in run.all("layers")[:1])


def batch(runs: Runs) -> int:
    """How many samples the batches hold that train."""
    served = (len(b.numbers("indices")) for run in runs for b in run.all("batch") if b.flag("trained"))
    return max(served, default=0)


def data(runs: Runs) -> int:
    return max(
        (int(b.number("samples")) for run in runs for b in run.all("batch") if b.flag("trained")), default=0
    )


def ended(runs: Runs) -> float:
    """The loss at the end, over the seeds."""
    return fmean([median(run.losses()[-5:]) for run in runs if run.losses()] or [0.0])


def jitter(runs: Runs) -> float:
    """How much the lengths of the gradients spread around their mean."""
    norms = [[step.number("gradient_norm") for step in run.all("step")] for run in runs]
    return fmean(
        [pstdev(found) / fmean(found) for found in norms if len(found) > 9 and fmean(found) > 0] or [0.0]
    )


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=64, epochs=3, seeds=2, batches="own", weights="own"),
    options={
        "small": Option(
            2,
            "batches of at most so many samples are small",
            "bench/batch.py: batches of 1 and 2 end at an accuracy of 0.51 and 0.54, of 32 at 0.62",
        ),
        "share": Option(
            0.25,
            "batches of at least that part of the data are large",
            "bench/batch.py: four updates an epoch end at an accuracy of 0.51, 32 at 0.62",
        ),
        "min-samples": Option(
            1000,
            "less data is not reported",
            "the least that bench/batch.py measured, rounded",
        ),
        "enough": Option(
            1000,
            "large batches in runs of so many updates are not reported",
            "bench/batch.py: 640 updates reached the best accuracy",
        ),
    },
    words=("DataLoader",),
)
