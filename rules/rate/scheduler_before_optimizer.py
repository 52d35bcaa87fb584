"""The first learning rate of the schedule is skipped, and all others come one step early.

A scheduler starts at its first rate when it is built; each `scheduler.step()` moves it to the next one.
A loop that calls `scheduler.step()` before the optimizer has stepped leaves the first rate unused.
Until PyTorch 1.1 this was the order to write, so it lives on in many older scripts.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3)

for epoch in range(9):
    scheduler.step()  # lint: scheduler.step()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3)

for epoch in range(9):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

## When it is fine

`scheduler.step(epoch)` with the number of the epoch that follows: it sets that epoch's rate (the
argument is deprecated, though). Fast-forwarding a scheduler when a run resumes. A scheduler that
belongs to another optimizer. Frameworks that keep the order, and code behind a check for PyTorch before
1.1.

## Fix

Move `scheduler.step()` after `optimizer.step()`: to the end of the epoch for schedules that count
epochs, right after `optimizer.step()` for those that count batches.

## How to see it

PyTorch says "Detected call of `lr_scheduler.step()` before `optimizer.step()`", once. Print
`optimizer.param_groups[0]["lr"]` at every step. Experiment: the realised rates of both orders.

## What it costs

`StepLR(step_size=30)` at 0.1 over 90 epochs: 29 epochs at the first rate instead of 30. A warm-up over
four steps starts at twice its first rate. `OneCycleLR` over eight steps starts at 0.082 instead of
0.004. `ExponentialLR(gamma=0.5)` trains at half the configured rate throughout. (Realised rates, CPU.)

## Sources

PyTorch documentation, "How to adjust learning rate"; release notes of PyTorch 1.1; zju3dv/NeuralRecon
issue 51; liuzechun/ReActNet issue 32.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, replace, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for early in program.early_schedules:
        lost = (
            "every drop of the rate comes one step early"
            if early.is_staircase
            else "the first rate is never used"
        )
        yield Finding(
            early.node,
            f"`{text_of(early.node)}` comes before the first `{text_of(early.step.node)}`, so {lost}",
            because=[(early.step.node, "the optimizer steps only after the schedule has moved on")],
            fix=early.moved,
            control=[replace(early.node, "None"), *early.moved[1:]],
            title="Step the schedule at the end of the loop",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    skipped = [
        step
        for run in written
        for step in run.all("step")[:1]
        if min(step.numbers("positions"), default=0) >= 1
    ]
    if not skipped:
        return None
    step = skipped[0]
    position, rate, first = (
        min(step.numbers("positions")),
        step.numbers("rates")[:1],
        step.numbers("first_rates")[:1],
    )
    said = (
        f"the first update is taken at position {position:.0f} of the schedule, so position 0 trains nothing"
    )
    if rate and first and rate != first:
        said += f": its rate is {rate[0]:.3g}, the configured {first[0]:.3g} is never used"
    return Effect(said + "; with the control at 0", {"position": position, "rate": rate, "configured": first})


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, epochs=4, order=True),
    words=("step",),
)
