"""Doubles of packages that are not installed: backbones of timm, metrics, settings with attributes."""

from __future__ import annotations

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

FROGS = """
    import timm
    import torch
    import torchmetrics
    from easydict import EasyDict
    from torch import nn
    from torchmetrics.classification import MulticlassAccuracy

    cfg = EasyDict()
    cfg.model = {"name": "resnet18", "classes": 5}
    cfg.rate = 0.001

    class Frogs(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = timm.create_model(cfg.model.name, pretrained=True, num_classes=0, drop_rate=0.3)
            self.head = nn.Linear(self.body.num_features, cfg.model.classes)

        def forward(self, pictures):
            return self.head(self.body(pictures))

    def evaluate(net, loader):
        right = MulticlassAccuracy(num_classes=cfg.model.classes).to("cpu")
        for pictures, labels in loader:
            with torch.no_grad():
                right.update(net(pictures), labels)
        return right.compute().item()

    def train(loader, held_out):
        net = Frogs()
        optimizer = torch.optim.Adam(net.parameters(), lr=cfg.rate)
        for epoch in range(10):
            net.train()
            for pictures, labels in loader:
                loss = nn.functional.cross_entropy(net(pictures), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                torchmetrics.functional.accuracy(net(pictures), labels, task="multiclass", num_classes=5)
            print(evaluate(net, held_out))
"""


def test_backbones_metrics_and_settings_that_are_not_installed_have_doubles(sandbox, tmp_path):
    verdict = verdict_on("missing-eval-mode", {"frogs.py": FROGS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    said = verdict.measurements["substituted"]
    assert "resnet18: a small stand-in network" in said
    assert "torchmetrics: not installed, a small double" in said


MERGED = """
    import torch
    from omegaconf import OmegaConf
    from torch import nn
    from yacs.config import CfgNode as CN

    _C = CN()
    _C.OPTIM = CN()
    _C.OPTIM.RATE = 0.5
    _C.OPTIM.STEPS = 30

    def settings():
        cfg = _C.clone()
        cfg.merge_from_file("run.yaml")
        cfg.merge_from_list(["OPTIM.STEPS", "40"])
        cfg.freeze()
        return cfg

    cfg = settings()
    more = OmegaConf.merge({"width": 4, "inner": {"a": 1}}, OmegaConf.create({"inner": {"b": 2}}))
    assert OmegaConf.to_container(more) == {"width": 4, "inner": {"a": 1, "b": 2}}
    net = nn.Linear(more.width, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=cfg.OPTIM.RATE)
    kept = 0
    for step in range(cfg.OPTIM.STEPS):
        loss = nn.functional.cross_entropy(net(torch.randn(8, more.width)), torch.randint(2, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept += loss
"""


def test_settings_are_read_merged_and_asked_as_their_packages_do(sandbox, tmp_path):
    files = {"main.py": MERGED, "run.yaml": "OPTIM:\n  RATE: 0.125\n"}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


HANDED = """
    import torch
    from torch import nn

    class Depth(nn.Module):
        def __init__(self, width=16, **further):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))

        def forward(self, x):
            return self.body(x)

    def setup(config, **keywords):
        return Depth(**{**config.loss, **keywords})

    def run(config, loader):
        model = setup(config)
        model.load_state_dict(torch.load(config.checkpoint, map_location="cpu"))
        found = []
        for x, y in loader:
            found.append(model(x).argmax(1).tolist())
        return found
"""


@pytest.mark.parametrize("name", ["missing-eval-mode", "missing-no-grad"])
def test_settings_that_nothing_is_known_of_hand_over_nothing_by_name(name, sandbox, tmp_path):
    verdict = verdict_on(name, {"run.py": HANDED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@pytest.mark.parametrize(
    ("name", "width", "head"),
    [
        ("resnet50", 2048, "fc"),
        ("tf_efficientnet_b0_ns", 1280, "classifier"),
        ("vit_base_patch16_224", 768, "head"),
        ("convnext_tiny", 768, "head.fc"),
    ],
)
def test_backbones_are_as_wide_as_the_originals_and_have_their_heads(name, width, head):
    import torch

    from trainlint.verify.child.rig.backbones import module

    said: list[str] = []
    timm = module("timm", said.append)
    net = timm.create_model(name, pretrained=False, num_classes=7, in_chans=1)
    assert net.num_features == width
    assert net.get_submodule(head).in_features == width
    assert net(torch.randn(2, 1, 64, 64)).shape == (2, 7)
    net.reset_classifier(0)
    assert net(torch.randn(2, 1, 64, 64)).shape == (2, width)
    maps = timm.create_model(name, features_only=True, out_indices=(1, 3))
    assert [one.shape[1] for one in maps(torch.randn(2, 3, 64, 64))] == maps.feature_info.channels()


PARTED = """
    import torch
    from torch import nn
    from torchvision.models.resnet import BasicBlock, ResNet
    from torchvision.models.vgg import VGG, make_layers

    class Deep(ResNet):
        def __init__(self, classes):
            super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=classes)

        def _forward_impl(self, x):
            x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
            return self.fc(self.layer4(self.layer3(x)).mean((2, 3)))

    class Old(VGG):
        def __init__(self):
            super().__init__(make_layers([64]))

    def train(loader, epochs):
        net = Deep(4)
        optimizer = torch.optim.Adam(net.parameters())
        total = 0
        for epoch in range(epochs):
            for x, y in loader:
                loss = nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss
        return total
"""


def test_networks_are_built_on_the_blocks_of_torchvision(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"deep.py": PARTED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not any("left out" in what for what in verdict.measurements["substituted"])
