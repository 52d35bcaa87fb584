"""Controls: where no fix is offered, or none that runs, there is an edit to compare with all the same."""

from __future__ import annotations

import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import BOOK, EVERYTHING, verdict_on
from trainlint.lint import lint
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.place import home_of

pytestmark = needs_torch

GROWING = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.randn(128, 16), torch.randint(2, (128, 1)).float())
    loader = DataLoader(data, batch_size=4, shuffle=True)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        scores = None
        for x, y in loader:
            score = model(x)
            if scores is None:
                scores = score
            else:
                scores = torch.cat([scores, score], dim=0)
            loss = nn.functional.binary_cross_entropy_with_logits(score, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(scores.mean())
"""


def test_what_grows_by_outputs_is_compared_with_what_grows_by_their_values(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"train.py": GROWING}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


RUN = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, random_split

    torch.manual_seed(0)
    data = TensorDataset(torch.randn(96, 20), torch.randint(2, (96,)))
    train_set, val_set = random_split(data, [48, 48])
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=48)
    model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    criterion = nn.CrossEntropyLoss()
    for epoch in EPOCHS:
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                print(epoch, criterion(model(x), y).item())
    torch.save(model.state_dict(), "last.pt")
"""


@pytest.mark.parametrize("epochs", ["range(40)", "range(1, 41)"])
def test_a_long_run_is_compared_with_a_part_of_its_epochs(epochs, sandbox, tmp_path):
    script = RUN.replace("EPOCHS", epochs)
    verdict = verdict_on("no-early-stopping", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


SQUEEZED = """
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(nn.Module):
        def __init__(self, wide):
            super().__init__()
            self.wide = wide
            self.first = nn.Linear(20, 5)
            self.second = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))

        def forward(self, x):
            if self.wide:
                return F.softmax(self.second(x), dim=1)
            return F.softmax(self.first(x), dim=1)

    def evaluate(net, loader):
        net.eval()
        total = 0.0
        with torch.no_grad():
            for x, y in loader:
                total += F.nll_loss(net(x), y, reduction="sum").item()
        return total / len(loader.dataset)

    data = TensorDataset(torch.randn(128, 20), torch.randint(5, (128,)))
    loader = DataLoader(data, batch_size=16)
    net = Net(wide=WIDE)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(3):
        net.train()
        for x, y in loader:
            optimizer.zero_grad()
            F.nll_loss(torch.log(net(x)), y).backward()
            optimizer.step()
        print(evaluate(net, loader))
"""


def test_probabilities_of_several_ways_through_a_network_are_compared_with_their_logarithms(
    sandbox, tmp_path
):
    text = "import sys\nWIDE = len(sys.argv) > 1\n" + textwrap.dedent(SQUEEZED)
    verdict = verdict_on("nll-without-log-softmax", {"train.py": text}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


SUMS = """
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    of_all = since_told = 0
    for turn in range(200):
        x, y = torch.randn(8, 16), torch.randint(4, (8,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        {line}
        since_told += loss
        if turn % 100 == 0:
            print(since_told / 100)
            since_told = 0
"""


def test_of_two_sums_that_keep_one_graph_the_other_is_mended_in_both_programs(sandbox, tmp_path):
    files = {"train.py": SUMS.format(line="of_all += loss")}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "without what else" in verdict.evidence


def test_a_sum_of_numbers_beside_is_left_as_it_is(sandbox, tmp_path):
    files = {"train.py": SUMS.format(line="of_all += loss.item()")}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "without what else" not in verdict.evidence


def test_a_finding_that_keeps_nothing_is_not_confirmed_by_what_another_one_keeps(sandbox, tmp_path):
    """A rule that overlooks that the sum begins anew in each turn: what grows is the other sum, in neither program."""
    text = textwrap.dedent(SUMS.format(line="of_all += loss")).lstrip()
    careless = text.replace("if turn % 100 == 0:", "if turn >= 0:")
    (tmp_path / "train.py").write_text(text)
    report = lint([tmp_path], EVERYTHING, BOOK, cwd=tmp_path)
    said = [d for d in report.diagnostics if d.name == "loss-retains-graph"][-1]
    shift = len(careless) - len(text)
    assert said.where.end < text.index("if turn") and shift  # the finding lies before what differs
    page = BOOK.page(said.name)
    assert page is not None
    home = home_of(tmp_path / "train.py", careless, [tmp_path])
    verdict = experiment(said, careless, home, page.rule, Plan(timeout=60.0), sandbox.ask)
    assert verdict.state != "confirmed"


FAR = {
    "fit.py": """
        import torch
        from torch import nn

        def fit(network, optimizer, loader, epochs):
            for epoch in range(epochs):
                for x, y in loader:
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(network(x), y).backward()
                    optimizer.step()
    """,
    "main.py": """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        from fit import fit

        data = TensorDataset(torch.randn(64, 8), torch.randint(2, (64,)))
        loader = DataLoader(data, batch_size=16, shuffle=True)
        network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        fit(network, optimizer, loader, 100)
        other = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        fit(other, torch.optim.Adam(other.parameters(), lr=4e-4), loader, 100)
    """,
}


def test_a_rate_falls_in_the_control_wherever_the_loop_is(sandbox, tmp_path):
    verdict = verdict_on("no-lr-scheduler", FAR, tmp_path, sandbox, at="main.py")
    assert verdict.state == "confirmed", verdict.evidence
    assert "the rate is 0.001 in the first" in verdict.evidence


SCALED = {
    "data.py": """
        import numpy as np
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        rows = np.random.default_rng(0).normal(3.0, 2.0, (200, 8)).astype("float32")
        classes = (rows.sum(1) > 24).astype("int64")
        x_train, x_test, y_train, y_test = train_test_split(rows, classes, test_size=0.25, random_state=0)

        def scaled(part):
            return StandardScaler().fit_transform(part)
    """,
    "train.py": """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        from data import scaled, x_test, x_train, y_test, y_train

        loader = DataLoader(TensorDataset(torch.tensor(scaled(x_train)), torch.tensor(y_train)), 16, shuffle=True)
        network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for epoch in range(4):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x), y).backward()
                optimizer.step()
        network.eval()
        with torch.no_grad():
            print((network(torch.tensor(scaled(x_test))).argmax(1) == torch.tensor(y_test)).float().mean())
    """,
}


def test_one_function_that_fits_both_parts_is_compared_with_one_fit(sandbox, tmp_path):
    pytest.importorskip("sklearn")
    verdict = verdict_on("refit-on-test", SCALED, tmp_path, sandbox)
    assert verdict.state == "confirmed", verdict.evidence
    assert "the control uses the one fit for both" in verdict.evidence


MOVED = """
    import argparse

    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    parser = argparse.ArgumentParser()
    parser.add_argument("--momentum", type=float, default=0.0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rows = torch.randn(256, 16)
    loader = DataLoader(TensorDataset(rows, (rows[:, 0] > 0).long()), batch_size=16, shuffle=True)
    network = nn.Sequential(
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=args.momentum)
    for epoch in range(40):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
"""


def test_a_momentum_that_is_a_setting_is_compared_with_a_usual_one(sandbox, tmp_path):
    verdict = verdict_on("sgd-without-momentum", {"train.py": MOVED}, tmp_path, sandbox)
    assert verdict.state == "confirmed", verdict.evidence


def test_only_the_biases_that_the_control_drops_are_told(sandbox, tmp_path):
    from tests.test_verify_projects import BOOK
    from trainlint.run import Event, Run

    page = BOOK.page("norm-placement")
    assert page is not None and page.rule.symptom is not None

    def run(biased):
        data = {"gradients": [1.0, 1.0, 1.0], "biases": [0.0, 0.0, 0.5], "biased": biased}
        return (Run(0, (Event("layers", 0, data),)),)

    effect = page.rule.symptom(run([1, 1, 1]), run([0, 1, 1]))
    assert effect is not None and effect.measurements["layers"] == 1
    assert page.rule.symptom(run([0, 1, 1]), run([1, 1, 1])) is None
    assert page.rule.symptom(run([1, 1, 1]), run([1, 1, 1])) is None
