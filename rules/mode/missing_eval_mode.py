"""The model is judged with dropout on and BatchNorm in motion.

In training mode dropout removes random units and BatchNorm normalises with the batch at hand.
Evaluating like that gives scores that are too low, change from run to run and depend on how the test
data is batched. Each evaluation batch also moves BatchNorm's running statistics: test data leaks into
the model. `torch.no_grad()` does not help, it is about gradients only.

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,))), 32, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,))), 64)
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            output = model(x)  # lint: model(x)
            correct += (output.argmax(1) == y).sum().item()
    print(epoch, correct / len(test_loader.dataset))
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,))), 32, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,))), 64)
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
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            output = model(x)
            correct += (output.argmax(1) == y).sum().item()
    print(epoch, correct / len(test_loader.dataset))
```

A frozen network whose weights come out of a file, and that gives a training its targets, is in training mode as well
until somebody switches it: its dropout makes the targets noise, its BatchNorm learns from batches it should not see.

## When it is fine

Models in which nothing depends on the mode. Accuracy of the training batches themselves. Methods that
want training mode: Monte Carlo dropout, test-time adaptation, re-estimating BatchNorm, transductive
few-shot learning. A teacher that is a moving average of its student. Models from `from_pretrained`, which start in evaluation mode and were never
switched.

## Fix

`model.eval()` before the evaluation, `model.train()` before training goes on.

## How to see it

Evaluate twice without training in between: the numbers differ. Experiment: two evaluation passes and
BatchNorm's running statistics before and after.

## What it costs

The example's network on learnable data, CPU: four evaluations in a row gave 0.719, 0.738, 0.762 and
0.715; in evaluation mode it was 0.812 each time.

## Sources

PyTorch documentation of `Module.eval` and "Autograd mechanics" (evaluation mode);
udacity/deep-learning-v2-pytorch issue 3; cvlab-stonybrook/DM-Count issue 3;
princeton-vl/pytorch_stacked_hourglass issue 44.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, append_text, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    uncalled = program.uncalled_switches
    batchwise = (*program.evaluations, *program.left_behind)
    for evaluation in (*batchwise, *program.inferences, *program.held_out):
        if (
            not evaluation.in_train_mode
            or not (evaluation.trained or evaluation.comes_trained)
            or not evaluation.judged
            or evaluation.repeats
        ):
            continue
        dependent = evaluation.mode_dependent
        if dependent is False or evaluation.as_asked or evaluation.of_training:
            continue
        model, item, uncalled = (
            evaluation.model_text,
            evaluation.item_text,
            [],
        )  # what is not called is seen by its harm
        yield Finding(
            evaluation.node,
            f"`{text_of(evaluation.node)}` evaluates in train mode: any dropout stays on, any BatchNorm learns from this data",
            because=[
                (m.event.node, "last switched the mode") for m in evaluation.modes if m.event is not None
            ][:2],
            fix=evaluation.switched(model) if model else (),
            control=evaluation.switched(item) if item else (),
            plant=evaluation.in_training,
            title=f"Call `{model}.eval()` before the evaluation loop",
            level=None if dependent else "warning",
            known=evaluation.known,
        )
    for teacher in program.teachers:
        yield Finding(
            teacher.node,
            f"`{text_of(teacher.node)}` gives targets in train mode: dropout stays on, BatchNorm takes each batch's statistics",
            fix=teacher.switched(teacher.model_text) if teacher.model_text else (),
            title=f"Call `{teacher.model_text}.eval()` before the training loop",
            level="warning",
            known=teacher.known,
        )
    for switch in uncalled:
        yield Finding(
            switch,
            f"`{text_of(switch)}` is named and not called: what follows is evaluated in train mode",
            fix=[append_text(switch, "()")],
            title=f"Call `{text_of(switch)}()`",
            level="warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    passes = [event for run in written for event in run.near("forward") if not event.flag("trained")]
    if not any(has_learnt(run) for run in written):
        return None
    differ = max((event.number("differ") for event in passes), default=0.0)
    moved = max((event.number("moved") for event in passes), default=0.0)
    if differ < 1e-6 and moved < 1e-6:
        return None
    said = []
    if differ >= 1e-6:
        said.append(f"two passes over one evaluation batch differ by {differ:.2g} of the outputs' spread")
    if moved >= 1e-6:
        said.append(f"one evaluation batch moves BatchNorm's running statistics by {moved:.0%}")
    return Effect(
        " and ".join(said) + "; in evaluation mode by 0",
        {"difference": differ, "statistics_moved": moved},
        structure_only=any(run.stands_in("model") for run in written),  # its dropout is ours, then
    )


def has_learnt(run: Run) -> bool:
    """Whether the weights are more than what they were drawn as, or may be: of a network that we made up nobody knows."""
    if run.all("backward") or run.all("load"):
        return True
    return run.has_instead("model: ", "pretrained ", "checkpoint ")


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, epochs=2),
    words=(
        "backward",
        "eval",
        "train",
        "no_grad",
        "inference_mode",
        "set_grad_enabled",
        "volatile",
        "load_state_dict",
        "DataLoader",
        "item",
        "argmax",
        "max",
        "topk",
        "softmax",
        "sigmoid",
        "cpu",
        "detach",
        "numpy",
        "tolist",
    ),
)
