"""The optimizer steps before the gradient it should use exists.

One iteration should run forward, backward, step. Where `step()` comes before `backward()` it can only
use what the previous iteration left in `.grad`. If the gradients are cleared in between, it uses
nothing and the network never learns. If they are not, every update comes one batch late.

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        optimizer.step()  # lint: optimizer.step()
        loss.backward()
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

for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
```

## When it is fine

The step belongs to another optimizer or another loss than the `backward()` after it (GANs, actor and
critic). Pipelined loops that step with the previous batch's gradient on purpose, guard the first
iteration (`if i > 0:`) or step once more after the loop.

## Fix

Move `step()` after `backward()`.

## How to see it

Cleared in between: weights before and after `step()` are equal. Not cleared: the first `step()` changes
nothing and the gradient of the last batch is never used. Experiment: the share of gradients that reach
a step, and the delay in batches.

## What it costs

`bench/updates.py`, 160 steps of SGD, three seeds, CPU: with gradients that are cleared before the step the weights moved
by 0.0 and the loss stayed at 1.37 to 1.44; with the fix it fell to 0.61 to 0.74. `step()` at the top of the body, with
the clear behind it, cost one update (0.62 to 0.75). `step()` between forward and `backward()` changes weights that
`backward()` still needs, and PyTorch raises "modified by an inplace operation" at the second batch
unless the model is a single layer.

## Sources

PyTorch tutorial "Optimizing Model Parameters"; PyTorch documentation, "In-place correctness checks".
"""

from collections.abc import Iterator

from trainlint import (
    Effect,
    Finding,
    Needs,
    Options,
    Program,
    Rule,
    Run,
    Runs,
    insert_after,
    remove_statement,
    replace,
    text_of,
)


def check(program: Program, options: Options) -> Iterator[Finding]:
    for update in (*program.updates, *program.single_updates):
        backward = update.late_backward
        if backward is None:
            continue
        lost = update.clears_after(backward)
        moved = (
            [insert_after(backward.node, text_of(update.node))]
            if update.movable(update.event, backward)
            else []
        )
        harm = "its gradients are cleared before any step" if lost else "its gradients come one batch late"
        yield Finding(
            update.node,
            f"`{text_of(update.node)}` runs before `{text_of(backward.node)}`: {harm}",
            because=[(backward.node, "computes this batch's gradients, after the step")]
            + [(clear.node, "clears them again") for clear in lost[:1]],
            fix=[remove_statement(update.node), *moved] if moved else (),
            control=[replace(update.node, "None"), *moved] if moved else (),
            title="Step after the backward pass",
            level=None if lost else "warning",
            known=update.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    steps = [step for run in written for step in run.near("step")]
    lost = [step for step in steps if step.flag("fresh_norm") and not step.flag("gradient_norm")]
    late = [step for step in steps if step.number("delay") >= 1 and step.flag("gradient_norm")]
    if any("inplace operation" in (run.raised or "") for run in written):
        return Effect(
            "the step changes weights that the backward after it still needs: " + str(written[0].raised)[:120]
        )
    if len(steps) > 1 and len(lost) >= len(steps) - 1:
        said = f"none of {len(steps)} updates finds a gradient: each is cleared before the next step"
    elif len(steps) > 1 and len(late) >= len(steps) - 1 and not any(map(_waits, written)):
        said = (
            f"{len(late)} of {len(steps)} updates use the gradient of the batch before, the first uses none"
        )
    else:
        return None
    return Effect(
        said + "; with the control each uses its own",
        {"updates": len(steps), "lost": len(lost), "late": len(late)},
    )


def _waits(run: Run) -> bool:
    """Whether the first step comes when there is a gradient: the loop is pipelined, and leaves it out in its first turn."""
    first = next(iter(run.near("step")), None)
    return first is not None and first.flag("gradient_norm")


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, order=True),
    words=("backward", "step"),
)
