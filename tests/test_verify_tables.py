"""Programs that read tables which are not here: rows are made up for the columns that they ask for."""

from __future__ import annotations

import importlib.util
import sys
import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on
from trainlint.verify.case import extents_of
from trainlint.verify.child.rig.column_values import classes_in, takes_the_rest, values_in
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


BY_PLACE = """
    import pandas as pd
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Reviews(Dataset):
        def __init__(self, path):
            self.table = pd.read_csv(path, sep="\\t")

        def __len__(self):
            return len(self.table)

        def __getitem__(self, index):
            words = self.table.iloc[index, 0].lower().split()
            codes = torch.tensor([hash(word) % 50 for word in (words * 4)[:4]])
            return {"codes": codes, "label": torch.tensor(self.table.iloc[index, 1], dtype=torch.long)}

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.out = nn.Embedding(50, 8), nn.Linear(8, 2)

        def forward(self, codes):
            return self.out(self.embedding(codes).mean(1))

    loader = DataLoader(Reviews("data/train.tsv"), batch_size=8)
    model = Bag()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(3):
        for batch in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch["codes"]), batch["label"]).backward()
            optimizer.step()
"""


def test_columns_read_by_place_are_what_the_program_makes_of_them(sandbox, tmp_path):
    verdict = verdict_on("train-loader-not-shuffled", {"main.py": BY_PLACE}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "come in the same order" in verdict.evidence


RENTS = """
    import pandas as pd
    import torch
    from torch import nn

    table = pd.read_csv("data/flats.csv")
    x = torch.tensor(table[["size_sqft", "bedrooms", "age"]].values, dtype=torch.float32)
    y = torch.tensor(table["rent"].values, dtype=torch.float32).view(-1, 1)
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(500):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
"""


def test_columns_are_as_wide_as_their_names_say_where_that_is_asked(sandbox, tmp_path):
    """What the run shows is that nothing on the way to the network evens them out."""
    verdict = verdict_on("inputs-not-normalised", {"main.py": RENTS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "structure")
    assert "times the narrowest" in verdict.evidence


@pytest.mark.parametrize(
    "name, kind",
    [
        ("HasPhoneNumbers", "class"),
        ("is_paid", "class"),
        ("IsOpen", "class"),
        ("phone_number", "whole"),
        ("island", "number"),
        ("hash", "number"),
    ],
)
def test_what_is_so_or_not_is_one_of_two(name, kind):
    from trainlint.verify.child.rig.columns import kind_of_name

    assert kind_of_name(name) == kind


def test_names_of_columns_say_nothing_of_a_file_that_is_scaled_by_its_own_name():
    said = {"age": [0.0, 80.0], "bedrooms": [0.0, 10.0], "size_sqft": [0.0, 5000.0]}
    assert extents_of(textwrap.dedent(RENTS)) == said
    assert extents_of(textwrap.dedent(RENTS).replace("flats.csv", "flats_scaled.csv")) == {}


LEAVING = """
    import pandas as pd
    import torch
    from torch import nn

    table = pd.read_csv("staff.csv")
    x = torch.tensor(table[["pay", "tenure", "hours"]].values, dtype=torch.float32)
    y = torch.tensor(table["left"].values, dtype=torch.float32).unsqueeze(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    total = 0
    for step in range(200):
        optimizer.zero_grad()
        loss = nn.BCELoss()(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss
"""


def test_a_column_that_is_the_target_of_classes_holds_classes(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"main.py": LEAVING}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


NUMBERS = """
    import numpy as np
    import torch
    from torch import nn

    rows = np.loadtxt("patients.csv.gz", delimiter=",", dtype=np.float32)
    x, y = torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, [-1]])
    net = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 1), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    total = 0
    for epoch in range(60):
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss
"""


def test_files_of_numbers_have_as_many_columns_as_the_first_layer_takes(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"train.py": NUMBERS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "data: stand-in numbers, for their file is not here" in verdict.measurements["substituted"]


PATIENTS = """
    import numpy as np
    import pandas as pd
    from imblearn.over_sampling import SMOTE
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import LabelEncoder

    parts = [pd.read_csv(name) for name in ("spring.csv", "autumn.csv")]
    table = pd.concat(parts, ignore_index=True).drop(columns=["ward"])
    table = table.groupby("STATE").filter(lambda rows: len(rows) >= 10)
    y = LabelEncoder().fit_transform(table["STATE"].astype(str))
    x = table.select_dtypes(include=["float64"])
    x, y = SMOTE(random_state=0, n_jobs=2).fit_resample(x, y)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    model = LogisticRegression().fit(x_train, y_train)
    print(model.score(x_test, y_test))
"""


def test_a_table_has_columns_that_the_program_does_not_name_and_classes_of_unlike_sizes(sandbox, tmp_path):
    """Neither does one file hold the rows of the other: the control, which mixes none, finds no copies."""
    verdict = verdict_on("resample-before-split", {"main.py": PATIENTS}, tmp_path, sandbox)
    assert (verdict.state, verdict.measurements["shared_control"]) == ("confirmed", 0)


HEARTS = """
    import numpy as np
    import pandas as pd
    import torch
    from torch import nn

    table = pd.read_csv("hearts.csv")
    print(table.sex[table.target == 1].mean())
    columns = ["age", "pressure", "rest"]
    table.loc[:, columns] = (table.loc[:, columns] - table.loc[:, columns].mean()) / table.loc[:, columns].std()
    rows = table.to_numpy(dtype="float32")
    train, test = rows[: int(len(rows) * 0.7)], rows[int(len(rows) * 0.7) :]
    model = nn.Linear(train.shape[1] - 1, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.tensor(train[:, :-1])), torch.tensor(train[:, -1]).long())
        loss.backward()
        optimizer.step()
    print((model(torch.tensor(test[:, :-1])).argmax(1).numpy() == test[:, -1]).mean())
"""


def test_columns_are_asked_for_as_members_and_by_lists_that_have_a_name(sandbox, tmp_path):
    verdict = verdict_on("preprocessing-leak", {"main.py": HEARTS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_what_a_program_compares_a_column_with_it_holds():
    text = textwrap.dedent(
        """
        women = table[table["sex"] == "female"]
        table.port = table.port.map({"S": 0, "C": 1, "Q": 2})
        table["x"].astype(str).unique()
        table.groupby(["house"]).mean()
        y = LabelEncoder().fit_transform(table["kind"])
        """
    )
    assert set(values_in(text)) == {("sex", "female"), ("port", "S"), ("port", "C"), ("port", "Q")}
    assert set(classes_in(text)) == {"x", "house", "kind"}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("x = t.drop('price', axis=1)", True),
        ("x = t.select_dtypes('number')", True),
        ("x = t.iloc[:, 1:-1]", True),
        ("x = t.iloc[3:]", False),
        ("t = t.drop([0, 1])", False),
        ("x = t[['a', 'b']]", False),
    ],
)
def test_a_program_goes_on_with_columns_that_it_does_not_name(text, rest):
    assert takes_the_rest(text) is rest
