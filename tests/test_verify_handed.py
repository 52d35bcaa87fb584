"""Verifying programs whose data is not here: the form of their batches, what fetches it, and where it is evaluated."""

from __future__ import annotations

from tests.programs import needs_torch
from tests.test_verify_projects import NET, verdict_on

pytestmark = needs_torch

BESIDE_A_BAR = """
    import torch
    import torch.nn as nn
    from tqdm import trange
    from rooms import Rooms

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.deep = nn.Linear(6, 4), nn.Linear(6, 4)
            self.out = nn.Linear(8, 1)

        def forward(self, first, second):
            return torch.sigmoid(self.out(torch.cat([self.wide(first), self.deep(second)], 1)))

    model = Both()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    train_loader = torch.utils.data.DataLoader(Rooms("train.p"), batch_size=16, shuffle=True)
    test_loader = torch.utils.data.DataLoader(Rooms("test.p"), batch_size=16)
    for epoch in range(3):
        with trange(len(train_loader)) as bar:
            for step, (first, second, y) in zip(bar, train_loader):
                optimizer.zero_grad()
                nn.functional.binary_cross_entropy(model(first, second), y.view(-1, 1)).backward()
                optimizer.step()
        model.eval()
        with trange(len(test_loader)) as bar:
            for step, (first, second, y) in zip(bar, test_loader):
                right = ((model(first, second) > 0.5).squeeze(1) == y).sum().item()
        model.train()
"""
ROOMS = """
    import pickle
    from torch.utils.data import Dataset

    class Rooms(Dataset):
        def __init__(self, path):
            with open(path, "rb") as stream:
                self.first, self.second, self.y = pickle.load(stream)

        def __len__(self):
            return len(self.y)

        def __getitem__(self, index):
            return self.first[index], self.second[index], self.y[index]
"""


def test_batches_beside_a_progress_bar_have_the_parts_that_the_loop_names(sandbox, tmp_path):
    files = {"train.py": BESIDE_A_BAR, "rooms.py": ROOMS}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


ENGINE = """
    import torch
    from torch import nn

    def fit(model, loader, judged, epochs=2):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(epochs):
            for batch in loader:
                batch = {name: part.float() for name, part in batch.items()}
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(batch["signal"]), batch["label"].long()).backward()
                optimizer.step()
            with torch.no_grad():
                val_correct = 0
                for batch in judged:
                    batch = {name: part.float() for name, part in batch.items()}
                    val_correct += (model(batch["signal"]).argmax(1) == batch["label"]).sum().item()
            print(val_correct)
"""
SIGNALS = """
    import numpy as np
    import torch
    from torch.utils.data import Dataset

    class Signals(Dataset):
        def __init__(self, path):
            self.values = np.load(path)

        def __len__(self):
            return len(self.values)

        def __getitem__(self, index):
            row = self.values[index]
            sample = {"signal": torch.tensor(row[:-1])}
            sample["label"] = torch.tensor(row[-1])
            return sample
"""
SERVED = """
    from torch.utils.data import DataLoader
    from engine import fit
    from net import Net
    from signals import Signals

    def main():
        train_set = Signals("/data/signals.npy")
        train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
        val_loader = DataLoader(train_set, batch_size=8)
        fit(Net(), train_loader, val_loader)

    if __name__ == "__main__":
        main()
"""


