"""A small double of timm, for where it is not installed: backbones by name, layers that papers share, losses.

A backbone has the width, the head and the dropout of the original's kind; its body is small and random.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from . import doubles
from .inert import Inert
from .missing import Missing

KINDS = (  # what a network is called, where its last layer is, how wide what that takes
    (r"resnet(18|34)|resnet_?(10|14)", "fc", 512),
    (r"(se_?|ec|sk|wide_)?resn[ex]s?[te]", "fc", 2048),
    (r"(vit|deit|beit|eva|cait).*_(tiny)", "head", 192),
    (r"(vit|deit|beit|eva|cait).*_(small)", "head", 384),
    (r"(vit|beit|eva).*_(large)", "head", 1024),
    (r"(vit|deit|beit|eva|cait)", "head", 768),
    (r"swin.*_(base)", "head.fc", 1024),
    (r"(swin|coat|maxvit|maxxvit|convnext_(tiny|small))", "head.fc", 768),
    (r"convnext", "head.fc", 1024),
    (r"densenet", "classifier", 1024),
    (r"(efficientnet|tf_efficientnet|mobilenet|mnasnet|ghostnet|lcnet)", "classifier", 1280),
    (r"(xception|inception|dpn|dla)", "fc", 2048),
)
USUAL = ("fc", 1024)
MAPS = (8, 16, 32, 48, 64)  # channels of the maps that a backbone without a head gives


class Backbone(nn.Module):  # type: ignore[misc,unused-ignore]
    """Pictures in, scores out; without classes its features."""

    def __init__(self, name: str, classes: int, channels: int, rate: float, pooled: bool) -> None:
        super().__init__()
        where, width = next(((w, n) for pattern, w, n in KINDS if re.match(pattern, name)), USUAL)
        self.place, self.num_features, self.head_hidden_size = where, width, width
        self.embed_dim = width
        self.words = where.startswith("head") and re.match(r"vit|deit|beit|eva|cait", name) is not None
        self.pooled, self.drop_rate, self.num_classes = pooled, rate, classes
        self.conv_stem = nn.Conv2d(channels, 16, 7, stride=4, padding=3)
        self.norm = nn.GroupNorm(1, 16) if where.startswith("head") else nn.BatchNorm2d(16)
        self.widen = nn.Conv2d(16, width, 3, stride=2, padding=1)
        self.head_drop = nn.Dropout(rate)
        self.default_cfg = self.pretrained_cfg = {
            "input_size": (3, 224, 224), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "interpolation": "bicubic",
            "crop_pct": 0.9, "classifier": where, "num_classes": classes, "first_conv": "conv_stem",
        }  # fmt: skip
        self.reset_classifier(classes)

    def reset_classifier(self, num_classes: int, global_pool: Any = None) -> None:
        self.num_classes = num_classes
        if global_pool is not None:
            self.pooled = bool(global_pool)
        last = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()
        first, _, inner = self.place.partition(".")
        setattr(self, first, nn.ModuleDict({inner: last}) if inner else last)

    def get_classifier(self) -> Any:
        first, _, inner = self.place.partition(".")
        owner = getattr(self, first)
        return owner[inner] if inner and isinstance(owner, nn.ModuleDict) else owner

    def forward_features(self, pictures: Any) -> Any:
        features = self.widen(torch.relu(self.norm(self.conv_stem(pictures))))
        return features.flatten(2).transpose(1, 2) if self.words else features

    def forward_head(self, features: Any, pre_logits: bool = False) -> Any:
        if self.pooled:
            features = features.mean(1) if features.dim() == 3 else features.mean((2, 3))
        features = self.head_drop(features)
        return features if pre_logits or not self.pooled else self.get_classifier()(features)

    def forward(self, pictures: Any) -> Any:
        return self.forward_head(self.forward_features(pictures))


class Maps(nn.Module):  # type: ignore[misc,unused-ignore]
    """What `features_only` gives: a list of maps, each half as large as the one before."""

    def __init__(self, channels: int, chosen: Any = None) -> None:
        super().__init__()
        self.chosen = tuple(range(len(MAPS))) if chosen is None else tuple(chosen)
        widths = (channels, *MAPS)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(one, other, 3, stride=2, padding=1), nn.BatchNorm2d(other), nn.ReLU())
            for one, other in zip(widths, MAPS)
        )
        self.feature_info = Info(self.chosen)

    def forward(self, pictures: Any) -> Any:
        maps = []
        for stage in self.stages:
            pictures = stage(pictures)
            maps.append(pictures)
        return [maps[place] for place in self.chosen]


class Info(list):  # type: ignore[type-arg]
    """What is said of the maps: their channels, and how much smaller than the picture they are."""

    def __init__(self, chosen: tuple[int, ...]) -> None:
        super().__init__(
            {"num_chs": MAPS[at], "reduction": 2 << at, "module": f"stages.{at}"} for at in chosen
        )

    def channels(self, *given: Any) -> list[int]:
        return [int(one["num_chs"]) for one in self]

    def reduction(self, *given: Any) -> list[int]:
        return [int(one["reduction"]) for one in self]


class DropPath(nn.Module):  # type: ignore[misc,unused-ignore]
    """Leaves out a branch for some of the samples, in training."""

    def __init__(self, drop_prob: float = 0.0, scale_by_keep: bool = True) -> None:
        super().__init__()
        self.drop_prob, self.scale_by_keep = float(drop_prob or 0.0), scale_by_keep

    def forward(self, x: Any) -> Any:
        return drop_path(x, self.drop_prob, self.training, self.scale_by_keep)


def drop_path(x: Any, drop_prob: float = 0.0, training: bool = False, scale_by_keep: bool = True) -> Any:
    kept = 1 - drop_prob
    if not training or not drop_prob:
        return x
    mask = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(kept)
    return x * (mask / kept if kept and scale_by_keep else mask)


def _times(count: int) -> Callable[[Any], Any]:
    return lambda value: tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class SoftTargets(nn.Module):  # type: ignore[misc,unused-ignore]
    """Cross entropy with a share of each class as its target."""

    def forward(self, scores: Any, shares: Any) -> Any:
        return -(shares * scores.log_softmax(-1)).sum(-1).mean()


def _smoothed(smoothing: float = 0.1) -> Any:
    return nn.CrossEntropyLoss(label_smoothing=smoothing)


KNOWN: dict[str, Any] = {
    "DropPath": DropPath, "drop_path": drop_path, "to_2tuple": _times(2), "to_3tuple": _times(3), "to_ntuple": _times,
    "trunc_normal_": nn.init.trunc_normal_, "lecun_normal_": nn.init.kaiming_normal_, "LabelSmoothingCrossEntropy": _smoothed,
    "SoftTargetCrossEntropy": SoftTargets, "register_model": lambda function: function, "list_models": lambda *g, **k: [],
    "is_model": lambda name: True, "list_modules": lambda *g, **k: [], "resolve_data_config": lambda *g, **k: {},
    "resolve_model_data_config": lambda *g, **k: {}, "IMAGENET_DEFAULT_MEAN": (0.485, 0.456, 0.406),
    "IMAGENET_DEFAULT_STD": (0.229, 0.224, 0.225),
}  # fmt: skip
PARTS = {
    "models",
    "layers",
    "data",
    "loss",
    "optim",
    "scheduler",
    "utils",
    "registry",
    "helpers",
    "vision_transformer",
    "constants",
}


def module(name: str, substitute: Callable[[str], None]) -> types.ModuleType:
    """The double of `timm` or of a module in it."""
    return doubles.module(name, lambda asked: _named(asked, name, substitute), __version__="0.9.16")


def _named(name: str, owner: str, substitute: Callable[[str], None]) -> Any:
    if name == "create_model":
        return lambda *given, **said: _created(substitute, *given, **said)
    if name in KNOWN:
        return KNOWN[name]
    if name in PARTS:
        return module(f"{owner}.{name}", substitute)
    return (
        Inert(name) if name.endswith("AverageMeter") else Missing(f"{owner}.{name}", "timm is not installed")
    )


def _created(
    substitute: Callable[[str], None], model_name: Any, pretrained: bool = False, *given: Any, **said: Any
) -> Any:
    substitute(f"{str(model_name)[:40]}: a small stand-in network")
    channels = int(said.get("in_chans") or 3)
    if said.get("features_only"):
        return Maps(channels, said.get("out_indices"))
    classes = said.get("num_classes")
    rate, pooled = float(said.get("drop_rate") or 0.0), bool(said.get("global_pool", "avg"))
    name = str(model_name).rpartition("/")[2].lower()
    return Backbone(name, 1000 if classes is None else int(classes), channels, rate, pooled)
