"""The images reach the network nearly constant or far from zero, because they are normalised with wrong numbers.

`Normalize(mean, std)` subtracts and divides, whatever it is given. `ToTensor` makes values from 0 to 1;
with constants for bytes, such as a mean of 123.7, every image becomes almost the same number around -2. A
network hardly learns from what little is left, and whatever pretrained weights know is of no use.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose(
    [
        transforms.ToTensor(),
        transforms.Normalize((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)),  # lint: takes 123.7 for a constant of values from 0 to 1
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
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
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

Also reported: constants from 0 to 1 behind `ToDtype(torch.float32)` without `scale=True`, which leaves
values from 0 to 255; deviations of zero, which raise, or below; as many means as there are not deviations;
three constants behind `Grayscale()` or for a data set such as MNIST, which raise; in albumentations,
constants for bytes beside the default `max_pixel_value=255`; and the same by hand, such as `(x / 255 - 127.5) / 127.5`.

## When it is fine

One constant for all channels. Constants for bytes where the values are bytes: behind `ToDtype(torch.float32)`
without `scale`, or a function of your own that multiplies by 255.

## Fix

Divide the constants by 255, or write `ToDtype(torch.float32, scale=True)`.

## How to see it

Print `x.mean()` and `x.std()` of a batch: 0 and 1 are about right. Experiment: the same two numbers.

## What it costs

A small convolutional network on scikit-learn's digits, six epochs, three seeds, CPU: held-out accuracy 0.97
with constants from 0 to 1, and 0.08, which is chance, with the same constants times 255.

## Sources

torchvision documentation of `Normalize`, `ToTensor` and `v2.ToDtype`; albumentations documentation of
`Normalize`; LeCun and others, "Efficient BackProp" (1998), section 4.3.
"""

import re
from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.wrong_constants:
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` {found.why}",
            because=found.because,
            fix=found.mended,
            control=found.steadied,
            title="Normalise with constants of the values' own range",
        )


REFUSED = re.compile(r"\d+ means for \d+ channels|doesn't match the broadcast shape|std evaluated to zero")


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run, other in zip(written, control, strict=False):
        said, better = refused(run), refused(other)
        if said and not better and not other.raised:
            return Effect(f"the first image is refused: {said}; with the control none is")
    looks = [look for run in written for look in run.all("batch") if look.number("spread")]
    if not looks:
        return None
    mean, spread = looks[0].number("mean"), looks[0].number("spread")
    if abs(mean) < min(10, 5 * spread) and spread < 20:
        return None  # images that are normalised well have a mean of less than their deviation
    said = f"inputs have a mean of {mean:.3g} and a standard deviation of {spread:.2g}"
    others = [look for run in control for look in run.all("batch") if look.number("spread")]
    if others:
        said += f"; with the control {others[0].number('mean'):.3g} and {others[0].number('spread'):.2g}"
    return Effect(said, {"mean": mean, "spread": spread})


def refused(run: Run) -> str:
    """What the normalisation raised, whether the program ended with it or went on without."""
    left_out = [said for said in run.substituted if said.startswith("left out: ")]
    return next((said for said in (run.raised or "", *left_out) if REFUSED.search(said)), "")


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=4, epochs=1, seeds=1),
    words=("Normalize", "imread", "Image", "read_image", "decode_image", "ToTensor", "to_tensor"),
)
