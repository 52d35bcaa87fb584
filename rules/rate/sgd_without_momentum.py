"""Training takes several times as many steps as it needs, because plain SGD forgets each gradient at once.

Along a narrow valley the gradients of single batches point mostly across it. Momentum adds them up: what
points across cancels, what points along it grows, with a momentum of 0.9 up to tenfold. A deep network
trained by plain SGD at a small rate looks as if it had stopped learning, and is merely slow.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(1024, 20)
y = (x[:, :4].sum(1) > 0).long() + (x[:, 4] > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # lint: 0.01

for epoch in range(20):
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

x = torch.randn(1024, 20)
y = (x[:, :4].sum(1) > 0).long() + (x[:, 4] > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

for epoch in range(20):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Linear and other shallow models. Rates above `max-rate`: there momentum needs a smaller rate, and then
gains little. Differential privacy and federated averaging, where each step stands alone. Recurrent language
models with clipped gradients, inner loops of meta-learning, inputs that are optimised. Fine-tuning, which
does not go far. A comparison of optimizers.

## Fix

`momentum=0.9`. If the loss then jumps, divide the rate by three.

## How to see it

The training loss still falls by the same small amount in the last epoch as in the first. Experiment: the
steps that both need until the loss that plain SGD ends with.

## What it costs

`bench/rates.py`: epochs until the training loss is below 1.0, median of three seeds, CPU. Perceptron of
three layers at 0.01: not in 20 epochs, with momentum in 4; at 0.05, 7 against 2. Network with BatchNorm at
0.001: not in 20 against 5; at 0.01, 5 against 2. But ten times the rate without momentum does nearly
the same: what is lost is mostly speed, and where 0.1 works, momentum at 0.1 was worse on held-out data.

## Options

`min-layers` (3): smaller networks are not reported. `max-rate` (0.05): larger rates are not reported;
`max-rate-deep` (0.1): the same for networks of at least `deep` (8) layers.

## Sources

Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning"
(2013); Goodfellow, Bengio and Courville, "Deep Learning", section 8.3.2; Shallue et al., "Measuring the
Effects of Data Parallelism on Neural Network Training" (2019), for where momentum gains little;
`bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import fmean, median

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for course in program.courses:
        if course.kind != "SGD" or course.rate is None or course.momentum != 0:
            continue
        deep = course.depth >= options.number("deep")
        most = options.number("max-rate-deep" if deep else "max-rate")
        if course.depth < options.number("min-layers") or course.rate[0] > most:
            continue
        if course.is_one_step or course.is_pretrained or course.is_private_or_shared or course.is_compared:
            continue
        if course.is_recurrent and course.clips:
            continue
        yield Finding(
            course.node,
            f"SGD lr={course.rate[0]:g}{default_of(course.rate[1])} trains a network of at least {course.depth} layers "
            f"without momentum{default_of(course.momentum_flag)}, which takes several times as many steps",
            because=[(course.step.node, "uses the gradient of one batch alone")],
            fix=course.with_momentum,
            control=[] if course.with_momentum else course.moved_on,
            title="Add a momentum of 0.9",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    pairs = [(run.losses(), other.losses()) for run, other in zip(written, control, strict=False)]
    if not pairs or any(min(map(len, pair)) < 30 for pair in pairs):
        return None
    needed = [steps_to(median(slow[-15:]), fast) for slow, fast in pairs]
    if any(steps > 0.7 * len(slow) for steps, (slow, _) in zip(needed, pairs, strict=True)):
        return crawling(written, control)
    ended = [median(median(losses[-15:]) for losses in arm) for arm in zip(*pairs, strict=True)]
    took, total = median(needed), median(len(slow) for slow, _ in pairs)
    said = (
        f"{total:g} steps end at a loss of {ended[0]:.3g}; with momentum that takes {took:g}, and the end is "
        f"{ended[1]:.3g} (medians of {len(pairs)} seeds, measured on this data)"
    )
    return Effect(said, {"steps": total, "steps_control": took, "loss": ended[0], "loss_control": ended[1]})


def crawling(written: Runs, control: Runs) -> Effect | None:
    """Where steps are too short for the noise of a batch: whether the same batches cost less with momentum, and it gets further."""
    gains, ways = [], []
    for run, other in zip(written, control, strict=True):
        pairs = list(zip(run.losses()[-30:], other.losses()[-30:], strict=False))
        ahead = sum(fast < slow for slow, fast in pairs) / len(pairs)
        gains.append(fmean(slow - fast for slow, fast in pairs))
        ways.append(other.moved() / run.moved() if run.moved() else 0.0)
        if ahead < 0.9 or gains[-1] < FELT * fmean(slow for slow, _ in pairs) or ways[-1] < 3:
            return None
    said = (
        f"with momentum the weights come {median(ways):.2g} times as far in as many steps, and the last 30 batches cost "
        f"{median(gains):.2g} less (medians of {len(gains)} seeds, measured on this data)"
    )
    return Effect(said, {"gain": median(gains), "way": median(ways)})


FELT = 2e-4  # of a loss; rounding makes some 1e-7 of it


def steps_to(target: float, losses: tuple[float, ...]) -> int:
    """After how many steps the mean of fifteen losses is as low; more than there are, if it never is."""
    reached = (at for at in range(15, len(losses) + 1) if fmean(losses[at - 15 : at]) <= target)
    return next(reached, 2 * len(losses))


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=5, seeds=3, weights="own"),
    gain=3,
    options={
        "min-layers": Option(
            3,
            "smaller networks are not reported",
            "bench/rates.py: the smallest networks measured have three",
        ),
        "max-rate": Option(
            0.05,
            "larger rates are not reported",
            "bench/rates.py: at 0.1 plain SGD is better on held-out data than with momentum",
        ),
        "deep": Option(
            8, "networks of so many layers count as deep", "the smallest of He et al. 2016 has 18"
        ),
        "max-rate-deep": Option(
            0.1,
            "the same for deep networks",
            "He et al. 2016 and Zagoruyko and Komodakis 2016 train deep residual networks at 0.1 with momentum 0.9",
        ),
    },
    words=("SGD",),
)
