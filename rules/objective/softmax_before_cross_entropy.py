"""Training stalls at a high loss: cross entropy gets probabilities and takes a softmax of them again.

`CrossEntropyLoss` wants raw scores: it applies log-softmax itself. Fed with softmax output, its
"scores" all lie between 0 and 1, so that the second softmax is nearly flat. Even a perfect prediction
cannot reach a small loss, and a confident mistake hardly gets a gradient. Nothing raises: the network
learns slowly and its confidence means nothing.

```python bad level=error
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return torch.softmax(self.out(torch.relu(self.hidden(x))), dim=1)


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # lint: softmax
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    scores = model(x)
    loss = criterion(scores, y)
    loss.backward()
    optimizer.step()
    confidence = torch.softmax(scores, dim=1).max(dim=1).values
```

## When it is fine

When the softmax serves prediction or a metric and the loss gets the scores; when it weighs something
inside the network (attention, gates, pooling) and other layers follow; when log-softmax goes to
`NLLLoss`. Log-softmax before cross entropy gives the same loss, only computed twice: that is advice.

## Fix

Return the raw scores from the model and take the softmax where probabilities are wanted. The automatic
fix removes it: check code that reads the model's output as probabilities.

## How to see it

The loss settles near a floor and never goes below: with ten classes at 1.46, however good the
accuracy. Two classes: 0.31, a hundred: 3.62 (the floor is log(e + C - 1) - 1).

## What it costs

`bench/objectives.py`, ten Gaussian classes, 300 steps of SGD at the same rate, five seeds, CPU: accuracy on fresh
samples 0.72 to 0.77 as written, 0.82 to 0.87 without the softmax. For the scores (10, 0, 0) and true class 1
the gradient is about 14,000 times smaller.

## Sources

PyTorch documentation of `torch.nn.CrossEntropyLoss` ("unnormalized logits"); lightning-bolts'
logistic regression; llama-from-scratch issue 5; Deep-learning-activity-recognition issue 10.
"""

from collections.abc import Iterator
from math import e, log

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, gradient_norm, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        for head in objective.normalised_before[:1]:
            soft = head.operation == "softmax"
            name, again = (
                ("softmax" if soft else "log_softmax"),
                f"{objective.name} applies log_softmax itself",
            )
            if objective.criterion.kind == "nll":
                name, again = "softmax", "log_softmax comes behind it and normalises again"
            harm = (
                "is squashed twice and cannot get near 0"
                if soft
                else "stays the same, the second one is redundant"
            )
            yield Finding(
                objective.node,
                f"`{text_of(objective.node)}` gets {name} output, but {again}: the loss {harm}{objective.proviso}",
                because=[(p, f"{name} is applied here") for p in objective.places(head)],
                fix=objective.without(head),
                plant=objective.activated("softmax") if soft else (),
                title=f"Drop the {name} before {objective.name}",
                level=objective.level if soft else "advice",
            )
    for twice in program.renormalised:
        yield Finding(
            twice.node,
            f"`{text_of(twice.node)}` gets softmax output, but takes log_softmax of it: squashed twice, no class"
            " gets near 0 or 1",
            because=[(place, "normalised here") for place in twice.places],
            fix=twice.without,
            title="Drop the softmax before the loss",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [
        call for run in written for call in run.near("criterion") if call.word("kind") == "cross_entropy"
    ]
    if not calls or not all(
        call.number("lowest") >= 0 and call.number("row_sum_error") < 1e-3 for call in calls
    ):
        return None
    classes = calls[0].number("classes")
    floor = log(1 + (classes - 1) / e)  # one class at probability 1, the others at 0
    slope, usual = gradient_norm(written), gradient_norm(control)
    said = f"every row sums to 1, so with {classes:.0f} classes the loss cannot fall below {floor:.2f}, with raw scores to 0"
    said += f"; gradient norm at the output {slope:.2g} against {usual:.2g}"
    return Effect(
        said, {"floor": floor, "classes": classes, "gradient_norm": slope, "gradient_norm_control": usual}
    )


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, targets="classes", criterion="CrossEntropyLoss"),
    words=(
        "CrossEntropyLoss",
        "cross_entropy",
        "CrossEntropy",
        "softmax",
        "Softmax",
        "log_softmax",
        "LogSoftmax",
        "criterion",
        "loss_fn",
        "backward",
    ),
)
