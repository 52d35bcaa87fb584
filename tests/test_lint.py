"""What `lint` reports does not depend on how it was asked, and nothing that goes wrong ends the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.fakes import HERE, book_of, calls, flags, page, report_on, said, write
from trainlint.book import open_book
from trainlint.config import Config
from trainlint.lint import Effort, lint, lint_source
from trainlint.meaning import machine
from trainlint.rule import Finding
from trainlint.settings import Settings

ENGINE = """\
def train(model, loader, optimizer, criterion):
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""
MAIN = """\
import torch
from engine import train
from torch import nn

model = nn.Linear(3, 1)
train(model, torch.utils.data.DataLoader([]), torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
"""
FOUND = [("engine.py", 5, "missing-zero-grad")]
ZERO_GRAD = ("missing-zero-grad",)
WORKERS = Effort(jobs=2, limit=20.0)
NEEDS_FORK = pytest.mark.skipif(sys.platform != "linux", reason="a rule of this test travels by fork only")


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may have left threads, with which workers are started afresh and know no rule of a test."""
    monkeypatch.setattr("trainlint.workers.forks", lambda: sys.platform == "linux")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "trainlint.toml").write_text("")
    return write(tmp_path, main=MAIN, engine=ENGINE, other="x = 1\n")


def only(folder: Path, *names: str, **settings: Any) -> Config:
    return Config(root=folder, select=names, **settings)


# The same however it is asked


def test_a_defect_in_a_called_file_is_found_from_its_caller(project: Path) -> None:
    assert said(report_on(project, open_book(), only(project, *ZERO_GRAD))) == FOUND


def test_a_file_alone_says_what_it_says_in_its_folder(project: Path) -> None:
    config = only(project, *ZERO_GRAD)
    alone = lint([project / "engine.py"], config, open_book(), cwd=project, effort=HERE)
    folder = lint([project], config, open_book(), cwd=project, effort=HERE)
    several = lint(["other.py", "engine.py"], config, open_book(), cwd=project, effort=HERE)
    stdin = lint_source(ENGINE, Path("engine.py"), config, open_book(), cwd=project, effort=HERE)
    assert alone.diagnostics == folder.diagnostics == several.diagnostics == stdin.diagnostics
    assert said(alone) == FOUND


def test_fingerprints_do_not_depend_on_the_working_folder(project: Path) -> None:
    config = only(project, *ZERO_GRAD)
    inside = lint([project], config, open_book(), cwd=project, effort=HERE).diagnostics[0]
    outside = lint([project], config, open_book(), cwd=project.parent, effort=HERE).diagnostics[0]
    assert inside.fingerprint == outside.fingerprint
    assert (inside.where.path, outside.where.path) == ("engine.py", f"{project.name}/engine.py")


def test_what_was_not_asked_for_is_not_reported(project: Path) -> None:
    config = only(project, *ZERO_GRAD)
    report = lint(["main.py"], config, open_book(), cwd=project, effort=HERE)
    assert said(report) == []
    assert report.files == 1


def test_standard_input_counts_instead_of_the_file(project: Path) -> None:
    mended = ENGINE.replace(
        "        loss.backward()", "        optimizer.zero_grad()\n        loss.backward()"
    )
    config = only(project, *ZERO_GRAD)
    report = lint_source(mended, Path("engine.py"), config, open_book(), cwd=project, effort=HERE)
    assert said(report) == []


def test_standard_input_may_stand_for_a_file_that_does_not_exist(tmp_path: Path) -> None:
    report = lint_source(
        "bad()\n",
        Path("new.py"),
        Config(root=tmp_path),
        book_of(flags("no-bad", "bad")),
        cwd=tmp_path,
        effort=HERE,
    )
    assert said(report) == [("new.py", 1, "no-bad")]


def test_two_callers_make_one_finding(project: Path) -> None:
    write(project, second=MAIN)
    assert said(report_on(project, open_book(), only(project, *ZERO_GRAD))) == FOUND


@NEEDS_FORK
@pytest.mark.usefixtures("forking")
def test_processes_say_what_one_process_says(tmp_path: Path) -> None:
    book = book_of(flags("no-bad", "bad"), flags("no-worse", "worse"))
    for number in range(30):
        write(
            tmp_path,
            **{
                f"file{number:02}": f"import file{(number * 7) % 30:02}\nbad()\nworse(bad())\n# {'.' * 9000}\n"
            },
        )
    here = report_on(tmp_path, book, effort=HERE)
    assert len(here.diagnostics) == 90
    assert report_on(tmp_path, book, effort=WORKERS) == here
    assert report_on(tmp_path, book, effort=Effort(jobs=1)) == here


def test_workers_that_share_nothing_say_the_same(tmp_path: Path) -> None:
    filler = "# " + "." * 70_000 + "\n"
    write(tmp_path, one=MAIN.replace("engine", "two") + filler, two=ENGINE + filler, three=filler)
    config, book = only(tmp_path, *ZERO_GRAD), open_book()
    here = report_on(tmp_path, book, config)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)  # with a second thread, forking would not be safe
    thread.start()
    try:
        assert report_on(tmp_path, book, config, WORKERS) == here
    finally:
        stop.set()
        thread.join()
    assert [name for _, _, name in said(here)] == ["missing-zero-grad"]


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    write(tmp_path, one="bad()\n", two="bad()\n")
    seen: list[tuple[int, int]] = []
    effort = Effort(jobs=0, progress=lambda done, total: seen.append((done, total)))
    report_on(tmp_path, book_of(flags("no-bad", "bad")), effort=effort)
    assert seen == [(1, 2), (2, 2)]


def test_nothing_imports_torch(project: Path) -> None:
    code = (
        "import sys; from trainlint.lint import lint; from trainlint.config import Config;"
        "from trainlint.book import open_book; report = lint(['.'], Config(), open_book());"
        "print(len(report.diagnostics) > 0, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_files_without_the_words_are_not_parsed(tmp_path: Path) -> None:
    write(tmp_path, broken="def (:\n", fine="bad()\n")
    book = book_of(flags("no-bad", "bad", words=("bad",)))
    report = report_on(tmp_path, book)
    assert said(report) == [("fine.py", 1, "no-bad")]
    assert report.failures == ()


# Levels, certainty, selection


def test_a_finding_can_say_less_than_its_rule_but_not_more(tmp_path: Path) -> None:
    assert levels_of(tmp_path, "error", "advice") == ["advice"]
    assert levels_of(tmp_path, "warning", "error") == ["warning"]
    assert levels_of(tmp_path, "warning", None) == ["warning"]


def test_a_configured_level_moves_the_rule_and_not_what_it_said_more_mildly(tmp_path: Path) -> None:
    assert levels_of(tmp_path, "error", None, configured="advice") == ["advice"]
    assert levels_of(tmp_path, "advice", None, configured="error") == ["error"]
    assert levels_of(tmp_path, "error", "advice", configured="warning") == ["advice"]
    assert levels_of(tmp_path, "error", None, configured="off") == []


def test_convention_carries_no_error_and_a_guess_nothing(tmp_path: Path) -> None:
    assert levels_of(tmp_path, "error", None, known="conventional") == ["warning"]
    assert levels_of(tmp_path, "error", None, known="guessed") == []


def levels_of(
    folder: Path, level: str, lowered: Any, configured: str | None = None, known: Any = "constructed"
) -> list[str]:
    def check(program: Any, options: Any) -> Any:
        for spot in calls(program, "bad"):
            yield Finding(spot, "bad", level=lowered, known=known)

    write(folder, a="bad()\n")
    config = Config(root=folder, levels={"no-bad": configured} if configured else {})
    return [
        d.level for d in report_on(folder, book_of(page("no-bad", check, level=level)), config).diagnostics
    ]


def test_options_reach_the_rule(tmp_path: Path) -> None:
    from trainlint.rule import Option

    def check(program: Any, options: Any) -> Any:
        for spot in calls(program, "bad"):
            yield Finding(spot, f"more than {options['most']}")

    book = book_of(page("no-bad", check, options={"most": Option(3, "how many")}))
    write(tmp_path, a="bad()\n")
    config = Config(root=tmp_path, options={"no-bad": {"most": 7}})
    assert [d.message for d in report_on(tmp_path, book).diagnostics] == ["more than 3"]
    assert [d.message for d in report_on(tmp_path, book, config).diagnostics] == ["more than 7"]


def test_ignores_for_single_files(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n", tests__b="bad()\n", tests__c="bad()\n")
    config = Config(root=tmp_path, per_file_ignores={"tests/*": ("fake",)})
    assert said(report_on(tmp_path, book_of(flags("no-bad", "bad")), config)) == [("a.py", 1, "no-bad")]


def test_every_folder_follows_its_own_configuration(tmp_path: Path) -> None:
    write(tmp_path, one__a="bad()\nworse()\n", two__a="bad()\nworse()\n", two__skipped__a="bad()\n")
    (tmp_path / "trainlint.toml").write_text("select = ['no-bad']\n")
    (tmp_path / "two" / "trainlint.toml").write_text("select = ['no-worse']\nextend-exclude = ['skipped']\n")
    book = book_of(flags("no-bad", "bad"), flags("no-worse", "worse"))
    report = lint([tmp_path], Settings(), book, cwd=tmp_path, effort=HERE)
    assert said(report) == [("one/a.py", 1, "no-bad"), ("two/a.py", 2, "no-worse")]


# One defect, one finding


def test_a_rule_yields_to_another_on_the_same_line(tmp_path: Path) -> None:
    write(tmp_path, a="x = bad(), worse()\nbad()\n")
    book = book_of(flags("no-bad", "bad", yields_to=("no-worse",)), flags("no-worse", "worse"))
    assert said(report_on(tmp_path, book)) == [("a.py", 1, "no-worse"), ("a.py", 2, "no-bad")]
    assert said(report_on(tmp_path, book, Config(root=tmp_path, ignore=("no-worse",)))) == [
        ("a.py", 1, "no-bad"),
        ("a.py", 2, "no-bad"),
    ]


def test_a_rule_yields_to_one_that_rests_on_its_place(tmp_path: Path) -> None:
    def check(program: Any, options: Any) -> Any:
        for spot in calls(program, "worse"):
            yield Finding(spot, "worse", because=[(place, "here") for place in calls(program, "bad")])

    write(tmp_path, a="bad()\nworse()\n")
    book = book_of(flags("no-bad", "bad", yields_to=("no-worse",)), page("no-worse", check))
    assert said(report_on(tmp_path, book)) == [("a.py", 2, "no-worse")]


def test_rules_that_yield_to_each_other_do_not_both_fall_silent(tmp_path: Path) -> None:
    write(tmp_path, a="bad(worse())\n")
    book = book_of(
        flags("no-bad", "bad", yields_to=("no-worse",)), flags("no-worse", "worse", yields_to=("no-bad",))
    )
    assert said(report_on(tmp_path, book)) == [("a.py", 1, "no-bad")]


# Comments


def test_a_comment_silences_one_rule_on_its_line(tmp_path: Path) -> None:
    write(tmp_path, a="bad(worse())  # trainlint: ignore[no-bad] known\nbad()\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad"), flags("no-worse", "worse")))
    assert said(report) == [("a.py", 1, "no-worse"), ("a.py", 2, "no-bad")]
    assert report.suppressed == 1


def test_a_comment_silences_a_statement_from_its_first_or_last_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="x = [\n    1,\n    bad(\n    ),\n]  # trainlint: ignore[no-bad]\n",
        b="x = [  # trainlint: ignore[no-bad]\n    1,\n    bad(),\n]\n",
        c="x = [\n    1,  # trainlint: ignore[no-bad]\n    bad(),\n]\n",
        d="# trainlint: ignore-next-line[no-bad]\nx = [\n    bad()\n]\n",
    )
    assert said(report_on(tmp_path, book_of(flags("no-bad", "bad")))) == [
        ("c.py", 2, "unused-suppression"),
        ("c.py", 3, "no-bad"),
    ]


def test_an_earlier_name_still_silences(tmp_path: Path) -> None:
    write(tmp_path, a="bad()  # trainlint: ignore[never-bad]\n")
    book = book_of(flags("no-bad", "bad", renamed_from=("never-bad",)))
    assert said(report_on(tmp_path, book)) == []


def test_a_skipped_file_is_silent_even_if_it_does_not_parse(tmp_path: Path) -> None:
    write(tmp_path, a="# trainlint: skip-file\nbad()\n", b="# trainlint: skip-file\nbad(\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert (report.diagnostics, report.failures, report.suppressed) == ((), (), 1)


def test_an_unused_comment_is_named_with_a_fix(tmp_path: Path) -> None:
    write(tmp_path, a="good()  # trainlint: ignore[no-bad]\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert said(report) == [("a.py", 1, "unused-suppression")]
    [found] = report.diagnostics
    assert found.level == "advice"
    assert "`no-bad`" in found.message
    assert found.fix is not None and found.fix.applicability == "safe"


def test_a_comment_for_rules_that_were_not_asked_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a="good()  # trainlint: ignore[no-bad]\ngood()  # trainlint: ignore\n")
    book = book_of(flags("no-bad", "bad"), flags("no-worse", "worse"))
    config = Config(root=tmp_path, select=("no-worse", "unused-suppression"))
    assert said(report_on(tmp_path, book, config)) == []
    ignored = Config(root=tmp_path, ignore=("unused-suppression",))
    assert said(report_on(tmp_path, book, ignored)) == []


def test_a_comment_on_a_finding_that_gave_way_is_not_unused(tmp_path: Path) -> None:
    write(tmp_path, a="bad(worse())  # trainlint: ignore[no-bad]\n")
    book = book_of(flags("no-bad", "bad", yields_to=("no-worse",)), flags("no-worse", "worse"))
    assert said(report_on(tmp_path, book)) == [("a.py", 1, "no-worse")]


def test_a_comment_that_silences_nothing_because_of_its_spelling_is_named(tmp_path: Path) -> None:
    write(tmp_path, a="bad()  # trainlint: ignroe[no-bad]\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert said(report) == [("a.py", 1, "no-bad"), ("a.py", 1, "unused-suppression")]


def test_an_unused_comment_can_be_kept(tmp_path: Path) -> None:
    write(tmp_path, a="good()  # trainlint: ignore[no-bad, unused-suppression]\n")
    assert said(report_on(tmp_path, book_of(flags("no-bad", "bad")))) == []


# Walls


def test_a_rule_that_raises_costs_one_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    def check(program: Any, options: Any) -> Any:
        for _ in calls(program, "bad"):
            raise RecursionError("too deep\nto say")
        yield from ()

    write(tmp_path, a="bad()  # trainlint: ignore[no-worse]\n", b="worse()\n")
    book = book_of(page("no-bad", check), flags("no-worse", "worse"))
    report = report_on(tmp_path, book)
    assert said(report) == [("b.py", 1, "no-worse")]
    [failure] = report.failures
    assert (failure.path, failure.kind) == ("a.py", "internal-error")
    assert "no-bad" in failure.message and "RecursionError: too deep" in failure.message
    assert "\n" not in failure.message


OVER_LONG = """import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(640, 4)

    def __len__(self):
        return 640

    def __getitem__(self, place):
        return self.rows[place], self.rows[place].sum()


