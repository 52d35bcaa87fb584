"""Training slows down from step to step, because Adagrad never forgets a gradient.

Adagrad divides the rate by the root of the sum of all squared gradients so far. The sum only grows, so that the
step shrinks like one over the root of the number of steps, whatever the loss does. That suits sparse features,
which are seen seldom. On the dense, noisy gradients of a deep network it is a schedule that nobody chose.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.01)  # lint: 60 epochs

for epoch in range(60):
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

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(60):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Sparse features: embeddings, bags of words. Short runs. Shallow models. Full batches, whose gradients vanish
near the minimum, so that the sum stops growing. An `lr_decay` of your own, which says that the steps are to shrink.

## Fix

Adam or AdamW at 1e-3, or SGD with momentum, each with a schedule that you choose.

## How to see it

Print `lr / sqrt(state["sum"])` for some weight now and then. Experiment: the median of that over all weights,
early and late.

## What it costs

`bench/rates.py`, CPU: the median effective rate of a perceptron at lr=0.01 is 0.175 after one epoch of 63 steps, 0.037
after 9, 0.0175 after 30 and 0.012 after 60. The training loss ends at 0.15, with Adam at 0.002. On
held-out data that was no loss here: 0.65 against 0.62, because on this small, noisy data Adam over-fits. Where
your training loss is still high, it is.

## Options

`min-epochs` (30): shorter runs are not reported. `min-layers` (2): smaller networks are not reported.

## Sources

Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (2011); Zeiler, "ADADELTA" (2012), section 2.2.2, on the
shrinking step; Goodfellow, Bengio and Courville, "Deep Learning", section 8.5.1; `bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from math import sqrt
from statistics import fmean

from trainlint import (
    Effect,
    Finding,
    Needs,
    Option,
    Options,
    Program,
    Rule,
    Runs,
    counted,
    default_of,
    last_losses,
)


def check(program: Program, options: Options) -> Iterator[Finding]:
    for course in program.courses:
        if course.kind != "Adagrad" or course.decays_itself or course.epochs is None:
            continue
        epochs, flag = course.epochs
        few = epochs < options.number("min-epochs") or course.depth < options.number("min-layers")
        if few or course.has_tables:
            continue
        yield Finding(
            course.node,
            f"Adagrad over {counted(epochs, 'epoch')}{default_of(flag)}: its steps only ever shrink, under gradients of equal "
            f"length to 1/{sqrt(epochs):.0f} of those in the first",
            because=[(course.step.node, "adds the squares of its gradients to all earlier ones")],
            control=course.of_class("Adam", "1e-3"),
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    seen = [step.number("effective") for run in written[:1] for step in run.all("step")]
    if any(run.stands_in("model") for run in written):  # a network of one layer would bear it
        return None
    if len(seen) < 40 or not all(seen) or seen[-1] > 0.5 * seen[4]:
        return None
    ended, other = last_losses(written), last_losses(control)
    said = f"the median effective rate falls from {seen[4]:.3g} after 5 steps to {seen[-1]:.3g} after {len(seen)}"
    if ended and other:
        said += f" (loss at the end {fmean(ended):.3g}, with the control {fmean(other):.3g}, measured on this data)"
    return Effect(said, {"early": seen[4], "late": seen[-1], "loss": ended, "loss_control": other})


rule = Rule(
    check,
    symptom,
    level="advice",
    since="0.1",
    gain=1,
    needs=Needs(steps=16, epochs=6, seeds=2),
    options={
        "min-epochs": Option(
            30,
            "shorter runs are not reported",
            "bench/rates.py: by then the effective rate is a tenth of the first",
        ),
        "min-layers": Option(
            2,
            "smaller networks are not reported",
            "Duchi et al. 2011: on convex problems the shrinking step is right",
        ),
    },
    words=("Adagrad",),
)
