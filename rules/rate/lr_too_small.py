"""The weights do not move, because the learning rate is too small for the number of steps.

With Adam a weight moves by at most about the learning rate per step, with SGD by the rate times the gradient. At
1e-8 a run of ten thousand steps moves a weight of 0.05 by 0.0001 at most. The loss stays what it was at the
start, which looks like a bug in the network or in the data.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-8)  # lint: 1e-08

for epoch in range(5):
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
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(5):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Fine-tuning, and groups with rates of their own, such as the first layers in layer-wise decay. Schedules that
raise the rate, rates set through `param_groups`. SGD on losses that are sums, whose gradients are large. A rate
of 0, which is a way to switch training off.

## Fix

Start from 1e-3 for Adam and AdamW, 0.1 for plain SGD, 0.01 for SGD with momentum 0.9. If only tiny rates
keep the loss finite, the inputs or the loss are out of scale: standardise them.

## How to see it

Compare a weight before and after an epoch: it agrees in six digits. Experiment: how far the weights have come,
by their own length.

## What it costs

`bench/rates.py`: ten epochs on noisy data of five classes, CPU, median training loss of three seeds. Adam on the
perceptron: 1.626 at 1e-8 and at 1e-7, 1.624 at 1e-6; the loss at the start is 1.63. SGD: 1.626 at 1e-7,
1e-6 and 1e-5. At 1e-3 (Adam) and 0.1 (SGD) it is 0.44 and 0.47.

## Options

`adam` (1e-7): smaller rates of Adam and its relatives are reported. `sgd` (1e-6): smaller rates of SGD.

## Sources

Goodfellow, Bengio and Courville, "Deep Learning", section 11.4.1; Kingma and Ba, "Adam" (2015), section 2.1, on
the size of a step; `bench/rates.py` of trainlint.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Run, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for course in program.courses:
        if course.kind != "SGD" and not course.is_adaptive:
            continue
        largest, smallest = course.largest_rate, options.number("sgd" if course.kind == "SGD" else "adam")
        if largest is None or not 0 < largest[0] < smallest:
            continue
        if course.has_groups or course.is_ramped or course.is_pretrained or not course.networks:
            continue
        if course.kind == "SGD" and course.sums_losses:
            continue
        change = course.with_rate(course.usual_rate)
        yield Finding(
            course.node,
            f"{course.kind} lr={largest[0]:g}{default_of(largest[1])} cannot move the weights: each step changes "
            f"them in the {'ninth' if largest[0] < 1e-8 else 'seventh or eighth'} decimal place",
            because=[(course.step.node, "takes steps of this size")],
            fix=change if course.is_rate_literal else [],
            control=change,
            title=f"Start at {course.usual_rate}",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    still, going = [run.moved() for run in written], [run.moved() for run in control]
    if any(is_meant_small(run) for run in written):
        return None
    if not still or not all(going) or max(still) > 1e-4 or not any(run.all("step") for run in written):
        return None
    steps = len(written[0].all("step"))
    said = (
        f"after {steps} steps the weights have moved by {max(still):.2g} of their own length; with the control "
        f"by {min(going):.2g}"
    )
    return Effect(said, {"moved": still, "moved_control": going, "steps": steps})


def is_meant_small(run: Run) -> bool:
    """Whether it goes on from weights that have learnt before, or takes a rate of 0: that nothing moves is wanted then."""
    learnt = run.has_instead("pretrained weights") or any(
        said.endswith("a small stand-in network") for said in run.substituted
    )
    restored = any(event.step == 0 for event in run.all("restored"))
    return learnt or restored or max(run.rates(), default=0.0) == 0


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=3, seeds=2),
    options={
        "adam": Option(
            1e-7,
            "smaller rates of Adam and its relatives are reported",
            "bench/rates.py: at 1e-7 ten epochs change the loss by 0.002 at most; fine-tuning starts at 1e-6",
        ),
        "sgd": Option(
            1e-6,
            "smaller rates of SGD are reported",
            "bench/rates.py: at 1e-6 ten epochs change the loss by 0.001 at most",
        ),
    },
    words=("optim", "optimizer", "SGD", "Adam", "AdamW", "RMSprop"),
)
