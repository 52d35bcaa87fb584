"""The rate is lowered while training gets better, because the plateau is looked for the wrong way.

`ReduceLROnPlateau` lowers the rate when a number has not become better for `patience` epochs. Which way is
better it cannot know: `mode="min"`, the default, is right for a loss. Given an accuracy it takes every
improvement for a failure, and lowers the rate again and again until nothing moves. Without a number it raises.

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)  # lint: accuracy

for epoch in range(12):
    correct = 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        scores = model(inputs)
        loss = nn.functional.cross_entropy(scores, labels)
        loss.backward()
        optimizer.step()
        correct += (scores.argmax(1) == labels).sum().item()
    accuracy = correct / len(x)
    scheduler.step(accuracy)
```

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

for epoch in range(12):
    for inputs, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    scheduler.step()  # lint: scheduler.step() ... without
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(512, 20)
y = (x[:, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1)

for epoch in range(12):
    correct = 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        scores = model(inputs)
        loss = nn.functional.cross_entropy(scores, labels)
        loss.backward()
        optimizer.step()
        correct += (scores.argmax(1) == labels).sum().item()
    scheduler.step(correct / len(x))
```

## When it is fine

`mode="min"` with a loss, an error rate or a negated score; `mode="max"` with accuracies, F1 or areas under a
curve. What cannot be told to be a loss or a score is not judged.

## Fix

`mode="max"` for scores, `mode="min"` for losses; or hand over the other number, the validation loss as a rule.
Never the number of the epoch: it only rises, and `mode="min"` takes that for a run that gets no better.

## How to see it

The rate falls after `patience` epochs although the log shows progress. Experiment: the realised rates of both
programs, and what the number did meanwhile.

## What it costs

The example, CPU: the rate falls from 0.05 to 5e-7 in twelve epochs; with `mode="max"` it stays at 0.05, and
the loss of the last batches is 0.02 instead of 0.11.

## Sources

PyTorch documentation of `ReduceLROnPlateau`; its `step()` has taken `metrics` without a default since it
exists.
"""

from collections.abc import Iterator
from math import isfinite
from statistics import correlation, fmean

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for plateau in program.plateaus:
        if plateau.lacks_metric:
            yield Finding(
                plateau.event.node,
                f"`{text_of(plateau.event.node)}` is called without the number that ReduceLROnPlateau watches, and raises",
                because=[(plateau.node, "is made here")],
                control=plateau.with_number,
            )
        elif plateau.counts_rounds:
            yield Finding(
                plateau.event.node,
                f"`{text_of(plateau.event.node)}` hands ReduceLROnPlateau the number of the round, not a number that is "
                "measured: the rate does not go by the training",
                because=[(plateau.node, "is made here")],
                control=plateau.turned if plateau.mode else [],
            )
        elif plateau.is_contradicted:
            named = f" (the default of `{plateau.setting}`)" if plateau.setting else ""
            better = "high" if plateau.mode == "min" else "low"
            chosen = [(plateau.choice_node, "keeps the best by it")] if plateau.choice_node else []
            yield Finding(
                plateau.node,
                f'ReduceLROnPlateau has mode="{plateau.mode}"{named} but watches `{plateau.metric_text}`, which is better '
                f"when it is {better}: it lowers the rate while training improves",
                because=[(plateau.event.node, "hands the number over"), *chosen],
                fix=plateau.turned,
                level="warning" if plateau.setting or chosen else None,
                title=f'Set mode="{plateau.other_mode}"',
            )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run in written:
        if run.raised and "'metrics'" in run.raised:
            return Effect(f"the first step of the schedule raises: {run.raised}")
    here, there = [rates(run) for run in written], [rates(run) for run in control]
    if not here or not all(here) or not all(there) or len(here) != len(there):
        return None
    if not all(goes_the_wrong_way(run) for run in written):
        return None  # that a rate falls where a number stands still is what the schedule is for
    if any(a[-1] >= LESS * b[-1] for a, b in zip(here, there, strict=True)):
        return None
    said = (
        f"in {len(here[0]) - 1} epochs the rate falls from {here[0][0]:.3g} to {here[0][-1]:.3g}; with the control to "
        f"{there[0][-1]:.3g}"
    )
    return Effect(said, {"rates": here[0], "rates_control": there[0]})


LESS = 0.6  # the rate that is left, as a share of the control's: one fall of a half, at the least


def goes_the_wrong_way(run: Run) -> bool:
    """Whether the number that the schedule watches gets worse, as it is told to see it, while the loss gets better."""
    losses: dict[bool, list[float]] = {True: [], False: []}
    pairs: list[tuple[float, float]] = []
    mode = ""
    for event in run.events:
        if event.kind == "criterion":
            losses[event.flag("gradients")].append(event.number("value"))
        elif event.kind == "schedule" and event.word("mode") and any(losses.values()):
            pairs.append((event.number("metric"), fmean(losses[False] or losses[True])))
            mode, losses = event.word("mode"), {True: [], False: []}
    numbers, judged = [metric for metric, _ in pairs], [loss for _, loss in pairs]
    if len(set(numbers)) < LEVELS or len(set(judged)) < 2 or not all(map(isfinite, (*numbers, *judged))):
        return False
    together = correlation(numbers, judged)
    return (-together if mode == "min" else together) > CLEARLY


LEVELS, CLEARLY = 4, 0.5  # a number that takes two values or three goes along with anything now and then


def rates(run: Run) -> list[float]:
    """The rate before the schedule's first step, and after each."""
    steps = run.all("schedule")
    return [rate for step in steps[:1] for rate in step.numbers("before")[:1]] + [
        rate for step in steps for rate in step.numbers("after")[:1]
    ]


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=12, epochs=14, seeds=1),
    words=("ReduceLROnPlateau",),
)
