"""What stands around the flagged lines and cannot run: training that nobody asks about, networks that are particular."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on
from trainlint.verify.batches import batch_form
from trainlint.verify.child.skeleton import lay_bare
from trainlint.verify.sandbox import Sandbox

pytestmark = needs_torch


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(sys.executable) as made:
        yield made


CAPTIONS = """
    import torch

    class Trainer:
        def __init__(self, model, train_loader, val_loader, epochs):
            self.model, self.epochs = model, epochs
            self.criterion = torch.nn.NLLLoss()
            self.train_loader, self.val_loader = train_loader, val_loader
            self.optimizer = torch.optim.Adam(model.parameters())

        def train(self):
            for epoch in range(self.epochs):
                self.model.train()
                for images, words in self.train_loader:
                    self.optimizer.zero_grad()
                    scores = self.model(images)
                    losses = [self.criterion(scores[:, i, :], words[:, i]) for i in range(words.shape[1])]
                    loss = torch.stack(losses).sum()
                    loss.backward()
                    self.optimizer.step()
                self.model.eval()
                held_out = 0
                for images, words in self.val_loader:
                    scores = self.model(images)
                    losses = [self.criterion(scores[:, i, :], words[:, i]) for i in range(words.shape[1])]
                    held_out += torch.stack(losses).sum().item()
                print(epoch, held_out)
"""


def test_training_that_cannot_run_keeps_nobody_from_what_comes_after_it(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"trainer.py": CAPTIONS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "for a backward that never comes" in verdict.evidence
    assert any("left out" in what for what in verdict.measurements["substituted"])


def test_training_that_fails_behind_the_flagged_lines_decides_nothing(sandbox, tmp_path):
    """A pass that a backward should have come through must not look like one that none comes through."""
    shared = CAPTIONS.replace(
        "held_out += torch.stack(losses).sum().item()", "torch.stack(losses).sum().backward()"
    )
    shared = shared.replace("print(epoch, held_out)", "print(scores.argmax(1).tolist())")
    try:
        verdict = verdict_on("missing-no-grad", {"trainer.py": shared}, tmp_path, sandbox)
    except StopIteration:
        return  # nothing is flagged there, and that is as well
    assert verdict.state == "inconclusive"


POINTS = """
    import torch
    from torch import nn

    class Points(nn.Module):
        def __init__(self, points=512):
            super().__init__()
            self.first = nn.Conv1d(3, 32, 1)
            self.drop = nn.Dropout(0.5)
            self.pool = nn.MaxPool1d(points)
            self.last = nn.Linear(32, 10)

        def forward(self, x):
            return self.last(self.pool(self.drop(self.first(x))).squeeze(-1))
"""
TEST = """
    import torch
    from net import Points
    from data import Clouds
    from torch.utils.data import DataLoader

    def main():
        loader = DataLoader(Clouds("/data/clouds"), batch_size=8)
        model = Points()
        model.load_state_dict(torch.load("points.pth", map_location="cpu"))
        model.eval()
        right = 0
        for clouds, labels in loader:
            scores = model(clouds.permute(0, 2, 1))
            right += (scores.argmax(1) == labels).sum().item()
        print(right)

    main()
"""
CLOUDS = """
    import h5py
    from torch.utils.data import Dataset

    class Clouds(Dataset):
        def __init__(self, folder):
            self.file = h5py.File(folder)

        def __len__(self):
            return len(self.file)

        def __getitem__(self, index):
            return self.file[index]
"""


def test_inputs_are_as_long_as_the_pooling_of_a_network_wants_them(sandbox, tmp_path):
    files = {"net.py": POINTS, "data.py": CLOUDS, "test.py": TEST}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


WIDE = """
    import torch
    from torch import nn

    class Depth(nn.Module):
        def __init__(self, img_size=(48, 80)):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, stride=8, padding=1)
            self.drop = nn.Dropout(0.5)
            self.last = nn.Linear(8 * 6 * 10, 2)

        def forward(self, x):
            return self.last(self.drop(self.first(x)).reshape(-1, 8 * 6 * 10))

    model = Depth()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    model.eval()
    for x, y in test_loader:
        print((model(x).argmax(1) == y).sum().item())
