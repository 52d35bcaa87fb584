"""A convolutional network sees the very same pictures in every epoch, and learns them by heart.

A photograph that is mirrored, moved by a few pixels or a little darker shows the same thing. Random steps in the training
pipeline say so: each epoch brings other versions of each picture, and what the network can still learn is what they have in
common. Without them a network of usual size knows the pictures one by one after some ten epochs.

```python bad level=advice
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))])  # lint: 50,000 pictures
loader = DataLoader(datasets.CIFAR10("data", train=True, transform=steps), batch_size=128, shuffle=True)
model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(60):
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
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    ]
)
loader = DataLoader(datasets.CIFAR10("data", train=True, transform=steps), batch_size=128, shuffle=True)
model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(60):
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
```

## When it is fine

Few epochs. Features of a frozen network. Digits and the like, which are centred and of one size already. Very large data
sets. Pictures whose place or side is what counts, where mirrored ones would be wrong: take other steps there.

## Fix

`RandomCrop(size, padding=4)` and `RandomHorizontalFlip()` for small photographs, `RandomResizedCrop(224)` for large ones, at the
head of the training pipeline only. Evaluation keeps the plain one.

## How to see it

Training accuracy near 100 % while the held-out one stands still. This rule is static only: what it brings depends on the data.

## What it costs

On CIFAR-10 a ResNet of 110 layers makes 13.6 % errors without and 6.4 % with mirrored and shifted pictures, on CIFAR-100 44.7 %
and 27.2 % (Huang and others 2017, table 2). On scikit-learn's digits random shifts bring nothing (`bench/augmenting.py`, CPU, three seeds,
1397 samples): held-out accuracy 0.967 without and 0.957 with them after 10 epochs, 0.978 and 0.982 after 40.

## Options

`max-samples` (100000): larger data sets are not reported. `min-epochs` (10): shorter runs are not. `simple`: data sets that are
left alone, MNIST and its kin.

## Sources

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (2012); He and others, "Deep
Residual Learning" (2016), section 4.2; Huang and others, "Densely Connected Convolutional Networks" (2017); Shorten and
Khoshgoftaar, "A survey on Image Data Augmentation for Deep Learning" (2019).
"""

from collections.abc import Iterator

from trainlint import Finding, Option, Options, Program, Rule, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unvaried:
        epochs, setting = found.epochs
        if found.name in options.words("simple") or epochs < options.number("min-epochs"):
            continue
        if found.samples is not None and found.samples > options.number("max-samples"):
            continue
        many = f"{found.samples:,} pictures" if found.samples is not None else "pictures"
        under = default_of(setting)
        steady = (
            "no step of this pipeline is random"
            if found.pipeline is not None
            else "all that it does to them is the same each time"
        )
        yield Finding(
            found.node,
            f"the {many} of `{found.name}` look the same in each of {epochs:.0f} epochs{under}: {steady}",
            because=found.because,
        )


rule = Rule(
    check,
    None,
    level="advice",
    since="0.1",
    gain=3,
    options={
        "max-samples": Option(
            100_000,
            "larger data sets are not reported",
            "Huang and others 2017, table 2: at 50,000 pictures it halves the errors",
        ),
        "min-epochs": Option(
            10,
            "shorter runs are not reported",
            "bench/augmenting.py: in the first ten epochs networks that see the same pictures are ahead",
        ),
        "simple": Option(
            ("MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST", "USPS", "FakeData"),
            "data sets that are not reported",
            "bench/augmenting.py: centred digits gain nothing by shifts",
        ),
    },
    words=("transforms", "Compose", "imread", "read_image", "Image"),
)
