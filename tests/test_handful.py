"""How much advice one file gets, and what still counts of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainlint.cli import main
from trainlint.diagnostic import Diagnostic, Level, Location, Report
from trainlint.handful import handful

# Four optimizers at a constant rate: the same advice four times.
CONSTANT = (
    "import torch\nfrom torch import nn\n"
    + "".join(
        f"""

def train_{number}(loader):
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(20):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
"""
        for number in range(4)
    )
).encode()


def said(name: str, line: int, level: Level = "advice", path: str = "train.py") -> Diagnostic:
    return Diagnostic(
        name, "rate", level, "it could be better", Location(path, line, 1, line, 2, line, line + 1)
    )


def told(most: int, *diagnostics: Diagnostic, **gains: int) -> tuple[list[str], int]:
    few = handful(Report(diagnostics), lambda path: most, gains)
    return [f"{d.name}:{d.where.line}" for d in few.diagnostics], few.withheld


def test_what_gains_most_is_told_in_the_order_of_the_file() -> None:
    found = (said("a", 1), said("b", 2), said("c", 3), said("d", 4))
    assert told(2, *found, a=1, b=2, c=3, d=2) == (["b:2", "c:3"], 2)


def test_each_rule_speaks_once_where_there_is_too_much() -> None:
    found = (said("a", 1), said("a", 2), said("b", 3))
    assert told(2, *found, a=2, b=2) == (["a:1", "b:3"], 1)
    assert told(3, *found, a=2, b=2) == (["a:1", "a:2", "b:3"], 0)


def test_errors_warnings_and_other_files_take_no_place() -> None:
    found = (said("a", 1, "error"), said("a", 2, "warning"), said("a", 3), said("a", 4, path="other.py"))
    assert told(1, *found, a=2) == (["a:1", "a:2", "a:3", "a:4"], 0)


def test_a_useless_comment_is_always_named() -> None:
    assert told(0, said("a", 1), said("unused", 2), a=1, unused=0) == (["unused:2"], 1)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_bytes(CONSTANT)
    return script


@pytest.mark.parametrize(("most", "shown"), [(4, 4), (3, 1), (1, 1), (0, 0)])
def test_the_rest_is_counted(script: Path, capsys: pytest.CaptureFixture[str], most: int, shown: int) -> None:
    given = ["--select", "no-lr-scheduler", "--config", f"max-advice = {most}"]
    assert main([*given, "--fail-on", "advice", "--output-format", "json"]) == 1  # also of what is not shown
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["advice"], summary["withheld"]) == (shown, 4 - shown)
    main(given)
    assert (f"{4 - shown} more advice" in capsys.readouterr().out) == (shown < 4)


def test_a_fix_mends_what_is_not_shown(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--select", "no-lr-scheduler", "--config", "max-advice = 1"]
    assert main([*given, "--fix", "--unsafe-fixes"]) == 0
    assert script.read_text().count("CosineAnnealingLR(") == 4


@pytest.mark.parametrize("value", ["-1", "'five'", "true", "1.5"])
def test_it_is_a_whole_number(script: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert main(["--config", f"max-advice = {value}", "train.py"]) == 2
    assert "`max-advice` must be a whole number from 0" in capsys.readouterr().err
