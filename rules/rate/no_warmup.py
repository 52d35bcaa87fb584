"""The first steps go far in a direction that untrained weights chose, and training may never recover.

In a transformer that normalises behind its residual sums (post-norm, the default of `nn.TransformerEncoderLayer` and
`nn.Transformer`) the gradients of the last layers are large at the start, and Adam's averages rest on a handful of
batches. A warm-up, which raises the rate over the first hundred or thousand steps, keeps these steps small. Deep
post-norm networks at large rates fail without it in some of their runs.

The same holds for SGD whose rate was multiplied with its batch: eight times the samples, eight times the rate. The rule
that says so is one for small steps, and does not hold while untrained weights change from step to step.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=6)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


x = torch.randn(256, 4, 16)
y = (x[:, 0, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)  # lint: 6 post-norm

for epoch in range(10):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=6)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


x = torch.randn(256, 4, 16)
y = (x[:, 0, :3].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=100)

for epoch in range(10):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        warmup.step()
```

## When it is fine

`norm_first=True`. Small rates and few layers. SGD on batches of some hundred samples, or at a rate that was not
multiplied with them; with clipped gradients, or without momentum. Any schedule that starts low (`OneCycleLR`,
`LambdaLR`, those of transformers), rates set by hand, RAdam. Fine-tuning has a rule of its own.

## Fix

`LinearLR(optimizer, start_factor=0.01, total_iters=...)` stepped with every batch, over some percent of the run;
or `norm_first=True`, which is the larger change and helps more.

## How to see it

The loss jumps or freezes in the first hundred steps, and does so in one run of several. Experiment: at which share of
its largest value the rate of the first step is. The losses are shown beside it and decide nothing.

## What it costs

`bench/rates.py`: encoders of width 32, five epochs of 63 steps, CPU, three seeds. Six post-norm layers at 3e-3:
held-out accuracy 0.50, in one of three runs 0.28; with a warm-up of 100 steps 0.52, at least 0.51. At 1e-3 and
5e-4, with two layers, or pre-norm, the warm-up gained nothing and cost the steps it takes (0.56 against 0.55).
`bench/rates.py large`: a small network with BatchNorm, SGD with momentum 0.9 on batches of 2,048, twenty epochs of 8
steps, CPU, three seeds. At 0.4 held-out accuracy 0.41, at 0.8 0.26; with a warm-up of 40 steps 0.70 and 0.69; at 0.1
without one 0.72. Goyal et al. lose a percent of accuracy with batches of 8,192 and no warm-up.

Larger transformers are less forgiving than small ones: Xiong et al. need it at 5e-4 and 1e-3 for six layers of width 512.

## Options

`min-rate` (5e-4): smaller rates are not reported. `min-layers` (4): networks of fewer layers are not reported. For SGD:
`large-batch` (1,024), smaller batches, `base-rate` (0.1), rates that come to less for 256 samples, `min-momentum`
(0.8), less momentum, and `min-depth` (3), networks of fewer layers are not reported.

## Sources

Vaswani et al., "Attention Is All You Need" (2017), section 5.3; Xiong et al., "On Layer Normalization in the Transformer
Architecture" (2020); Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020); Goyal et al.,
"Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour" (2017), section 2.2; `bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of, last_losses


def check(program: Program, options: Options) -> Iterator[Finding]:
    yield from in_transformers(program, options)
    yield from on_large_batches(program, options)


def in_transformers(program: Program, options: Options) -> Iterator[Finding]:
    for course in program.courses:
        if not course.is_rash_at_first or course.rate is None or course.rate[0] < options.number("min-rate"):
            continue
        if course.post_norm_layers < options.number("min-layers") or course.is_ramped:
            continue
        if course.is_one_step or course.is_pretrained:
            continue
        yield Finding(
            course.node,
            f"{course.kind} takes its first step in {course.post_norm_layers} post-norm transformer layers at the full "
            f"lr={course.rate[0]:g}{default_of(course.rate[1])}, without a warm-up",
            because=[(course.step.node, "the first steps are as large as any")],
            fix=course.with_warmup,
            title="Raise the rate over the first hundred steps",
        )


def on_large_batches(program: Program, options: Options) -> Iterator[Finding]:
    for batch in program.whole_batches:
        course = batch.course
        if course.kind != "SGD" or (course.momentum or 0) < options.number("min-momentum"):
            continue
        if batch.least < options.number("large-batch") or batch.base < 0.99 * options.number("base-rate"):
            continue
        if course.depth < options.number("min-depth") or course.is_ramped:
            continue
        if course.is_pretrained or course.clips:
            continue
        samples, rate = f"{batch.size:,.0f} samples{default_of(batch.under)}", f"the full lr={batch.rate:g}"
        if batch.for_each:
            samples, rate = f"{samples} of each device", f"{rate} times their number"
        yield Finding(
            course.node,
            f"SGD takes its first step on {samples} at {rate}: a rate scaled for large batches, without a warm-up",
            because=[(batch.loader.node, "serves the batches")] if batch.loader.node is not None else [],
            fix=course.with_warmup,
            title="Raise the rate over the first hundred steps",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    here, there = ([rate for run in arm[:1] for rate in run.rates()] for arm in (written, control))
    if len(here) < 10 or not there or here[0] < 0.5 * max(here):
        return None
    ended, better = last_losses(written), last_losses(control)
    said = f"the first step is taken at {here[0] / max(here):.0%} of the largest rate; with the control at {there[0] / max(there):.0%}"
    if ended and better:
        gained = "lower" if fmean(better) < 0.95 * fmean(ended) else "no lower"
        said += (
            f" (with it the loss after {len(here)} steps is {gained}: {fmean(ended):.3g} against {fmean(better):.3g} over "
            f"{len(ended)} seeds, measured on this data)"
        )
    return Effect(said, {"first": here[0], "largest": max(here), "loss": ended, "loss_control": better})


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=20, epochs=2, seeds=2, weights="own"),
    options={
        "min-rate": Option(
            5e-4,
            "smaller rates are not reported",
            "Xiong et al. 2020: at 5e-4 and above training without warm-up fails",
        ),
        "large-batch": Option(
            1024,
            "SGD is not reported on smaller batches",
            "a scaled rate is four times that for 256 there; at 0.4 training suffers: bench/rates.py large",
        ),
        "base-rate": Option(
            0.1,
            "nor at rates that come to less for 256 samples by the linear rule",
            "Goyal et al. 2017, section 2.1",
        ),
        "min-momentum": Option(
            0.8,
            "nor with less momentum",
            "Goyal et al. 2017 train with 0.9; without it the same rate makes steps of a tenth of the length",
        ),
        "min-depth": Option(
            3,
            "nor in networks of fewer layers with weights",
            "bench/rates.py large: a network of three suffers",
        ),
        "min-layers": Option(
            4,
            "networks of fewer transformer layers are not reported",
            "bench/rates.py: two layers train without warm-up at every rate, six do not; Xiong et al. 2020 have six",
        ),
    },
    words=(
        "SGD",
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
        "Transformer",
        "MultiheadAttention",
        "scaled_dot_product_attention",
        "softmax",
    ),
)
