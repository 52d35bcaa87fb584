"""Verifying programs as they lie in repositories: many files, packages and data that are not here."""

from __future__ import annotations

import json
import textwrap

import pytest

from tests.programs import needs_torch
from trainlint.book import open_book
from trainlint.config import Config
from trainlint.lint import lint
from trainlint.source import read_source
from trainlint.verify import verify
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.place import home_of

pytestmark = needs_torch
BOOK = open_book()
EVERYTHING = Config(select=("ALL",))


def verdict_on(name, files, folder, sandbox, at=None, timeout=60.0):
    """The verdict on the first finding of a rule in a project of these files."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text).lstrip())
    report = lint([folder], EVERYTHING, BOOK, cwd=folder)
    said = next(d for d in report.diagnostics if d.name == name and (at is None or d.where.path == at))
    source = read_source(folder / said.where.path, said.where.path)

    def read(path):
        return str((folder / path).resolve()), (folder / path).read_text()

    page = BOOK.page(name)
    assert page is not None
    home = home_of(source.file, source.text, [folder])
    return experiment(said, source.text, home, page.rule, Plan(timeout=timeout), sandbox.ask, read)


NET = """
    import torch.nn as nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(16, 32)
            self.drop = nn.Dropout(0.5)
            self.last = nn.Linear(32, 4)

        def forward(self, x):
            return self.last(self.drop(self.first(x).relu()))
"""
LOOP = """
    import torch
    import torch.nn as nn

    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss)
        return losses
"""
DATA = """
    import cv2
    import os
    import torch
    from torch.utils.data import Dataset

    class Pictures(Dataset):
        def __init__(self, root):
            self.files = sorted(os.listdir(root))

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return torch.from_numpy(cv2.imread(self.files[index])), index % 4
"""


def test_modules_of_the_project_are_the_programs_own(sandbox, tmp_path):
    files = {
        "models/net.py": NET,
        "train.py": """
            import torch
            import torch.nn as nn
            from models.net import Net

            model = Net()
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            data = torch.utils.data.TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,)))
            loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
            losses = []
            for epoch in range(400):
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss)
        """,
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "stand-in" not in verdict.evidence


def test_loops_of_other_files_are_cut_short_as_well(sandbox, tmp_path):
    files = {
        "engine.py": LOOP.replace("losses.append(loss)", "losses.append(loss.item())"),
        "train.py": """
            import torch
            from torch.utils.data import DataLoader, TensorDataset
            from engine import train

            model = torch.nn.Linear(16, 4)
            data = TensorDataset(torch.randn(640, 16), torch.randint(0, 4, (640,)))
            loader = DataLoader(data, batch_size=8)
            train(model, loader, 1_000_000)
        """,
    }
    assert verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox).state == "confirmed"


def test_a_module_of_a_package_finds_its_neighbours(sandbox, tmp_path):
    files = {
        "tool/__init__.py": "",
        "tool/net.py": NET,
        "tool/run.py": """
            import torch
            from torch.utils.data import DataLoader, TensorDataset
            from .net import Net

            def main():
                model = Net()
                loader = DataLoader(TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,))), batch_size=8)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                kept = 0
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                    kept += loss
                return kept

            if __name__ == "__main__":
                main()
        """,
    }
    assert verdict_on("loss-retains-graph", files, tmp_path, sandbox).state == "confirmed"


def test_packages_and_data_that_are_not_here_get_stand_ins_that_are_told(sandbox, tmp_path):
    files = {
        "data.py": DATA,
        "engine.py": LOOP,
        "train.py": """
            import absent_package
            import torch
            from torch.utils.data import DataLoader
            from data import Pictures

            absent_package.set_up(seed=1)
            config = absent_package.load("config.yaml")
            loader = DataLoader(Pictures("/data/pictures"), batch_size=8, shuffle=True)
            model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            losses = []
            for epoch in range(20):
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss)
        """,
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox, at="train.py")
    assert verdict.state == "confirmed"
    assert "stand-in" in verdict.evidence
    assert any("Pictures: stand-in samples" in what for what in verdict.measurements["substituted"])


def test_what_matters_and_is_not_here_is_named(sandbox, tmp_path):
    files = {
        "train.py": """
            import absent_package
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            data = TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,)))
            loader = DataLoader(data, batch_size=8, shuffle=True)
            model = torch.nn.Linear(16, 4)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(20):
                for x, y in loader:
                    optimizer.zero_grad()
                    scores = torch.softmax(absent_package.augment(model(x)), dim=1)
                    loss = torch.nn.functional.cross_entropy(scores, y)
                    loss.backward()
                    optimizer.step()
        """
    }
    verdict = verdict_on("softmax-before-cross-entropy", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("inconclusive", "missing-name")
    assert "absent_package is not installed" in verdict.evidence


def test_an_import_that_may_fail_fails(sandbox, tmp_path):
    files = {
        "train.py": LOOP.replace(
            "import torch\n",
            "import torch\n    try:\n        import absent_package as fast\n    except ImportError:\n        fast = None\n",
            1,
        )
        + """
    model = torch.nn.Linear(16, 4) if fast is None else fast.model()
    data = torch.utils.data.TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,)))
    train(model, torch.utils.data.DataLoader(data, batch_size=8, shuffle=True), 3)