"""


def test_pictures_are_of_the_size_that_the_program_speaks_of(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"depth.py": WIDE}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "data: stand-in inputs of 3x48x80, targets: classes" in verdict.measurements["substituted"]


RESIZED = """
    import torch
    from torch import nn
    from torchvision import transforms

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.small = transforms.Resize((16, 16))
            self.scale = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
            self.drop = nn.Dropout(0.5)
            self.first = nn.Conv2d(3, 8, 3)
            self.last = nn.Linear(8 * 14 * 14, 4)

        def forward(self, x):
            return self.last(self.drop(self.first(self.scale(self.small(x)))).flatten(1))

    model = Net()
    model.load_state_dict(torch.load("net.pth", map_location="cpu"))
    model.eval()
    for x, y in test_loader:
        print((model(x).argmax(1) == y).sum().item())
"""


def test_transforms_take_batches_in_networks(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"net.py": RESIZED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


GRAPHS = """
    import torch
    from torch_geometric.nn import GCNConv, global_mean_pool

    class Molecules(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = GCNConv(16, 16)

        def forward(self, x, edge_index, batch):
            return global_mean_pool(self.layer(x, edge_index), batch)

    def train_graphs(model, optimizer, loader, criterion, device):
        model.train()
        total_loss = 0
        for data in loader:
            data = data.to(device)
            optimizer.zero_grad()
            out = model(data.x, data.edge_index, data.batch)
            loss = criterion(out, data.y)
            loss.backward()
            optimizer.step()
            total_loss += loss * data.num_graphs
        return total_loss / len(loader.dataset)
"""


def test_batches_are_objects_where_the_program_asks_for_their_attributes(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"graphs.py": GRAPHS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "with the control by 0 nodes" in verdict.evidence


RECOMMENDER = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Ratings(Dataset):
        def __init__(self, folder):
            with open(folder + "/ratings.csv") as stream:
                self.rows = stream.readlines()
            self.n_users = len(self.rows)

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return self.rows[index]

    class Taste(nn.Module):
        def __init__(self, dataset):
            super().__init__()
            self.users = nn.Linear(dataset.n_users, 8)
            self.drop = nn.Dropout(0.5)
            self.last = nn.Linear(8, 2)

        def forward(self, x):
            return self.last(self.drop(self.users(x)))

    def evaluate(model, dataloaders, phase):
        model.eval()
        right = 0
        for x, y in dataloaders[phase]:
            right += (model(x).argmax(1) == y).sum().item()
        return right

    ratings = Ratings("/data")
    model = Taste(ratings)
    model.load_state_dict(torch.load("taste.pt", map_location="cpu"))
    evaluate(model, loaders, "test")
"""


def test_data_that_is_not_here_has_the_numbers_that_it_is_asked_for(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"taste.py": RECOMMENDER}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    substituted = verdict.measurements["substituted"]
    assert "loaders: stand-in loaders" in substituted
    assert any(what.startswith("Ratings: stand-in samples") for what in substituted)


WATCHED = """
    import torch
    from loguru import Handler
    from torch import nn

    class Told(Handler):
        def __init__(self, name):
            super().__init__(name)

    told = Told("run")
    model = nn.Sequential(nn.Linear(16, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    model.load_state_dict(torch.load("net.pt", map_location="cpu"))
    model.eval()
    for x, y in test_loader:
        scores = model(x)
        told.tell((scores.argmax(1) == y).sum().item())
"""


def test_classes_can_be_built_on_what_only_watches(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"told.py": WATCHED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not any("left out" in what for what in verdict.measurements["substituted"])


PAIR = """
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.first = nn.Conv2d(3, channels, 3)

        def forward(self, images):
            return self.first(images).mean((2, 3))

    class Decoder(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.words = nn.Linear(width, width)

        def forward(self, images, words):
            return self.words(images + words)

    class Captions:
        def __init__(self, settings):
            self.encoder, self.decoder = settings.build(Encoder, Decoder)
            self.criterion = nn.CrossEntropyLoss()

        def validate(self, val_loader):
            self.encoder.eval()
            right = 0
            for images, words in val_loader:
                features = self.encoder(images)
                right += (features.argmax(1) == words).sum().item()
            return right
"""


def test_a_network_stands_in_only_for_what_is_called_as_it_can_be(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"captions.py": PAIR}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "model: the program's own Encoder" in verdict.measurements["substituted"]


PAGES = """
    import torch
    from torch import nn

    class Reader:
        def __init__(self, model, device):
            self.model, self.device = model, device
            self.criterion = nn.CrossEntropyLoss()
            self.optimizer = torch.optim.Adam(model.parameters())

        def _move(self, page):
            page.cells = page.cells.to(self.device)
            page.kinds = page.kinds.to(self.device)

        def train(self, dataset):
            self.model.train()
            total = 0
            for number, page in enumerate(dataset):
                self._move(page)
                loss = self.criterion(self.model(page.cells), page.kinds.long())
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss
                print(number, page.path)
            return total
"""


def test_batches_are_objects_whatever_their_attributes_are_called(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"pages.py": PAGES}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "with the control by 0 nodes" in verdict.evidence


def test_a_batch_of_which_only_methods_are_called_is_no_object():
    tree = ast.parse(
        "for rows in dataset:\n    rows = rows.numpy().copy()\n    total = rows.data + rows.mean()"
    )
    assert batch_form(tree)["form"] != "object"


SHARES = """
    import torch
    from cluster import backend, wrapped
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    from torch.utils.data.distributed import DistributedSampler

    data = TensorDataset(torch.randn(64, 4), torch.randint(2, (64,)))
    if backend("horovod"):
        sampler = DistributedSampler(data, num_replicas=2, rank=0)
    else:
        sampler = None
    loader = DataLoader(data, batch_size=8, shuffle=not sampler, sampler=sampler)
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(10):
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
CLUSTER = """
    import os

    def backend(name):
        return os.environ.get("BACKEND") == name

    def wrapped(*things):
        return things
"""


def test_a_condition_around_what_a_finding_rests_on_is_taken_as_met(sandbox, tmp_path):
    files = {"train.py": SHARES, "cluster.py": CLUSTER}
    verdict = verdict_on("sampler-epoch-not-set", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_condition_about_the_mode_or_in_a_loop_is_left_to_the_program():
    text = """
if part == "train":
    net.train()
for epoch in range(9):
    if epoch == 5:
        loader = make()
if kind:
    other = make()
score(net, loader, other)
"""
    tree = lay_bare(ast.parse(text), [(9, 9)], rests=[(3, 3), (6, 6), (8, 8)])
    tests = [ast.unparse(node.test) for node in ast.walk(tree) if isinstance(node, ast.If)]
    assert "True" in tests
    assert {"epoch == 5", "part == 'train'"} <= set(tests)


BROKEN = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(4, 2)

        def forward(self, x):
            return self.softly(self.last(x))

    data = TensorDataset(torch.randn(64, 4), torch.arange(64) // 32)
    loader = DataLoader(data, batch_size=8)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(10):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
"""


def test_a_cut_in_which_nothing_happens_does_not_end_the_search(sandbox, tmp_path):
    verdict = verdict_on("train-loader-not-shuffled", {"train.py": BROKEN}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "loss: stand-in loss" in verdict.measurements["substituted"]


ONE_EPOCH = """
    import numpy as np
    import torch
    from torch import nn

    def score(model, loader):
        table = np.zeros((3, 4)) + np.zeros(5)
        return table.sum()

    def fit(model, loader, held_out, epochs=40):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
        for epoch in range(epochs):
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            print(score(model, held_out))
"""


def test_programs_that_both_end_before_the_control_can_act_are_no_verdict_yet(sandbox, tmp_path):
    verdict = verdict_on("no-lr-scheduler", {"fit.py": ONE_EPOCH}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("ValueError: operands" in what for what in verdict.measurements["substituted"])
