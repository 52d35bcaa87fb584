"""The network cannot give a clear answer: an activation cuts off the scores before cross entropy.

Cross entropy takes scores of any size and sign and turns them into probabilities itself. A ReLU behind the
last layer sets every negative score to 0: a class whose score is 0 for all samples gets no gradient any
more and is never predicted again. A sigmoid or tanh keeps all scores within 1 or 2 of each other, so that
even the best answer leaves a large loss.

```python bad
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10), nn.ReLU())
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # lint: relu
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it is fine

Soft caps that leave room (`30 * tanh(x / 30)`), scores that are scaled afterwards (a temperature),
activations with an unbounded slope on both sides (leaky ReLU, ELU). Activations inside the network, with a
layer behind them.

## Fix

Let the network end in its last linear or convolutional layer. The fix drops the activation; a network
that was trained with it should be trained again.

## How to see it

Print the scores of a batch: many are exactly 0, or all lie between -1 and 1. Classes that the confusion
matrix never names are a sign of a dead score. Experiment: the share of scores that are cut off, or the
smallest loss that the bounds allow.

## What it costs

`bench/objectives.py`: ten Gaussian classes, 300 steps of SGD at rate 0.1, five seeds, CPU. Accuracy on fresh
samples 0.82 to 0.87 without the activation, 0.75 to 0.85 with ReLU, 0.83 to 0.86 with tanh and 0.81 to 0.84
with sigmoid, these two at a loss of 1.05 to 1.16 and 1.71 to 1.77 instead of 0.32 to 0.54.

## Sources

PyTorch documentation of `torch.nn.CrossEntropyLoss` ("unnormalized logits"); Goodfellow, Bengio and
Courville, "Deep Learning", section 6.2.2.3; hunkim/PyTorchZeroToAll pull request 4.
"""

from collections.abc import Iterator
from math import exp, log
from statistics import mean

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of

REACH = {"sigmoid": 1.0, "hardsigmoid": 1.0, "tanh": 2.0, "hardtanh": 2.0, "relu6": 6.0}


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        for head in objective.activated_before[:1]:
            if not objective.learns:
                continue
            harm = (
                "cuts off negative scores" if head.operation == "relu" else "keeps all scores close together"
            )
            yield Finding(
                objective.node,
                f"`{text_of(objective.node)}` gets {head.operation} output for scores: it {harm}{objective.proviso}",
                because=[(p, f"{head.operation} is applied here") for p in objective.places(head)],
                fix=objective.without(head),
                plant=objective.activated(head.operation),
                title=f"Drop the {head.operation} before {objective.name}",
            )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [
        call
        for run in written
        for call in run.near("criterion")
        if call.word("kind") in ("cross_entropy", "nll_loss") and call.number("classes") > 1
    ]
    activation = calls[0].word("scores_of") if calls else ""
    classes = calls[0].number("classes") if calls else 0
    if activation == "relu":
        cut = mean(call.number("tied") for call in calls)
        said = f"{cut:.0%} of the scores are cut off at 0 and get no gradient"
        return Effect(said, {"cut_off": cut, "classes": classes}) if cut > 0.05 else None
    reach = REACH.get(activation)
    if reach is None or any(call.number("spread") > reach + 1e-4 for call in calls):
        return None
    floor = log(1 + (classes - 1) * exp(-reach))
    said = f"scores lie within {reach:g} of each other, so with {classes:.0f} classes the loss cannot fall below {floor:.2f}"
    return Effect(said, {"floor": floor, "classes": classes})


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, targets="classes", criterion="CrossEntropyLoss"),
    words=(
        "CrossEntropyLoss",
        "cross_entropy",
        "CrossEntropy",
        "log_softmax",
        "LogSoftmax",
        "criterion",
        "loss_fn",
        "backward",
    ),
)
