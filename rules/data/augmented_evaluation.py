"""The score moves from run to run, because the samples that are evaluated are changed at random.

Random crops, rotations and colours make training data harder and more varied. Evaluation should measure
the network on the samples as they are: with a random transform each pass sees other images, most of them
harder than the real ones. Scores come out too low, differ each time, and the best epoch is partly luck.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
steady = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])  # lint: transforms.RandomCrop(32, padding=4)
train_loader = DataLoader(datasets.CIFAR10("data", train=True, transform=augment), 16, shuffle=True)
test_loader = DataLoader(datasets.CIFAR10("data", train=False, transform=steady), 16)
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

augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
steady = transforms.Compose([transforms.ToTensor()])
train_loader = DataLoader(datasets.CIFAR10("data", train=True, transform=augment), 16, shuffle=True)
test_loader = DataLoader(datasets.CIFAR10("data", train=False, transform=steady), 16)
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

A common way to get there is `random_split` of one augmented data set: both parts then share its
transform. That, and mirroring alone, which costs little, is a warning.

## When it is fine

Test-time augmentation, which averages several draws. Validation of self-supervised, denoising or
generative training, where the random view is the task. Draws that are seeded for each sample.

## Fix

A pipeline of its own for evaluation: resize, crop the middle, convert, normalise. After `random_split`,
make the data set twice, once with each transform, and give both the same indices by `Subset`.

## How to see it

Evaluate twice without training in between: the numbers differ. Experiment: how many samples look
different when they are evaluated again.

## What it costs

A small convolutional network on scikit-learn's digits, trained with random shifts of two pixels, three
seeds, CPU: held-out accuracy 0.79 on the images as they are and 0.67 on randomly shifted ones; ten passes
over the same images with the same network gave between 0.61 and 0.66.

## Sources

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (2012):
random crops to train, fixed ones to test; torchvision's reference scripts (`presets.py`); zoogzog/chexnet
issue 27; udacity/deep-learning-v2-pytorch issue 132.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Run, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.augmented:
        assert found.step.node is not None
        drawn = text_of(found.step.node)
        if found.shared == "data":
            said = f"the data that is held out here shares `{drawn}` with the training data"
        elif found.shared == "class":
            said = f"`{text_of(found.node)}` evaluates with `{drawn}`"
        elif found.shared:
            said = f"`{text_of(found.node)}` evaluates with the training pipeline's `{drawn}`"
        else:
            said = f"`{drawn}` changes the evaluation data"
        yield Finding(
            found.node,
            f"{said}: each pass scores other samples",
            because=found.because,
            fix=found.mended,
            control=found.steadied,
            title="Leave the random steps out of the evaluation pipeline",
            level="warning" if found.shared == "data" or found.is_mild else None,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    shares = [share for run in written for share in [changed(run)] if share is not None]
    if not shares or max(shares) < 0.05:
        return None
    steady = [share for run in control for share in [changed(run)] if share is not None]
    said = f"{max(shares):.0%} of the samples look different when they are evaluated again"
    if steady:
        said += f"; with the control {max(steady):.0%}"
    return Effect(said, {"changed": shares, "changed_control": steady})


def changed(run: Run) -> float | None:
    """The share of the samples held out that were evaluated twice and held something else the second time."""
    trained = {
        origin for batch in run.all("batch") if batch.flag("trained") for origin in batch.numbers("origins")
    }
    seen: dict[float, set[float]] = {}
    times: dict[float, int] = {}
    for batch in run.all("batch"):
        for origin, look in zip(batch.numbers("origins"), batch.numbers("prints"), strict=False):
            if origin not in trained:
                seen.setdefault(origin, set()).add(look)
                times[origin] = times.get(origin, 0) + 1
    again = [origin for origin, count in times.items() if count > 1]
    return sum(len(seen[origin]) > 1 for origin in again) / len(again) if again else None


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, epochs=2, seeds=1),
    words=("create_transform", "transforms", "albumentations", "kornia", "monai", "randint", "randrange"),
)
