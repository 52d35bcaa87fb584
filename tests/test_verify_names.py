"""What a program finds around it: settings, classes and sizes that are not here, and what names stand for."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import LOOP, NET, verdict_on
from trainlint.verify.batches import batch_form
from trainlint.verify.roles import find_roles, words_of


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
    pytest.importorskip("yaml", reason="PyYAML is what the program under test reads its settings with")
    script = """
        import yaml
        from net import Net

        settings = yaml.load(open("settings.yaml"))
        train(Net(), loader, settings["epochs"])
    """
    files = {
        "net.py": NET,
        "train.py": textwrap.dedent(LOOP) + textwrap.dedent(script),
        "settings.yaml": "epochs: 2\n",
    }
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
        ("optimizer.step()\nlr_scheduler.step()\n", "optimizer", "optimizer"),
        ("optim.step()\n", "optim", "optimizer"),
        ("optimizer.load_state_dict(torch.load(f))\n", "optimizer", "optimizer"),
        ("f(param.dataset)\ng(param.epochs)\n", "param", "settings"),
        ("value = class_loss(scores, y)\n", "class_loss", "criterion"),
        ("print(len(served.dataset))\nserved.batch_size\n", "served", "loader"),
    ],
)
def test_what_a_name_stands_for(text, name, role):
    free = frozenset(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))
    assert find_roles(ast.parse(text), free)[name] == role


def test_a_class_is_no_thing_that_is_made_of_it():
    tree = ast.parse("data = TextDataset(path)\n")
    assert "TextDataset" not in find_roles(tree, frozenset(["TextDataset"]))
    assert words_of(tree)["data"] == "inputs"


@needs_torch
def test_a_loss_of_the_projects_own_is_no_network(sandbox, tmp_path):
    """What nobody hands over as a model is built of the project's classes, and a loss is none of these."""
    script = """
        import torch
        import torch.nn as nn
        from net import Net

        class PairLoss(nn.Module):
            def __init__(self, weight=1.0):
                super().__init__()
                self.weight = nn.Parameter(torch.tensor(weight))

            def forward(self, x, y):
                return self.weight * nn.functional.cross_entropy(x, y)

        def evaluate(model, loader):
            model.eval()
            total = 0
            for x, y in loader:
                total += PairLoss()(model(x), y).item()
            return total
    """
    verdict = verdict_on("missing-no-grad", {"net.py": NET, "run.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not any("PairLoss" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_a_sample_of_a_known_data_set_is_there_whatever_its_number(sandbox, tmp_path):
    script = """
        import torch
        import torch.nn as nn
        from torch.utils.data import DataLoader, random_split
        from torchvision import datasets, transforms

        steps = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
        data = datasets.CIFAR10("data", train=True, transform=steps)
        print(data[40_000][0].shape)
        train_set, test_set = random_split(data, [len(data) - 32, 32])
        train_loader, test_loader = DataLoader(train_set, 16, shuffle=True), DataLoader(test_set, 16)
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
            print(epoch, correct / len(test_set))
    """
    verdict = verdict_on("augmented-evaluation", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@needs_torch
def test_numbers_that_a_command_line_writes_as_texts_are_numbers(sandbox, tmp_path):
    files = {
        "net.py": NET,
        "options.py": """
            import argparse

            parser = argparse.ArgumentParser()
            parser.add_argument("--batch_size", default="4", type=int)
            """,
        "train.py": """
            import torch.nn as nn
            from torch.utils.data import DataLoader
            from net import Net

            def train(args, dataset, optimizer):
                model = Net()
                for x, y in DataLoader(dataset, batch_size=args.batch_size):
                    loss = nn.functional.cross_entropy(model(x), y)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        """,
    }
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@pytest.mark.parametrize(
    "use, form",
    [
        ("model(batch[:, 0])", "single"),
        ("model(batch.view(4, -1))", "single"),
        ("model(batch['x'])", "dict"),
        ("model(batch[0])", "tuple"),
    ],
)
def test_how_a_batch_is_taken_apart(use, form):
    tree = ast.parse(f"for batch in loader:\n    {use}\n")
    assert batch_form(tree)["form"] == form


@pytest.mark.parametrize(
    "loop, names",
    [
        ("for i, (a, b, c) in enumerate(tqdm_notebook(loader)):", ["a", "b", "c"]),
        ("for a, b, c in shown(loader, desc='train'):", ["a", "b", "c"]),
        ("for a, b, c in DataLoader(kept, batch_size=4):", ["a", "b", "c"]),
        ("for i, (a, b, c) in bar:", ["a", "b", "c"]),
        ("for a, b, c in grouped(data):", ["x", "y"]),  # any function may make anything of data
        ("for a, b, c in range(loader):", ["x", "y"]),
    ],
)
def test_what_shows_progress_passes_batches_through(loop, names):
    tree = ast.parse(f"bar = tqdm(enumerate(loader), total=len(loader))\n{loop}\n    model(a)\n")
    assert batch_form(tree)["names"] == names


def test_batches_behind_a_bar_that_was_made_before_have_the_entries_that_are_asked_for():
    text = (
        "steps = tqdm(enumerate(loader))\nfor i, batch in steps:\n    model(batch['words'], batch['label'])\n"
    )
    assert batch_form(ast.parse(text)) == {"form": "dict", "names": ["label", "words"]}


@pytest.mark.parametrize(
    "use, form", [("batch.y", "object"), ("batch.T", "tuple"), ("batch.mean()", "tuple")]
)
def test_what_no_tensor_has_is_asked_of_an_object(use, form):
    text = f"bar = tqdm(loader)\nfor i, batch in enumerate(bar):\n    batch = batch.to('cpu')\n    {use}\n"
    assert batch_form(ast.parse(text))["form"] == form


def test_what_a_number_is_divided_by_is_a_count():
    tree = ast.parse("if (epoch + 1) % shown == 0:\n    pass\nprint(epoch % parts, 'of %s' % said)\n")
    words = words_of(tree)
    assert words["shown"] == "every"
    assert words["parts"] == "count"
    assert "said" not in words


@needs_torch
def test_a_function_that_fire_calls_gets_what_the_command_line_has_to_say(sandbox, tmp_path):
    script = """
        from fire import Fire
        from net import Net

        def main(epochs, rate=0.1, **others):
            train(Net(), loader, epochs)

        if __name__ == "__main__":
            Fire(main)
    """
    files = {"net.py": NET, "train.py": textwrap.dedent(LOOP) + textwrap.dedent(script)}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "fire: not installed, a small double" in verdict.measurements["substituted"]


@needs_torch
def test_a_network_of_two_inputs_gets_two_that_fit(sandbox, tmp_path):
    net = """
        import torch
        import torch.nn as nn

        class Pair(nn.Module):
            def __init__(self):
                super().__init__()
                self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
                self.last = nn.Linear(8, 5)

            def forward(self, left, right):
                seen = torch.cat([self.left(left), self.right(right)], 1).mean((2, 3))
                return self.last(seen).softmax(1)
    """
    script = """
        import torch.nn as nn
        from pair import Pair

        def train(loader, optimizer):
            model = Pair()
            criterion = nn.CrossEntropyLoss()
            for left, right, label in loader:
                loss = criterion(model(left, right), label)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    """
    verdict = verdict_on(
        "softmax-before-cross-entropy", {"pair.py": net, "train.py": script}, tmp_path, sandbox
    )
    assert verdict.state == "confirmed"


@needs_torch
def test_a_section_of_settings_has_entries_as_settings_have(sandbox, tmp_path):
    script = """
        import torch
        import torch.nn as nn
        from net import Net

        def train(config, loader):
            model = Net()
            optimizer = torch.optim.SGD(model.parameters(), lr=config["train"]["lr"], momentum=config.train.momentum)
            losses = []
            for epoch in range(config["train"]["epochs"]):
                if config.train:
                    raise ValueError("a section that nobody has seen is no reason to do anything")
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss)
            return losses
    """
    verdict = verdict_on("loss-retains-graph", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "config.train.lr: 0.05" in verdict.measurements["substituted"]


def test_batches_are_taken_apart_as_the_flagged_loop_does():
    text = """
        for x, y in train_loader:
            loss(model(x), y).backward()
        for names, x, y, lengths in test_loader:
            model(x)
    """
    tree = ast.parse(textwrap.dedent(text))
    assert batch_form(tree)["names"] == ["x", "y"]
    assert batch_form(tree, [(5, 5)])["names"] == ["names", "x", "y", "lengths"]


GROUPS = """
    import argparse
    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=6)
    training = parser.add_argument_group("training")
    training.add_argument("--rate", type=float, default=0.25)
    either = training.add_mutually_exclusive_group()
    either.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    unused = parser.add_argument_group("later")

    net = nn.Linear(args.width, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.rate)
    for step in range(args.steps):
        loss = nn.functional.cross_entropy(net(torch.randn(8, args.width)), torch.randint(2, (8,)))
        loss.backward()
        optimizer.step()
"""


def test_what_is_added_to_a_group_of_a_parser_stays_with_the_parser(sandbox, tmp_path):
    verdict = verdict_on("missing-zero-grad", {"train.py": GROUPS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not verdict.measurements.get("substituted")
