"""The bias right before BatchNorm does nothing: the normalisation takes away the mean that it shifts.

BatchNorm subtracts the mean of the batch from each channel, and with it whatever the layer before has added
to the channel. The bias gets no gradient but rounding, is stored, moved, decayed and saved all the same, and
BatchNorm has a bias of its own. `bias=False` drops it.

```python bad level=advice
import torch
from torch import nn

inputs, labels = torch.randn(64, 3, 16, 16), torch.randint(0, 4, (64,))
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),  # lint: at 1 other place
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 16 * 16, 4),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(20):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

inputs, labels = torch.randn(64, 3, 16, 16), torch.randint(0, 4, (64,))
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 16 * 16, 4),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(20):
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
```

One advice for a network, however many layers it is. Guides also ask for BatchNorm before the activation, or
behind it: that is not reported, because it made no difference when we measured it (below).

## When it is fine

BatchNorm kept in eval mode, where the statistics no longer follow. Networks whose weights are loaded: the
checkpoint has the bias. A layer whose output goes elsewhere too. Anything but BatchNorm between the two.

## Fix

`bias=False` in these layers. Checkpoints saved before have biases that `load_state_dict` will no longer find
a place for: load them with `strict=False`, or leave them as they are.

## How to see it

`layer.bias.grad` in training: 0 but for rounding, a millionth of `layer.weight.grad` or less. Experiment: the
ratio of the two.

## What it costs

Three hidden layers of 64 units, CPU, eight seeds: gradient of the bias 0.00000003 times that of the weights;
held-out accuracy 0.748 with biases, 0.747 without, 0.743 with BatchNorm behind the ReLU (standard error 0.007: no
difference). Four convolutions of 64 channels, batch of 16 pictures of 32x32: 1.51 s for a step with biases, 1.48 s
without. It is tidiness, little more; a tenth of a percent of the parameters of a ResNet.

## Sources

Ioffe and Szegedy, "Batch Normalization" (2015), section 3.2; PyTorch documentation, "Performance Tuning
Guide" ("disable bias for convolutions directly followed by a batch norm").
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, counted


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.dead_biases:
        others = len(found.nodes) - 1
        made = f"made here and at {counted(others, 'other place')}" if others else "made here"
        layers = (
            f"layers of `{found.architecture.name}`, {made}," if found.count > 1 else f"this {found.kind}"
        )
        yield Finding(
            found.nodes[0],
            f"the bias of {layers} stands right before BatchNorm, which takes it away again",
            because=[(found.norm, "subtracts the mean of each channel")] if found.norm is not None else [],
            fix=found.switched_off,
            title="Drop the bias before BatchNorm",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    dead, ratio = dead_biases(written)
    others, _ = dead_biases(control)
    if dead <= others:
        return None  # there are as many where the flagged layers have none
    dead -= others
    said = f"the bias of {dead} layers gets at most {ratio:.1e} times the gradient of their weights"
    return Effect(said, {"layers": dead, "ratio": ratio})


def dead_biases(runs: Runs) -> tuple[int, float]:
    """How many biases get next to no gradient, over the runs, and the most that one of them gets of its weights'."""
    dead, ratio = 0, 0.0
    for run in runs:
        for look in run.all("layers")[:1]:
            for weight, bias, has in zip(
                look.numbers("gradients"), look.numbers("biases"), look.numbers("biased"), strict=True
            ):
                if has and weight > 0 and bias < NOTHING * weight:
                    dead, ratio = dead + 1, max(ratio, bias / weight)
    return dead, ratio


NOTHING = 1e-4

rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    gain=1,
    needs=Needs(steps=2, seeds=1, weights="own", network=True),
    words=("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
)
