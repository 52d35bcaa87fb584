"""What a careless rule would say of a right program is not confirmed, though the program looks as one that does harm.

Each time the finding of a program that does harm is verified on another one that begins in the same way.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from trainlint.book import open_book
from trainlint.config import Config
from trainlint.diagnostic import Verdict
from trainlint.lint import lint, lint_source
from trainlint.verify.cut import cut
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.place import NOWHERE, home_of
from trainlint.verify.sandbox import Sandbox

pytest.importorskip("torch", reason="experiments run torch")

BOOK = open_book()
SAID = (
    "blind",
    "no-symptom",
    "raised",
    "missing-name",
    "only-control",
    "needs-cuda",
)  # what the near misses may come to
IMPORTS = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
"""
NETWORK = """
network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
"""
STEP = """
def learn(x, y):
    optimizer.zero_grad()
    F.mse_loss(network(x), y).backward()
    optimizer.step()
"""
SERVED = (
    IMPORTS + "loader = DataLoader(TensorDataset(torch.randn(128, 8), torch.randn(128, 1)), batch_size=16)\n"
)
SWITCHING = """
@torch.no_grad()
def look(rows):
    network.eval()
    return network(rows).norm()
"""
TRAINING = """
for epoch in range(3):
    for x, y in loader:
        look(x)
        learn(x, y)
"""
KEEPING = """
def losses(compute):
    kept = []
    for x, y in loader:
        loss = compute(x, y)
        kept.append(loss)
    return kept

def fresh(x, y):
    loss = F.mse_loss(network(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss
"""
PICTURES = (
    IMPORTS
    + """
pictures = TensorDataset(torch.randn(64, 3, 8, 8), torch.randint(2, (64,)))
loader = DataLoader(pictures, batch_size=1, shuffle=True)
network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
"""
)
CLASSIFYING = """
for x, y in loader:
    optimizer.zero_grad()
    F.cross_entropy(network(x), y).backward()
    optimizer.step()
"""
FOR_LONG = """
def run():
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for epoch in range(60):
        for x, y in loader:
            optimizer.zero_grad()
            F.mse_loss(network(x), y).backward()
            optimizer.step()
            more(x)

def more(x):
    return x
"""
SCALES = (
    IMPORTS
    + """
from torchvision import datasets, transforms
light = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
dark = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1,), (0.2,))])
loader = DataLoader(datasets.MNIST("data", transform=light), batch_size=16, shuffle=True)
held_out = DataLoader(datasets.MNIST("data", train=False, transform=dark), batch_size=16)
network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
"""
)
JUDGING = """
hits = 0
with torch.no_grad():
    for x, y in held_out:
        hits += (network(x).argmax(1) == y).sum().item()
print(hits)
"""
COPIES = """
first, last = nn.Linear(8, 16), nn.Linear(16, 2)
for layer in (first, last):
    nn.init.constant_(layer.weight, 0.1)
    nn.init.constant_(layer.bias, 0.0)
"""
LEARNING = """
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for step in range(50):
    optimizer.zero_grad()
    F.cross_entropy(network(torch.randn(32, 8)), torch.randint(2, (32,))).backward()
    optimizer.step()
"""
SMOOTH = """
network = nn.Sequential(
    nn.Linear(1, 20), nn.Sigmoid(), nn.Linear(20, 20), nn.Sigmoid(), nn.Linear(20, 20), nn.Sigmoid(), nn.Linear(20, 1)
)
optimizer = torch.optim.Adam(network.parameters())

def fit(loss):
    t = torch.linspace(0, 1, 50).view(-1, 1).requires_grad_()
    for step in range(100):
        optimizer.zero_grad()
        loss(t).backward()
        optimizer.step()
"""
LOADED = (
    IMPORTS
    + """
network = nn.Linear(4, 2)

def start(network):
    network.load_state_dict(torch.load("network.pt"))
    return network.to("cuda" if torch.cuda.is_available() else "cpu")
"""
)
LOGARITHM = """
def fit(network):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for step in range(100):
        chances = F.softmax(network(torch.randn(64, 4)), dim=1)
        loss = -torch.log(chances)[:, 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TUNED = """
