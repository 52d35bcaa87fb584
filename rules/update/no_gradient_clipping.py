"""One long gradient throws a recurrent network back, or to NaN: nothing bounds the step that it makes.

A recurrent layer multiplies by the same weights at each time step, so its gradient can grow many times over within a
few batches. Plain SGD steps as far as the gradient is long: a single such step can undo all of the training before it.

```python bad level=advice
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(320, 20, 2)
y = x[:, -5:].sum((1, 2)).unsqueeze(1)
rnn = nn.RNN(2, 32, batch_first=True)
head = nn.Linear(32, 1)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)  # lint: RNN ... 0.1

for epoch in range(10):
    for inputs, targets in zip(x.split(16), y.split(16)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(head(rnn(inputs)[0][:, -1]), targets)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(320, 20, 2)
y = x[:, -5:].sum((1, 2)).unsqueeze(1)
rnn = nn.RNN(2, 32, batch_first=True)
head = nn.Linear(32, 1)
weights = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(weights, lr=0.1)

for epoch in range(10):
    for inputs, targets in zip(x.split(16), y.split(16)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(head(rnn(inputs)[0][:, -1]), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
```

## When it is fine

Small rates. Adam and its relatives, whose steps do not grow with the gradient: the advice to clip there too found no
support in the measurements below. Gradients that are bounded by other means: hooks, `clamp_`, a framework's option, differential privacy.
Weights that were trained before. Rates or networks that the code does not tell. Transformers are not looked at.

## Fix

`torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` between `backward()` and `step()`; with a `GradScaler` behind
`scaler.unscale_(optimizer)`. In Lightning `Trainer(gradient_clip_val=1.0)`. The call returns the norm: set the bound a
little above the usual one. It is no free gain: a bound below the usual norm slows training down.

## How to see it

Print what `clip_grad_norm_(weights, float("inf"))` returns: the norm jumps, and so does the loss behind it. Experiment:
the longest gradient that a step uses, without and with a bound of 1.

## What it costs

`bench/clipping.py`: loss after 200 steps, without clipping and clipped to a norm of 1, medians of three seeds, CPU. "One
odd batch": one whose numbers are twenty times as large.

| | even batches | one odd batch |
| --- | --- | --- |
| RNN, SGD 0.1 | 1e37, 0.51 | 1e37, 0.51 |
| RNN, SGD 0.05 | 1.35, 0.67 | 138, 0.67 |
| LSTM, SGD 0.1 | 1.12, 1.05 | 2.16, 1.04 |
| LSTM, SGD 0.05 | 1.19, 1.43 | 1.66, 1.44 |
| RNN, SGD 0.01 | 0.61, 2.67 | 1.07, 2.69 |
| LSTM, Adam 0.001 | 1.38, 1.79 | 1.93, 1.79 |
| RNN, Adam 0.01 | 0.27, 0.44 | 0.42, 0.57 |

## Options

`min-rate` (0.05): smaller rates are not reported.

## Sources

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013); Goodfellow, Bengio and
Courville, "Deep Learning", section 10.11.1; `bench/clipping.py` of trainlint.
"""

from collections.abc import Iterator
from math import isfinite

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unclipped:
        course = found.course
        if course.kind != "SGD" or course.rate is None or course.rate[0] < options.number("min-rate"):
            continue
        yield Finding(
            course.node,
            f"{course.kind} lr={course.rate[0]:g}{course.said(course.rate)} trains {' and '.join(found.kinds)} layers, and "
            "nothing bounds their gradients: a single long one can undo the training before it",
            because=[(course.step.node, "uses the gradient as it comes")],
            fix=found.clipped,
            title="Clip the gradient to a norm of 1",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    free, held = longest(written), longest(control)
    if free is None or held is None or held > 1.01 or (isfinite(free) and free < 5):
        return None
    said = f"the longest gradient that a step uses has a norm of {free:.3g}, clipped {held:.3g}"
    return Effect(said, {"longest": free, "longest_control": held})


def longest(runs: Runs) -> float | None:
    norms = [step.number("gradient_norm") for run in runs for step in run.all("step")]
    return max((n if isfinite(n) else float("inf") for n in norms), default=None)


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=3),
    gain=2,
    options={
        "min-rate": Option(
            0.05,
            "smaller rates are not reported",
            "bench/clipping.py: at 0.01 clipping to a norm of 1 only slows training down",
        ),
    },
    words=("SGD",),
)
