"""A few wide columns, or pixels far from zero, decide all, and the network learns slowly or not at all.

Rates and initial weights are made for inputs around 0 with a spread of about 1. A column that spans thousands drowns
one that spans 1; pixels from 0 to 255 make the first steps hundreds of times too long; pixels from 0 to 1 are all of one
sign, and pull all weights of a unit the same way.

```python bad
import torch
from torch import nn

age = torch.randint(18, 80, (400, 1)).float()
income = torch.normal(50_000.0, 15_000.0, (400, 1))
x = torch.cat([age, income], dim=1)  # lint: as they are
y = (age[:, 0] > 50).long()
model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(200):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

age = torch.randint(18, 80, (400, 1)).float()
income = torch.normal(50_000.0, 15_000.0, (400, 1))
x = torch.cat([age, income], dim=1)
x = (x - x.mean(0)) / x.std(0)
y = (age[:, 0] > 50).long()
model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(200):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

Pictures from 0 to 1, behind `ToTensor()` alone, are an advice:

```python bad level=advice
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose([transforms.Resize(32), transforms.ToTensor()])  # lint: from 0 to 1
loader = DataLoader(datasets.CIFAR10("data", transform=steps), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
```

Known are pictures, tables of scikit-learn's and a few others that everybody uses, and columns whose numbers the code draws
or writes down. A file is not opened.

## When it is fine

A normalisation as the first layer, or in `forward`; pretrained weights' own transforms; pixels that are to be made
(autoencoders, GANs, diffusion); zeros and ones. With BatchNorm behind the first layer, pictures from 0 to 1 are not reported.

## Fix

Tables: a `StandardScaler`, fitted to the training part. Pictures: `Normalize` behind `ToTensor`, in every pipeline.

## How to see it

`x.mean(0)` and `x.std(0)`. Experiment: mean and spread of what goes into the network, and the loss after equal steps.

## What it costs

`bench/input_scale.py`: cross entropy after 300 steps, five seeds, CPU. A table of ten columns, half of them wider than the others by a factor:

| factor | 1 | 10 | 30 | 100 | 1000 |
| --- | --- | --- | --- | --- | --- |
| SGD 0.01, momentum 0.9 | 0.07 | 0.20 | 0.45 | 4e14 | NaN |
| Adam 0.001 | 0.12 | 0.22 | 0.31 | 0.44 | 3.1 |

Digits, a small convolutional network (chance is 2.3):

| pixels | normalised | 0 to 1 | 0 to 255 | with BatchNorm: normalised | 0 to 1 | 0 to 255 |
| --- | --- | --- | --- | --- | --- | --- |
| SGD 0.01, momentum 0.9 | 0.05 | 0.10 | 1.79 | 0.02 | 0.03 | 0.03 |
| Adam 0.001 | 0.04 | 0.08 | 0.01 | 0.02 | 0.03 | 0.03 |

Bytes are not always a loss: Adam bears them here, and so does what normalises behind the first layer. Momentum does not.

## Options

`ratio` (30): tables whose widest column is less than this times the narrowest are not reported, unless a number in
them is larger than `largest` (100).

## Sources

LeCun and others, "Efficient BackProp" (1998), section 4.3; Ioffe and Szegedy, "Batch Normalization" (2015); scikit-learn
user guide, "Preprocessing data".
"""

from collections.abc import Iterator

from trainlint import Effect, Event, Finding, Needs, Option, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unscaled:
        said = f"`{text_of(found.node)}`"
        if found.is_of_bytes:
            said += f" gives pixels from 0 to {found.largest:g}: rates and initial weights are made for inputs around 0"
        elif found.is_off_centre:
            said += f" gives pixels from 0 to {found.largest:g}, all of one sign: centred ones are learnt in fewer steps"
        elif found.ratio >= options.number("ratio"):
            wide, narrow = found.ordered[0], found.ordered[-1]
            said += f" takes columns as they are: {called(wide.name, 'one')} spans {size(wide.width)}, "
            said += f"{called(narrow.name, 'another')} {size(narrow.width)}, and hardly counts"
        elif found.largest >= options.number("largest"):
            said += (
                f" takes numbers as they are, up to {found.largest:,.0f}: the first steps are far too long"
            )
        else:
            continue
        fix, control = found.edits
        yield Finding(
            found.node,
            said,
            because=[(found.layer_node, "takes them as they are")] if found.layer_node is not None else [],
            fix=fix,
            control=control,
            title="Normalise the inputs",
            level="advice" if found.is_off_centre else None,
        )


def size(width: float) -> str:
    return f"{width:,.0f}" if width >= 1_000 else f"{width:.3g}"


def called(name: str, otherwise: str) -> str:
    return f"`{name}`" if name else otherwise


def symptom(written: Runs, control: Runs) -> Effect | None:
    calls = [call for run in written for call in run.all("forward") if call.flag("training")]
    if not calls or not unfit(calls[0]):
        return None
    others = [call for run in control for call in run.all("forward") if call.flag("training")]
    said = f"inputs have {look(calls[0])}"
    said += f"; with the control {look(others[0])}" if others else ""
    if calls[0].number("norms") and not learns_slower(written, control):
        return None
    losses, better = ([run.losses()[-1] for run in runs if run.losses()] for runs in (written, control))
    if losses and better:
        mean, other = sum(losses) / len(losses), sum(better) / len(better)
        said += f"; the loss after equal steps is {mean:.3g} and {other:.3g}"
    named = any(run.stands_in("data") for run in written)  # numbers that the names of columns tell
    return Effect(said, {"losses": losses, "losses_control": better}, structure_only=named)


def learns_slower(written: Runs, control: Runs) -> bool:
    """Whether the loss is higher after equal steps: layers that normalise may have mended the inputs."""
    ends, others = ([run.losses()[-1] for run in runs if run.losses()] for runs in (written, control))
    return bool(ends and others) and sum(ends) / len(ends) > 1.1 * sum(others) / len(others)


def unfit(call: Event) -> bool:
    """Whether columns differ much, or most numbers are of one sign or very large."""
    mean, spread = abs(call.number("input_mean")), call.number("input_spread")
    return call.number("input_uneven") > 20 or spread > 20 or mean > spread


def look(call: Event) -> str:
    said = f"a mean of {call.number('input_mean'):.3g} and a spread of {call.number('input_spread'):.3g}"
    uneven = call.number("input_uneven")
    return said + (f", the widest column {uneven:.3g} times the narrowest" if uneven > 5 else "")


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    gain=2,
    needs=Needs(steps=30, epochs=1, seeds=3, data="as-named"),
    options={
        "ratio": Option(
            30,
            "tables whose columns differ by less than this factor are not reported",
            "bench/input_scale.py: at a factor of 30 the loss is three to six times as high after equal steps",
        ),
        "largest": Option(
            100,
            "of tables whose columns are alike: numbers up to this are not reported",
            "bench/input_scale.py: with momentum a factor of 100 ends far above chance",
        ),
    },
    words=(
        "ToTensor", "to_tensor", "ToImage", "PILToTensor", "pil_to_tensor", "ToTensorV2", "imread", "Image", "read_image",
        "default_loader", "datasets", "load_wine", "load_breast_cancer", "fetch_california_housing", "load_diabetes",
        "read_csv", "DataFrame", "uniform", "randint", "integers", "normal", "rand", "randn", "frombuffer", "fromfile", "pickle",
        "fetch_openml", "load_data",
    ),
)  # fmt: skip
