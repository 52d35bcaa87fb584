"""Programs that read tables which are not here: rows are made up for the columns that they ask for."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on
from trainlint.verify.sandbox import Sandbox

pytestmark = [
    needs_torch,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("pandas", "sklearn"))), reason="reads tables with pandas"
    ),
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(sys.executable) as made:
        yield made


SCRIPT = """
    import pandas as pd
    import torch
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import LabelEncoder, StandardScaler
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    table = pd.read_csv("data/houses.csv")
    table = table.dropna(subset=["rooms", "area", "price"])
    table["kind"] = LabelEncoder().fit_transform(table["category"])
    x = table[["rooms", "area", "kind"]].values.astype("float32")
    y = table["price"].values.astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25)
    data = TensorDataset(torch.tensor(x_train), torch.tensor(y_train))
    loader = DataLoader(data, batch_size=8)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(5):
        for inputs, price in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs).squeeze(1), price).backward()
            optimizer.step()
"""


def test_a_table_has_the_columns_that_are_asked_for(sandbox, tmp_path):
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": SCRIPT}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("rows of a table" in said for said in verdict.measurements["substituted"])


def test_a_scaler_that_saw_every_row_is_seen_on_such_a_table(sandbox, tmp_path):
    leaking = SCRIPT.replace(
        "    x_train, x_test", "    x = StandardScaler().fit_transform(x)\n    x_train, x_test"
    )
    verdict = verdict_on("preprocessing-leak", {"main.py": leaking}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_table_of_which_nothing_is_named_is_as_wide_as_the_network(sandbox, tmp_path):
    unnamed = (
        SCRIPT.replace('    table = table.dropna(subset=["rooms", "area", "price"])\n', "")
        .replace('    table["kind"] = LabelEncoder().fit_transform(table["category"])\n', "")
        .replace('table[["rooms", "area", "kind"]].values', "table.iloc[:, :-1].values")
        .replace('table["price"]', "table.iloc[:, -1]")
    )
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": unnamed}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_table_that_is_here_is_read(sandbox, tmp_path):
    rows = "".join(f"{i % 5},{i % 7}.5,{'ab'[i % 2]},{i}\n" for i in range(40))
    files = {"main.py": SCRIPT, "data/houses.csv": "rooms,area,category,price\n" + rows}
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not any("rows of a table" in said for said in verdict.measurements.get("substituted", ()))


PEEKING = """
    import numpy as np
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    pictures = torch.tensor(np.load("pictures.npy"))
    labels = torch.tensor(np.load("labels.npy"))
    loader = DataLoader(TensorDataset(pictures, labels), batch_size=16)
    for x, y in loader:
        print(x.shape)
        break
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
"""


def test_a_look_at_the_first_batch_does_not_settle_what_data_is_like(sandbox, tmp_path):
    """The network that comes after it does."""
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": PEEKING}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_samples_with_holes_are_made_up_whole(sandbox, tmp_path):
    script = """
        import albumentations as A
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, Dataset

        class Pictures(Dataset):
            def __init__(self):
                self.steps = A.Compose([A.Resize(8, 8)])

            def __len__(self):
                return 64

            def __getitem__(self, index):
                return self.steps(image=index)["image"], index % 4

        loader = DataLoader(Pictures(), batch_size=8)
        model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    """
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_labels_of_handwritten_digits_are_a_tensor(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from torchvision import datasets

        digits = datasets.MNIST("data", train=True, download=True)
        x = torch.tensor(digits.data.numpy() / 255, dtype=torch.float32)
        y = torch.tensor(digits.targets.numpy(), dtype=torch.long)
        loader = DataLoader(TensorDataset(x, y), batch_size=16)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    """
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "TensorDataset" not in verdict.evidence
