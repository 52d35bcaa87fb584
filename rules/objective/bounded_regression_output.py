"""Part of the targets can never be predicted, because the last operation cuts the output's range.

ReLU ends at 0, sigmoid and softmax stay between 0 and 1, tanh between -1 and 1. A regression loss such as
MSE then pulls towards targets that the network cannot reach: predictions pile up at the edge, where the
gradient vanishes, and the loss stays above a floor. A ReLU at the end can also die: all predictions are
0 and no gradient is left to change that.

```python bad level=error
import torch
from torch import nn

inputs = torch.randn(256, 8)
targets = inputs.sum(dim=1, keepdim=True)
targets = (targets - targets.mean()) / targets.std()

model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(60):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)  # lint: sigmoid
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

inputs = torch.randn(256, 8)
targets = inputs.sum(dim=1, keepdim=True)
targets = (targets - targets.mean()) / targets.std()

model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(60):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
```

## When it is fine

When the targets have the same range: pixels, MinMaxScaler or [-1, 1] normalisation, normalised boxes,
colours, scaled actions, real-or-fake labels, counts, depths and distances for ReLU. Without evidence
about the targets sigmoid and tanh are not reported, and ReLU only as a warning, or as advice where the
targets are a table's column as it was read: most such columns are never negative.

## Fix

Let the network end in its last linear layer. To keep a range on purpose, scale the targets into it (and
the predictions back), or the output: `low + (high - low) * torch.sigmoid(x)`. For positive values
`softplus` keeps a gradient everywhere.

## How to see it

Compare `targets.min(), targets.max()` with those of the predictions. The loss stops falling early, and a
histogram of the predictions has a peak at the edge.

## What it costs

For standard normal targets: ReLU cannot reach 50 % of them (best mean squared error 0.50), sigmoid 66 %
(0.58), tanh 32 % (0.15). `bench/objectives.py`, a smooth function, 500 steps of Adam, five seeds, CPU: MSE on fresh
samples 0.02 to 0.03 with a linear end, 0.57 to 0.63 with sigmoid, 0.20 to 0.25 with tanh, 0.47 to 0.52 with ReLU, and
0.99 in the seed where the ReLU died.

## Sources

Goodfellow, Bengio, Courville, "Deep Learning", 6.2.2 (output units); pytorch-examples issue 30;
ProteomicsML pull request 203 (a dead ReLU); discuss.pytorch.org 185199 and 41046.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        bound = objective.bound
        if objective.criterion.kind != "regression" or bound is None:
            continue
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` trains a {bound.head.operation} output, which {bound.reach}: {bound.targets}{objective.proviso}",
            because=[
                (p, f"{bound.head.operation} is the last operation") for p in objective.places(bound.head)
            ]
            + ([(bound.target_node, "where the targets come from")] if bound.target_node is not None else []),
            fix=objective.without(bound.head),
            title=f"Drop the {bound.head.operation} from the output",
            level=objective.level if bound.evident else "advice" if bound.raw else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    if any(run.stands_in("data") for run in written):
        return None  # the targets are ours, then, and so is what of them cannot be reached
    if not any(run.all("backward") for run in written):
        return None  # shapes are tried, and nothing learns from the loss
    calls = [call for run in written for call in run.near("criterion") if call.number("unreachable") >= 0.01]
    if not calls:
        return None
    share = sum(call.number("unreachable") for call in calls) / len(calls)
    floor = sum(call.number("missing_squared") for call in calls) / len(calls)
    said = f"{share:.0%} of the targets are out of reach of the last {calls[0].word('activation')}"
    said += f": the mean squared error cannot fall below {floor:.3g}, without it below 0"
    ended, better = last_loss(written), last_loss(control)
    if ended > better:
        said += f" (after equal steps the loss is {ended:.3g} against {better:.3g})"
    return Effect(
        said,
        {"unreachable": share, "floor": floor, "loss": ended, "loss_control": better},
    )


def last_loss(runs: Runs) -> float:
    ends = [run.near("criterion")[-1].number("value") for run in runs if run.near("criterion")]
    return sum(ends) / max(1, len(ends))


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=30, seeds=2, targets="both-signs"),
    words=(
        "MSELoss",
        "mse_loss",
        "L1Loss",
        "l1_loss",
        "SmoothL1Loss",
        "smooth_l1_loss",
        "HuberLoss",
        "huber_loss",
        "criterion",
        "loss_fn",
        "backward",
        "training_step",
    ),
)
