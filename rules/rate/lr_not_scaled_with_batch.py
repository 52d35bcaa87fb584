"""More devices, fewer and no larger steps: the batch grows with the machine, and the learning rate does not.

A batch that is multiplied by the number of devices has fewer steps per epoch. Its gradient is less noisy, so that each
step could be larger. At the rate of one device the run on eight takes an eighth of the steps and comes an
eighth of the way: it ends worse, and worse on each larger machine. A batch that is made many times as large as the one
in the settings, beside a rate that is taken from there as it is, fares the same on one device.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

devices = torch.cuda.device_count()
data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=64 * devices, shuffle=True)
model = nn.DataParallel(nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # lint: 0.1

for epoch in range(30):
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

devices = torch.cuda.device_count()
data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=64 * max(1, devices), shuffle=True)
model = nn.DataParallel(nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * max(1, devices), momentum=0.9)

for epoch in range(30):
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
```

## When it is fine

A rate that is computed from the number of devices, a warm-up or schedule of its own, a rate set by hand. A batch of
fixed size that is shared out among the devices: there nothing changes. A batch of each process, unless the program
itself names what all of them take together. Few devices, and rates that were tuned on the large machine.

## Fix

Multiply the rate of SGD by the same number, with a warm-up of some epochs; for Adam, take the root of the number
or tune anew. Beyond some thousand samples per batch neither holds.

## How to see it

Compare the loss after equal epochs on one device and on several. This rule is static only: trainlint runs no
experiments on several devices.

## What it costs

Goyal et al.: ResNet-50 with batches of 8,192 at the rate for 256 ends at 41 % error instead of 24 %. Not measured
here.

## Options

`min-factor` (4): a batch of the settings that is multiplied by a smaller number is not reported.

## Sources

Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour" (2017), section 2.1; Krizhevsky, "One weird
trick for parallelizing convolutional neural networks" (2014); Malladi et al., "On the SDEs and Scaling Rules for
Adaptive Gradient Algorithms" (2022), for the root rule.
"""

from collections.abc import Iterator

from trainlint import Finding, Option, Options, Program, Rule, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for enlarged in program.enlarged_batches:
        course, factor = enlarged.course, enlarged.factor
        if not (course.kind == "SGD" or course.is_adaptive) or course.rate is None or course.is_ramped:
            continue
        if factor is not None and factor < options.number("min-factor"):
            continue
        said = f"{course.kind} keeps lr={course.rate[0]:g}{default_of(course.rate[1])} while the batch"
        if factor is None:
            said += " grows with the number of devices: more devices take fewer steps of the same size"
        else:
            said += f" is {factor:g} times `{enlarged.setting}`: an epoch has as many times fewer steps of the same size"
        yield Finding(course.node, said, because=enlarged.places)


rule = Rule(
    check,
    None,
    level="advice",
    since="0.1",
    gain=1,
    options={
        "min-factor": Option(
            4,
            "batches that are fewer times as large as the recipe's are not reported",
            "Krizhevsky 2014: the rate goes at least with the root, which is 2 here",
        )
    },
    words=("device_count", "get_world_size", "num_processes", "world_size", "WORLD_SIZE", "batch_size"),
)
