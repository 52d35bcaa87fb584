"""What was fitted before the split: fits in helpers and splits by slices, on tables that are here or made up."""

from __future__ import annotations

import importlib.util
import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = [
    needs_torch,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("pandas", "sklearn"))), reason="reads tables with pandas"
    ),
]

TRAINED = """
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(5):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(torch.tensor(train[:, :4]).float())[:, 0], torch.tensor(train[:, 4]).float()).backward()
        optimizer.step()
    print(nn.functional.mse_loss(model(torch.tensor(test[:, :4]).float())[:, 0], torch.tensor(test[:, 4]).float()))
"""
HEAD = """
    import numpy as np
    import torch
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler
    from torch import nn
"""


def program(*parts):
    return "".join(textwrap.dedent(part) for part in parts)


HELPED = """
    def scaled(table):
        scaler = StandardScaler()
        return scaler.fit_transform(table)

    table = np.random.randn(200, 5).cumsum(0)
    train, test = train_test_split(scaled(table), test_size=0.25, random_state=0)
"""


def test_a_fit_in_a_helper_is_compared_with_one_to_fewer_rows(sandbox, tmp_path):
    verdict = verdict_on("preprocessing-leak", {"main.py": program(HEAD, HELPED, TRAINED)}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "fitted to 200 rows" in verdict.evidence and "150" in verdict.evidence


SLICED = """
    table = np.random.randn(200, 5).cumsum(0)
    table = StandardScaler().fit_transform(table)
    train, test = table[:150], table[150:]
"""
WINDOWS = """
    table = np.random.randn(200, 5).cumsum(0)
    values = StandardScaler().fit_transform(table)
    windows = values.reshape(50, 4, 5)
    train, test = windows[:-12], windows[-12:]
    train, test = train.reshape(-1, 5), test.reshape(-1, 5)
"""


@pytest.mark.parametrize("split, said", [(SLICED, "fitted to 200 rows"), (WINDOWS, "fitted to 1000 values")])
def test_slices_divide_as_well(split, said, sandbox, tmp_path):
    verdict = verdict_on("preprocessing-leak", {"main.py": program(HEAD, split, TRAINED)}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert said in verdict.evidence


HANDED = """
    import pandas as pd
    from sklearn.preprocessing import StandardScaler
    from torch.utils.data import DataLoader, TensorDataset
    import torch

    def prepared(sensors: pd.DataFrame, missing_rate: float):
        values = StandardScaler().fit_transform(sensors.to_numpy())
        kept = values * (torch.rand(values.shape).numpy() > missing_rate)
        train, test = kept[: -len(kept) // 4], kept[-len(kept) // 4 :]
        return DataLoader(TensorDataset(torch.tensor(train)), shuffle=True), DataLoader(TensorDataset(torch.tensor(test)))
"""


def test_a_table_that_is_handed_over_is_made_up(sandbox, tmp_path):
    verdict = verdict_on("preprocessing-leak", {"data.py": HANDED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "stand-ins: data, sensors" in verdict.evidence


def test_a_fit_to_what_trains_is_none_of_the_leak_that_another_rule_would_see(sandbox):
    """Said of the training part alone it is not true, and the slice beside it does not make it so."""
    from trainlint.book import open_book
    from trainlint.run import Event, Run

    page = open_book().page("preprocessing-leak")
    assert page is not None and page.rule.symptom is not None

    def run(rows, values):
        fitted = Event("fitted", 0, {"rows": rows, "values": values, "learnt": [float(rows)]})
        return Run(0, (fitted, Event("divided", 0, {"train": 38, "test": 12, "values": 1000})))

    assert page.rule.symptom((run(152, 760),), (run(114, 570),)) is None
    assert page.rule.symptom((run(200, 1000),), (run(150, 750),)) is not None


READ = """
    from torch.utils.data import DataLoader, TensorDataset

    def prepared(length=6):
        values = np.random.default_rng(0).normal(size=200).cumsum().reshape(-1, 1)
        scaled = SCALED
        windows, following = [], []
        for start in range(len(scaled) - length):
            windows.append(scaled[start : start + length])
            following.append(scaled[start + length])
        windows = torch.FloatTensor(np.array(windows))
        following = torch.FloatTensor(np.array(following))
        count = int(len(windows) * 0.7)
        return windows[:count], following[:count], windows[count:], following[count:]

    x, y, x_test, y_test = prepared()
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(3):
        for inputs, wanted in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), wanted).backward()
            optimizer.step()
    print(nn.functional.mse_loss(model(x_test), y_test))
"""


def test_windows_of_a_scaled_series_are_seen_to_come_from_what_was_fitted_to(sandbox, tmp_path):
    """The extremes of the series lie in its first half, so that the fit to all rows learns nothing else."""
    waves = "np.sin(np.arange(200) / 4) * np.linspace(3, 1, 200)"
    fading = READ.replace("np.random.default_rng(0).normal(size=200).cumsum()", f"({waves})")
    text = program(HEAD, fading.replace("SCALED", "MinMaxScaler().fit_transform(values)"))
    text = text.replace("StandardScaler", "MinMaxScaler", 1)
    verdict = verdict_on("preprocessing-leak", {"main.py": text}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "structure")
    assert "100% of the numbers in each part" in verdict.evidence


def test_windows_behind_a_fit_to_the_rows_that_train_are_no_leak(sandbox):
    """What such a rule would say of it were false: few numbers of the later windows were fitted to."""
    from trainlint.book import open_book
    from trainlint.run import Event, Run

    page = open_book().page("preprocessing-leak")
    assert page is not None and page.rule.symptom is not None

    def run(rows, share):
        fitted = Event("fitted", 0, {"rows": rows, "values": rows, "learnt": [float(rows)]})
        return Run(
            0, (fitted, Event("divided", 0, {"train": 136, "test": 58, "values": 1164, "fitted": share}))
        )

    assert page.rule.symptom((run(140, 0.03),), (run(105, 0.0),)) is None
    assert page.rule.symptom((run(200, 1.0),), (run(150, 0.1),)) is not None


BY_HAND = """
    table = np.random.default_rng(0).normal(size=(200, 5)).cumsum(0)
    centre = np.mean(table, axis=0, keepdims=True)
    spread = table.std(axis=0, keepdims=True)
    table = (table - centre) / spread
    count = int(len(table) * 0.75)
    train, test = table[:count], table[count:]
"""


def test_a_mean_by_hand_is_compared_with_one_of_fewer_rows(sandbox, tmp_path):
    verdict = verdict_on(
        "preprocessing-leak", {"main.py": program(HEAD, BY_HAND, TRAINED)}, tmp_path, sandbox
    )
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "fitted to 200 rows" in verdict.evidence


LOST = """
    import pandas as pd
    from torch.utils.data import Dataset, random_split

    class Weeks(Dataset):
        def __init__(self, table):
            self.weeks = [week for week in table["sales"].values.reshape(-1, 3)]

        def __len__(self):
            return len(self.weeks)

        def __getitem__(self, index):
            return torch.tensor(self.weeks[index]).float(), torch.tensor(1.0)

    table = pd.read_csv("sales.csv")
    table["sales"] = (table["sales"] - table["sales"].mean()) / table["sales"].std()
    weeks = Weeks(table)
    train, test = random_split(weeks, [0.75, 0.25])
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for x, y in torch.utils.data.DataLoader(train, shuffle=True, batch_size=8):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x)[:, 0], y).backward()
        optimizer.step()
"""


def test_the_split_of_stand_in_samples_says_nothing_of_what_was_fitted(sandbox, tmp_path):
    verdict = verdict_on("preprocessing-leak", {"main.py": program(HEAD, LOST)}, tmp_path, sandbox)
    assert verdict.state == "inconclusive"


def test_another_transformer_of_all_rows_is_no_part_of_what_is_compared(sandbox, tmp_path):
    script = """
        import numpy as np
        import torch
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
        from torch import nn

        numbers, kinds = np.random.randn(200, 3), np.random.randint(0, 3, (200, 2))
        target = (numbers[:, 0] > 0).astype("float32")
        scaler = StandardScaler()
        scaled = scaler.fit_transform(numbers)
        encoded = OneHotEncoder().fit_transform(kinds).toarray()
        rows = np.hstack((scaled, encoded)).astype("float32")
        x_train, x_test, y_train, y_test = train_test_split(rows, target, test_size=0.25)
        model = nn.Sequential(nn.Linear(rows.shape[1], 8), nn.ReLU(), nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters())
        for epoch in range(20):
            optimizer.zero_grad()
            scores = model(torch.from_numpy(x_train))[:, 0]
            nn.functional.binary_cross_entropy_with_logits(scores, torch.from_numpy(y_train)).backward()
            optimizer.step()
        with torch.no_grad():
            print(((model(torch.from_numpy(x_test))[:, 0] > 0) == torch.from_numpy(y_test)).float().mean())
    """
    verdict = verdict_on("preprocessing-leak", {"train.py": script}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "fitted to 200 rows" in verdict.evidence and "the 150 that train" in verdict.evidence
