"""One constant learning rate to the end leaves accuracy on the table.

A rate that is large enough to get far in the first epochs is too large to settle in the last ones: the
noise of the batches keeps pushing the weights around the minimum. Lowering the rate towards the end
lets them settle. It is one of the cheapest improvements that a training script can have.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # lint:

for epoch in range(30):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)

for epoch in range(30):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

## When it is fine

Runs shorter than `min-epochs`, and runs whose length the script does not tell. Rates set by hand
through `param_groups`. Optimizers that tune or shrink their own rate (`self-tuning`). Full-batch
training, which has no batch noise: a cosine schedule ends lower in 4 of 40 such runs
(`python bench/full_batch_rates.py`). Rates that are compared, a handful of samples, averaged weights,
GANs and reinforcement learning, where the target moves. Lightning runs whose number of epochs is only a cap: they end
at a score that is good enough (`stopping_threshold`), or by a patience of a fiftieth of it or less.

## Fix

`CosineAnnealingLR(optimizer, T_max=epochs)` with `scheduler.step()` at the end of each epoch has no new
number to tune. `OneCycleLR` and `ReduceLROnPlateau` are common alternatives.

## How to see it

The training loss flattens early and stays jagged; it drops at once when the rate is divided by ten.
Experiment: "the rate stays 0.1 from the first step to the last", and the final loss over seeds.

## What it costs

The network above on noisy, learnable data (2,000 samples, five classes), five seeds, CPU, constant
against cosine: 10 epochs at 0.1, held-out accuracy 0.594 against 0.625, training loss 0.64 against
0.53; 30 epochs, 0.558 against 0.588, and 0.44 against 0.27. What you gain depends on your data.

## Options

`min-epochs` (16): shorter runs are not reported. `self-tuning`: names of optimizers that need no
schedule.

## Sources

Li, Yumer and Ramanan, "Budgeted Training: Rethinking Deep Neural Network Training Under Resource
Constraints" (2020): decaying to the end of the run wins at every budget tried; Loshchilov and Hutter,
"SGDR" (2017); Goodfellow, Bengio and Courville, "Deep Learning", section 8.3.1; Google, "Deep Learning
Tuning Playbook".
"""

from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

from trainlint import (
    Effect,
    Finding,
    Needs,
    Option,
    Options,
    Program,
    Rule,
    Run,
    Runs,
    counted,
    default_of,
    last_losses,
)


def check(program: Program, options: Options) -> Iterator[Finding]:
    for run in program.constant_rates:
        if run.optimizer.kind in options.words("self-tuning") or run.epochs < options.number("min-epochs"):
            continue
        yield Finding(
            run.node,
            f"{run.optimizer.kind} lr={run.rate:g} stays constant over {counted(run.epochs, 'epoch')}{default_of(run.under)}",
            because=[
                (run.loop_node, "the epochs, without a change of the rate"),
                (run.step.node, "the only driver"),
            ],
            fix=run.scheduled,
            control=[] if run.scheduled else run.falling,
            plant=run.held,
            title="Anneal the rate with a cosine schedule",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    used, varied = rates_of_flagged(written, control)
    if len(used) < 2 or len(set(used)) > 1 or any(take_turns(run) or run.all("averaged") for run in written):
        return None
    said = f"the rate is {used[0]:.3g} in the first and in the last of {len(used)} steps"
    if len(set(varied)) > 1:
        said += f"; with the control it goes from {varied[0]:.3g} to {varied[-1]:.3g}"
    ended, better = last_losses(written), last_losses(control)
    if ended and better:
        said += f" (loss at the end {mean(ended):.3g} against {mean(better):.3g}, on this data over {len(ended)} seeds)"
    return Effect(said, {"rate": used[0], "steps": len(used), "loss": ended, "loss_control": better})


def rates_of_flagged(written: Runs, control: Runs) -> tuple[list[float], list[float]]:
    """The rates of the optimizer that the control changes, of the first seeds; of all steps where it changes none."""
    used, varied = (
        [
            (step.number("optimizer"), rate)
            for run in arm[:1]
            for step in run.all("step")
            for rate in step.numbers("rates")[:1]
        ]
        for arm in (written, control)
    )
    changed = [number for number, _ in varied if len({rate for other, rate in varied if other == number}) > 1]
    chosen = changed[:1] or [number for number, _ in (*used, *varied)]
    first, last = ([rate for number, rate in steps if number in chosen] for steps in (used, varied))
    return first, last


def take_turns(run: Run) -> bool:
    """Whether two optimizers step in turn, as of networks that play against each other: what one learns moves under it.

    A few changes from one to the other are of networks that are trained one after the other.
    """
    turns = [step.number("optimizer") for step in run.all("step")]
    return sum(a != b for a, b in pairwise(turns)) >= max(4, len(turns) / 5)


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    gain=3,
    needs=Needs(steps=8, epochs=6, seeds=3, order=True),
    options={
        "min-epochs": Option(
            16,
            "runs of fewer epochs are not reported",
            "of 41 reports on runs of 10 to 15 epochs two readers called 12 worth saying, of 100 on longer runs 83 "
            "(`python bench/precision.py --by-epochs no-lr-scheduler`); at 10 a cosine schedule already gains a little (this page); Li et al. 2020",
        ),
        "self-tuning": Option(
            (
                "LBFGS",
                "Rprop",
                "Adagrad",
                "Adadelta",
                "Adafactor",
                "Prodigy",
                "DAdaptAdam",
                "DAdaptSGD",
                "DAdaptAdaGrad",
                "DAdaptLion",
                "AdamWScheduleFree",
                "SGDScheduleFree",
                "RAdamScheduleFree",
                "DoG",
                "LDoG",
            ),
            "optimizers that tune or shrink their own rate",
            "Duchi et al. 2011; Zeiler 2012; Shazeer and Stern 2018; Defazio and Mishchenko 2023; "
            "Mishchenko and Defazio 2023; Ivgi et al. 2023; Defazio et al. 2024",
        ),
    },
    words=("optim", "optimizer", "SGD", "Adam", "AdamW", "RMSprop"),
)
