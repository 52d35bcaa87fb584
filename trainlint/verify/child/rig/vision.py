"""A small double of torchvision, for where it is not installed: data sets, transforms on tensors, plain networks."""

from __future__ import annotations

import importlib
import re
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .inert import Inert
from .missing import Missing
from .pictures import KNOWN, double
from .residual import KNOWN as BLOCKS
from .world import World

NAMED = (  # transforms that are made when they are asked for
    "ToTensor ToPILImage PILToTensor RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine RandomErasing "
    "RandomApply RandomOrder RandomChoice RandomGrayscale RandomPerspective ColorJitter Pad AutoAugment RandAugment "
    "TrivialAugmentWide GaussianBlur functional"
).split()
PARTS = {"datasets", "transforms", "models", "utils"}
RANDOM = (
    "Random",
    "ColorJitter",
    "AutoAugment",
    "RandAugment",
    "TrivialAugment",
    "AugMix",
    "Elastic",
    "Gaussian",
)
CLAMPING = ("ColorJitter", "RandomAdjustSharpness")
SIZED = {"Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop", "FiveCrop", "TenCrop"}


def module(name: str, world: World) -> types.ModuleType:
    """The double of `torchvision` or of a module in it."""
    made = types.ModuleType(name)
    made.__path__ = []
    last = name.rpartition(".")[2]
    fill = {"datasets": _datasets, "transforms": _transforms, "v2": _transforms, "models": _models}.get(
        last, _rest
    )
    fill(made, world)
    return made


def _datasets(made: Any, world: World) -> None:
    for kind in KNOWN:
        setattr(made, kind, double(kind, world.seed, world.samples))


def _rest(made: Any, world: World) -> None:
    made.__version__ = "0.0"
    made.__getattr__ = lambda name: _absent(made.__name__, name)


def _absent(owner: str, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in PARTS:
        return importlib.import_module(f"{owner}.{name}")
    if name in BLOCKS and "models" in owner:
        return BLOCKS[name]
    return Inert(f"{owner}.{name}") if owner.endswith("utils") else _missing(f"{owner}.{name}")


def _missing(name: str) -> Any:
    return Missing(name, "torchvision is not installed")


class Transform:
    """One transform: what it does to an image given as a tensor with values in [0, 1]."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, image: Any) -> Any:
        if isinstance(image, Missing):
            raise image._error()  # rather than what becomes of its shape
        return self.function(image)


def _transforms(made: Any, world: World) -> None:
    made.Compose = _compose
    made.Normalize = _normalize
    made.Lambda = Transform
    made.Grayscale = lambda num_output_channels=1: Transform(
        lambda image: image.mean(0, keepdim=True).expand(num_output_channels, -1, -1)
    )
    for name in SIZED:
        setattr(made, name, _sized_at_random if name.startswith("Random") else _sized)
    made.__getattr__ = _other
    made.__all__ = [*(name for name in vars(made) if not name.startswith("__")), *NAMED]  # for `import *`


def _other(name: str) -> Any:
    """Transforms that leave an image as it is, as far as shapes go: flips, jitters, conversions."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name[:1].islower():
        return Inert(name)
    if name in CLAMPING:
        return _clamping
    if name.startswith(RANDOM):
        return _drawing
    return lambda *arguments, **keywords: Transform(lambda image: image)


def _clamping(*arguments: Any, **keywords: Any) -> Transform:
    """What changes brightness: floats are cut off at 0 and 1, as the original does."""
    return Transform(lambda image: (image * (0.8 + 0.4 * torch.rand(()))).clamp(0, 1))


def _drawing(*arguments: Any, **keywords: Any) -> Transform:
    """What stands for all that changes an image at random: it is moved by a few pixels, or not at all."""

    def move(image: Any) -> Any:
        by = torch.randint(-4, 5, (2,)).tolist()
        return torch.roll(image, by, dims=(-2, -1))

    return Transform(move)


def _compose(transforms: Any) -> Transform:
    steps = list(transforms)

    def run(image: Any) -> Any:
        for step in steps:
            image = step(image)
        return image

    return Transform(run)


def _normalize(mean: Any, std: Any, inplace: bool = False) -> Transform:
    center, spread = (
        torch.as_tensor(values, dtype=torch.float32).reshape(-1, 1, 1) for values in (mean, std)
    )

    def normalise(image: Any) -> Any:
        if center.shape[0] not in (1, image.shape[-3]):
            raise RuntimeError(f"{center.shape[0]} means for {image.shape[-3]} channels")
        if bool((spread == 0).any()):
            raise ValueError("std evaluated to zero")
        return (image - center) / spread

    return Transform(normalise)


def _sized_at_random(size: Any = 224, *arguments: Any, **keywords: Any) -> Transform:
    return _compose([_sized(size), _drawing()])


def _sized(size: Any = 224, *arguments: Any, **keywords: Any) -> Transform:
    height, width = (size, size) if isinstance(size, int) else (tuple(size) * 2)[:2]

    def resize(image: Any) -> Any:
        flat = image.reshape(-1, *image.shape[-3:])  # one picture, or a batch of them
        return nn.functional.interpolate(flat, size=(height, width)).reshape(*image.shape[:-2], height, width)

    return Transform(resize)


class Network(nn.Module):  # type: ignore[misc,unused-ignore]
    """A small convolutional network whose head has the name, the place and the width of the original's."""

    def __init__(self, classes: int, head: str, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 7, stride=4, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.layer2 = nn.Conv2d(32, width, 1)
        self.head, _, place = head.partition(".")
        layers = [nn.Dropout(0.2) for _ in range(int(place or 0))]
        last = nn.Linear(width, classes)
        setattr(self, self.head, nn.Sequential(*layers, last) if place else last)

    def forward(self, images: Any) -> Any:
        features = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(images)))))
        return getattr(self, self.head)(features.mean((2, 3)))


FAMILIES = {  # where the last layer of the original is, and how wide what it takes
    r"resnet(18|34)$": ("fc", 512),
    r"(resnet|resnext|wide_resnet|inception)": ("fc", 2048),
    r"(googlenet|shufflenet)": ("fc", 1024),
    r"regnet": ("fc", 440),
    r"(vgg|alexnet)": ("classifier.6", 4096),
    r"densenet": ("classifier", 1024),
    r"(mobilenet_v2|efficientnet)": ("classifier.1", 1280),
    r"mobilenet_v3": ("classifier.3", 1280),
}


def _models(made: Any, world: World) -> None:
    made.__getattr__ = lambda name: _model(name, world)


def _model(name: str, world: World) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in BLOCKS:
        return BLOCKS[name]
    known = next((entry for pattern, entry in FAMILIES.items() if re.match(pattern, name)), None)
    if known is None:
        return Inert(name) if name.endswith("Weights") else _missing(f"torchvision.models.{name}")
    head, width = known

    def build(*arguments: Any, num_classes: int = 1000, **keywords: Any) -> Network:
        world.record.substitute(f"{name}: a small stand-in network")
        return Network(num_classes, head, width)

    return build
