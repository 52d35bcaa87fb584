"""Training stalls: the sigmoid is applied twice, so that the loss never sees a clear answer.

`BCEWithLogitsLoss` wants raw scores: it applies the sigmoid itself. Given sigmoid (or softmax) output,
all of its "scores" lie between 0 and 1, which its own sigmoid turns into probabilities between 0.5 and
0.73. The loss of a perfectly recognised negative stays at 0.69, as if the model were guessing.

```python bad
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # lint: sigmoid
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
    optimizer.zero_grad()
    scores = model(x)
    loss = criterion(scores, y)
    loss.backward()
    optimizer.step()
    accuracy = ((torch.sigmoid(scores) > 0.5) == y.bool()).float().mean()
```

## When it is fine

When the sigmoid only serves prediction, a metric or a Dice term beside the loss, when it gates
something inside the network and other layers follow, and when the loss is `BCELoss`, which wants
probabilities.

## Fix

Remove the sigmoid from the model and apply it where probabilities are read (or compare the scores with
0 instead of 0.5). Going back to `BCELoss` also works, but is less stable and raises under CUDA autocast.

## How to see it

The loss stays near 0.5 to 0.7: its floor is 0.31 for a positive target and 0.69 for a negative one. The
smallest value of `torch.sigmoid(output)`, which is what the loss sees, is never below one half.

## What it costs

`bench/objectives.py`, two classes, 300 steps of SGD at the same rate, five seeds, CPU: accuracy on fresh samples
0.80 to 0.88 as written, 0.98 without the sigmoid. A confident mistake (score 8, target 0) has gradient 0.0002
instead of 1.

## Sources

PyTorch documentation of `torch.nn.BCEWithLogitsLoss`; focal-loss-pytorch pull request 5; lanedet issue
32; GSCNN issue 62; LeakPro issue 229.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, gradient_norm, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for objective in program.objectives:
        if objective.criterion.kind not in ("bce-logits", "multilabel-logits"):
            continue
        for head in objective.all_heads("sigmoid", "softmax", "hardsigmoid")[:1]:
            yield Finding(
                objective.node,
                f"`{text_of(objective.node)}` gets {head.operation} output, but {objective.name} applies the sigmoid itself{objective.proviso}",
                because=[(p, f"{head.operation} is applied here") for p in objective.places(head)],
                fix=objective.without(head),
                plant=objective.activated(head.operation),
                title=f"Drop the {head.operation} before {objective.name}",
                level=objective.level,
            )


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [
        call for run in written for call in run.near("criterion") if call.word("kind") == "bce_with_logits"
    ]
    squeezed = [call for call in calls if call.number("floor") > 0]
    if not squeezed or any(call.flag("outside_unit") for call in calls):
        return None
    floor = sum(call.number("floor") for call in squeezed) / len(squeezed)
    slope, usual = gradient_norm(written), gradient_norm(control)
    said = f"the scores are squeezed into [0, 1] before the loss squeezes them again: it cannot fall below {floor:.2f}"
    said += f" where the control can reach 0; gradient norm {slope:.2g} against {usual:.2g}"
    return Effect(said, {"floor": floor, "gradient_norm": slope, "gradient_norm_control": usual})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, criterion="BCEWithLogitsLoss"),
    words=(
        "BCEWithLogitsLoss",
        "binary_cross_entropy_with_logits",
        "sigmoid",
        "Sigmoid",
        "softmax",
        "Softmax",
        "criterion",
        "loss_fn",
        "backward",
    ),
)