net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in DataLoader(Rows(), batch_size=1, shuffle=True):
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()
"""


def test_a_question_about_a_program_that_is_too_long_to_follow_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("STEPS_PER_ROOT", "STEPS_OF_TRAINING", "STEPS_TO_TRAINING"):
        monkeypatch.setattr(machine, limit, 200)
    write(tmp_path, train=OVER_LONG + "print(net)\n" * 300)
    report = report_on(tmp_path, open_book())
    assert report.failures == ()


def test_a_rule_that_returns_nonsense_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n")
    report = report_on(tmp_path, book_of(page("no-bad", lambda program, options: [42])))
    assert [failure.kind for failure in report.failures] == ["internal-error"]


@pytest.mark.parametrize("asked", [".", "learner.py"])
def test_what_trains_and_nobody_comes_by_is_looked_at_alone(tmp_path: Path, asked: str) -> None:
    """A method that another file names, on an object that nobody can know, and one that it is seen to call."""
    learner = """
        from torch.optim import SGD
        class {name}:
            def __init__(self, net):
                self.steps = SGD(net.parameters(), lr=0.1)
            def fit(self, loss):
                self.once(loss)
            def once(self, loss):
                loss.backward()
                self.steps.step()
            def show(self):
                self.steps.zero_grad()
    """
    user = """
        from learner import Hidden
        from other import Seen
        def start(kind, net, loss):
            hidden = look_up({"hidden": Hidden}, kind)
            hidden.fit(loss), hidden.show()
            Seen(net).fit(loss)
        start("hidden", 1, 2)
        Hidden(1)
    """
    texts = {name: dedent(learner.format(name=name)) for name in ("Hidden", "Seen")}
    write(tmp_path, learner=texts["Hidden"], other=texts["Seen"], user=dedent(user))
    steps = page(
        "steps", lambda program, options: [Finding(e.node, "a step") for e in program.events("step")]
    )
    clears = page(
        "clears", lambda program, options: [Finding(e.node, "x") for e in program.events("zero_grad")]
    )
    found = lint([tmp_path / asked], Config(root=tmp_path), book_of(steps, clears), cwd=tmp_path, effort=HERE)
    assert ("learner.py", 10, "steps") in said(found)
    assert [s for s in said(found) if s[0] == "other.py"] == [("other.py", 10, "steps")][: asked == "."]
    assert all(name == "steps" for _, _, name in said(found))


def test_meaning_that_raises_is_a_failure_of_that_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainlint.meaning import program

    read = program.read

    def fail_on_a(project: Any, entry: Path, unseen: frozenset[str]) -> Any:
        if entry.name == "a.py":
            raise KeyError("what")
        return read(project, entry, unseen)

    monkeypatch.setattr(program, "read", fail_on_a)
    write(tmp_path, a="bad()\n", b="bad()\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert said(report) == [("b.py", 1, "no-bad")]
    assert [(f.path, f.message.split(" (")[0]) for f in report.failures] == [
        ("a.py", "meaning failed: KeyError: 'what'")
    ]


def many(folder: Path) -> Path:
    """So much to read that processes do it."""
    filler = {f"file{number}": f"bad()\n# {'.' * 20_000}\n" for number in range(9)}
    return write(folder, **filler)


def in_file(name: str, act: Any) -> Any:
    def check(program: Any, options: Any) -> Any:
        if program.reading.entry.file.name == name:
            act()
        for spot in calls(program, "bad"):
            yield Finding(spot, "bad")

    return book_of(page("no-bad", check))


@pytest.mark.parametrize("act", [lambda: signal.raise_signal(signal.SIGKILL), lambda: os._exit(7)])
@NEEDS_FORK
@pytest.mark.usefixtures("forking")
def test_a_worker_that_dies_costs_one_entry(tmp_path: Path, act: Any) -> None:
    report = report_on(many(tmp_path), in_file("file4.py", act), effort=WORKERS)
    assert [path for path, _, _ in said(report)] == [f"file{n}.py" for n in range(9) if n != 4]
    [failure] = report.failures
    assert (failure.path, failure.kind) == ("file4.py", "internal-error")
    assert "worker process" in failure.message


@pytest.mark.skipif(sys.platform != "linux", reason="the rule that hangs cannot be sent to another process")
@pytest.mark.parametrize("jobs", [2, 0])
@pytest.mark.usefixtures("forking")
def test_an_entry_that_takes_too_long_is_given_up(tmp_path: Path, jobs: int) -> None:
    released = threading.Event()
    book = in_file("file4.py", lambda: released.wait(60))
    started = time.monotonic()
    report = report_on(many(tmp_path), book, effort=Effort(jobs=jobs, limit=6))
    released.set()
    assert time.monotonic() - started < 45
    assert len(report.diagnostics) == 8
    assert [(f.path, f.message) for f in report.failures] == [("file4.py", "gave up after 6 seconds")]


def test_a_rule_that_wants_to_exit_does_not(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n", b="bad()\n")
    report = report_on(tmp_path, in_file("a.py", lambda: sys.exit(0)))
    assert said(report) == [("b.py", 1, "no-bad")]
    assert [f.path for f in report.failures] == ["a.py"]


def test_a_file_that_does_not_parse_is_named_whatever_is_selected(tmp_path: Path) -> None:
    write(tmp_path, broken="import torch\nbad(\n", fine="import broken\nworse()\n")
    book = book_of(flags("no-bad", "bad", words=("bad",)), flags("no-worse", "worse", words=("worse",)))
    for select in (None, ("no-worse",), ("no-bad",)):
        report = report_on(tmp_path, book, Config(root=tmp_path, select=select))
        assert [(f.path, f.kind) for f in report.failures] == [("broken.py", "syntax")]
    imported_only = lint(["fine.py"], Config(root=tmp_path), book, cwd=tmp_path, effort=HERE)
    assert imported_only.failures == ()
    assert said(imported_only) == [("fine.py", 2, "no-worse")]


def test_a_named_file_that_does_not_parse_is_a_failure_even_without_the_words(tmp_path: Path) -> None:
    write(tmp_path, broken="def (:\n")
    book = book_of(flags("no-bad", "bad", words=("bad",)))
    report = lint(["broken.py"], Config(root=tmp_path), book, cwd=tmp_path, effort=HERE)
    assert [(f.path, f.kind, f.line) for f in report.failures] == [("broken.py", "syntax", 1)]


def test_what_cannot_be_found_or_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, fine="bad()\n")
    (tmp_path / "binary.py").write_bytes(b"bad()\n\xff\xfe\n")
    book = book_of(flags("no-bad", "bad", words=("bad",)))
    report = lint(["missing.py", "."], Config(root=tmp_path), book, cwd=tmp_path, effort=HERE)
    assert said(report) == [("fine.py", 1, "no-bad")]
    assert [(f.path, f.kind) for f in report.failures] == [
        ("binary.py", "unreadable"),
        ("missing.py", "usage"),
    ]


def test_deep_nesting_is_no_failure(tmp_path: Path) -> None:
    text = "bad()\nx = " + " + ".join(["1"] * 800) + "\ny = " + "(" * 90 + "1" + ")" * 90 + "\n"
    write(tmp_path, a=text, b="".join("  " * n + "if x:\n" for n in range(60)) + "  " * 60 + "bad()\n")
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert report.failures == ()
    assert len(report.diagnostics) == 2


def test_two_names_that_a_loop_makes_of_each_other_are_no_failure(tmp_path: Path) -> None:
    text = """
