"""`trainlint verify` as a person uses it: one place, what is shown, what fails, what an interrupt leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.programs import NAMES, needs_torch
from trainlint.book import open_book
from trainlint.cli import main
from trainlint.config import Config
from trainlint.diagnostic import Verdict
from trainlint.lint import lint
from trainlint.source import read_source
from trainlint.verify import Trial, verify

ROOT = Path(__file__).parent.parent
BOOK = open_book()

# the flagged statement of loss-retains-graph over three lines, 14 to 16
TRAINING = programs.TRAINING.replace("total += loss", "total += (\n                loss\n            )")


@pytest.fixture(autouse=True)
def folder(folder: Path) -> Path:
    """The working directory, with a program in it."""
    (folder / "train.py").write_text(TRAINING, encoding="utf-8")
    return folder


STATES = {
    "missing-zero-grad": "confirmed",
    "loss-retains-graph": "refuted",
    "no-lr-scheduler": "inconclusive",
}
REASONS = {"confirmed": "symptom", "refuted": "no-symptom", "inconclusive": "blind"}


def verdict_of(state: Any) -> Verdict:
    return Verdict(state, REASONS[state], f"it is {state}")


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What each rule's findings come to without any experiment; a test may change it. `stop`: an interrupt before it."""
    states = dict(STATES)

    def fake(diagnostics, source_of, book, **asked):
        for said in diagnostics:
            state = states[said.name]
            if state == "stop":
                raise KeyboardInterrupt
            yield replace(said, verdict=verdict_of(state))

    monkeypatch.setattr("trainlint.verify.verify", fake)
    return states


def names(out: str) -> list[str]:
    return [finding["name"] for finding in json.loads(out)["findings"]]


# One place


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("train.py:13", ["missing-zero-grad"]),  # its own line
        ("train.py:13:13", ["missing-zero-grad"]),  # as the text output writes it
        ("train.py:13:13:", ["missing-zero-grad"]),
        ("train.py:15", ["loss-retains-graph"]),  # within the flagged statement
        ("./train.py:7", ["no-lr-scheduler"]),
    ],
)
def test_a_place_means_the_findings_there(place: str, found: list[str], run, verdicts) -> None:
    assert names(run("verify", "--output-format", "json", place)[1]) == found


def test_places_and_folders_go_together(folder: Path, run, verdicts) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "other.py").write_text(TRAINING)
    out = run("verify", "--output-format", "json", "more", "train.py:13", "train.py:7")[1]
    found = [(f["path"], f["name"]) for f in json.loads(out)["findings"]]
    assert found == [
        *(("more/other.py", name) for name in NAMES),
        ("train.py", "no-lr-scheduler"),
        ("train.py", "missing-zero-grad"),
    ]


def test_a_place_in_a_notebook_counts_the_lines_of_its_cell(folder: Path, run, verdicts) -> None:
    imports, rest = TRAINING.split("\n\n\n")
    cells = [("markdown", "# hello"), ("code", imports), ("code", rest)]
    content = {
        "cells": [{"cell_type": kind, "source": text, "metadata": {}} for kind, text in cells],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "nb.ipynb").write_text(json.dumps(content))
    assert names(run("verify", "--output-format", "json", "nb.ipynb:cell 3:9")[1]) == ["missing-zero-grad"]
    assert names(run("verify", "--output-format", "json", "nb.ipynb:cell 3:11:13")[1]) == [
        "loss-retains-graph"
    ]
    assert run("verify", "nb.ipynb:cell 2:1") == (
        2,
        "",
        "trainlint: nb.ipynb:cell 2:1: nothing is found in this cell\n",
    )


def test_a_place_without_a_finding_names_the_nearest(run, verdicts) -> None:
    assert run("verify", "train.py:11") == (
        2,
        "",
        "trainlint: train.py:11: nothing is found there; the nearest is missing-zero-grad in line 13\n",
    )


def test_a_place_in_a_file_that_is_not_there_says_so(run, verdicts) -> None:
    assert run("verify", "no.py:3") == (2, "", "trainlint: no.py:3: there is no file no.py\n")


def test_a_file_whose_name_looks_like_a_place_is_a_file(folder: Path, run, verdicts) -> None:
    (folder / "odd.py:3").mkdir()
    (folder / "odd.py:3" / "train.py").write_text(TRAINING)
    assert names(run("verify", "--output-format", "json", "odd.py:3")[1]) == NAMES


# What is shown


def test_only_what_is_confirmed_is_shown_and_the_rest_counted(run, verdicts) -> None:
    code, out, _ = run("verify", "--only-confirmed")
    assert code == 1
    assert "missing-zero-grad" in out
    assert "loss-retains-graph" not in out and "no-lr-scheduler" not in out
    assert "Not shown: 2 not confirmed." in out
    report = json.loads(run("verify", "--only-confirmed", "--output-format", "json")[1])
    assert [f["name"] for f in report["findings"]] == ["missing-zero-grad"]
    assert report["summary"]["unconfirmed"] == 2


def test_findings_are_told_as_they_come(run, verdicts, capsys, monkeypatch) -> None:
    """Whoever watches sees the first verdict before the second experiment is over."""
    told: list[str] = []

    def fake(diagnostics, source_of, book, **asked):
        for said in diagnostics:
            told.append(capsys.readouterr().out)
            yield replace(said, verdict=Verdict("confirmed", "symptom", "it shows"))

    monkeypatch.setattr("trainlint.verify.verify", fake)
    for form in ("text", "json-lines"):
        told.clear()
        main(["verify", "--output-format", form])
        assert told[0] == "" and "no-lr-scheduler" in told[1] and "missing-zero-grad" in told[2]
        capsys.readouterr()


