"""The learning rate ends where nobody meant it to, because the schedule is made for another number of epochs.

`T_max`, `total_steps`, `total_iters`, `step_size` and `milestones` count calls of `scheduler.step()`. When the
number of epochs is changed and they are not, a cosine climbs back to the full rate or stops halfway, a
polynomial trains the rest of the run at a rate of 0, steps never come, and `OneCycleLR` raises after hours
of training.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)  # lint: t_max=10 ... 20 epochs

for epoch in range(20):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

```python bad level=error
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(32, 20), torch.randint(0, 4, (32,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.OneCycleLR(  # lint: raises
    optimizer, max_lr=0.1, epochs=5, steps_per_epoch=len(loader)
)

for epoch in range(8):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs = 20
data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

for epoch in range(epochs):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

It is an error where the schedule raises, and a warning otherwise.

## When it is fine

Warm restarts and cyclic schedules, a cosine of several half-waves that ends low, lengths a little off or
with the warm-up taken off. Milestones of which some lie within the run. Schedules within other schedules
(`SequentialLR`). Lengths that the script does not tell.

## Fix

Write the number once, and use it in `range(epochs)` and in the schedule; for a schedule that steps with
each batch, `epochs * len(loader)`.

## How to see it

Print `optimizer.param_groups[0]["lr"]` in every epoch: the last is not the lowest, or nothing changes.
Experiment: the realised rates of both programs.

## What it costs

Realised rates, CPU: a cosine with `T_max=10` trains the last of 20 epochs at 98 % of the first rate, one
with `T_max=200` at 99 %: as good as no schedule, which in `no-lr-scheduler` cost 3 points of accuracy over 30
epochs. `PolynomialLR` without `total_iters` is at 0 after 5 epochs. `OneCycleLR` raises at the first
step beyond the last.

## Options

`left` (0.25): a run may end with this share of the rate's fall still to come. `left-of-waves` (0.1): the same
for a cosine that goes down more than once.

## Sources

PyTorch documentation of `torch.optim.lr_scheduler`; Li, Yumer and Ramanan, "Budgeted Training" (2020): what
counts is that the rate has fallen when the budget ends; Hoffmann et al., "Training Compute-Optimal Large
Language Models" (2022), section 3.1 and appendix B: a cosine longer than 1.25 times the run costs measurably.
"""

from collections.abc import Iterator
from itertools import takewhile

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for misfit in program.misfit_schedules:
        most = options.number("left-of-waves" if misfit.waves > 1.5 else "left")
        if not misfit.raises and misfit.idle < 2 and misfit.left <= most:
            continue
        harm = (
            "raises in the first step beyond its end"
            if misfit.raises
            else f"trains the last {misfit.idle} of them at a rate of 0"
            if misfit.idle
            else "never lowers the rate"
            if misfit.never_falls
            else f"climbs back, and the last epoch is at {misfit.left:.0%} of the first rate"
            if misfit.climbs
            else f"ends with {misfit.left:.0%} of its way still to go"
        )
        made = (
            f"{misfit.parameter}={misfit.length[0]:g}"
            if misfit.in_epochs
            else f"{misfit.length[0]:.3g} epochs"
        )
        said = f"{misfit.kind} is made for {made} and runs for {misfit.turns[0]:g} epochs"
        if misfit.of_all_batches:
            said = f"{misfit.kind} is made for every batch of the run and steps once in each of its {misfit.turns[0]:g} epochs"
        named = "".join(map(default_of, misfit.settings))
        yield Finding(
            misfit.node,
            f"{said}{named}: it {harm}",
            because=[(misfit.step.node, "moves it on")],
            fix=misfit.fitted if misfit.is_literal and not misfit.settings else [],
            control=misfit.fitted,
            level=None if misfit.raises and not misfit.settings else "warning",
            title="Make the schedule for the length of the run",
        )


LESS = 0.05  # of the highest rate, by which the control ends lower at least


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run in written:
        if run.raised and "total steps" in run.raised:
            return Effect(f"after {len(run.all('step'))} steps the schedule raises: {run.raised}")
    rates, better = ([rate for run in arm[:1] for rate in run.rates()] for arm in (written, control))
    if len(rates) < 3 or not better or not max(rates):
        return None
    idle, share = len(list(takewhile(lambda rate: rate == 0, reversed(rates)))), rates[-1] / max(rates)
    if idle < 2 and (share <= 0.25 or share <= better[-1] / (max(better) or 1.0) + LESS):
        return None
    said = (
        f"the rate goes from {rates[0]:.3g} over {min(rates):.3g} to {rates[-1]:.3g} in {len(rates)} steps, "
        f"the last {idle} of them at 0; with the control from {better[0]:.3g} to {better[-1]:.3g}"
    )
    return Effect(said, {"rates": rates[:: max(1, len(rates) // 20)], "idle": idle, "share": share})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=2, epochs=60, seeds=1),
    options={
        "left": Option(
            0.25,
            "share of the rate's fall that may be still to come at the end of the run",
            "Hoffmann et al. 2022: a cosine up to 1.25 times as long as the run costs little; at 1.5 times 0.25 are left",
        ),
        "left-of-waves": Option(
            0.1,
            "the same for a cosine that has climbed back in between",
            "within a fifth of a half-wave of its lowest point: nobody cuts waves that are meant in the middle",
        ),
    },
    words=(
        "lr_scheduler",
        "CosineAnnealingLR",
        "OneCycleLR",
        "StepLR",
        "MultiStepLR",
        "PolynomialLR",
        "transformers",
    ),
)
