"""The loss turns negative and steers training wrongly, because `NLLLoss` gets no log-probabilities.

Despite its name, `NLLLoss` takes no logarithm: it picks the input at the target's place and flips its
sign. That is a likelihood only if the input is log-softmax output. Given softmax output the loss runs
from 0 down to -1, and a confident mistake gets almost no gradient. Given raw scores it has no lower bound
at all: the network makes them larger and larger.

```python bad
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 10)

    def forward(self, x):
        return F.softmax(self.fc(x), dim=1)


model = Net()
criterion = nn.NLLLoss()
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
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 10)

    def forward(self, x):
        return F.log_softmax(self.fc(x), dim=1)


model = Net()
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(10, (32,))
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it is fine

When a log-softmax, a `log` of probabilities or a `logsumexp` difference stands anywhere on the way to the
loss, in the model, the loop or a wrapper. skorch's `NeuralNetClassifier` takes the logarithm itself.

## Fix

`log_softmax` instead of `softmax`, or raw scores with `CrossEntropyLoss`, which does both steps.
Wherever the output is read as probabilities, take `.exp()` of log-probabilities.

## How to see it

A negative loss. With softmax it creeps towards -1, with raw scores it falls without end.

## What it costs

Measured on the CPU: for the scores (10, 0, 0) and true class 1 the gradient at the true class is 0.00005
with softmax, 1 with log-softmax. `bench/objectives.py`, ten Gaussian classes, 300 steps of SGD at the same rate, five
seeds: accuracy on fresh samples 0.69 to 0.73 with softmax, 0.82 to 0.87 with log-softmax.

## Sources

PyTorch documentation of `torch.nn.NLLLoss` and `torch.nn.Softmax` ("doesn't work directly with NLLLoss");
ACGAN-PyTorch issue 3; Text-Classification-Models-Pytorch issue 9; Pointnet_Pointnet2_pytorch issue 30.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, gradient_norm, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        if objective.criterion.kind != "nll":
            continue
        soft = objective.all_heads("softmax")
        if not soft and not objective.raw_scores:
            continue
        head = (soft or objective.heads)[0]
        given = "probabilities" if soft else "raw scores"
        fix = objective.as_log_softmax(head) if soft else ()
        compared = "torch.log({})" if soft else "torch.log_softmax({}, dim=1)"
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` gets {given}, but {objective.name} takes log-probabilities (log_softmax output){objective.proviso}",
            because=[
                (p, f"{head.operation or 'the last layer'} gives {given}") for p in objective.places(head)
            ],
            fix=fix,
            control=() if fix else objective.wrapped(compared),
            plant=objective.wrapped("torch.softmax({}, dim=1)"),
            title="Give it log-probabilities",
            level=objective.level,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [call for run in written for call in run.near("criterion") if call.word("kind") == "nll_loss"]
    wrong = [call for call in calls if call.number("row_log_error") > 1e-3]
    if not wrong or len(wrong) < len(calls):
        return None
    value = sum(call.number("value") for call in wrong) / len(wrong)
    said = "the loss takes log-probabilities, whose exponentials sum to 1: here their logarithm is off by "
    said += f"{max(call.number('row_log_error') for call in wrong):.2f}, and the loss reads {value:.2f}"
    if value < 0:
        said += ", which no negative log-likelihood can be"
    usual, slope = gradient_norm(control), gradient_norm(written)
    return Effect(said, {"loss": value, "gradient_norm": slope, "gradient_norm_control": usual})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, targets="classes", criterion="NLLLoss"),
    words=("NLLLoss", "NLLLoss2d", "nll_loss", "nll_loss2d", "criterion", "loss_fn", "backward"),
)
