"""What a program finds around it: settings, classes and sizes that are not here, and what names stand for."""

from __future__ import annotations

import ast
import sys
import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import LOOP, NET, verdict_on
from trainlint.verify.roles import find_roles, words_of
from trainlint.verify.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(sys.executable) as made:
        yield made


@needs_torch
def test_classes_on_what_is_not_installed_can_be_defined(sandbox, tmp_path):
    net = (
        "import gymnasium_of_another_kind as gym\n\n\nclass Space(gym.Space):\n    size = 16\n"
        + textwrap.dedent(NET).replace("nn.Linear(16, 32)", "nn.Linear(Space.size, 32)")
    )
    files = {
        "net.py": net,
        "train.py": f"{textwrap.dedent(LOOP)}\nfrom net import Net\n\ntrain(Net(), loader, 2)\n",
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "left out" not in str(verdict.measurements)


@needs_torch
def test_settings_are_read_as_older_programs_read_them(sandbox, tmp_path):
    pytest.importorskip("yaml")
    script = """
        import yaml
        from engine import train
        from net import Net

        settings = yaml.load(open("settings.yaml"))
        train(Net(), loader, settings["epochs"])
    """
    files = {
        "engine.py": LOOP,
        "net.py": NET,
        "train.py": textwrap.dedent(script),
        "settings.yaml": "epochs: 2\n",
    }
    files["train.py"] = textwrap.dedent(LOOP) + files["train.py"].replace("from engine import train\n", "")
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "left out" not in str(verdict.measurements)


@needs_torch
def test_nobody_says_how_large_batches_are(sandbox, tmp_path):
    script = """
        import torch
        import torch.nn as nn
        from torch.utils.data import DataLoader, TensorDataset
        from net import Net
        from settings_that_are_not_here import sizes

        data = TensorDataset(torch.randn(64, 16), torch.arange(64) // 16)
        loader = DataLoader(data, batch_size=sizes.of_batches)
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    """
    verdict = verdict_on("train-loader-not-shuffled", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("nothing says how large" in said for said in verdict.measurements["substituted"])


@pytest.mark.parametrize(
    "text, name, role",
    [
        ("for x in y:\n    lr_scheduler.step()\n", "lr_scheduler", "scheduler"),
        ("s = lr_scheduler.StepLR(o, 1)\n", "lr_scheduler", "import:torch.optim.lr_scheduler"),
        ("optimizer.load_state_dict(torch.load(f))\n", "optimizer", "optimizer"),
        ("f(param.dataset)\ng(param.epochs)\n", "param", "settings"),
        ("print(len(served.dataset))\nserved.batch_size\n", "served", "loader"),
    ],
)
def test_what_a_name_stands_for(text, name, role):
    assert find_roles(ast.parse(text), frozenset([name])).get(name) == role


def test_a_class_is_no_thing_that_is_made_of_it():
    tree = ast.parse("data = TextDataset(path)\n")
    assert "TextDataset" not in find_roles(tree, frozenset(["TextDataset"]))
    assert words_of(tree)["data"] == "inputs"