@pytest.mark.parametrize("form", ["text", "json", "json-lines"])
def test_streamed_reports_are_those_of_a_file(form: str, folder: Path, run, verdicts) -> None:
    _, out, _ = run("verify", "--output-format", form)
    run("verify", "--output-format", form, "-o", "report")
    assert out == (folder / "report").read_text()
    if form == "json-lines":
        kinds = [json.loads(line)["type"] for line in out.splitlines()]
        assert kinds == ["finding", "finding", "finding", "summary"]


# What fails


@pytest.mark.parametrize(
    ("fail_on", "states", "code"),
    [
        (None, {}, 1),
        (None, {"missing-zero-grad": "refuted"}, 0),  # what is left is advice
        (None, {"missing-zero-grad": "inconclusive"}, 1),
        ("unrefuted", {"missing-zero-grad": "inconclusive"}, 1),
        ("unrefuted", {"missing-zero-grad": "refuted"}, 0),
        ("confirmed", {}, 1),
        ("confirmed", {"missing-zero-grad": "inconclusive"}, 0),
        ("confirmed", {"missing-zero-grad": "inconclusive", "no-lr-scheduler": "confirmed"}, 0),
        ("advice", {"missing-zero-grad": "refuted"}, 1),
        ("error", {"missing-zero-grad": "refuted", "loss-retains-graph": "confirmed"}, 0),
    ],
)
def test_what_fails_is_what_was_not_refuted_or_as_asked(fail_on, states, code, run, verdicts) -> None:
    verdicts.update(states)
    asked = [] if fail_on is None else ["--fail-on", fail_on]
    assert run("verify", *asked)[0] == code
    assert run("verify", *asked, "--only-confirmed")[0] == code  # what is shown changes nothing


def test_check_knows_levels_only(run) -> None:
    code, _, err = run("check", "--fail-on", "confirmed")
    assert code == 2 and "argument --fail-on: invalid choice" in err


# An interrupt


@pytest.mark.parametrize("form", ["text", "json", "json-lines"])
def test_an_interrupt_leaves_a_report_of_what_was_done(form: str, run, verdicts) -> None:
    verdicts["loss-retains-graph"] = "stop"
    code, out, err = run("verify", "--output-format", form)
    assert code == 130
    assert "it is confirmed" in out and "loss-retains-graph" not in out
    assert err.splitlines()[-1] == "trainlint: interrupted: 1 of 3 findings were not run"


# A budget


LOADER = "\nloader = [(torch.randn(4, 8), torch.randint(0, 3, (4,))) for _ in range(9)]\n"
FAST = TRAINING + LOADER + "train(nn.Linear(8, 3), loader)\n"
ENDLESS = FAST.replace(
    "        print(total)\n", "        print(total)\n    while True:\n        epochs += 1\n"
)


@needs_torch
def test_what_the_budget_does_not_reach_is_undecided_and_says_so(folder: Path, run) -> None:
    (folder / "train.py").write_text(ENDLESS)
    began = time.monotonic()
    code, out, _ = run("verify", "--budget", "12", "--timeout", "100", "--output-format", "json", "-j", "1")
    assert time.monotonic() - began < 60
    assert code == 1
    verdicts = [finding["verdict"] for finding in json.loads(out)["findings"]]
    assert {(verdict["state"], verdict["reason"]) for verdict in verdicts} == {
        ("inconclusive", "out-of-budget")
    }


@pytest.mark.parametrize("budget", [None, 100.0])
def test_errors_come_first_where_time_is_short(budget: float | None, folder: Path, monkeypatch) -> None:
    ran: list[str] = []

    def fake(diagnostic, *rest):
        ran.append(diagnostic.name)
        return Trial(verdict_of("confirmed"))

    monkeypatch.setattr("trainlint.verify.investigate", fake)
    report = lint([folder], Config(root=folder), BOOK, cwd=folder)
    told = verify(
        report.diagnostics,
        lambda path: read_source(folder / path, path),
        BOOK,
        unsafe=True,
        jobs=1,
        budget=budget,
    )
    assert [said.name for said in told] == NAMES
    assert ran == (NAMES if budget is None else [NAMES[1], NAMES[2], NAMES[0]])


# The end of a process


def left_behind(scratch: Path) -> list[str]:
    """Folders in the place for temporary ones, and processes that were told of it."""
    found = [str(path) for path in scratch.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"HOME={scratch}".encode() in environment:
            found.append((process / "cmdline").read_bytes().decode())
    return found


@pytest.fixture
def endless(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A verification that has told one verdict and will not end by itself, and its place for temporary files."""
    scratch = folder.parent / "scratch"
    scratch.mkdir()
    (folder / "a.py").write_text(FAST)
    (folder / "b.py").write_text(ENDLESS)
    command = [
        sys.executable,
        "-m",
        "trainlint",
        "verify",
        "--timeout",
        "300",
        "--output-format",
        "json-lines",
    ]
    command += ["--rule", "missing-zero-grad", "-j", "1", "a.py", "b.py"]
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    # What a shell runs in its background ignores Ctrl-C, and so would all that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder
    ) as process:
        signal.signal(signal.SIGINT, before)
        yield process, scratch
        process.kill()


@needs_torch
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_from_outside_leaves_nothing_behind(end: signal.Signals, endless) -> None:
    process, scratch = endless
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["path"] == "a.py" and first["verdict"]["state"] == "confirmed"
    assert left_behind(scratch)  # it is still at work
    process.send_signal(end)
    rest, errors = process.communicate(timeout=60)
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert json.loads(rest)["type"] == "summary"
        assert errors.splitlines()[-1] == "trainlint: interrupted: 1 of 2 findings were not run"
    deadline = time.monotonic() + 20
    while left_behind(scratch) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(scratch) == []