from torchvision import models
network = models.resnet18(weights="IMAGENET1K_V1")
network.fc = nn.Linear(network.fc.in_features, 7)
loader = DataLoader(TensorDataset(torch.randn(64, 3, 32, 32), torch.randint(7, (64,))), batch_size=16, shuffle=True)

def fit(parameters):
    optimizer = torch.optim.Adam(parameters, lr=0.1)
    for epoch in range(5):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
"""
GOING_ON = """
network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
def run():
    start()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-9)
    for x, y in loader:
        optimizer.zero_grad()
        F.mse_loss(network(x), y).backward()
        optimizer.step()
"""
FOR_LONG_TIME = """
inputs = torch.randn(300, 20)
labels = (inputs.sum(1) > 0).long()
loader = DataLoader(TensorDataset(inputs, labels), batch_size=30, shuffle=True)
network = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
def run(judge):
    for epoch in range(100):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
        judge(network)
"""
ACCUMULATED = (
    NETWORK
    + """
def run():
    for number, (x, y) in enumerate(loader):
        loss = criterion(network(x), y)
        loss.backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
"""
)
CODED = """
optimizer = torch.optim.SGD(coder.parameters(), lr=0.1)
def run():
    for number, (x, y) in enumerate(loader):
        again, code = coder(x)
        loss = judge(again, x, code)
        loss.backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
"""
UNREAD = (
    IMPORTS
    + """
network = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))

def test(loader):
    network.eval()
    hits = 0
    with torch.no_grad():
        for x, y in loader:
            scores = network(x)
            loss = F.nll_loss(scores, y)
            print(loss.item())
            hits += (scores.argmax(1) == y).sum().item()
    return hits
"""
)
HELPERS = """
import torch

def load_net(path):
    return torch.load(path)

def batch(x):
    return x.cuda() if torch.cuda.is_available() else x
"""
USING = """
import torch
import helpers

net = helpers.load_net("net.pt")MOVED
net.eval()
with torch.no_grad():
    print(net(helpers.batch(torch.randn(1, 4))))
"""
NAMED = """
import argparse
import torch
from torch import nn
import nets

parser = argparse.ArgumentParser()
parser.add_argument("--arch", required=True)
network = getattr(nets, parser.parse_args().arch)()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
training, testing = torch.load("digits.pt", map_location="cpu")
for epoch in range(5):
    for x, y in training:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    right = 0
    with torch.no_grad():
        for x, y in testing:
            right += (network(x).argmax(1) == y).sum().item()
    print(epoch, right)
"""
NETS = """
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Linear(32, 10)

    def forward(self, x):
        return self.last(self.norm(self.first(x)).relu())