def test_samples_that_are_not_here_are_handed_over_as_their_class_says(sandbox, tmp_path):
    """And where nothing is held out, halves of the data show what an evaluation of other samples is."""
    files = {"main.py": SERVED, "engine.py": ENGINE, "signals.py": SIGNALS, "net.py": NET}
    verdict = verdict_on("validates-on-training-data", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "with the control 0%" in verdict.evidence


BOTH_EVALUATED = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    def accuracy(model, loader):
        right = 0
        with torch.no_grad():
            for x, y in loader:
                right += (model(x).argmax(1) == y).sum().item()
        return right / len(loader.dataset)

    train_set = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
    test_set = TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
    test_loader = DataLoader(train_set, batch_size=16)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        print(accuracy(model, train_loader), accuracy(model, test_loader))
"""


def test_an_evaluation_of_the_training_data_beside_it_does_not_hide_the_overlap(sandbox, tmp_path):
    verdict = verdict_on("validates-on-training-data", {"main.py": BOTH_EVALUATED}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


FETCHED = """
    import os
    import subprocess
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    from engine import train
    from net import Net

    def load(name):
        if not os.path.exists(name):
            os.system("wget https://example.org/" + name)
            subprocess.run(["unzip", name], check=True)
        return np.load(name)

    def main(kind="speech"):
        if kind == "speech":
            values = load("speech.npy")
        else:
            raise ValueError(kind)
        loader = DataLoader(TensorDataset(torch.from_numpy(values), torch.arange(len(values)) % 4), batch_size=8)
        train(Net(), loader, 3)

    main()
"""
TRAIN = """
    import torch
    from torch import nn

    def train(model, loader, epochs):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
"""


def test_what_fetches_data_is_not_run_and_its_branch_may_fail(sandbox, tmp_path):
    files = {"main.py": FETCHED, "engine.py": TRAIN, "net.py": NET}
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "come in the same order" in verdict.evidence


HOLDER = """
    import torch
    from net import Net

    class Judge:
        def __init__(self, model: torch.nn.Module, loader):
            self.model, self.loader = model, loader
            self.model.to("cpu")

        def score(self):
            self.model.eval()
            right = 0
            for x, y in self.loader:
                right += (self.model(x).argmax(1) == y).sum().item()
            return right
"""


def test_what_only_holds_a_network_stands_in_for_none(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"judge.py": HOLDER, "net.py": NET}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


SEVERAL = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
    train_loader, test_loader = DataLoader(data, batch_size=16, shuffle=True), DataLoader(data, batch_size=16)
    nets = [nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)) for _ in range(2)]
    optimizer = torch.optim.SGD([p for net in nets for p in net.parameters()], lr=0.1)
    for epoch in range(3):
        for net in nets:
            net.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            sum(nn.functional.cross_entropy(net(x), y) for net in nets).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for x, y in test_loader:
                right += (nets[0](x).argmax(1) == y).sum().item()
        print(right)
"""


def test_one_network_of_several_is_compared_with_itself_in_eval_mode(sandbox, tmp_path):
    verdict = verdict_on("missing-eval-mode", {"main.py": SEVERAL}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


LETTERS = """
    import argparse
    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--file", default="plays.txt")
    arguments = parser.parse_args()
    text = open(arguments.file).read()
    letters = sorted(set(text))
    codes = {letter: place for place, letter in enumerate(letters)}
    data = torch.tensor([codes[letter] for letter in text])

    class Letters(nn.Module):
        def __init__(self, count, width=24):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(count, width), nn.GRU(width, width, batch_first=True)
            self.out = nn.Linear(width, count)

        def forward(self, x, state):
            given, state = self.rnn(self.embed(x), state)
            return self.out(given), state

    net = Letters(len(letters))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    losses = []
    for step in range(3000):
        starts = torch.randint(0, len(data) - 33, (8,))
        x = torch.stack([data[start : start + 32] for start in starts])
        y = torch.stack([data[start + 1 : start + 33] for start in starts])
        scores, _ = net(x, None)
        loss = nn.functional.cross_entropy(scores.reshape(-1, len(letters)), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
"""


def test_a_text_that_is_read_as_a_whole_is_made_up(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"main.py": LETTERS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "stand-ins: data" in verdict.evidence


def test_lists_of_files_are_not(sandbox, tmp_path):
    """Lines of a made-up text would be taken for names of pictures: such data is a stand-in as a whole."""
    rooms = ROOMS.replace("import pickle", "import json").replace(
        'open(path, "rb") as stream', 'open("list.txt") as stream'
    )
    rooms = rooms.replace("pickle.load(stream)", "zip(*[json.load(open(line.strip())) for line in stream])")
    files = {"train.py": BESIDE_A_BAR, "rooms.py": rooms}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any(said.startswith("Rooms: stand-in samples") for said in verdict.measurements["substituted"])
