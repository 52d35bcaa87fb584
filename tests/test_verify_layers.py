"""Findings about the layers of a network that its file builds and nothing in it trains."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import BOOK, verdict_on
from trainlint.verify.case import make_case
from trainlint.verify.cut import cut
from trainlint.verify.experiment import Plan, _compared

pytestmark = needs_torch

HEAVY = """
    import torch
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self, args):
            super().__init__()
            self.first = nn.Linear(args.hidden, 64)
            self.drop = nn.Dropout(args.drop_rate)
            self.last = nn.Linear(64, 3)

        def forward(self, x):
            return self.last(self.drop(self.first(x).relu()))
"""
PLAIN = HEAVY.replace("args.drop_rate", "0.9").replace("args.hidden", "24").replace("self, args", "self")


def test_a_network_that_is_only_built_shows_what_its_dropout_does(sandbox, tmp_path):
    verdict = verdict_on("dropout-extreme", {"net.py": PLAIN}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "stand-ins: data" in verdict.evidence


HIDDEN = """
    import torch
    from torch import nn

    class Graph(nn.Module):
        def __init__(self, width, num_layers):
            super().__init__()
            self.first, self.last = nn.Linear(12, width), nn.Linear(width, 4)
            self.between = [nn.Linear(width, width) for _ in range(num_layers - 2)]

        def forward(self, x):
            x = self.first(x).relu()
            for layer in self.between:
                x = layer(x).relu()
            return self.last(x)
"""


def test_layers_in_a_list_are_seen_to_be_in_no_optimizer(sandbox, tmp_path):
    """A number of layers that nobody says is one that leaves some between the first and the last."""
    verdict = verdict_on("unregistered-submodule", {"net.py": HIDDEN}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


SIGMOIDS = """
    import torch

    class Deep(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(20, 32), torch.nn.Sigmoid(), torch.nn.Linear(32, 32), torch.nn.Sigmoid(),
                torch.nn.Linear(32, 32), torch.nn.Sigmoid(), torch.nn.Linear(32, 32), torch.nn.Sigmoid(),
                torch.nn.Linear(32, 4),
            )

        def forward(self, x):
            return self.layers(x)
"""


def test_sigmoids_between_layers_shrink_gradients_of_a_network_without_training(sandbox, tmp_path):
    verdict = verdict_on("saturating-hidden-activation", {"net.py": SIGMOIDS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "the gradient of the first layer" in verdict.evidence


def test_a_loss_of_no_meaning_confirms_nothing_about_losses(sandbox, tmp_path):
    """The outputs of such a network are not compared with anything, whatever a rule says of them."""
    softened = PLAIN.replace("return self.last(", "return torch.softmax(self.last(").replace(
        ".relu()))", ".relu())), 1)"
    )
    softened = softened.replace("0.9", "0.5")
    page = BOOK.page("softmax-before-cross-entropy")
    assert page is not None

    text = textwrap.dedent(softened).lstrip()
    at = text.index("self.drop =")
    case = make_case(cut(text, [(at, at + 9)], [], "program"), str(tmp_path / "net.py"))
    rule = replace(page.rule, needs=replace(page.rule.needs, network=True))
    assert _compared(case, case, rule, Plan(timeout=60.0), sandbox.ask).verdict.state == "inconclusive"


BY_HAND = """
    import torch
    from torch import nn

    net = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(200):
        x, y = torch.randn(32, 20), torch.randint(5, (32,))
        scores = net(x)
        logs = scores - LOG
        loss = -logs[range(32), y].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    "log", ["scores.exp().sum(-1, keepdim=True).log()", "torch.log(1 + torch.exp(scores))"]
)
def test_exponentials_of_scores_as_a_layer_gives_them_overflow(sandbox, tmp_path, log):
    verdict = verdict_on("unstable-log-softmax", {"fit.py": BY_HAND.replace("LOG", log)}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
