"""One long gradient throws a recurrent network or a deep transformer back, or to NaN: nothing bounds its step.

A recurrent layer multiplies by the same weights at each time step, so its gradient can grow many times over within a
few batches; in a deep transformer one odd batch does it. Plain SGD steps as far as the gradient is long, and can undo
all of the training before. Adam feels it less: one step is hardly longer, but the gradient stays in its averages.

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

Short runs. Weights that were trained before. Gradients that are bounded by other means: hooks, `clamp_`, a framework's
option (the `Trainer` of transformers clips to 1), differential privacy. With Adam on even data: look at the table.

## Fix

`torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` between `backward()` and `step()`; with a `GradScaler` behind
`scaler.unscale_(optimizer)`. In Lightning `Trainer(gradient_clip_val=1.0)`. The call returns the norm: set the bound a
little above the usual one. It is no free gain: with SGD a bound below the usual norm slows training down.

## How to see it

Print what `clip_grad_norm_(weights, float("inf"))` returns: the norm jumps, and so does the loss behind it. Experiment:
the longest gradient that a step uses, without and with a bound of 1.

## What it costs

`bench/clipping.py`: longest and median gradient, and loss after 200 steps, as it comes and clipped to a norm of 1, medians of
three seeds, CPU. One batch has numbers twenty times as large as the others.

| | longest | median | loss | clipped |
| --- | --- | --- | --- | --- |
| RNN, SGD 0.1 | overflows | | 1e37 | 0.51 |
| RNN, SGD 0.05 | 11000 | 14 | 138 | 0.67 |
| LSTM, SGD 0.1 | 431 | 4.1 | 2.2 | 1.0 |
| LSTM, SGD 0.01 | 215 | 2.9 | 2.1 | 8.2 |
| LSTM, Adam 0.001 | 216 | 5.3 | 1.9 | 1.8 |
| LSTM, Adam 0.01 | 312 | 6.0 | 0.79 | 0.98 |
| 4 post-norm layers, Adam 0.001 | 3510 | 14 | 5.4 | 5.3 |
| 12 post-norm layers, Adam 0.0003 | 1280 | 22 | 5.9 | 5.7 |

With Adam, and without the odd batch, clipping gained little or nothing.

## Options

`min-layers` (4): transformers of fewer layers are not reported.

## Sources

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013); Goodfellow, Bengio and
Courville, "Deep Learning", section 10.11.1; Brown et al., "Language Models are Few-Shot Learners" (2020), appendix B, which clips
to 1.0; `max_grad_norm` of `TrainingArguments` in the manual of transformers; `bench/clipping.py` of trainlint.
"""

from collections.abc import Iterator
from math import isfinite

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unclipped:
        if not found.recurrent and found.blocks < options.number("min-layers"):
            continue
        course = found.course
        what = (
            " and ".join(found.recurrent) + " layers"
            if found.recurrent
            else f"{found.blocks} transformer layers"
        )
        harm = "can undo the training before it" if course.kind == "SGD" else "weighs on many steps"
        rate = f" lr={course.rate[0]:g}{default_of(course.rate[1])}" if course.rate is not None else ""
        yield Finding(
            course.node,
            f"{course.kind}{rate} trains {what}, and nothing bounds their gradients: a single long one {harm}",
            because=[(course.step.node, "uses the gradient as it comes")],
            fix=found.clipped,
            title="Clip the gradient to a norm of 1",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    free, held = longest(written), longest(control)
    if free is None or held is None or held > 1.01 or (isfinite(free) and free < 2):
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
        "min-layers": Option(
            4,
            "transformers of fewer layers are not reported",
            "Vaswani et al. 2017 stack six; bench/clipping.py: the longest gradient shows from two layers on",
        ),
    },
    words=(
        "RNN",
        "LSTM",
        "GRU",
        "RNNCell",
        "LSTMCell",
        "GRUCell",
        "TransformerEncoder",
        "TransformerDecoder",
        "TransformerEncoderLayer",
        "Transformer",
        "MultiheadAttention",
        "softmax",
        "Softmax",
        "scaled_dot_product_attention",
        "transformers",
    ),
)
