"""The network is taught that class 9 is nine times class 1: a regression loss gets class indices.

The index of a class is a name, not a quantity. Squared or absolute error on it says that mistaking class 0
for class 9 costs 81 times as much as mistaking it for class 1, and that a sample between classes 2 and 4
must be a 3. The network spends itself on an order that does not exist. Nothing raises, the loss falls, and
the accuracy stays far below what the same network reaches with cross entropy.

```python bad
import torch
from torch import nn

torch.manual_seed(0)
centres = 2 * torch.randn(6, 20)
y = torch.randint(0, 6, (512,))
x = centres[y] + torch.randn(512, 20)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)

for epoch in range(20):
    for i in range(0, 512, 32):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[i : i + 32]).squeeze(1), y[i : i + 32].float())  # lint: 6 classes
        loss.backward()
        optimizer.step()
    print(model(x[:5]).round().flatten().tolist(), y[:5].tolist())
```

```python good
import torch
from torch import nn

torch.manual_seed(0)
centres = 2 * torch.randn(6, 20)
y = torch.randint(0, 6, (512,))
x = centres[y] + torch.randn(512, 20)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)

for epoch in range(20):
    for i in range(0, 512, 32):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[i : i + 32]), y[i : i + 32])
        loss.backward()
        optimizer.step()
    print(model(x[:5]).argmax(1).tolist(), y[:5].tolist())
```

## When it is fine

Whole numbers that are quantities: ages, counts, ratings, time steps. Squared error between probabilities
and one-hot rows (the Brier score), also least squares on +1 and -1: these treat all classes alike. Two
classes as 0 and 1. The rule speaks where the targets are labels of a known data set, or are drawn as classes
and judged as such; of codes (`LabelEncoder`, `factorize`, `ImageFolder`) where there are three outputs or more, or where
a raw output is rounded to the nearest class.

## Fix

Give the last layer one output for each class, and use `nn.CrossEntropyLoss()` on its raw output and the
labels as integers; the prediction is `argmax(1)`.

## How to see it

Predictions pile up in the middle of the range: a confusion matrix shows whole columns of neighbours of the
true class. Experiment: accuracy after equal steps, with rounding and with cross entropy.

## What it costs

The examples, on six Gaussian classes, 320 steps, five seeds, CPU: accuracy
on fresh samples 0.76 to 0.84 with squared error, 1.00 with cross entropy.

## Sources

Bishop, "Pattern Recognition and Machine Learning", section 4.1.3 (least squares for classification);
PyTorch documentation of `torch.nn.CrossEntropyLoss`; Goodfellow, Bengio and Courville, "Deep Learning",
section 6.2.2.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        classes = objective.regressed_classes
        if classes is None:
            continue
        of_classes = f"{classes.count} classes" if classes.count else "classes"
        outputs = f"{classes.count} outputs" if classes.count else "one output for each"
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` takes the indices of {of_classes} for quantities: use cross entropy with {outputs}{objective.proviso}",
            because=[(b.node, "trains on it") for b in objective.backwards[:1]],
            control=classes.as_cross_entropy,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    kinds = ("mse", "l1", "smooth_l1", "huber")
    calls = [call for run in written for call in run.near("criterion") if call.word("kind") in kinds]
    late = [
        call for call in calls[len(calls) // 2 :] if call.flag("target_whole") and not call.flag("one_hot")
    ]
    highest = max((call.number("target_highest") for call in late), default=0.0)
    if highest < 2:
        return None
    reached = [call.number("rounded") for call in late if call.number("rounded") >= 0]
    accuracy = sum(reached) / max(1, len(reached))
    others = [call for run in control for call in run.near("criterion") if call.number("accuracy") >= 0]
    better = [call.number("accuracy") for call in others[len(others) // 2 :]]
    usual = sum(better) / max(1, len(better))
    said = f"class 0 taken for class {highest:.0f} costs {highest**2:.0f} times what class 1 would under a squared error"
    if not reached or not better:
        return Effect(said, {"classes": highest + 1}, structure_only=True)
    said += f"; accuracy in the second half of the steps {accuracy:.2f}, with cross entropy {usual:.2f} (on this data)"
    measured = {"classes": highest + 1, "accuracy": accuracy, "accuracy_control": usual}
    return Effect(said, measured, structure_only=usual < accuracy + 0.05)


rule = Rule(
    check,
    symptom,
    level="warning",
    since="0.1",
    needs=Needs(steps=120, seeds=2, targets="classes"),
    words=(
        "MSELoss",
        "L1Loss",
        "SmoothL1Loss",
        "HuberLoss",
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "backward",
        "training_step",
    ),
)
