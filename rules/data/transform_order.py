"""The steps of a pipeline stand in an order in which one gets what it cannot take: it raises or spoils images.

Transforms are made for pictures, for bytes or for floats from 0 to 1, and few of them check which they get.
`ColorJitter` keeps floats between 0 and 1: behind `Normalize`, which makes about half of all values negative,
it sets that half to 0. `Normalize` before `ToTensor` raises, as does a second `ToTensor`.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose(
    [
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        transforms.ColorJitter(0.2),  # lint: `transforms.ColorJitter(0.2)` cuts off
    ]
)
loader = DataLoader(datasets.CIFAR10("data", transform=steps), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose(
    [
        transforms.ColorJitter(0.2),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    ]
)
loader = DataLoader(datasets.CIFAR10("data", transform=steps), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
```

Also reported: `RandomErasing` before `ToTensor` (raises), `RandAugment` and its like behind `ToTensor` (they
take tensors of bytes only), `ToPILImage` behind `Normalize` (negative values wrap around), albumentations'
`Normalize` behind `ToTensorV2`.

## When it is fine

Version 2 of torchvision's transforms, most of which take pictures and tensors alike. Functions of your own
between two steps: nobody knows what they give. `Normalize` that undoes another one, before images are shown.

## Fix

Pictures first (crop, flip, colours), then `ToTensor`, then `Normalize`, then `RandomErasing`.

## How to see it

Look at one batch. Experiment: which share of the values is exactly 0.

## What it costs

With means in the middle of the values, half of each image: on stand-in pictures 50 % of the values are 0 behind
`ColorJitter`, and none in the right order (CPU).

## Sources

torchvision documentation, "Transforming images, videos, boxes and more" (supported input types), and of
`functional.adjust_brightness`; albumentations documentation of `ToTensorV2`.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.misplaced:
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` {found.why}",
            because=[(found.other, "the step that it does not go with")],
            fix=found.mended,
            title="Put the steps into the order that each of them needs",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    shares = [look.number("zeros") for run in written for look in run.all("batch")]
    if not shares or max(shares) < 0.2:
        return None
    others = [look.number("zeros") for run in control for look in run.all("batch")]
    said = f"{max(shares):.0%} of the input values are exactly 0"
    if others:
        said += f"; with the control {max(others):.0%}"
    return Effect(said, {"zeros": max(shares), "zeros_control": max(others, default=0.0)})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=4, epochs=1, seeds=1),
    words=("Compose", "Sequential"),
)
