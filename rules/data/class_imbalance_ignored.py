"""The rare class is hardly ever found, and the accuracy looks excellent.

With 95 rows of one class to 5 of the other, a model that always says the first has 95 % accuracy. Training goes
there by itself, since each rare row is one among twenty. Accuracy alone does not tell.

```python bad
import torch
from torch import nn

torch.manual_seed(0)
x = torch.cat([torch.randn(950, 4), torch.randn(50, 4) + 0.8])
y = torch.cat([torch.zeros(950), torch.ones(50)]).long()  # lint: 95 %
model = nn.Linear(4, 2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(60):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
print("accuracy", (model(x).argmax(1) == y).float().mean().item())
```

```python good
import torch
from torch import nn

torch.manual_seed(0)
x = torch.cat([torch.randn(950, 4), torch.randn(50, 4) + 0.8])
y = torch.cat([torch.zeros(950), torch.ones(50)]).long()
model = nn.Linear(4, 2)
criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.526, 10.0]))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(60):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
said = model(x).argmax(1)
print("recall", [(said[y == label] == label).float().mean().item() for label in (0, 1)])
```

## When it is fine

Where the rare class matters no more than its share, and the accuracy is compared with that of always saying the
common one. Reported only where the program shows the counts, or the table is known to be skewed; not where it weighs,
resamples, moves the threshold or measures recall, F1, AUC or the like.

## Fix

First measure: `balanced_accuracy_score`, recall of each class, average precision. Then weigh: `weight` of
`CrossEntropyLoss`, `pos_weight` of `BCEWithLogitsLoss`, `class_weight="balanced"`; or draw with a
`WeightedRandomSampler`. Weights change what the scores mean: they are no probabilities any more.

## How to see it

A confusion matrix. Experiment: the recall of the rarest class at the end of training.

## What it costs

Logistic regression on such data with 50 rare rows, five seeds, CPU, recall of the rare class on fresh data without
and with weights: at 2:1 0.63 and 0.77, at 5:1 0.41 and 0.77, at 10:1 0.27 and 0.78, at 20:1 0.13 and 0.76
(`bench/imbalance.py`).

## Options

`ratio` (10): rows of the largest class to one of the smallest, from which it is reported.

## Sources

He and Garcia, "Learning from Imbalanced Data" (2009); Saito and Rehmsmeier, "The Precision-Recall Plot Is More
Informative than the ROC Plot" (2015); King and Zeng, "Logistic Regression in Rare Events Data" (2001); scikit-learn's user
guide on metrics.
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import Effect, Finding, Option, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.skewed:
        if found.classes.ratio < options.number("ratio"):
            continue
        share = f"{found.classes.share:.1%}".replace("%", " %").replace(".0 %", " %")
        yield Finding(
            found.node,
            f"always saying the largest class has an accuracy of {share} here ({found.classes.ratio:.3g}:1),"
            " and nothing else is measured or weighed",
            because=[
                (found.sink, "learns these labels"),
                *((made, "weighs all rows alike") for made in found.made),
            ],
            fix=found.edits,
            title="Give the rare classes more weight",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    missed, found = rarest(written), rarest(control)
    if not missed or not found or mean(found) - mean(missed) < 0.1:
        return None
    return Effect(
        f"{mean(missed):.0%} of the rarest class are found, {mean(found):.0%} with weights".replace(
            "%", " %"
        ),
        {"recall": missed, "recall_control": found},
    )


def rarest(runs: Runs) -> list[float]:
    """The lowest recall of a class at the end of each run."""
    ends = [
        [call.numbers("recalls") for call in run.all("criterion") if call.flag("gradients")] for run in runs
    ]
    return [min(end[-1]) for end in ends if end and end[-1]]


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    options={
        "ratio": Option(
            10,
            "rows of the largest class to one of the smallest",
            "bench/imbalance.py: from 10:1 on, most of the rare class is missed; He and Garcia 2009",
        )
    },
    words=(
        "accuracy_score",
        "score",
        "accuracy",
        "Accuracy",
        "argmax",
        "eq",
        "acc",
        "correct",
        "cross_val_score",
        "cross_validate",
        "best_score_",
    ),
)
