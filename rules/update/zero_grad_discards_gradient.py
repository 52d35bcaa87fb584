"""Gradients are thrown away before the optimizer can use them.

`backward()` fills `.grad`, `zero_grad()` empties it and `step()` reads it. With `zero_grad()` between
the other two, `step()` finds nothing: no gradient of the loss ever reaches the weights. Nothing raises,
the loss is printed as always, and it stays where it was.

```python bad
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
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.zero_grad()  # lint: optimizer.zero_grad()
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

for epoch in range(10):
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
```

Nearly the same: `zero_grad()` in every batch of a loop that steps once in k batches. Of each k batches only the last one's
gradients are left for the step, the others were computed for nothing.

## When it is fine

`zero_grad()` of another optimizer or of a part of the model (GANs, frozen branches). Clearing in order
to skip a batch (the loss is not finite, memory ran out). Gradients that were read before they are
cleared, as in adversarial training or gradient surgery.

## Fix

Move `zero_grad()` before `backward()`, or after `step()`; where the step comes once in k batches, behind it and in its
branch, with the loss divided by k. If the gradient of the clip or the log is
needed, take it between `backward()` and `step()`.

## How to see it

Compare any weight before and after `step()`: it is the same. Experiment: no gradient of the loss
reaches a step; with the fix all do.

## What it costs

`bench/updates.py`, the example's network on noisy data, 160 steps of SGD, three seeds, CPU: the weights moved by 0.0
and the loss stayed at its start, 1.37 to 1.44 for four classes; with the fix it fell to 0.61 to 0.74.
Since PyTorch 2.0 `zero_grad()` sets `.grad` to None and `step()` skips such parameters. With
`set_to_none=False` weight decay and old momentum still move the weights, but away from any use. A
`GradScaler` raises instead: "No inf checks were recorded for this optimizer".

## Sources

PyTorch documentation of `Optimizer.zero_grad` and `Optimizer.step`; cloneofsimo/lora issue 263 and
patrickloeber/pytorchTutorial issue 19, where people met or feared this order.
"""

from collections.abc import Iterator

from trainlint import (
    Effect,
    Finding,
    Needs,
    Options,
    Program,
    Rule,
    Runs,
    insert_before,
    remove_statement,
    replace,
    text_of,
)


def check(program: Program, options: Options) -> Iterator[Finding]:
    for update in (*program.updates, *program.single_updates):
        for clear, backward in update.discards:
            moved = (
                [insert_before(backward.node, text_of(clear.node))] if update.movable(clear, backward) else []
            )
            yield Finding(
                clear.node,
                f"`{text_of(clear.node)}` throws away the gradients before `{text_of(update.node)}` can use them",
                because=[(backward.node, "computes the gradients"), (update.node, "steps without them")],
                fix=[*moved, remove_statement(clear.node)] if moved else (),
                control=[*moved, replace(clear.node, "None")] if moved else (),
                plant=[insert_before(update.node, text_of(clear.node))],
                title="Clear the gradients before the backward pass",
                known=update.known,
            )
    for lost in program.lost_batches:
        sums = lost.sums
        under = f" (`{sums.under}`)" if sums.under else ""
        yield Finding(
            lost.clear.node,
            f"`{text_of(lost.clear.node)}` clears in every batch, `{text_of(sums.step.node)}` comes once in {sums.count}{under}: "
            "the gradients of all other batches are thrown away",
            because=[
                (sums.backward.node, "computes the gradients"),
                (sums.step.node, "uses the last ones only"),
            ],
            fix=lost.kept,
            title="Clear behind the step, and divide the loss",
            level="warning",
            known=lost.update.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    steps = [step for run in written for step in run.near("step") if step.flag("fresh_norm")]
    lost = [step for step in steps if not step.flag("gradient_norm")]
    if not lost:
        return of_batches(written, control)
    arrived = sum(step.flag("gradient_norm") for run in control for step in run.near("step"))
    said = f"in {len(lost)} of {len(steps)} updates the gradient had been cleared when the step came"
    said += f" (it was {lost[0].number('fresh_norm'):.3g} long before); with the control {arrived} updates use theirs"
    return Effect(
        said, {"updates": len(steps), "cleared": len(lost), "gradient_norm": lost[0].number("fresh_norm")}
    )


def of_batches(written: Runs, control: Runs) -> Effect | None:
    """Whether gradients are cleared before any step has seen them, once there are several passes to a step."""
    passes = [event for run in written for event in run.near("backward")]
    thrown = max((event.number("discarded") for event in passes), default=0.0)
    kept = [event.number("discarded") for run in control for event in run.near("backward")]
    steps = sum(len(run.near("step")) for run in written)
    if not thrown or not kept or max(kept) or len(passes) < 2 * steps:
        return None
    said = f"{len(passes)} backward passes come to {steps} steps: the weights' gradients are cleared {thrown:.0f} times before a step has seen them"
    return Effect(said, {"passes": len(passes), "steps": steps, "cleared": thrown})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, order=True),
    words=("zero_grad", "grad"),
    yields_to=("step-before-backward",),
)