"""
TRIED = """
network = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
x = torch.randn(64, 8)
loss = F.mse_loss(network(x), x)
"""
WATCHED = (
    NETWORK
    + """
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1)
def run():
    for epoch in range(30):
        losses = []
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.mse_loss(network(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        plateau.step(watched(losses))
"""
)
# each: the rule; the beginning, with what is flagged; its end with the harm, and without it
PROGRAMS = {
    "one batch that is learnt by heart has no order": (
        "train-loader-not-shuffled",
        SERVED + NETWORK + STEP,
        "for epoch in range(3):\n    for x, y in loader:\n        learn(x, y)",
        "x, y = next(iter(loader))\nfor step in range(100):\n    learn(x, y)",
    ),
    "a network that another statement keeps in eval mode": (
        "stuck-in-eval-mode",
        SERVED + NETWORK + STEP + SWITCHING,
        TRAINING,
        "network.eval()" + TRAINING,
    ),
    "views of one loss that is there anyway": (
        "loss-retains-graph",
        SERVED + NETWORK + KEEPING,
        "losses(fresh)",
        "first = fresh(*next(iter(loader)))\nlosses(lambda x, y: first.repeat(4))",
    ),
    "a normalisation that is kept in eval mode": (
        "batchnorm-tail-batch",
        PICTURES,
        CLASSIFYING,
        "network[1].eval()" + CLASSIFYING,
    ),
    "networks that play against each other": (
        "no-lr-scheduler",
        SERVED + NETWORK + FOR_LONG,
        "run()",
        (
            "critic = nn.Linear(1, 1)\nother = torch.optim.Adam(critic.parameters())\n"
            "def more(x):\n    critic(network(x)).mean().backward()\n    other.step()\nrun()"
        ),
    ),
    "weights that are averaged": (
        "no-lr-scheduler",
        SERVED + NETWORK + FOR_LONG,
        "run()",
        (
            "from torch.optim.swa_utils import AveragedModel\naveraged = AveragedModel(network)\n"
            "def more(x):\n    averaged.update_parameters(network)\nrun()"
        ),
    ),
    "copies that dropout takes apart": (
        "constant-weight-init",
        IMPORTS + COPIES,
        "network = nn.Sequential(first, nn.ReLU(), last)" + LEARNING,
        "network = nn.Sequential(first, nn.ReLU(), nn.Dropout(0.5), last)" + LEARNING,
    ),
    "smooth activations of an equation that is learnt": (
        "saturating-hidden-activation",
        IMPORTS + SMOOTH,
        "fit(lambda t: network(t).pow(2).mean())",
        "fit(lambda t: (torch.autograd.grad(network(t).sum(), t, create_graph=True)[0] + network(t)).pow(2).mean())",
    ),
    "a load where nobody without a GPU comes": (
        "load-without-map-location",
        LOADED,
        "start(network)",
        "start(network.cuda())",
    ),
    "a checkpoint that this very run has written": (
        "load-without-map-location",
        LOADED,
        "start(network)",
        "torch.save(network.state_dict(), 'network.pt')\nstart(network)",
    ),
    "a load for the GPU of a number": (
        "load-without-map-location",
        LOADED,
        "start(network)",
        "start(network).to(0)",
    ),
    "a logarithm of the probabilities of probabilities": (
        "unstable-log-softmax",
        IMPORTS + LOGARITHM,
        "fit(nn.Linear(4, 3))",
        "fit(nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)))",
    ),
    "a rate for a new part of a network": (
        "finetune-lr-too-large",
        IMPORTS + TUNED,
        "fit(list(network.parameters()))",
        "fit(list(network.fc.parameters()))",
    ),
    "a small rate for weights that were kept": (
        "lr-too-small",
        SERVED + GOING_ON,
        "start = lambda: None\nrun()",
        "start = lambda: network.load_state_dict(torch.load('kept.pt'))\nrun()",
    ),
    "a training that ends early": (
        "no-regularisation",
        IMPORTS + FOR_LONG_TIME,
        "run(lambda network: 1.0)",
        "def stop(network):\n    raise RuntimeError('it is good enough')\nrun(stop)",
    ),
    "an accumulated loss that a number divides": (
        "accumulation-unscaled",
        SERVED + ACCUMULATED,
        "criterion = lambda found, wanted: (found - wanted).pow(2).mean()\nrun()",
        "criterion = lambda found, wanted: ((found - wanted).pow(2) * 0.25).mean()\nrun()",
    ),
    "of two outputs of an unknown network one is divided": (
        "accumulation-unscaled",
        SERVED + CODED,
        "judge = lambda again, x, code: F.mse_loss(again, x) + code.abs().mean()\nrun()",
        "judge = lambda again, x, code: F.mse_loss(again, x) + code.abs().mean() / 4\nrun()",
    ),
    "an output that is tried and not trained": (
        "bounded-regression-output",
        IMPORTS + TRIED,
        "loss.backward()\noptimizer.step()",
        "print(loss)",
    ),
    "a number that goes the way that the schedule is told": (
        "plateau-metric",
        SERVED + WATCHED,
        "def watched(losses):\n    return sum(losses) / len(losses)\nrun()",
        "def watched(losses):\n    return -sum(losses) / len(losses)\nrun()",
    ),
    "one of two training sets that is scaled as the evaluation is": (
        "train-eval-transform-mismatch",
        SCALES,
        CLASSIFYING + JUDGING,
        CLASSIFYING
        + 'loader = DataLoader(datasets.MNIST("night", transform=dark), batch_size=16, shuffle=True)'
        + CLASSIFYING
        + JUDGING,
    ),
}


def verdict_on(name: str, flagged: str, text: str, sandbox: Sandbox, folder: Path) -> Verdict:
    """The verdict on a finding of one program where another one begins in the same way."""
    config = Config(root=folder, select=(name,))
    report = lint_source(flagged, folder / "train.py", config, BOOK, cwd=folder)
    page = BOOK.page(name)
    assert report.diagnostics and page is not None, report
    return experiment(report.diagnostics[0], text, NOWHERE, page.rule, Plan(timeout=60.0), sandbox.ask)


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_near_miss_is_not_confirmed(what: str, sandbox: Sandbox, tmp_path: Path) -> None:
    name, begins, harmful, harmless = PROGRAMS[what]
    flagged, missed = (f"{begins}\n{textwrap.dedent(end)}\n" for end in (harmful, harmless))
    confirmed = verdict_on(name, flagged, flagged, sandbox, tmp_path)
    assert confirmed.state == "confirmed", confirmed.evidence
    verdict = verdict_on(name, flagged, missed, sandbox, tmp_path)
    assert verdict.state != "confirmed", verdict.evidence
    assert verdict.reason in SAID, verdict.evidence


def test_a_smaller_cut_keeps_the_mode_that_the_network_is_in() -> None:
    text = """\
import torch
from kept import net, other
net.train()
net(torch.ones(4, 8))
net.eval()
other.train()
with torch.no_grad():
    print(net(torch.ones(1, 8)))
net.train()
"""
    place = text.index("net(torch.ones(1"), text.index(")))") + 2
    kept = [line for line in cut(text, [place], extent="function").text.splitlines() if line.strip()]
    assert kept == [
        "import torch",
        "from kept import net, other",
        "net.train()",
        "net.eval()",
        "with torch.no_grad():",
        "    print(net(torch.ones(1, 8)))",
    ]


def test_what_nobody_reads_harms_nobody(sandbox: Sandbox, tmp_path: Path) -> None:
    confirmed = verdict_on("nll-without-log-softmax", UNREAD, UNREAD, sandbox, tmp_path)
    assert confirmed.state == "confirmed", confirmed.evidence
    unread = UNREAD.replace("print(loss.item())", "print(scores.sum())")
    verdict = verdict_on("nll-without-log-softmax", UNREAD, unread, sandbox, tmp_path)
    assert verdict.reason == "blind" and "nobody reads" in verdict.evidence, verdict.evidence


@pytest.mark.parametrize(
    ("name", "files", "harmless"),
    [
        (
            "load-without-map-location",
            {"helpers.py": HELPERS, "main.py": USING.replace("MOVED", "")},
            {"main.py": USING.replace("MOVED", ".cuda()")},
        ),
        (
            "missing-eval-mode",
            {"train.py": NAMED, "nets.py": NETS},
            {"nets.py": NETS.replace("BatchNorm1d", "LayerNorm")},
        ),
    ],
)
def test_what_other_files_do_makes_a_finding_harmless(
    name: str, files: dict[str, str], harmless: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    report = lint([tmp_path], Config(root=tmp_path, select=(name,)), BOOK, cwd=tmp_path)
    page = BOOK.page(name)
    assert report.diagnostics and page is not None, report
    said = report.diagnostics[0]

    def read(path: str) -> tuple[str, str]:
        return str(tmp_path / path), (tmp_path / path).read_text()

    def verdict() -> Verdict:
        file, text = read(said.where.path)
        home = home_of(Path(file), text, [tmp_path])
        return experiment(said, text, home, page.rule, Plan(timeout=60.0), sandbox.ask, read)

    confirmed = verdict()
    assert confirmed.state == "confirmed", confirmed.evidence
    for path, text in harmless.items():
        (tmp_path / path).write_text(text)
    missed = verdict()
    assert missed.reason in SAID, missed.evidence
