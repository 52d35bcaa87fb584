"""The network is evaluated on numbers that mean something else than those it was trained on.

A network learns what its inputs mean on the scale that they had in training. Images that are normalised
with other constants, or not at all, when it is evaluated look brighter, darker or paler to it than any that
it has seen. Nothing fails; the score is just too low, and so is that of whoever uses the network like this.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

train_steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))])
test_steps = transforms.Compose([transforms.ToTensor()])  # lint: training normalises with
train_loader = DataLoader(datasets.CIFAR10("data", train=True, transform=train_steps), 16, shuffle=True)
test_loader = DataLoader(datasets.CIFAR10("data", train=False, transform=test_steps), 16)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(2):
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(epoch, correct / len(test_loader.dataset))
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

normalise = transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
train_steps = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(), normalise])
test_steps = transforms.Compose([transforms.ToTensor(), normalise])
train_loader = DataLoader(datasets.CIFAR10("data", train=True, transform=train_steps), 16, shuffle=True)
test_loader = DataLoader(datasets.CIFAR10("data", train=False, transform=test_steps), 16)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(2):
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(epoch, correct / len(test_loader.dataset))
```

Arithmetic in data sets of your own is compared too, the order of colours (OpenCV reads blue first), arrays of one file or
one split of which only one part is scaled, and the tokenizers of a `Trainer`'s two data sets.

Constants that were estimated on the test images, which the network should not know, are a common way to
get there; a small difference like that is not reported.

## When it is fine

Random steps for training only, and other conventions of resizing and cropping. Another data set with
constants of its own, to see how the network transfers. Two spellings of one constant, `(0.5,)` and
`(0.5, 0.5, 0.5)`.

## Fix

One `Normalize`, made once, in both pipelines: the constants are part of the network.

## How to see it

Print `x.mean()` and `x.std()` of a batch from each loader. Experiment: the same two numbers.

## What it costs

`bench/scale_shift.py`, a small convolutional network on scikit-learn's digits, three seeds, CPU: held-out accuracy 0.966 on the
scale that it was trained on, 0.937 on images that were not normalised, 0.918 on inputs moved by one standard
deviation, 0.952 by half of one, 0.962 by a tenth.

## Options

`distance` (0.1): normalised values that differ by less than this share of a standard deviation are not
reported.

## Sources

Zhang and others, "Dive into Deep Learning", section 14.1 (the same normalisation for training and
prediction); Sculley and others, "Hidden Technical Debt in Machine Learning Systems" (2015);
DreamtaleCore/USI3D issue 3.
"""

from collections.abc import Iterator

from trainlint import Effect, Event, Finding, Needs, Option, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.mismatches:
        if found.distance < options.number("distance"):
            continue
        if found.said:
            said = f"`{text_of(found.node)}` {found.said}"
        elif found.ranges:
            said = f"`{text_of(found.node)}` gives values from 0 to {found.ranges}"
        elif found.trained is None:
            said = f"`{text_of(found.node)}` is for the evaluation alone, training does not normalise"
        elif found.evaluated is None:
            said = f"training normalises with `{text_of(found.trained_node)}`, evaluation does not"
        else:
            said = f"`{text_of(found.node)}` is not what training normalises with"
        yield Finding(
            found.node,
            f"{said}: the network gets inputs that it never saw",
            because=[(found.trained_node, "the scale that it was trained on")],
            fix=found.mended,
            title="Normalise training and evaluation alike",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    apart = [gap for run in written for gap in [distance(run.all("batch"))] if gap is not None]
    if not apart or max(apart) < 0.1:
        return None
    alike = [gap for run in control for gap in [distance(run.all("batch"))] if gap is not None]
    said = f"evaluation inputs are {max(apart):.2f} standard deviations away from those that train"
    if alike:
        said += f"; with the control {max(alike):.2f}"
    return Effect(said, {"distance": apart, "distance_control": alike})


def distance(batches: tuple[Event, ...]) -> float | None:
    """How far mean and spread of the evaluated inputs are from those that train, in their standard deviations.

    Of several loaders that train the one counts whose inputs are most like the evaluated ones: the network has seen such.
    """
    trained, judged = ([b for b in batches if b.flag("trained") is kind] for kind in (True, False))
    served: dict[float, list[Event]] = {}
    for batch in trained:
        served.setdefault(batch.number("loader"), []).append(batch)
    apart = [_apart(judged, one) for one in served.values() if judged and average(one, "spread")]
    return min(apart, default=None)


def _apart(judged: list[Event], trained: list[Event]) -> float:
    spread = average(trained, "spread")
    shift = abs(average(judged, "mean") - average(trained, "mean")) / spread
    return max(shift, abs(1 - average(judged, "spread") / spread))


def average(batches: list[Event], name: str) -> float:
    return sum(batch.number(name) for batch in batches) / len(batches)


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, epochs=1, seeds=1),
    options={
        "distance": Option(
            0.1,
            "differences of less than this share of a standard deviation are not reported",
            "bench/scale_shift.py: inputs moved by 0.1 deviations cost 0.4 points of accuracy, by 0.5 1.4 points",
        )
    },
    words=(
        "eval_dataset",
        "Normalize",
        "imread",
        "Image",
        "read_image",
        "train_test_split",
        "TensorDataset",
        "read_csv",
        "load",
        "astype",
        "ToTensor",
        "to_tensor",
        "datasets",
    ),
)
