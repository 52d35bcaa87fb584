"""Doubles of the well-known image data sets: random pictures of the right size, with the right classes.

Each class has a pattern of its own, so that there is something to learn.
"""

from __future__ import annotations

from typing import Any

import torch

KNOWN: dict[str, tuple[tuple[int, int, int], int]] = {
    "MNIST": ((1, 28, 28), 10), "FashionMNIST": ((1, 28, 28), 10), "KMNIST": ((1, 28, 28), 10),
    "QMNIST": ((1, 28, 28), 10), "EMNIST": ((1, 28, 28), 47), "USPS": ((1, 16, 16), 10), "CIFAR10": ((3, 32, 32), 10),
    "CIFAR100": ((3, 32, 32), 100), "SVHN": ((3, 32, 32), 10), "STL10": ((3, 96, 96), 10), "ImageNet": ((3, 256, 256), 1000),
    "ImageFolder": ((3, 256, 256), 2), "DatasetFolder": ((3, 256, 256), 2), "FakeData": ((3, 224, 224), 10),
    "Flowers102": ((3, 256, 256), 102), "Food101": ((3, 256, 256), 101), "OxfordIIITPet": ((3, 256, 256), 37),
    "GTSRB": ((3, 48, 48), 43), "Caltech101": ((3, 256, 256), 101), "Places365": ((3, 256, 256), 365),
}  # fmt: skip
IN_TENSORS = ("MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST")  # whose labels and pictures are tensors
IN_ORDER = ("ImageFolder", "DatasetFolder", "ImageNet")  # stored class by class, as folders are


class Pictures:
    """A data set that answers to the names that torchvision's have."""

    kind = "MNIST"
    pictured: Any = None  # makes a picture of a tensor, where real transforms expect one
    seed = 0
    count = 128

    def __init__(
        self, *arguments: Any, transform: Any = None, target_transform: Any = None, **keywords: Any
    ) -> None:
        callables = [argument for argument in arguments if callable(argument)]
        self.transform = transform or (callables[0] if callables else None)
        self.target_transform = target_transform
        self.shape, classes = KNOWN[self.kind]
        self.root = str(arguments[0]) if arguments else str(keywords.get("root", ""))
        self.train = bool(keywords.get("train", True))
        self.classes = [f"class {number}" for number in range(classes)]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.targets: Any = [self._label(index) for index in range(self.count)]
        self.samples = self.imgs = [(f"{index}.png", label) for index, label in enumerate(self.targets)]
        if self.kind in IN_TENSORS:
            self.targets = torch.tensor(self.targets)
        self.labels = self.targets

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> Any:
        number = int(index)
        if not 0 <= number < self.count:
            if number <= self.count:
                raise IndexError(number)  # so that going through them ends
            number %= self.count  # the original has as many
        label: Any = int(self.targets[number])
        picture = self._picture(number, int(label))
        picture = self.pictured(picture) if self.pictured is not None else picture
        if self.transform is not None:
            picture = self.transform(picture)
        return picture, self.target_transform(label) if self.target_transform is not None else label

    @property
    def data(self) -> Any:
        """All pictures as bytes, laid out as the original lays them out."""
        pictures = torch.stack(
            [self._picture(index, int(self.targets[index])) for index in range(self.count)]
        )
        data = (pictures * 255).to(torch.uint8)
        return data[:, 0] if self.shape[0] == 1 else data.permute(0, 2, 3, 1).numpy()

    def _label(self, index: int) -> int:
        count = len(self.classes)
        return index * count // self.count if self.kind in IN_ORDER else (index * 7 + index // count) % count

    def _picture(self, index: int, label: int) -> Any:
        noise = torch.rand(self.shape, generator=torch.Generator().manual_seed(self.seed * 1_000_003 + index))
        pattern = torch.rand(self.shape, generator=torch.Generator().manual_seed(9_000_000 + label))
        return 0.5 * noise + 0.5 * pattern


def double(kind: str, seed: int, count: int, pictured: Any = None) -> type:
    """The class that stands in for one data set."""
    pictured = staticmethod(pictured) if pictured is not None else None
    return type(kind, (Pictures,), {"kind": kind, "seed": seed, "count": count, "pictured": pictured})