import torch

last = None
kept = None
for epoch in range(9):
    for batch in range(3):
        if epoch > 2:
            kept = last
        else:
            last = kept
        if kept is not None:
            print(kept[0], last[1])
        for one in kept:
            print(one)
        kept = last
    last = kept
torch.zeros(3, requires_grad=True).sum().backward()
"""
    write(tmp_path, circle=text)
    report = lint(["."], only(tmp_path, "ALL"), open_book(), cwd=tmp_path, effort=HERE)
    assert report.failures == ()


# Notebooks, fingerprints


def notebook(*cells: str) -> str:
    listed = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell.splitlines(True)}
        for cell in cells
    ]
    return json.dumps({"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def test_notebooks_are_located_by_cell(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(
        notebook("%matplotlib inline\nx = 1\n", "y = 2\nbad()  # trainlint: ignore\nbad()\n")
    )
    [found] = report_on(tmp_path, book_of(flags("no-bad", "bad"))).diagnostics
    assert (found.where.cell, found.where.line, found.where.column) == (2, 3, 1)


def test_a_cell_that_does_not_parse_is_named_and_the_others_are_linted(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook("bad()\n", "def (:\n", "bad()\n"))
    report = report_on(tmp_path, book_of(flags("no-bad", "bad")))
    assert [d.where.cell for d in report.diagnostics] == [1, 3]
    assert [(f.path, f.kind) for f in report.failures] == [("a.ipynb", "syntax")]


def test_a_fingerprint_survives_inserted_lines_and_tells_equals_apart(tmp_path: Path) -> None:
    book = book_of(flags("no-bad", "bad"))
    text = "def f():\n    bad()\n    bad()\n\ndef g():\n    bad()\n"
    before = report_on(write(tmp_path, a=text), book).diagnostics
    moved = "import os\n\n" + text.replace(
        "    bad()\n    bad()", "    x = 1\n    bad( )\n\n    # so\n    bad()"
    )
    after = report_on(write(tmp_path, a=moved.replace("bad( )", "bad()")), book).diagnostics
    marks = [d.fingerprint for d in before]
    assert len(set(marks)) == 3
    assert [d.fingerprint for d in after] == marks


def test_a_failure_does_not_depend_on_order(tmp_path: Path) -> None:
    write(tmp_path, a="bad(\n", b="bad()\n", c="bad(\n")
    book = book_of(flags("no-bad", "bad"))
    names = ["c.py", "b.py", "a.py"]
    one = lint(names, Config(root=tmp_path), book, cwd=tmp_path, effort=HERE)
    other = lint(sorted(names), Config(root=tmp_path), book, cwd=tmp_path, effort=HERE)
    assert replace(one, rules=()) == replace(other, rules=())
    assert [f.path for f in one.failures] == ["a.py", "c.py"]


LESSON = """\
import torch
from torch import nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4)]

    def forward(self, x):
        return self.layers[0](x)


