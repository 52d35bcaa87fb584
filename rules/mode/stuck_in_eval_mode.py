"""Training goes on with dropout off and BatchNorm frozen.

`model.eval()` is a switch, not a scope: it stays until `model.train()` is called. A loop that validates
and does not switch back trains in evaluation mode from then on. Dropout no longer regularises and
BatchNorm keeps normalising with the statistics of the first epoch while the weights move on.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
train_loader = DataLoader(data, batch_size=32, shuffle=True)
val_x, val_y = torch.randn(128, 20), torch.randint(0, 4, (128,))
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

model.train()  # once, before the epochs: from the second epoch on it no longer holds
for epoch in range(5):
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()  # lint: model.eval()
    with torch.no_grad():
        print(epoch, criterion(model(val_x), val_y).item())
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
train_loader = DataLoader(data, batch_size=32, shuffle=True)
val_x, val_y = torch.randn(128, 20), torch.randint(0, 4, (128,))
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, criterion(model(val_x), val_y).item())
```

`from_pretrained` of transformers and diffusers hands out models in evaluation mode: a loop of your own
that trains one has to call `model.train()` first.

## When it is fine

Models in which nothing depends on the mode (no dropout, no BatchNorm and the like). Parts that are kept
in evaluation mode on purpose: frozen backbones, teachers, BatchNorm with its old statistics while
fine-tuning.

## Fix

Call `model.train()` at the start of each epoch and after each validation inside of one, or let the
evaluating function restore the mode it found: `mode = model.training; model.eval(); ...;
model.train(mode)`.

## How to see it

`print(model.training)` inside the batch loop: False from the second epoch on. Experiment: the mode of
every dropout and BatchNorm layer at each optimizer step, and whether running statistics still change.

## What it costs

A network like the one above on noisy data (500 samples, five classes, 30 epochs, five seeds, CPU):
held-out loss 4.5 as written and 1.2 with the fix, accuracy 0.53 against 0.58. In fartashf/vsepp the
repair changed the results so much that the old behaviour stayed behind a flag, to reproduce the paper.

## Sources

PyTorch documentation of `Module.eval`; transformers documentation of `from_pretrained`; fartashf/vsepp
issue 4; wkentaro/pytorch-fcn pull request 56; optuna/optuna pull request 1725.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, insert_before, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for stuck in program.stuck_forwards:
        model = text_of(stuck.model_node)
        yield Finding(
            stuck.place,
            f"`{text_of(stuck.place)}` is never undone: `{text_of(stuck.forward.node)}` goes on training in eval mode"
            if stuck.switch is not None
            else f"`{text_of(stuck.place)}` trains a model that `from_pretrained` left in eval mode",
            because=[(stuck.forward.node, "trains with any dropout off and any BatchNorm statistics frozen")]
            + [(call, "gives the network in eval mode") for call in stuck.made]
            + [(call, "leads there") for call in stuck.calls[:3]]
            + [
                (node, "switches to train mode, not repeated behind the evaluation")
                for node in stuck.last_train
            ],
            fix=[insert_before(stuck.forward.node, f"{model}.train()")] if stuck.fixable else (),
            plant=stuck.planted,
            title="Switch back to train mode before the training forward",
            level=None if stuck.mode_dependent else "warning",
            known=stuck.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    stuck, steps = stuck_passes(written)
    usual, _ = stuck_passes(control)
    if not steps or stuck <= usual or all(is_switched_elsewhere(run) for run in written):
        return None
    said = f"in {stuck} of {steps} training passes every dropout and BatchNorm layer was in evaluation mode"
    return Effect(
        f"{said}; with the control in {usual}",
        {"stuck": stuck, "training_passes": steps, "control": usual},
        structure_only=any(run.stands_in("model") for run in written),  # its dropout is ours, then
    )


def is_switched_elsewhere(run: Run) -> bool:
    """Whether it is another statement that puts the network into eval mode: the flagged one finds it there each time."""
    off = [event for event in run.all("mode") if not event.flag("training")]
    own = [event for event in off if event.flag("at")]
    changing = [event for event in off if event.flag("changes")]
    return bool(own and changing) and not any(event.flag("changes") for event in own)


def stuck_passes(runs: Runs) -> tuple[int, int]:
    passes = [
        event
        for run in runs
        for event in run.all("forward")
        if event.flag("trained") and event.flag("layers")
    ]
    return sum(not event.flag("active") for event in passes), len(passes)


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, epochs=3),
    words=("eval", "train", "from_pretrained", "backward"),
)
