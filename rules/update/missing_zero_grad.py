"""Gradients of earlier batches leak into every later update.

`loss.backward()` does not set `.grad`, it adds to it. A loop that steps and never clears moves the
weights along the sum of all gradients since the program began, most of them computed for weights that
no longer exist. The sum keeps growing, so the real step size grows with it.

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
    optimizer.zero_grad()  # clears once per epoch: the batches in between still add up
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()  # lint: optimizer.step()
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

Anywhere between the step and the next `backward()` will do: the end of the body is as good as its
start.

## When it is fine

Gradient accumulation, where step and clear stand under the same condition. Frameworks that clear for
you (Lightning, the Hugging Face Trainer, DeepSpeed engines). A closure that clears itself (LBFGS),
gradients that are assigned instead of added, a new model in every iteration. All of these are recognised.

## Fix

Clear before the first `backward()` of each batch: `optimizer.zero_grad()`, or `model.zero_grad()` where
the optimizer holds all of the model's parameters. With several optimizers, clear each of them.

## How to see it

Print the norm of one parameter's `.grad` before each step: it climbs from batch to batch. Experiment:
the gradient after the k-th `backward()` equals the sum of the gradients of batches 1 to k.

## What it costs

`bench/updates.py`, the example's network on noisy data, ten epochs, three seeds, CPU: never cleared, the loss on the
training set ended at 5.8 to 13.8, with the fix at 0.61 to 0.74; accuracy on fresh samples 0.48 to 0.56 against 0.62 to
0.64. Cleared once an epoch, the sum acts like a very heavy momentum: the training loss looked better (0.39 to 0.62), fresh
samples fared worse (0.54 to 0.60). Adam at 0.001, which divides by the size of the gradient, hides the defect: never
cleared, 0.58 to 0.70 against 0.81 to 0.94, and 0.61 to 0.63 on fresh samples against 0.60 to 0.63.

## Sources

PyTorch recipe "Zeroing out gradients in PyTorch"; pytorch/pytorch issue 47175, which asks for a warning
about exactly this; PyTorch documentation of `Optimizer.zero_grad`.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of

NEVER = "this loop never cleared, so each step adds all earlier batches"
AGAIN = "its closure never clears: LBFGS calls it several times a step, and each call adds the earlier ones"
NOWHERE = "nothing here ever clears, so each call adds all earlier ones"


def check(program: Program, options: Options) -> Iterator[Finding]:
    for update in (*program.updates, *program.pasted_updates, *program.lone_closures):
        backwards = update.backwards
        if not backwards or update.is_closure or update.clears or update.starts_anew:
            continue
        seldom = update.rare_clears[:1]
        often = "this loop clears in few batches only, so steps add earlier batches" if seldom else ""
        never = AGAIN if update.repeated else NOWHERE if update.is_pasted else NEVER
        yield Finding(
            update.node,
            f"`{text_of(update.node)}` uses gradients that {often or never}",
            because=[(b.node, "adds to the gradients that are there") for b in backwards[:3]]
            + [(clear.node, "is passed by in most batches") for clear in seldom],
            fix=update.cleared,
            plant=update.uncleared,
            title="Clear the gradients of each batch",
            known=update.known,
        )
    for descent in program.descents:
        yield Finding(
            descent.node,
            f"`{text_of(descent.node)}` uses gradients that {NEVER}",
            because=[(descent.backward.node, "adds to the gradients that are there")],
            fix=descent.cleared,
            title="Clear the gradient behind its use",
            known=descent.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    steps = [step for run in written for step in run.near("step") if not step.flag("closure")]
    carried = [step for step in steps if step.flag("carried_norm")]
    if len(carried) < max(1, (len(steps) - 1) / 2):
        return None
    last = max(carried, key=lambda step: step.number("carried_norm"))
    whole, own = last.number("gradient_norm"), last.number("fresh_norm")
    said = f"{len(carried)} of {len(steps)} updates use gradients of earlier batches as well: at one of them"
    said += f" the gradient is {whole:.3g} long, that of its own batch {own:.3g}"
    if last.number("sum_error") < 1e-3 * max(whole, 1e-12):
        said += ", and it equals the sum of all gradients so far"
    return Effect(
        said, {"updates": len(steps), "with_leftovers": len(carried), "gradient_norm": whole, "own_norm": own}
    )


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, order=True),
    words=("backward", "step"),
)