plain = Plain()
print(list(plain.parameters()))
"""
TRAINED = LESSON + "optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)\n"


@pytest.mark.parametrize("code, found", [(LESSON, []), (TRAINED, ["unregistered-submodule"])])
def test_a_notebook_may_show_what_is_not_registered(tmp_path: Path, code: str, found: list[str]) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": code,
    }
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "lesson.ipynb").write_text(json.dumps(content))
    report = report_on(tmp_path, open_book(), only(tmp_path, "unregistered-submodule"))
    assert [name for _, _, name in said(report)] == found


@pytest.mark.parametrize("asked", [".", "engine/loops.py", "scripts"])
def test_code_without_its_repository_is_one_project_all_the_same(tmp_path: Path, asked: str) -> None:
    (tmp_path / "trainlint.toml").unlink(missing_ok=True)
    for folder in ("engine", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "setup.py").write_text("")
    (tmp_path / "engine/loops.py").write_text(ENGINE)
    (tmp_path / "scripts/main.py").write_text(MAIN.replace("from engine", "from engine.loops"))
    report = lint([asked], only(tmp_path, *ZERO_GRAD), open_book(), cwd=tmp_path, effort=HERE)
    found = [("engine/loops.py", 5, "missing-zero-grad")]
    assert said(report) == (found if asked != "scripts" else [])


LEARNER = """\
import torch
from torch import nn


