"""Training diverges or stays at chance, because each step overshoots.

A step moves the weights by about the learning rate times the gradient; with Adam and its relatives by
about the learning rate itself, however small the gradient is. Above a certain size a step lands further
from the minimum than it started. The loss then jumps about, stays where guessing would have it, or
becomes NaN, and no number of epochs helps.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(1024, 20)
y = (x[:, 0] > 0).long() + (x[:, 1] > x[:, 2]).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.5)  # lint: 0.5

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

x = torch.randn(1024, 20)
y = (x[:, 0] > 0).long() + (x[:, 1] > x[:, 2]).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(10):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Linear models and a single new layer on fixed features. Optimizers that scale the given rate themselves
(LBFGS, Rprop, Adadelta, Adafactor, Prodigy, LARS). Schedules that set the rate from the first step on
(`OneCycleLR`, `LambdaLR`, warm-up), rates set through `param_groups`, rate finders. SGD with clipped
gradients. Adam at 0.1 on a perceptron of at most 10 hidden units a layer. One full batch in every step,
unless Adam takes it at more than 0.4 with three layers or more.
Pixels or latent codes that are optimised instead of weights. SGD whose rate grew with its batch beyond 256 samples, over
all devices and turns of a step: 0.8 for 2,048. Such a rate needs a warm-up (no-warmup).

## Fix

Start from 1e-3 for Adam and AdamW, 0.1 for plain SGD, 0.01 for SGD with momentum 0.9; then try three
times more and less. Normalisation layers and warm-up widen the range, they do not remove its end.

## How to see it

Print the loss of the first hundred steps: it does not fall. For five classes a loss that stays at
ln 5 = 1.61 is a network that guesses. Experiment: the loss at both ends of the run, at this rate and at
the suggested one.

## What it costs

`bench/rates.py`: ten epochs on noisy data of five classes, three seeds, CPU, training loss and held-out
accuracy. Adam on a perceptron of three layers: 0.44 and 0.69 at 1e-3, 1.61 and 0.24 (chance) at 0.1; on
a small network with BatchNorm 0.48 and 0.63 against 1.61 and 0.24. Plain SGD on the perceptron: 0.47
and 0.67 at 0.1, 1.61 and 0.24 at 2.0. With momentum 0.9 all is over at 0.3 already.

## Options

`adam` (0.05): largest rate of Adam, AdamW, RMSprop and their relatives. `tiny` (0.1): the same for up to
three layers of at most 10 hidden units. `full-batch` (0.4): the same where all rows are in each batch.
`sgd` (1.0): largest rate of SGD. `momentum` (0.5): the same with a momentum of 0.9 or more. These two are for batches of
up to 256 samples and grow with larger ones. `min-layers` (2): smaller networks are not reported.

## Sources

Goodfellow, Bengio and Courville, "Deep Learning", section 11.4.1; Bengio, "Practical Recommendations
for Gradient-Based Training of Deep Architectures" (2012); Kingma and Ba, "Adam" (2015), section 2.1; Goyal et
al., "Accurate, Large Minibatch SGD" (2017), for large batches; `bench/rates.py` of trainlint.
"""

from collections.abc import Iterator
from statistics import median

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for course in program.courses:
        if not course.is_adaptive and (course.kind != "SGD" or course.momentum is None):
            continue
        adaptive = "tiny" if course.is_tiny else "adam"
        largest = adaptive if course.is_adaptive else "momentum" if (course.momentum or 0) >= 0.9 else "sgd"
        growth = 1.0 if course.is_adaptive else course.batch_growth
        if course.rate is None or course.rate[0] <= options.number(largest) * growth:
            continue
        if course.depth < options.number("min-layers") or course.is_ramped:
            continue
        deep = course.is_adaptive and course.depth >= 3
        if course.is_full_batch and (not deep or course.rate[0] <= options.number("full-batch")):
            continue
        if course.kind == "SGD" and course.clips:
            continue
        change = course.with_rate(course.usual_rate)
        yield Finding(
            course.node,
            f"{course.kind} starts at lr={course.rate[0]:g}{default_of(course.rate[1])}, far above the range in which it "
            f"can train a network of at least {course.depth} layers (about {course.usual_rate})",
            because=[(course.step.node, "takes steps of this size")],
            fix=change if course.is_rate_literal else [],
            control=change,
            title=f"Start at {course.usual_rate}",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    here, there = ends(written), ends(control)
    if len(here) < len(written) or len(here) != len(there) or not here:
        return None
    gains = [(a[0] - a[1], b[0] - b[1]) for a, b in zip(here, there, strict=True)]
    learns = all(gain > 0.1 * begun for (_, gain), (begun, _) in zip(gains, there, strict=True))
    risen = all(end > 1.5 * begun for begun, end in here) and all(other > 0 for _, other in gains)
    if not (learns or risen) or any(
        gain >= 0.5 * other for gain, other in gains
    ):  # what is NaN gains nothing
        return None
    first, last, begun, ended = (
        median(pair[at] for pair in pairs) for pairs in (here, there) for at in (0, 1)
    )
    said = f"the loss goes from {first:.3g} to {last:.3g}; with the control from {begun:.3g} to {ended:.3g}"
    measured = {
        "first": first,
        "last": last,
        "control_first": begun,
        "control_last": ended,
        "seeds": len(here),
    }
    return Effect(f"{said} (medians of {len(here)} seeds, on this data)", measured)


def ends(runs: Runs) -> list[tuple[float, float]]:
    """The first training loss, and the median of the last fifteen, of each run that is long enough."""
    found = [run.losses() for run in runs]
    return [(losses[0], median(losses[-15:])) for losses in found if len(losses) >= 20]


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=5, seeds=3, weights="own"),
    options={
        "adam": Option(
            0.05,
            "largest rate of Adam, RMSprop and their relatives",
            "bench/rates.py: at 0.1 the perceptron and the network with BatchNorm stay at chance, at 0.05 both learn",
        ),
        "tiny": Option(
            0.1,
            "the same for perceptrons of three layers at most, of at most 10 hidden units and 20 inputs",
            "bench/rates.py: at 0.1 they lose 0.01 to 0.06 of accuracy; 16 units behind 64 inputs lose 0.11 to 0.23",
        ),
        "full-batch": Option(
            0.4,
            "the same for three layers or more where all rows are in each batch",
            "bench/full_batch.py: at 0.5 networks of two and three hidden layers say the mean after 1000 steps, at 0.1 most fit",
        ),
        "sgd": Option(
            1.0,
            "largest rate of SGD; for batches of more than 256 samples as many times larger as they are (Goyal et al. 2017)",
            "bench/rates.py: at 2.0 the perceptron and the network with BatchNorm stay at chance",
        ),
        "momentum": Option(
            0.5,
            "largest rate of SGD with a momentum of 0.9 or more; for larger batches as with `sgd`",
            "bench/rates.py: at 0.3 the same two stay at chance; Goyal et al. 2017 reach 3.2 at 8,192, after warm-up",
        ),
        "min-layers": Option(
            2, "smaller networks are not reported", "a linear model has one minimum: Bottou 2012"
        ),
    },
    words=("optim", "optimizer", "SGD", "Adam", "AdamW", "RMSprop"),
)
