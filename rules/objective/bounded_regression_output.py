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
about the targets sigmoid and tanh are not reported, and ReLU only as a warning.

## Fix

Let the network end in its last linear layer. To keep a range on purpose, scale the targets into it (and
the predictions back), or the output: `low + (high - low) * torch.sigmoid(x)`. For positive values
`softplus` keeps a gradient everywhere.

## How to see it

Compare `targets.min(), targets.max()` with those of the predictions. The loss stops falling early, and a
histogram of the predictions has a peak at the edge.

## What it costs

For standard normal targets: ReLU cannot reach 50 % of them (best mean squared error 0.50), sigmoid 66 %
(0.58), tanh 32 % (0.15). Measured on the CPU on a smooth function, 500 steps of Adam, three seeds: MSE
0.001 to 0.003 with a linear end, 0.53 to 0.55 with sigmoid, 0.04 to 0.10 with tanh, 0.50 with ReLU,
and 1.0 in the seed where the ReLU died.

## Sources

Goodfellow, Bengio, Courville, "Deep Learning", 6.2.2 (output units); pytorch-examples issue 30;
ProteomicsML pull request 203 (a dead ReLU); discuss.pytorch.org 185199 and 41046.
"""

from collections.abc import Iterator

from trainlint import Finding, Needs, Options, Program, Rule, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        bound = objective.bound
        if objective.criterion.kind != "regression" or bound is None:
            continue
        yield Finding(
            objective.node,
            f"`{text_of(objective.node)}` trains a {bound.head.operation} output, which {bound.reach}: {bound.targets}",
            because=[
                (p, f"{bound.head.operation} is the last operation") for p in objective.places(bound.head)
            ]
            + ([(bound.target_node, "where the targets come from")] if bound.target_node is not None else []),
            fix=objective.without(bound.head),
            title=f"Drop the {bound.head.operation} from the output",
            level=None if bound.evident else "warning",
        )


rule = Rule(
    check,
    None,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=60, seeds=3, targets="both-signs"),
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
    ),
)
