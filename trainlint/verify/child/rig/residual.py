"""Blocks of residual networks under the names that programs import from torchvision to build their own on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

FIRST = 64  # channels of the first stage
STAGES = (64, 128, 256, 512)


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> Any:
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, padding=dilation, groups=groups, bias=False, dilation=dilation
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> Any:
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class _Block(nn.Module):  # type: ignore[misc,unused-ignore]
    """Layers beside a way around them."""

    expansion = 1
    downsample: Any

    def branch(self, x: Any) -> Any:
        raise NotImplementedError

    def forward(self, x: Any) -> Any:
        around = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.branch(x) + around)


class BasicBlock(_Block):
    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Any = None, groups: int = 1, base_width: int = 64,
        dilation: int = 1, norm_layer: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv3x3(planes, planes), norm(planes)
        self.downsample, self.stride = downsample, stride

    def branch(self, x: Any) -> Any:
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Any = None, groups: int = 1, base_width: int = 64,
        dilation: int = 1, norm_layer: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        norm, width = norm_layer or nn.BatchNorm2d, int(planes * base_width / 64) * groups
        self.conv1, self.bn1 = conv1x1(inplanes, width), norm(width)
        self.conv2, self.bn2 = conv3x3(width, width, stride, groups, dilation), norm(width)
        self.conv3, self.bn3 = conv1x1(width, planes * self.expansion), norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def branch(self, x: Any) -> Any:
        x = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.bn3(self.conv3(x))


class ResNet(nn.Module):  # type: ignore[misc,unused-ignore]
    def __init__(
        self, block: Any, layers: Sequence[int], num_classes: int = 1000, zero_init_residual: bool = False, groups: int = 1,
        width_per_group: int = 64, replace_stride_with_dilation: Any = None, norm_layer: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.groups, self.base_width = FIRST, groups, width_per_group
        self.conv1 = nn.Conv2d(3, FIRST, 7, 2, padding=3, bias=False)
        self.bn1, self.relu = self._norm_layer(FIRST), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        for place, (planes, count) in enumerate(zip(STAGES, layers)):
            setattr(self, f"layer{place + 1}", self._make_layer(block, planes, count, 1 + (place > 0)))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(self.inplanes, num_classes)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> Any:
        around, wide = None, planes * block.expansion
        if stride != 1 or self.inplanes != wide:
            around = nn.Sequential(conv1x1(self.inplanes, wide, stride), self._norm_layer(wide))
        made = [block(self.inplanes, planes, stride, around)]
        self.inplanes = wide
        made += [block(wide, planes) for _ in range(1, blocks)]
        return nn.Sequential(*made)

    def _forward_impl(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

    def forward(self, x: Any) -> Any:
        return self._forward_impl(x)


KNOWN = {
    "conv3x3": conv3x3, "conv1x1": conv1x1, "BasicBlock": BasicBlock, "Bottleneck": Bottleneck, "ResNet": ResNet,
    "load_state_dict_from_url": torch.hub.load_state_dict_from_url,
}  # fmt: skip
