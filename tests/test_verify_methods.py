"""Flagged methods that count on what other methods of their object have made."""

from __future__ import annotations

import textwrap

from tests.programs import needs_torch
from tests.test_verify_projects import NET, verdict_on

pytestmark = needs_torch

NETWORK = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, size, hidden):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 4))

        def forward(self, x):
            return self.layers(x)

        def choose_loss(self):
            self.loss = nn.CrossEntropyLoss()

        def choose_optimizer(self, rate):
            self.solver = torch.optim.Adam(self.parameters(), lr=rate)

        def one_round(self, train_loader):
            self.train()
            for batch in train_loader:
                inputs, labels = batch
                loss = self.loss(self(inputs), labels)
                loss.backward()
                self.solver.step()
"""
FITTING = """
        def fit(self, rounds, train_loader, rate):
            self.choose_loss()
            self.choose_optimizer(rate)
            for number in range(1, rounds + 1):
                self.one_round(train_loader)
"""


def test_the_method_that_makes_what_is_asked_for_and_calls_the_flagged_one_is_run(sandbox, tmp_path):
    files = {"net.py": textwrap.dedent(NETWORK) + textwrap.dedent(FITTING).replace("\n", "\n    ")}
    verdict = verdict_on("missing-zero-grad", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    said = str(verdict.measurements["substituted"])
    assert "solver" not in said and "left out" not in said


PIPELINE = """
    import torch
    from net import Net

    class Pipeline:
        def __init__(self, settings):
            self.settings = settings

        def prepare(self):
            self.network = Net().to(self.settings["device"])

        def evaluate(self, loader):
            self.network.eval()
            right = 0
            for x, y in loader:
                scores = self.network(x)
                right += (scores.argmax(1) == y).sum().item()
            return right
"""


def test_methods_that_make_what_is_asked_for_are_called_before(sandbox, tmp_path):
    files = {"net.py": NET, "pipeline.py": PIPELINE}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "network" not in str(verdict.measurements["substituted"])


def test_a_method_that_needs_nothing_of_others_is_called_by_itself(sandbox, tmp_path):
    """The one that calls it would do more than the finding is about, and may fail at it."""
    whole = textwrap.dedent(NETWORK).replace(
        "        super().__init__()\n",
        "        super().__init__()\n        self.loss = nn.CrossEntropyLoss()\n",
    )
    whole = whole.replace("hidden, 4))\n", "hidden, 4))\n        self.choose_optimizer(0.01)\n")
    files = {
        "net.py": whole
        + "\n    def fit(self, train_loader, other):\n        other.of_what()\n        self.one_round(train_loader)\n"
    }
    verdict = verdict_on("missing-zero-grad", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "other" not in str(verdict.measurements["substituted"])
