"""The first steps of a transformer go far in a direction that few samples chose, and training may never recover.

In a transformer that normalises behind its residual sums (post-norm, the default of `nn.TransformerEncoderLayer` and
`nn.Transformer`) the gradients of the last layers are large at the start, and Adam's averages rest on a handful of
batches. A warm-up, which raises the rate over the first hundred or thousand steps, keeps these steps small. Deep
post-norm networks at large rates fail without it in some of their runs.

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

`norm_first=True`. Small rates and few layers. Any schedule that starts low (`OneCycleLR`, `LambdaLR`, those of
transformers), rates set by hand, RAdam. Fine-tuning has a rule of its own.

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
Larger networks are less forgiving: Xiong et al. need it at 5e-4 and 1e-3 for six layers of width 512.

## Options

`min-rate` (5e-4): smaller rates are not reported. `min-layers` (4): networks of fewer layers are not reported.

## Sources

Vaswani et al., "Attention Is All You Need" (2017), section 5.3; Xiong et al., "On Layer Normalization in the Transformer
Architecture" (2020); Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020);
`bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of, last_losses


def check(program: Program, options: Options) -> Iterator[Finding]:
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
        "min-layers": Option(
            4,
            "networks of fewer transformer layers are not reported",
            "bench/rates.py: two layers train without warm-up at every rate, six do not; Xiong et al. 2020 have six",
        ),
    },
    words=(
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
        "Transformer",
        "MultiheadAttention",
        "scaled_dot_product_attention",
        "softmax",
    ),
)
