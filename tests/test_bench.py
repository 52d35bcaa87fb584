"""The runners over real repositories, tried on a repository made here: trees, bare clones, judgements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import needs_torch

ROOT = Path(__file__).parent.parent

BUGGY = """\
import torch

model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for x, y in [(torch.randn(8, 4), torch.randn(8, 1))]:
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
"""
FIXED = BUGGY.replace("        loss.backward()", "        optimizer.zero_grad()\n        loss.backward()")


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(ROOT / "bench" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def git(folder: Path, *arguments: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": os.devnull}
    identity |= {
        name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items() if "AUTHOR" in name
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **identity},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    """A folder of repositories with a bare clone, OWNER+NAME/repo, whose second commit repairs the first."""
    work = tmp_path / "work"
    (work / "src").mkdir(parents=True)
    git(work, "init", "-q")
    for text in (BUGGY, "# a header\n" + FIXED):
        (work / "src" / "train.py").write_text(text)
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", "change")
    git(tmp_path, "clone", "-q", "--bare", str(work), str(tmp_path / "fetched" / "some+one" / "repo"))
    return tmp_path / "fetched"


def rows(file: Path, repositories: Path) -> Path:
    fixed, buggy = git(repositories / "some+one" / "repo", "log", "--format=%H").split()
    row = {"id": "r1", "repo": "some/one", "commit": buggy, "path": "src/train.py", "line": 6}
    whole = {**row, "rules": ["missing-zero-grad"], "fixed_commit": fixed}
    others = [{**whole, "id": "r2", "commit": "0" * 40}, {**whole, "id": "r3", "rules": ["no-such-rule-yet"]}]
    file.write_text("".join(json.dumps(each) + "\n" for each in (whole, *others)))
    return file


def test_reported_defects_are_found_in_their_commit_and_gone_after_the_fix(
    tmp_path: Path, repositories: Path
) -> None:
    outcomes = tmp_path / "outcomes.json"
    listed = rows(tmp_path / "rows.jsonl", repositories)
    said = run("reported.py", repositories, "--rows", listed, "--json", outcomes)
    assert "found  r1 missing-zero-grad, fixed: clean" in said
    assert "absent r2" in said
    assert "1 of 1 found (100 %)" in said
    totals = json.loads(outcomes.read_text())["totals"]
    assert (totals["told apart"], totals["absent"], totals["without a rule"]) == (1, 1, 1)
    assert "0 of 0 found" in run("reported.py", repositories, "--rows", listed, "--rule", "loss-detached")


def test_reported_defects_are_found_in_trees_that_lie_ready(tmp_path: Path, repositories: Path) -> None:
    for kind in ("buggy", "fixed"):  # the same text in both: what was found is left
        (tmp_path / "trees" / "r1" / kind / "src").mkdir(parents=True)
        (tmp_path / "trees" / "r1" / kind / "src" / "train.py").write_text(BUGGY)
    listed = rows(tmp_path / "rows.jsonl", repositories)
    said = run("reported.py", tmp_path / "trees", "--rows", listed, "--id", "r1")
    assert "found  r1 missing-zero-grad, fixed: left" in said


def test_field_findings_carry_their_source_and_are_held_against_judgements(tmp_path: Path) -> None:
    project = tmp_path / "field" / "some+one"
    project.mkdir(parents=True)
    (project / "train.py").write_text(BUGGY)
    (tmp_path / "field" / "COMMITS.tsv").write_text("some/one\tabc\n")
    found, judged = tmp_path / "found.json", tmp_path / "judged.jsonl"
    options = ("--select", "missing-zero-grad", "--judged", judged)
    said = run("field.py", tmp_path / "field", "--json", found, *options)
    assert "| some/one | abc | 1 | missing-zero-grad 1 |" in said
    (finding,) = json.loads(found.read_text())
    assert (finding["repository"], finding["commit"], finding["rule"]) == (
        "some/one",
        "abc",
        "missing-zero-grad",
    )
    assert "optimizer.step()" in finding["excerpt"]
    known = {key: finding[key] for key in ("repository", "commit", "place", "rule")}
    gone = {**known, "place": "train.py:1", "verdict": "true", "reason": "x"}
    lines = (
        {**known, "verdict": "true", "reason": "x"},
        gone,
        {**known, "commit": "zzz", "verdict": "false"},
    )
    judged.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = run("field.py", tmp_path / "field", *options)
    assert "1 findings as judged, 1 gone" in said
    assert "gone  some/one train.py:1 missing-zero-grad  (lost)" in said
    assert "0 findings that nobody has judged" in said
    assert "1 judgements are of other commits" in said
    assert "error: 1 of 1 true" in said


@needs_torch
def test_verdicts_are_counted_by_family(tmp_path: Path) -> None:
    (tmp_path / "some+one").mkdir()
    (tmp_path / "some+one" / "train.py").write_text(BUGGY)
    printed = run("verdicts.py", tmp_path)
    assert "| update | 1 | 1 | 0 | 0 |" in printed
    assert "| all | 1 | 1 | 0 | 0 |" in printed


@needs_torch
def test_verdicts_can_be_asked_of_what_readers_called_true_alone(tmp_path: Path) -> None:
    for name in ("some+one", "some+two"):
        (tmp_path / "field" / name).mkdir(parents=True)
        (tmp_path / "field" / name / "train.py").write_text(BUGGY)
    said = [("some/one", "true"), ("some/two", "true"), ("some/two", "false")]
    told = {"commit": "0" * 40, "place": "train.py:9", "rule": "missing-zero-grad"}
    lines = [json.dumps({**told, "repository": name, "verdict": verdict}) for name, verdict in said]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines))
    printed = run("verdicts.py", tmp_path / "field", "--true", tmp_path / "judged.jsonl")
    assert "| all | 1 | 1 | 0 | 0 |" in printed


@needs_torch
def test_verdicts_on_careless_findings_are_counted_against_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    told = run("near_misses.py", "--rule", "missing-zero-grad", "--true", 2, "--false", 1, "--jobs", 1)
    counts = next(line for line in told.splitlines() if line.startswith("| all |")).split("|")[2:-1]
    assert sum(map(int, counts[:3])) == 2 and sum(map(int, counts[3:])) == 1
    assert "3 findings" in told and "0 wrongly" in told


def test_judgements_are_counted_by_the_length_of_the_run(tmp_path: Path) -> None:
    told = {
        "repository": "a/b",
        "commit": "0" * 40,
        "rule": "no-lr-scheduler",
        "level": "advice",
        "reader": "t1",
    }
    lines = [{**told, "place": "a.py:1", "verdict": "true", "epochs": 30}]
    lines += [{**told, "place": "a.py:2", "verdict": word, "epochs": 12} for word in ("true", "debatable")]
    lines += [{**told, "place": "a.py:3", "verdict": "true"}]
    (tmp_path / "judged.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = run("precision.py", tmp_path / "judged.jsonl", "--by-epochs", "no-lr-scheduler")
    assert "| from 10 | 0 | 0 | 1 |" in said and "| from 21 | 1 | 0 | 0 |" in said
    assert said.count("| from") == 2


def test_what_is_planted_is_found_or_the_file_is_listed(tmp_path: Path) -> None:
    read, unread = tmp_path / "some+one" / "train.py", tmp_path / "some+two" / "train.py"
    for file, text in ((read, FIXED), (unread, f"if False:\n{'    '.join(FIXED.splitlines(True))}")):
        file.parent.mkdir()
        file.write_text(text)
    told = run("planted.py", tmp_path, "--rule", "missing-zero-grad")
    assert "missing-zero-grad: 1 of 2" in told
    assert str(unread) in told and str(read) not in told
    assert read.read_text() == FIXED


@needs_torch
def test_rules_without_true_reports_are_listed_with_their_threads() -> None:
    told = run("backing.py", "--least", 1)
    rows = [line for line in told.splitlines() if "https://" in line]
    assert rows and all(line.split("|")[2].strip() == "0" for line in rows)
    assert all(line.count("https://") == int(line.split("|")[3]) for line in rows)
    assert "missing-no-grad" not in told


def test_repeated_verdicts_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    told = run("stability.py", "--rule", "missing-no-grad", "--times", 2, "--load", 1)
    assert "| missing-no-grad | confirmed (symptom) 2 |" in told
    assert "1 of 1 findings" in told


@needs_torch
def test_the_speed_of_a_verification_is_told_by_finding(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "train.py").write_text(BUGGY)
    said = run("verify_speed.py", tmp_path, "--rounds", 1)
    assert "findings: " in said and "1 confirmed" in said
    assert "a finding takes as long as starting torch" in said