"""
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "stand-in" not in verdict.evidence


def test_a_method_runs_without_what_its_object_could_not_be_built_from(sandbox, tmp_path):
    files = {
        "trainer.py": """
            import torch
            import absent_package

            class Trainer:
                def __init__(self, config):
                    self.model = absent_package.build(config, torch.zeros(1))
                    self.loader = absent_package.loader(config)
                    self.criterion = torch.nn.CrossEntropyLoss()
                    self.optimizer = torch.optim.SGD(self.model.parameters(), lr=config.lr)

                def run(self):
                    total = 0.0
                    for x, y in self.loader:
                        self.optimizer.zero_grad()
                        loss = self.criterion(self.model(x), y)
                        loss.backward()
                        self.optimizer.step()
                        total += loss
                    return total / len(self.loader)
        """
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "model" in verdict.evidence


def test_a_statement_that_shows_it_by_itself_runs_by_itself(sandbox, tmp_path):
    files = {
        "train.py": """
            import argparse
            import torch
            import absent_package

            def main():
                parser = argparse.ArgumentParser()
                parser.add_argument("--weights", default="weights.pt")
                args = parser.parse_args()
                device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
                for name in absent_package.names(torch.zeros(1)):
                    model = torch.hub.load(name, "large").to(device)
                    model.load_state_dict(torch.load(args.weights))
                    model.eval()

            if __name__ == "__main__":
                main()
        """
    }
    assert verdict_on("load-without-map-location", files, tmp_path, sandbox).state == "confirmed"


def test_a_control_may_change_another_file(sandbox, tmp_path):
    files = {
        "net.py": NET.replace(
            "return self.last(self.drop(self.first(x).relu()))", "return self.last(self.first(x)).sigmoid()"
        ).replace("nn.Linear(32, 4)", "nn.Linear(32, 1)"),
        "train.py": """
            import torch
            import torch.nn as nn
            from torch.utils.data import DataLoader, TensorDataset
            from net import Net

            model = Net()
            criterion = nn.BCEWithLogitsLoss()
            optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
            data = TensorDataset(torch.randn(256, 16), torch.randint(0, 2, (256, 1)).float())
            for epoch in range(30):
                for x, y in DataLoader(data, batch_size=32, shuffle=True):
                    optimizer.zero_grad()
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
        """,
    }
    verdict = verdict_on("sigmoid-before-bce-with-logits", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


def test_a_package_that_another_program_wanted_makes_way_for_a_projects_own(sandbox, tmp_path):
    """What was imported once for all programs is not what `import pandas` means in a project with a file of that name."""
    pytest.importorskip("pandas", reason="the first program imports it")
    train = """
        import torch
        import pandas

        model = torch.nn.Linear(16, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for epoch in range(20):
            for x, y in pandas.batches():
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss)
    """
    installed = train.replace(
        "pandas.batches()",
        "[(torch.tensor(pandas.DataFrame([[1.0] * 16] * 8).values).float(), torch.arange(8) % 4)] * 9",
    )
    own = "import torch\n\ndef batches():\n    return [(torch.randn(8, 16), torch.arange(8) % 4)] * 9\n"
    first = verdict_on("loss-retains-graph", {"train.py": installed}, tmp_path / "one", sandbox)
    assert first.state == "confirmed", first.evidence
    files = {"train.py": train, "pandas.py": own}
    second = verdict_on("loss-retains-graph", files, tmp_path / "two", sandbox)
    assert second.state == "confirmed" and "stand-in" not in second.evidence, second.evidence


def test_what_a_loop_computes_may_fail_where_only_its_order_matters(sandbox, tmp_path):
    files = {
        "train.py": """
            import torch
            import absent_package

            def run(config):
                model = absent_package.build(config)
                loader = absent_package.loader(config, torch.zeros(1))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
                for epoch in range(config.epochs):
                    for batch in loader:
                        points, graph = absent_package.unpack(batch, torch.zeros(1))
                        loss = absent_package.loss(model(points, graph), graph.edges)
                        scheduler.step()
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                        if absent_package.enough(loss):
                            break
        """
    }
    verdict = verdict_on("scheduler-before-optimizer", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "position 1" in verdict.evidence and "loss" in verdict.evidence  # that it is a stand-in is told


def test_a_model_that_is_called_with_what_is_not_here_gets_inputs_that_fit_it(sandbox, tmp_path):
    files = {
        "nets.py": """
            import torch.nn as nn

            class Encoder(nn.Module):
                def __init__(self, channels, classes):
                    super().__init__()
                    self.body = nn.Sequential(nn.Conv2d(channels, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
                    self.head = nn.Linear(8, classes)

                def forward(self, pictures, length):
                    return self.head(self.body(pictures).flatten(1)) * length[:, None]
        """,
        "score.py": """
            import absent_package
            import torch
            from nets import Encoder

            def main():
                model = Encoder(3, 5)
                model.load_state_dict(torch.load("weights.pt", map_location="cpu"))
                model.eval()
                found = []
                for path in absent_package.paths():
                    picture = absent_package.read(path).to_tensor()
                    length = absent_package.length(path)
                    scores = model(picture, length)
                    found.append(scores.argmax(1).tolist())
                print(found)

            if __name__ == "__main__":
                main()
        """,
    }
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("that Encoder takes" in what for what in verdict.measurements["substituted"])


def test_a_step_that_is_missing_is_never_made_up(sandbox, tmp_path):
    files = {
        "helpers.py": """
            def update(loss, optimizer, scaler):
                scaler.check(loss.missing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        """,
        "train.py": """
            import torch
            import absent_package
            from helpers import update

            def run(config):
                model = torch.nn.Linear(16, 4)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
                for epoch in range(config.epochs):
                    for batch in absent_package.loader(config):
                        scheduler.step()
                        loss = absent_package.loss(model(batch))
                        update(loss, optimizer, config.scaler)
                        optimizer.step()
        """,
    }
    for path, text in files.items():
        (tmp_path / path).write_text(textwrap.dedent(text).lstrip())
    report = lint([tmp_path], EVERYTHING, BOOK, cwd=tmp_path)
    for said in report.diagnostics:
        page = BOOK.page(said.name)
        if said.name == "missing-zero-grad" and page is not None:
            source = read_source(tmp_path / said.where.path, said.where.path)
            home = home_of(source.file, source.text, [tmp_path])
            verdict = experiment(said, source.text, home, page.rule, Plan(timeout=30.0), sandbox.ask)
            assert verdict.state == "inconclusive"


def test_a_network_of_another_file_is_built_with_sizes_that_fit(sandbox, tmp_path):
    files = {
        "nets.py": """
            import torch.nn as nn

            class Judge(nn.Module):
                def __init__(self, in_features, hidden_size):
                    super().__init__()
                    self.body = nn.Sequential(nn.Linear(in_features, hidden_size), nn.ReLU(), nn.Linear(hidden_size, 1))

                def forward(self, x):
                    return self.body(x).sigmoid()
        """,
        "engine.py": """
            import torch

            def fit(model, loader, criterion, optimizer, config):
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
                    config["board"]["writer"].log(loss.item())
        """,
        "train.py": """
            import torch
            from engine import fit
            from nets import Judge
            import absent_package

            config = absent_package.read("config.yaml")
            model = Judge(16, 32)
            loader = absent_package.loader(config, torch.zeros(1))
            optimizer = torch.optim.Adam(model.parameters())
            fit(model, loader, torch.nn.BCEWithLogitsLoss(), optimizer, config)
        """,
    }
    verdict = verdict_on("sigmoid-before-bce-with-logits", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert verdict.reason == "structure"  # the loss function was made up, of the kind that the finding names
    assert any("own Judge" in what for what in verdict.measurements["substituted"])


def test_cells_that_no_python_reads_are_left_out(sandbox, tmp_path):
    cells = [
        "import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n",
        "this is no python\n",
        "net = torch.nn.Linear(4, 2).to(device)\nnet.load_state_dict(torch.load('net.pt'))\nnet.eval()\n",
    ]
    notebook = {
        "cells": [
            {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
            for cell in cells
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "run.ipynb").write_text(json.dumps(notebook))
    report = lint([tmp_path], EVERYTHING, BOOK, cwd=tmp_path)
    found = list(
        verify(
            report.diagnostics,
            lambda path: read_source(tmp_path / path, path),
            BOOK,
            around=[tmp_path],
            jobs=1,
        )
    )
    said = next(d for d in found if d.name == "load-without-map-location")
    assert said.verdict is not None and said.verdict.state == "confirmed"


def test_settings_are_what_other_files_of_the_project_say(sandbox, tmp_path):
    files = {
        "main.py": """
            import argparse
            from engine import train
            import absent_package

            parser = argparse.ArgumentParser()
            parser.add_argument("--flavour", default="plain")
            parser.add_argument("--width", type=int, default=24)
            train(absent_package.build(parser.parse_args()), parser.parse_args())
        """,
        "engine.py": """
            import torch

            KINDS = {"plain": torch.nn.Linear}

            def train(loader, args):
                model = KINDS[args.flavour](16, args.width)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                total = 0
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                    total += loss
                return total
        """,
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("args.width: '24'" in what for what in verdict.measurements["substituted"])


def test_a_logarithm_is_compared_though_its_softmax_stands_elsewhere(sandbox, tmp_path):
    files = {
        "train.py": """
            import torch

            model = torch.nn.Sequential(torch.nn.Linear(16, 4), torch.nn.Softmax(dim=1))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step in range(20):
                x, y = torch.randn(8, 16), torch.randint(0, 4, (8, 1))
                chances = model(x)
                loss = -torch.log(torch.gather(chances, 1, y)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        """
    }
    verdict = verdict_on("unstable-log-softmax", files, tmp_path, sandbox)
    assert verdict.state == "confirmed", verdict.evidence


def test_a_clip_of_several_lines_is_compared_with_one_in_its_place(sandbox, tmp_path):
    files = {
        "train.py": """
            import torch

            model = torch.nn.Linear(16, 4)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step in range(20):
                x, y = 100 * torch.randn(8, 16), torch.randint(0, 4, (8,))
                loss = torch.nn.functional.cross_entropy(model(x), y)
                torch.nn.utils.clip_grad_norm_(
                    parameters=model.parameters(), max_norm=0.1
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        """
    }
    verdict = verdict_on("clip-misplaced", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom"), verdict.evidence
