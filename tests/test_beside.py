"""What lies beside a program (settings, configurations, lists) is a stranger's as well: it may be made to harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainlint.configurations import DEEPEST, compose, parse_configuration, read_configuration, read_ini

TRAIN = """\
import hydra
import torch


@hydra.main(config_path="conf", config_name="config")
def main(cfg):
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    for epoch in range(cfg.epochs):
        for x, y in [(torch.randn(2, 4), torch.tensor([0, 1]))]:
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()


main()
"""
PIPES = "requirements.txt environment.yml pyproject.toml .gitignore conf/config.yaml conf/config.yml".split()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_where_a_file_is_expected_does_not_stop_the_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "train.py").write_text(TRAIN)
    os.mkfifo(tmp_path / name)
    run = [sys.executable, "-m", "trainlint", "--select=missing-zero-grad", "."]
    done = subprocess.run(run, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "error[missing-zero-grad]" in done.stdout


def test_a_baseline_that_is_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "known.json").mkdir()
    run = [sys.executable, "-m", "trainlint", "--baseline", "known.json", "."]
    done = subprocess.run(run, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["trainlint: known.json: cannot be read: not a regular file"]


@pytest.mark.parametrize("text", ["[" * 30_000, "- " * 30_000, "{a: " * 20_000, "a: &a [*a]"])
def test_a_yaml_file_without_end_is_unknown(text: str) -> None:
    assert parse_configuration(text, ".yaml") is None


def test_aliases_that_stand_for_more_than_memory_holds_are_unknown() -> None:
    lines = ["a: &a [" + "1, " * 9 + "1]"]
    lines += [
        f"{new}: &{new} [" + f"*{old}, " * 9 + f"*{old}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert parse_configuration("\n".join(lines), ".yaml") is None


def test_aliases_and_depths_that_people_write_are_read() -> None:
    text = "base: &base {lr: 0.1}\ntrain: {<<: *base, epochs: 3}\n"
    assert parse_configuration(text, ".yaml") == {"base": {"lr": 0.1}, "train": {"lr": 0.1, "epochs": 3}}
    assert parse_configuration("[" * (DEEPEST - 5) + "]" * (DEEPEST - 5), ".yaml") is not None
    assert parse_configuration("[" * 30_000 + "]" * 30_000, ".json") is None


def test_an_ini_file_that_multiplies_itself_is_read_as_written(tmp_path: Path) -> None:
    lines = ["[train]", "epochs = 3", "a0 = " + "x" * 100]
    lines += [f"a{i + 1} = " + f"%(a{i})s" * 10 for i in range(9)]
    (tmp_path / "c.ini").write_text("\n".join(lines))
    assert read_ini(tmp_path / "c.ini") == {"train": {"epochs": "3", "a0": "x" * 100}}


def test_files_too_large_to_be_configurations_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr: 0.1\n" + "# " + "x" * 100_000)
    assert read_configuration(tmp_path / "c.yaml") is None
    assert compose(tmp_path, "c") is None
