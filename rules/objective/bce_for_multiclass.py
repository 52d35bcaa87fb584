"""Classes that exclude each other are trained as independent yes-or-no questions, or the loss does not run.

Binary cross entropy asks of every output on its own: is this class present? Where each sample has exactly
one class, that throws away what is known. The probabilities need not sum to one, and the mean runs
over all outputs, so that with C classes the gradient is about C times smaller. Given class numbers
instead of a one-hot table it raises, or reads class 7 as the "probability" 7.

```python bad level=warning
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(60):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    out = model(x)
    loss = criterion(out, F.one_hot(y, 10).float())  # lint: class
    loss.backward()
    optimizer.step()
    accuracy = (out.argmax(dim=1) == y).float().mean()
```

```python bad level=error
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(60):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    loss = criterion(model(x), y.float())  # lint: class
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(60):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    out = model(x)
    loss = criterion(out, y)
    loss.backward()
    optimizer.step()
    accuracy = (out.argmax(dim=1) == y).float().mean()
```

## When it is fine

When a sample can have several labels (decided by a threshold per label), with one output or two classes, for
real against fake, and in recipes that mean it: mixup, CutMix or label smoothing with BCE, focal and
detection losses, ordinal targets, one-versus-all scoring.

## Fix

`CrossEntropyLoss` on the raw scores with the class numbers (it also takes the one-hot table as float); no
sigmoid or softmax before it. Then tune the learning rate again.

## How to see it

`torch.sigmoid(out).sum(dim=1)` is far from 1 for many samples. With class numbers as targets: "Target
size must be the same as input size", or a loss below zero.

## What it costs

`bench/objectives.py`, ten Gaussian classes, five seeds, CPU: after 300 steps of SGD at the same rate accuracy on fresh
samples 0.76 to 0.80 against 0.82 to 0.87. With a ten times higher rate BCE reaches the same (0.82 to 0.86): what
stays are "probabilities" that do not sum to one. Accuracy alone may not suffer on your data.

## Sources

PyTorch documentation of `torch.nn.CrossEntropyLoss`; Wightman et al. 2021, "ResNet strikes back" (BCE on
purpose); yolov5 issue 5401; opensoundscape issue 302; practical-ml-with-pytorch issue 83.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        if objective.criterion.kind not in ("bce", "bce-logits"):
            continue
        exclusive = objective.exclusive_classes
        if exclusive is None:
            continue
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` trains classes that exclude each other as independent yes/no questions: {exclusive.why}{objective.proviso}",
            because=[(exclusive.node, exclusive.what)] if exclusive.node is not None else (),
            control=objective.as_cross_entropy(exclusive),
            level=objective.level if exclusive.indices else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [call for run in written for call in run.near("criterion") if call.word("kind").startswith("bce")]
    raised = [call.word("raised") for call in calls if call.word("raised")]
    if raised and not any(run.stands_in("data") for run in written):  # else the targets are ours
        return Effect("the loss cannot be computed from class indices: " + raised[0][:160])
    late = [call for call in calls[len(calls) // 2 :] if call.number("classes") > 2 and call.flag("one_hot")]
    if not late:
        return None
    sums = [call.number("row_sum" if call.word("kind") == "bce" else "sigmoid_row_sum") for call in late]
    total, classes = sum(sums) / len(sums), late[0].number("classes")
    if abs(total - 1) < 0.02:
        return None
    said = f"the probabilities of {classes:.0f} exclusive classes sum to {total:.2f} instead of 1"
    accuracy, better = late_accuracy(written), late_accuracy(control)
    if abs(accuracy - better) < 0.02:
        said += "; no effect on accuracy here (measured on this data)"
    else:
        said += f"; accuracy after equal steps {accuracy:.2f}, with cross entropy {better:.2f} (measured on this data)"
    return Effect(said, {"probability_sum": total, "accuracy": accuracy, "accuracy_control": better})


def late_accuracy(runs: Runs) -> float:
    """Mean accuracy over the second half of the steps, where targets are classes."""
    halves = [run.near("criterion")[len(run.near("criterion")) // 2 :] for run in runs]
    found = [call.number("accuracy") for half in halves for call in half if call.number("accuracy") >= 0]
    return sum(found) / max(1, len(found))


rule = Rule(
    check,
    symptom,
    level="error",
    fix=None,
    since="0.1",
    needs=Needs(steps=60, seeds=3, targets="classes"),
    words=(
        "BCELoss",
        "BCEWithLogitsLoss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "criterion",
        "loss_fn",
        "backward",
    ),
)
