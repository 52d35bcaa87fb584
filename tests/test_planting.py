"""The third arm: what is harmless in a way that the linter does not see is refuted where a planted defect shows."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from trainlint.book import open_book
from trainlint.config import Config
from trainlint.diagnostic import Verdict
from trainlint.lint import lint_source
from trainlint.verify.case import make_cases, make_changed
from trainlint.verify.experiment import Plan, experiment, run_arm
from trainlint.verify.place import NOWHERE
from trainlint.verify.sandbox import Sandbox

pytest.importorskip("torch", reason="experiments run torch")

BOOK = open_book()
LOADER = "loader = DataLoader(data, batch_size=8, shuffle=True)"
HEAD = f"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(128, 4), torch.randint(3, (128,)))
{LOADER}
held_out = DataLoader(TensorDataset(torch.randn(64, 4), torch.randint(3, (64,))), batch_size=8)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
"""
TRAIN = """
def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
"""
TEST = """
def test():
    hits = 0
    for x, y in held_out:
        out = model(x)
        hits += (out.argmax(1) == y).sum().item()
    print(hits / 64)
"""
# each: what is flagged; the end of the program with the harm, and without it
PROGRAMS = {
    "missing-no-grad": (HEAD + TRAIN + TEST, "train(1)\ntest()", "train(1)\nwith torch.no_grad():\n    test()"),
    "missing-eval-mode": (HEAD + TRAIN + TEST, "train(1)\ntest()", "train(1)\nmodel.eval()\ntest()"),
    "missing-zero-grad": (
        HEAD + TRAIN.replace("            optimizer.zero_grad()\n", ""),
        "train()",
        "optimizer.register_step_post_hook(lambda optimizer, *rest: optimizer.zero_grad())\ntrain()",
    ),
    "loss-retains-graph": (
        HEAD + TRAIN.replace("optimizer.step()", "optimizer.step()\n            total.append(loss)"),
        "total = []\ntrain()",
        "from collections import deque\ntotal = deque(maxlen=2)\ntrain()",
    ),
    "no-lr-scheduler": (
        HEAD + TRAIN,
        "train(30)",
        "def decay(optimizer, *rest):\n    optimizer.param_groups[0]['lr'] *= 0.99\noptimizer.register_step_post_hook(decay)\ntrain(30)",
    ),
    "train-loader-not-shuffled": (
        HEAD.replace(LOADER, f"def make():\n    {LOADER.replace(', shuffle=True', '')}\n    return loader\n") + TRAIN,
        "loader = make()\ntrain()",
        "from functools import partial\nDataLoader = partial(DataLoader, shuffle=True)\nloader = make()\ntrain()",
    ),
    "stuck-in-eval-mode": (
        HEAD + TEST.replace("hits = 0", "model.eval()\n    hits = 0")
        + TRAIN.replace("        model.train()\n", "") + "        test()\n",
        "train()",
        "plain = test\ndef test():\n    plain()\n    model.train()\ntrain()",
    ),
    "softmax-before-cross-entropy": (
        "from torch.nn.functional import softmax\n" + HEAD + TRAIN.replace("model(x), y", "softmax(model(x), dim=1), y"),
        "train()",
        "softmax = lambda scores, dim: scores\ntrain()",
    ),
}  # fmt: skip


def verdict_on(name: str, flagged: str, text: str, sandbox: Sandbox, folder: Path) -> Verdict:
    """The verdict on a finding of one program where another one begins in the same way."""
    report = lint_source(flagged, folder / "train.py", Config(root=folder, select=(name,)), BOOK, cwd=folder)
    page = BOOK.page(name)
    assert report.diagnostics and page is not None, report
    assert report.diagnostics[0].plant is not None
    return experiment(report.diagnostics[0], text, NOWHERE, page.rule, Plan(timeout=60.0), sandbox.ask)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_does_no_harm_is_refuted_where_planted_harm_shows(
    name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    begins, harmful, harmless = (textwrap.dedent(part) for part in PROGRAMS[name])
    flagged = f"{begins}\n{harmful}\n"
    confirmed = verdict_on(name, flagged, flagged, sandbox, tmp_path)
    assert confirmed.state == "confirmed", confirmed.evidence
    refuted = verdict_on(name, flagged, f"{begins}\n{harmless}\n", sandbox, tmp_path)
    assert (refuted.state, refuted.reason) == ("refuted", "no-symptom"), refuted.evidence
    assert any(character.isdigit() for character in refuted.evidence)


PLANTING = (
    "activation-before-cross-entropy", "load-without-map-location", "loss-retains-graph", "missing-eval-mode", "missing-no-grad",
    "missing-zero-grad", "nll-without-log-softmax", "no-lr-scheduler", "sampler-epoch-not-set",
    "sigmoid-before-bce-with-logits", "softmax-before-cross-entropy", "stuck-in-eval-mode", "train-loader-not-shuffled",
    "zero-grad-discards-gradient",
)  # fmt: skip


@pytest.mark.parametrize("name", PLANTING)
def test_what_is_planted_in_a_bad_example_shows(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    page = BOOK.page(name)
    assert page is not None and page.rule.symptom is not None
    text = next(example.text for example in page.examples if example.kind == "bad")
    config = Config(root=tmp_path, select=(name,))
    finding = lint_source(text, tmp_path / "bad.py", config, BOOK, cwd=tmp_path).diagnostics[0]
    planted = make_changed(finding, finding.plant, text)
    _, control = make_cases(finding, text)
    assert planted is not None and control is not None
    arms = [
        run_arm(case, page.rule, Plan(seeds=1, timeout=60.0), sandbox.ask, {}) for case in (planted, control)
    ]
    assert page.rule.symptom(arms[0].runs, arms[1].runs), arms[0].raised or arms[0].reason


def test_the_documentation_names_the_rules_that_plant() -> None:
    text = (Path(__file__).parent.parent / "docs" / "verification.md").read_text()
    for page in BOOK.pages:
        assert ("plant=" in page.file.read_text()) is (page.name in PLANTING), page.name
    for name in PLANTING:
        assert f"{name}," in text or f"{name}." in text, name
