"""A hidden layer is far too narrow for what has to pass, or the network is far larger than the problem.

All that a network knows about its input has to pass its narrowest layer. Ten classes through two ReLU units
leave room for a few of them only, whatever the layers around look like. The other way round, a layer a hundred
times as wide as the input and the output costs time and memory with its square and gains nothing.

```python bad level=advice
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2), nn.ReLU(), nn.Linear(2, 10))  # lint: 2 units
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
rule = torch.randn(20, 10)

for _ in range(300):
    inputs = torch.randn(64, 20)
    optimizer.zero_grad()
    criterion(model(inputs), (inputs @ rule).argmax(dim=1)).backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
rule = torch.randn(20, 10)

for _ in range(300):
    inputs = torch.randn(64, 20)
    optimizer.zero_grad()
    criterion(model(inputs), (inputs @ rule).argmax(dim=1)).backward()
    optimizer.step()
```

Reported are linear layers, wide ones only in networks on vectors, and networks with thousands of weights for each sample,
those of recurrent layers and transformers among them; and networks on vectors that put dozens of linear layers one
behind the other. That gradients fade in these is the matter of deep-plain-network, which begins at far fewer.

## When it is fine

Autoencoders, where the narrow layer is the point; layers without an activation, which factor a larger matrix;
embeddings; the width of recurrent layers. Residual connections and joined paths, where the input passes
another way. Sizes that the code does not tell.

## Fix

For the narrow one at least as many units as there are classes, better a few times as many. For the wide one the
next power of two above the input's size is a good start; double it while the held-out loss falls. For the deep one
begin with two or three hidden layers and add one while the held-out loss falls.

## How to see it

The training loss stops early, however long you train; that of a network twice as wide goes on. Experiment: how
far the loss falls as written and with another width.

## What it costs

`bench/width.py`: ten classes by a linear rule of 20 inputs, two hidden layers, 2,000 samples, 400 steps of Adam, CPU,
three seeds:

| units | training loss | held-out accuracy | seconds |
| --- | --- | --- | --- |
| 2 | 2.27 (chance 2.30) | 0.16 | |
| 4 | 2.15 | 0.20 | |
| 16 | 1.47 | 0.46 | |
| 64 | 0.37 | 0.78 | 1.3 |
| 256 | 0.05 | 0.85 | 1.6 |
| 1,024 | 0.004 | 0.87 | 14 |
| 2,048 | 0.02 | 0.85 | 94 |

The wide ones did not learn worse: they took their time.

## Options

`narrow` (2.5): as many outputs for each unit of the narrowest layer are reported. `wide` (100): a layer that many
times as wide as input and output. `deep` (20): more linear layers one behind the other. `weights-per-sample` (20,000):
networks with more.

## Sources

Goodfellow, Bengio and Courville, "Deep Learning", section 6.4.1; Google, "Deep Learning Tuning Playbook"; Yang et
al., "Breaking the Softmax Bottleneck" (2018), for the same bottleneck in language models; Gorishniy et al., "Revisiting
Deep Learning Models for Tabular Data" (2021), for the depths that are tried.
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.widths:
        most = max(found.inputs, found.outputs)
        if found.units * options.number("narrow") <= found.outputs < found.inputs:
            said = f"only {found.units} units of `{found.architecture.name}` between {found.inputs} inputs and {found.outputs} outputs"
            yield Finding(
                found.node,
                f"{said}: what tells the outputs apart does not fit through",
                because=[(found.next.made, "has to make do with them")]
                if found.next.made is not None
                else [],
                control=found.resized(4 * found.outputs),
            )
        elif found.vectors and found.inputs >= CURVE and found.units > options.number("wide") * most:
            yield Finding(
                found.node,
                f"{found.units:,} units of `{found.architecture.name}` between {found.inputs} inputs and {found.outputs} "
                "outputs: far wider than the problem",
                control=found.resized(8 * most),
            )
    for crowd in program.crowded:
        made, limit = crowd.architecture.network.node, options.number("weights-per-sample")
        if crowd.share <= limit or crowd.samples < FEW or made is None:
            continue
        yield Finding(
            made,
            f"`{crowd.architecture.name}` has {crowd.weights / 1e6:,.0f} million weights or more for {crowd.samples:,} "
            f"samples: {crowd.share:,.0f} for each, far larger than the data",
        )
    for stack in program.depths:
        if stack.layers <= options.number("deep"):
            continue
        made, least = stack.architecture.network.node, "" if stack.exact else "at least "
        yield Finding(
            stack.node,
            f"`{stack.architecture.name}` puts {least}{stack.layers:.0f} linear layers one behind the other: far deeper "
            "than what is known of vectors asks for",
            because=[(made, "makes the network")] if made is not None and made is not stack.node else [],
        )


CURVE = 2  # inputs; what is fitted over one number may wind as it likes, and its turns say how many units it takes
FEW = 100  # samples; a network that is to learn fewer by heart is a trial of the code


def symptom(written: Runs, control: Runs) -> Effect | None:
    here, there = fall(written), fall(control)
    if there > 0 and here < 0.6 * there:
        return Effect(
            f"the loss falls by {here:.3g}, with a layer of another width by {there:.3g}",
            {"fall": here, "fall_control": there},
        )
    wide, usual = units(written), units(control)
    if wide > 2 * usual > 0 and is_wide(written):
        return Effect(
            f"a layer of {wide:.0f} units is trained, {usual:.0f} with the control", structure_only=True
        )
    return None


def fall(runs: Runs) -> float:
    """How far the training loss falls, from its first values to its last, over the seeds."""
    losses = [run.losses() for run in runs]
    return mean([mean(found[:5]) - mean(found[-10:]) for found in losses if len(found) > 20] or [0.0])


def is_wide(runs: Runs) -> bool:
    """Whether some layer has many times the units of what it takes in and of what the next one gives out.

    Asked of networks on vectors: what convolutions find in a picture may need many, and so may a curve over one number.
    """
    looks = [
        look for run in runs for look in run.all("layers")[:1] if max(look.numbers("axes"), default=2) == 2
    ]
    sizes = [(look.numbers("inputs"), look.numbers("units")) for look in looks]
    return any(
        i >= CURVE and u > 50 * max(i, o)
        for given, made in sizes
        for i, u, o in zip(given, made, made[1:], strict=False)
    )


def units(runs: Runs) -> float:
    """The width of the widest layer."""
    return max((max(look.numbers("units")) for run in runs for look in run.all("layers")[:1]), default=0.0)


rule = Rule(
    check,
    symptom,
    level="advice",
    since="0.1",
    needs=Needs(steps=120, seeds=3, weights="own"),
    options={
        "narrow": Option(
            2.5,
            "outputs for each unit of a hidden layer",
            "bench/width.py: 4 units for 10 classes learn a fifth",
        ),
        "wide": Option(
            100, "units for each input or output", "bench/width.py: beyond 50 times nothing but time is added"
        ),
        "deep": Option(
            20,
            "linear layers one behind the other in a network on vectors",
            "Gorishniy et al. 2021 search among 1 to 16; Simonyan and Zisserman 2015 end at 19 with pictures",
        ),
        "weights-per-sample": Option(
            20_000,
            "weights of linear, recurrent and transformer layers for each sample of a known number",
            "bench/width.py: 2,100 for each sample cost 70 times the time and gain nothing",
        ),
    },
    words=("Linear",),
)
