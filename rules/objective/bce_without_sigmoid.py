"""Training stops with an error or goes on with a wrong loss: `BCELoss` gets scores, not probabilities.

`BCELoss` takes the logarithm of p and of 1 - p, so its input has to lie between 0 and 1. The output of a
linear or convolutional layer does not. PyTorch raises as soon as one value leaves the range: "all
elements of input should be between 0 and 1" on the CPU, a device-side assert on a GPU that names
neither the line nor the loss.

```python bad
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # lint: BCE
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it is fine

When a sigmoid, a softmax or another map into [0, 1] stands anywhere on the way to the loss, in the
model, the loop or a wrapper of the loss, or the values are clamped to [0, 1].

## Fix

Use `BCEWithLogitsLoss` on the scores (stable, works under autocast) and take the sigmoid where
probabilities are read; the automatic fix does the first half. Or put a sigmoid before `BCELoss`.
Clamping silences the error, but clamped values get no gradient.

## How to see it

Print `output.min(), output.max()` before the loss: they must not leave 0 and 1.

## What it costs

Measured on the CPU: of the outputs of freshly initialised networks as above, on standard normal inputs,
47 % lie outside the range (20 seeds, 6 to 94 %), so that nearly every first batch raises. A network whose
outputs happen to lie inside trains on scores that are read as probabilities, until one leaves.

## Sources

PyTorch documentation of `torch.nn.BCELoss` and `torch.nn.BCEWithLogitsLoss`; ray issue 17117; pytorch
issue 1010 (the device-side assert); FCN-pytorch issue 7.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        if objective.criterion.kind != "bce" or not objective.unbounded:
            continue
        head = objective.heads[0]
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` gets raw scores, but {objective.name} takes probabilities between 0 and 1{objective.proviso}",
            because=[(p, "the last operation, without a sigmoid behind it") for p in objective.places(head)],
            fix=objective.with_logits,
            title="Use the criterion that applies the sigmoid itself",
            level=objective.level,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [call for run in written for call in run.near("criterion") if call.word("kind") == "bce"]
    outside = [call.number("outside_unit") for call in calls]
    if not any(outside):
        return None
    low, high = min(call.number("lowest") for call in calls), max(call.number("highest") for call in calls)
    said = f"the loss takes probabilities and got values from {low:.2f} to {high:.2f}, up to {max(outside):.0%} outside [0, 1]"
    raised = next((call.word("raised") for call in calls if call.word("raised")), "")
    return Effect(
        said + (f": {raised[:120]}" if raised else ""),
        {"outside": max(outside), "lowest": low, "highest": high},
    )


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, criterion="BCELoss"),
    words=("BCELoss", "binary_cross_entropy", "criterion", "loss_fn", "backward"),
    yields_to=("bce-for-multiclass",),
)
