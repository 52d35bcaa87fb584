"""Inputs that are found by trial: what networks say of inputs that they do not take leads to some that they do."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch


NETWORKS = """
    import torch
    from torch import nn

    class Fields(nn.Module):
        '''Codes of several columns in one table, each beyond those of the columns before.'''

        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(30, 4)
            self.register_buffer("offsets", torch.tensor([0, 10, 20]))

        def forward(self, codes):
            return self.table(codes + self.offsets[None]).sum((1, 2))

    class Waves(nn.Module):
        '''A long signal, of which the first layer takes wide steps.'''

        def __init__(self):
            super().__init__()
            self.first = nn.Conv1d(1, 4, kernel_size=80, stride=16)
            self.then = nn.Sequential(
                nn.MaxPool1d(4), nn.Conv1d(4, 4, 3), nn.MaxPool1d(4), nn.Conv1d(4, 2, 3)
            )

        def forward(self, wave):
            return self.then(self.first(wave)).mean(2)

    class Patches(nn.Module):
        '''A picture as patches, with as many places as there are patches of the size meant, and one before them.'''

        def __init__(self):
            super().__init__()
            self.cut = nn.Conv2d(3, 8, 8, stride=8)
            self.start = nn.Parameter(torch.zeros(1, 1, 8))
            self.places = nn.Parameter(torch.zeros(1, 145, 8))

        def forward(self, picture):
            steps = self.cut(picture).flatten(2).transpose(1, 2)
            return (torch.cat([self.start.expand(len(steps), -1, -1), steps], 1) + self.places).mean(1)

    class Turned(nn.Module):
        '''Steps of a series, turned for a convolution over them.'''

        def __init__(self):
            super().__init__()
            self.scale = nn.LayerNorm(9)
            self.along = nn.Conv1d(9, 4, 3, padding=1)

        def forward(self, series):
            rows, steps, features = series.shape
            return self.along(self.scale(series).permute(0, 2, 1)).mean(2)

    class Laid(nn.Module):
        '''A picture that the network lays out itself before the first layer.'''

        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 4, 3)
            self.last = nn.Linear(4, 3)

        def forward(self, rows):
            return self.last(self.first(rows.view(rows.shape[0], 1, 14, 14)).mean((2, 3)))

    class Pair(nn.Module):
        '''Two series that are put together, and have to be alike in all but their width.'''

        def __init__(self):
            super().__init__()
            self.one, self.other = nn.GRU(5, 6, batch_first=True), nn.Linear(11, 6)

        def forward(self, one, other):
            return self.one(one)[0] + self.other(other)

    class Codes(nn.Module):
        '''Whole numbers that are taken apart into classes before a layer of its own.'''

        def __init__(self):
            super().__init__()
            self.last = nn.Linear(6, 2)

        def forward(self, codes):
            return self.last(nn.functional.one_hot(codes, 6).float())
"""


@pytest.mark.parametrize(
    ("kind", "count"),
    [("Fields", 1), ("Waves", 1), ("Patches", 1), ("Turned", 1), ("Laid", 1), ("Pair", 2), ("Codes", 1)],
)
def test_inputs_are_found_by_what_a_network_complains_about(kind, count):
    import torch

    from trainlint.verify.child.rig.fitting import fit_call, sample

    made: dict[str, Any] = {}
    exec(textwrap.dedent(NETWORKS), made)
    network = made[kind]()
    names = [f"input{place}" for place in range(count)]
    shapes = fit_call(network, names, count, names, {}, 20.0)
    assert shapes is not None
    assert isinstance(network(*(sample(shape, 5, 1) for shape in shapes)), torch.Tensor)


COLUMNS = """
    import torch
    from torch import nn

    class Columns(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.table = nn.Embedding(sum(sizes), 8)
            self.starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
            self.last = nn.Linear(8 * len(sizes), 1)

        def forward(self, codes):
            rows = self.table(codes + self.starts[None])
            return torch.sigmoid(self.last(rows.flatten(1))).squeeze(1)
"""
CLICKS = """
    import torch
    from clicks import Clicks
    from columns import Columns
    from torch import nn
    from torch.utils.data import DataLoader

    def train(model, loader, optimizer, criterion):
        model.train()
        for codes, clicked in loader:
            loss = criterion(model(codes), clicked.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def main(path, rate, epochs):
        data = Clicks(path)
        loader = DataLoader(data, batch_size=16)
        model = Columns([40, 300, 7])
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        for epoch in range(epochs):
            train(model, loader, optimizer, nn.BCELoss())

    main("clicks.csv", 0.001, 20)
"""
READ = """
    import csv
    from torch.utils.data import Dataset

    class Clicks(Dataset):
        def __init__(self, path):
            with open(path) as file:
                self.rows = list(csv.reader(file))

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return self.rows[index][1:], self.rows[index][0]
"""


def test_codes_of_columns_fit_the_table_that_the_program_has_for_them(sandbox, tmp_path):
    files = {"columns.py": COLUMNS, "clicks.py": READ, "main.py": CLICKS}
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "data: stand-in inputs of 3, targets: binary" in verdict.measurements["substituted"]