class Learner:
    def __init__(self):
        self.model = nn.Linear(4, 2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.history = []

    def learn(self, batch, scale):
        x, y = batch
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.note(1, loss)

    def note(self, weight, value):
        self.history.append(value)


learner = Learner()
data = [(torch.randn(8, 4), torch.randint(2, (8,))) for _ in range(40)]
for epoch in range(30):
    for batch in data:
        learner.learn(batch, 3)
"""


def test_what_a_called_function_made_and_kept_is_named_as_it_says_it(tmp_path: Path) -> None:
    write(tmp_path, main=LEARNER)
    report = report_on(tmp_path, open_book(), only(tmp_path, "loss-retains-graph"))
    (found,) = report.diagnostics
    assert found.message.startswith("`learner.learn(batch, 3)` keeps `value` with its graph")
    assert found.fix is None


def test_what_a_called_function_keeps_is_cut_in_the_argument_that_brought_it(tmp_path: Path) -> None:
    text = LEARNER.replace("        self.note(1, loss)\n", "        return loss\n")
    text = text.replace("learner.learn(batch, 3)", "learner.note(1, learner.learn(batch, 3))")
    write(tmp_path, main=text)
    report = report_on(tmp_path, open_book(), only(tmp_path, "loss-retains-graph"))
    (found,) = report.diagnostics
    assert "keeps `learner.learn(batch, 3)` with its graph" in found.message
    assert found.fix is not None and [edit.text for edit in found.fix.edits] == [".item()"]
