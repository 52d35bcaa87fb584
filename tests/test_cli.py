"""The command line as a person or a script meets it: options, exit codes, one line for what is wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.programs import NAMES, TRAINING
from trainlint import cli
from trainlint.arguments import COMMANDS, parse_arguments
from trainlint.cli import main
from trainlint.diagnostic import Verdict
from trainlint.report import FORMATS
from trainlint.terminal import draw_progress, wants_color
from trainlint.verify.case import make_cases
from trainlint.verify.experiment import Plan, Trial

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.usefixtures("folder")

RULE_OF_MINE = '''"""A rule of mine."""

from trainlint import Rule


def check(program, options):
    yield from ()


rule = Rule(check, None, level="error", since="0.1", words=("torch",))
'''


@pytest.fixture
def training(folder: Path) -> Path:
    file = folder / "train.py"
    file.write_text(TRAINING, encoding="utf-8")
    return file


@pytest.fixture
def found(run):
    """Run with JSON output: exit code and the names of the findings in order."""

    def call(*argv: str) -> tuple[int, list[str]]:
        code, out, _ = run("--output-format", "json", *argv)
        return code, [finding["name"] for finding in json.loads(out)["findings"]]

    return call


def as_program(*argv: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-m", "trainlint", *argv], input=stdin, capture_output=True, env=known, check=False
    )


# What is linted


def test_check_is_what_happens_without_a_command(training: Path, run) -> None:
    code, out, _ = run()
    assert code == 1
    assert "train.py:13:13: error[missing-zero-grad] " in out
    assert run("check") == run(".") == run("check", ".") == run("train.py", ".") == (code, out, "")


def test_a_clean_folder_is_clean(folder: Path, run) -> None:
    (folder / "a.py").write_text("x = 1\n")
    assert run()[0] == 0


def test_a_path_that_is_called_like_a_command(folder: Path, training: Path, found) -> None:
    (folder / "rules").mkdir()
    training.rename(folder / "rules" / "train.py")
    assert found("rules") == (1, NAMES)


def test_options_may_stand_between_paths(training: Path, folder: Path, found) -> None:
    (folder / "other.py").write_text(TRAINING)
    assert found("train.py", "--select", "update", "other.py") == (1, ["missing-zero-grad"] * 2)


def test_paths_behind_two_dashes_may_look_like_options(training: Path, found) -> None:
    training.rename("--train.py")
    assert found("--", "--train.py") == (1, NAMES)


def test_standard_input(run) -> None:
    answer = as_program("-", stdin=TRAINING.encode())
    assert answer.returncode == 1
    assert answer.stdout.startswith(b"-:7:17: advice[no-lr-scheduler]")
    named = as_program("--stdin-filename", "sub/train.py", "--output-format", "json", stdin=TRAINING.encode())
    findings = json.loads(named.stdout)["findings"]
    assert [(finding["name"], finding["path"]) for finding in findings] == [
        (name, "sub/train.py") for name in NAMES
    ]
    assert "cannot be linted together with files" in run("-", "train.py")[2]
    assert "give - as the path" in run("train.py", "--stdin-filename", "a.py")[2]


def test_standard_input_shows_the_lines_that_were_piped_in(training: Path) -> None:
    training.write_text("something = 'else'\n" * 20)
    answer = as_program("-", "--stdin-filename", "train.py", stdin=TRAINING.encode())
    assert b"13 |             optimizer.step()" in answer.stdout


def test_standard_input_is_fixed_to_standard_output(training: Path) -> None:
    fixed = as_program("--fix", "-", "--stdin-filename", "train.py", stdin=TRAINING.encode())
    assert fixed.stdout.decode() == TRAINING.replace("total += loss", "total += loss.item()")
    assert b"missing-zero-grad" in fixed.stderr
    assert b"14 |             total += loss\n" not in fixed.stderr
    assert training.read_text() == TRAINING
    clean = "# caf\xe9\r\nx = 1\r\n".encode("latin-1")
    assert (
        as_program("--fix", "-", stdin=b"# coding: latin-1\r\n" + clean).stdout
        == b"# coding: latin-1\r\n" + clean
    )


def test_show_files(folder: Path, training: Path, run) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "old.py").write_text("")
    (folder / "sub" / "notes.txt").write_text("")
    assert run("--show-files") == (0, "sub/old.py\ntrain.py\n", "")
    assert run("--show-files", "--extend-exclude", "sub") == (0, "train.py\n", "")
    assert run("--show-files", "missing.py")[::2] == (2, "missing.py: no such file or folder\n")


def test_exclude_patterns_start_in_the_working_directory(
    folder: Path, training: Path, run, monkeypatch
) -> None:
    for name in ("a/old/x.py", "b/a/old/x.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    (folder / "trainlint.toml").write_text("")
    (folder / "b" / "trainlint.toml").write_text("")
    assert run("--show-files", "--extend-exclude", "a/old/")[1] == "b/a/old/x.py\ntrain.py\n"
    assert run("--show-files", "--extend-exclude", "b/a/old", "b", "a")[1] == "a/old/x.py\n"
    monkeypatch.chdir(folder / "b")
    assert run("--show-files", "--exclude", "./a/old", "..")[1].split() == [
        (folder / "a/old/x.py").as_posix(),
        (folder / "train.py").as_posix(),
    ]


# Which rules


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--select", "error"], ["missing-zero-grad", "loss-retains-graph"]),
        (["--select", "update,rate"], ["no-lr-scheduler", "missing-zero-grad"]),
        (["--select", "update", "--select", "rate"], ["no-lr-scheduler", "missing-zero-grad"]),
        (
            ["--select", "update", "--extend-select=loss-retains-graph"],
            ["missing-zero-grad", "loss-retains-graph"],
        ),
        (["--ignore", "advice"], ["missing-zero-grad", "loss-retains-graph"]),
        (["--select", "ALL", "--ignore", "update, rate"], ["loss-retains-graph"]),
    ],
)
def test_rules_are_selected_as_asked(training: Path, found, options: list[str], expected: list[str]) -> None:
    assert found(*options)[1] == expected


def test_the_nearest_configuration_counts_for_each_file(folder: Path, found) -> None:
    for name, config in (
        ("a", "select = ['rate']\nfail-on = 'advice'"),
        ("b", "select = ['objective']\nfail-on = 'error'"),
    ):
        (folder / name).mkdir()
        (folder / name / "trainlint.toml").write_text(config)
        (folder / name / "train.py").write_text(TRAINING)
    assert found() == (1, ["no-lr-scheduler", "loss-retains-graph"])
    assert found("b")[0] == 0
    assert found("a/train.py")[0] == 1
    assert found("--isolated")[1] == NAMES * 2


def test_the_configuration_counts_and_the_command_line_more(folder: Path, training: Path, found) -> None:
    (folder / "pyproject.toml").write_text(
        "[tool.trainlint]\nignore = ['missing-zero-grad']\n[tool.trainlint.levels]\nno-lr-scheduler = 'error'\n"
    )
    assert found() == (1, ["no-lr-scheduler", "loss-retains-graph"])
    assert found("--select", "missing-zero-grad")[1] == ["missing-zero-grad"]
    assert found("--config", "levels.no-lr-scheduler = 'off'", "--config", "ignore = []")[1] == NAMES[1:]
    assert found("--config", "options.no-lr-scheduler.min-epochs = 21")[1] == ["loss-retains-graph"]


def test_rules_of_a_user(folder: Path, training: Path, run, found) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "of_mine.py").write_text(RULE_OF_MINE)
    assert "A rule of mine." in run("rules", "--rules", "mine")[1]
    assert found("--rules", "mine", "--select", "of-mine", "train.py") == (0, [])
    (folder / "trainlint.toml").write_text("rules = ['mine']\nselect = ['of-mine']")
    assert run("train.py")[::2] == (
        2,
        (
            "trainlint: trainlint.toml: key `rules` names code to run; allow it with --trust-rules, "
            "or pass the folders with --rules\n"
        ),
    )
    assert found("--trust-rules", "train.py") == (0, [])
    assert found("--config", "trainlint.toml", "train.py") == (0, [])


def test_show_settings(folder: Path, run) -> None:
    (folder / "trainlint.toml").write_text("fail-on = 'error'\n[options.no-lr-scheduler]\nmin-epochs = 3\n")
    code, out, _ = run("--show-settings", "--select", "rate")
    assert code == 0
    assert f"# from {folder / 'trainlint.toml'}" in out
    assert 'fail-on = "error"' in out
    assert "#   no-lr-scheduler\n" in out
    assert "missing-zero-grad" not in out
    (folder / "copy.toml").write_text(out)
    assert run("--show-settings", "--config", "copy.toml")[1].partition("\n")[2] == out.partition("\n")[2]


# What is shown, and the exit code


@pytest.mark.parametrize("output_format", FORMATS)
def test_every_format_has_the_same_exit_code_and_can_go_to_a_file(
    training: Path, run, output_format: str
) -> None:
    code, out, _ = run("--output-format", output_format)
    assert code == 1
    assert "missing-zero-grad" in out
    assert run("--output-format", output_format, "--output-file", "report", "train.py") == (1, "", "")
    if output_format != "junit":  # that one tells the time
        assert Path("report").read_text("utf-8") == out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--fail-on", "advice", "--select", "advice"], 1),
        (["--select", "advice"], 0),
        (["--fail-on", "warning", "--select", "loss-retains-graph"], 1),
        (["--fail-on", "error", "--select", "loss-retains-graph"], 0),
        (["--fail-on", "error"], 1),
        (["--exit-zero"], 0),
    ],
)
def test_the_exit_code_follows_the_failing_level(training: Path, run, options: list[str], code: int) -> None:
    assert run(*options)[0] == code


def test_an_unparsable_file_is_named_the_others_are_linted(folder: Path, training: Path, run, found) -> None:
    (folder / "broken.py").write_text("import torch\ndef f(:\n  optimizer.step()\n  loss.backward()\n")
    code, out, _ = run()
    assert code == 2
    assert "broken.py:2:" in out
    assert "missing-zero-grad" in out
    assert run("--exit-zero")[0] == 2
    code, out, err = run("--allow-unparsable")
    assert code == 1
    assert "broken.py" not in out
    assert err.startswith("warning: broken.py:2: ")
    assert found("--allow-unparsable", "--exit-zero") == (0, NAMES)


def test_paths_that_do_not_exist_are_named_the_others_are_linted(training: Path, run, found) -> None:
    code, out, _ = run("missing.py", "train.py")
    assert code == 2
    assert "missing.py: error[usage] no such file or folder" in out
    assert found("missing", "train.py") == (2, NAMES)


def test_a_mistyped_command_gets_a_hint(run) -> None:
    assert run("verfy")[2] == "hint: there is no command or file `verfy`; did you mean `verify`?\n"


def test_quiet_says_findings_only(training: Path, run) -> None:
    code, out, err = run("--quiet")
    assert (code, err) == (1, "")
    assert [line.split("[")[1].split("]")[0] for line in out.splitlines()] == NAMES


def test_statistics(training: Path, run) -> None:
    code, out, _ = run("--statistics")
    assert code == 1
    assert sorted(line.split()[1] for line in out.splitlines()) == sorted(NAMES)
    assert [line.split()[0] for line in out.splitlines()] == ["1", "1", "1"]
    counts = json.loads(run("--statistics", "--output-format", "json")[1])
    assert {row["name"]: row["count"] for row in counts} == dict.fromkeys(NAMES, 1)
    assert "--statistics goes with" in run("--statistics", "--output-format", "sarif")[2]


def test_colour_only_where_it_is_seen(training: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in run()[1]
    assert "\x1b[" in run("--color", "always")[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run()[1]
    assert "\x1b[" not in run("--color", "never")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run()[1]
    run("--color", "always", "--output-file", "report.txt")
    assert "\x1b[" not in Path("report.txt").read_text()


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_and_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wants_color("auto", Screen(), {"TERM": "xterm"})
    assert not wants_color("auto", Screen(), {"TERM": "dumb"})
    assert not wants_color("auto", io.StringIO(), {"TERM": "xterm"})
    assert draw_progress(io.StringIO()) is None
    clock = iter((0.0, 0.1, 1.0, 1.01, 2.0, 3.0))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    screen = Screen()
    draw = draw_progress(screen)
    assert draw is not None
    for done in (1, 2, 3, 4, 5):
        draw(done, 5)
    assert screen.getvalue() == "\r\x1b[K2 of 5 files\r\x1b[K4 of 5 files\r\x1b[K"


# Changing files


def test_fix_writes_the_safe_fixes(training: Path, run) -> None:
    code, out, err = run("--fix")
    assert code == 1
    assert training.read_text() == TRAINING.replace("total += loss", "total += loss.item()")
    assert "loss-retains-graph" not in out
    assert "missing-zero-grad" in out
    assert err == "fixed 1 finding in 1 file\n"
    assert run("--fix")[2] == ""


def test_fix_writes_unsafe_fixes_where_asked(training: Path, run, found) -> None:
    assert run("--fix", "--unsafe-fixes", "--select", "error,warning")[0] == 0
    assert "optimizer.zero_grad()" in training.read_text()
    assert found("--ignore", "advice") == (0, [])


def test_diff_writes_nothing(training: Path, run) -> None:
    code, out, err = run("--diff")
    assert (code, err) == (1, "1 finding in 1 file would be fixed\n")
    assert "-            total += loss\n+            total += loss.item()\n" in out
    assert run("--diff", "--fix") == (code, out, err)
    assert "zero_grad" in run("--diff", "--unsafe-fixes")[1]
    assert run("--diff", "--exit-zero")[0] == 0
    assert run("--diff", "--select", "rate")[:2] == (0, "")
    assert training.read_text() == TRAINING


def test_a_baseline_knows_the_findings_of_today(folder: Path, training: Path, run, found) -> None:
    assert run("--baseline", "known.json", "--write-baseline") == (0, "", "wrote 3 findings to known.json\n")
    assert found("--baseline", "known.json") == (0, [])
    training.write_text("import os\n" + TRAINING + "\n\ndef again(model, x):\n    pass\n")
    assert found("--baseline", "known.json") == (0, [])
    (folder / "new.py").write_text(TRAINING)
    assert found("--baseline", "known.json") == (1, NAMES)
    (folder / "trainlint.toml").write_text("baseline = 'known.json'")
    assert found("train.py") == (0, [])
    assert found("train.py", "--config", "baseline = ''")[1] == NAMES
    assert "would be fixed" not in run("--diff", "train.py")[1]


def test_a_baseline_knows_files_that_do_not_parse(folder: Path, training: Path, run) -> None:
    (folder / "broken.py").write_text("import torch\nprint 'loss.backward()', optimizer.step()\n")
    assert run("broken.py", "--baseline", "known.json", "--write-baseline") == (
        0,
        "",
        "wrote 0 findings and 1 file that cannot be parsed to known.json\n",
    )
    assert run("broken.py", "--baseline", "known.json")[0] == 0
    assert run("broken.py")[0] == 2


def test_a_baseline_that_cannot_be_used(folder: Path, training: Path, run) -> None:
    assert run("--baseline", "missing.json")[0] == 2
    assert "--write-baseline" in run("--baseline", "missing.json")[2]
    (folder / "odd.json").write_text("[]")
    assert "odd.json: is not a baseline" in run("--baseline", "odd.json")[2]
    assert "--write-baseline needs to know the file" in run("--write-baseline")[2]


def test_what_became_better_than_the_baseline_is_hinted(training: Path, run) -> None:
    run("--baseline", "known.json", "--write-baseline")
    run("--fix", "--config", "baseline = ''")
    assert "hint: 1 known finding of the baseline is gone" in run("--baseline", "known.json")[2]


def test_ignore_comments_make_an_old_repository_clean(training: Path, run, found) -> None:
    code, _, err = run("--add-ignores")
    assert (code, err) == (0, "ignored 3 findings in 1 file\n")
    text = training.read_text()
    assert "optimizer.step()  # trainlint: ignore[missing-zero-grad]\n" in text
    assert found() == (0, [])
    assert run("--add-ignores")[2] == ""
    assert training.read_text() == text


def test_ignore_comments_go_into_folders_and_notebooks_and_nowhere_else(training: Path, run) -> None:
    folder = training.parent
    (folder / "inner").mkdir()
    code = training.read_text()
    cell: dict[str, object] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "inner" / "notebook.ipynb").write_text(json.dumps(notebook))
    (folder / "inner" / "script.py").write_text(code)
    assert run("inner", "--add-ignores")[2] == "ignored 6 findings in 2 files\n"
    assert run("inner")[0] == 0
    assert training.read_text() == code
    (source,) = (c["source"] for c in json.loads((folder / "inner" / "notebook.ipynb").read_text())["cells"])
    assert "optimizer.step()  # trainlint: ignore[missing-zero-grad]" in "".join(source)


def test_standard_input_has_no_place_for_ignore_comments() -> None:
    answer = as_program("-", "--add-ignores", stdin=TRAINING.encode())
    assert (answer.returncode, answer.stdout) == (2, b"")
    said = b"trainlint: standard input (-) has no file to write ignore comments or a baseline for"
    assert answer.stderr.splitlines() == [said]


# Wrong usage


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--selct", "x"], "trainlint check: unknown option --selct; did you mean `--select`?"),
        (
            ["--select", "missing-zero-gard"],
            "--select: unknown rule `missing-zero-gard`; did you mean `missing-zero-grad`?",
        ),
        (["--ignore", "objectiv"], "--ignore: unknown rule `objectiv`; did you mean `objective`?"),
        (["--select", "all"], "did you mean `ALL`?"),
        (["--select", ","], "--select needs a name"),
        (["--extend-exclude", "old,[3-0]"], "--extend-exclude: `[3-0]` is no pattern of paths"),
        (["--fail-on", "fatal"], "argument --fail-on: invalid choice"),
        (["--output-format", "xml"], "argument --output-format: invalid choice"),
        (["--jobs", "0"], "must be a number from 1"),
        (["--config", "missing.toml"], "missing.toml: cannot be read"),
        (["--config", "a.toml", "--config", "b.toml"], "--config takes one file"),
        (["--config", "fail_on = 'error'"], "--config: unknown key `fail_on`; did you mean `fail-on`?"),
        (["--config", "ignore = ['rats']"], "--config: unknown rule `rats`; did you mean `rate`?"),
        (["--config", "ignore = "], "--config 'ignore = ':1: is not valid TOML"),
        (["--isolated", "--config", "a.toml"], "--isolated reads no configuration file"),
        (["--rules", "nowhere"], "nowhere: there is no such folder of rules"),
        (["--diff", "--write-baseline"], "--write-baseline and --diff do not go together"),
        (["--unsafe-fixes"], "--unsafe-fixes goes with --fix or --diff"),
        (["--output-file", "no/such/folder/report"], "cannot be written"),
        (["rule"], "the following arguments are required: NAME"),
        (
            ["rule", "missing-zero-gard"],
            "there is no rule `missing-zero-gard`; did you mean `missing-zero-grad`?",
        ),
        (["verify", "--device", "gpu"], "must be auto, cpu or cuda[:N], not 'gpu'"),
        (["verify", "--timeout", "soon"], "must be a number of seconds, not 'soon'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(training: Path, run, argv: list[str], said: str) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["select = [", "selct = []", "select = 'a'", "select = ['rats']", "required-version = '>9'"]
)
def test_wrong_configuration_is_one_line_and_exit_code_two(
    folder: Path, training: Path, run, text: str
) -> None:
    (folder / "trainlint.toml").write_text(text)
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("trainlint: trainlint.toml:")
    assert err.count("\n") == 1


def test_a_wrong_configuration_further_down_is_named_the_others_are_linted(
    folder: Path, training: Path, run
) -> None:
    for name, text in (
        ("a", "selct = []"),
        ("b", "select = ['rats']"),
        ("c", "select = ["),
        ("d", "rules = ['x']"),
    ):
        (folder / name).mkdir()
        (folder / name / "trainlint.toml").write_text(text)
        (folder / name / "train.py").write_text(TRAINING)
    (folder / "trainlint.toml").write_text("select = ['update']")
    code, out, _ = run("--output-format", "json")
    report = json.loads(out)
    assert code == 2
    assert [finding["path"] for finding in report["findings"]] == [
        f"{name}train.py" for name in ("a/", "b/", "c/", "d/", "")
    ]
    assert {failure["path"][0]: failure["line"] for failure in report["failures"]} == {
        "a": None,
        "b": None,
        "c": 1,
        "d": None,
    }
    assert run("b")[::2] == (
        2,
        "trainlint: b/trainlint.toml: key `select`: unknown rule `rats`; did you mean `rate`?\n",
    )


def test_an_earlier_name_of_a_rule_gets_a_hint(folder: Path, training: Path, run) -> None:
    (folder / "mine").mkdir()
    renamed = RULE_OF_MINE.replace("since=", 'renamed_from=("of-old",), since=')
    (folder / "mine" / "of_mine.py").write_text(renamed)
    code, _, err = run("--rules", "mine", "--select", "of-old", "train.py")
    assert (code, err) == (0, "hint: rule `of-old` is now called `of-mine`\n")
    assert run("rule", "--rules", "mine", "of-old")[::2] == (
        0,
        "hint: rule `of-old` is now called `of-mine`\n",
    )


def test_an_internal_error_is_one_line(training: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setitem(cli._COMMANDS, "check", fail)
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("trainlint: internal error: RuntimeError: two lines (please report it")
    monkeypatch.setenv("TRAINLINT_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        main([])


def test_an_interrupt_is_one_line(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._COMMANDS, "check", interrupt)
    assert run() == (130, "", "trainlint: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    (folder / "train.py").write_text(TRAINING * 400)
    command = f"{sys.executable} -m trainlint rules | true; {sys.executable} -m trainlint train.py | head -1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment, check=True
    )
    assert answer.stderr == ""


def test_an_old_encoding_of_the_terminal_is_no_error(training: Path) -> None:
    training.write_text(TRAINING.replace("optimizer", "größe"), encoding="utf-8")
    answer = as_program(PYTHONIOENCODING="ascii")
    assert answer.returncode == 1
    assert b"gr\\xf6\\xdfe.step()" in answer.stdout


# Verifying


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """No experiment runs: errors are confirmed, the rest is refuted. What `verify` was called with."""
    called: list[dict[str, object]] = []

    def fake(diagnostics, source_of, book, **asked):
        called.append(asked)
        for said in diagnostics:
            programs = make_cases(said, source_of(said.where.path).text)
            verdict = Verdict("refuted", "no-symptom", "it does not show", protections=("a lock",))
            if said.level == "error":
                verdict = replace(verdict, state="confirmed", reason="symptom", evidence="it shows")
            told = replace(said, verdict=verdict)
            arms = {name: case for name, case in zip(("written", "control"), programs, strict=True) if case}
            asked["witness"](told, Trial(verdict, arms), Plan())
            yield told

    monkeypatch.setattr("trainlint.verify.verify", fake)
    return called


def test_verify_tells_verdicts_and_what_held_the_code_back(training: Path, run, verdicts) -> None:
    code, out, err = run(
        "verify", "--device", "cpu", "--seeds", "3", "--timeout", "2.5", "--python", "py", "-j", "2"
    )
    assert code == 1
    assert "confirmed: it shows" in out
    assert err == "protections: a lock\n"
    asked = {"device": "cpu", "seeds": 3, "timeout": 2.5, "python": "py", "unsafe": False, "jobs": 2}
    assert len(verdicts) == 1
    assert verdicts[0].items() >= {**asked, "around": [training.parent, training.parent]}.items()
    report = json.loads(run("verify", "--output-format", "json")[1])
    assert [finding["verdict"]["state"] for finding in report["findings"]] == [
        "refuted",
        "confirmed",
        "refuted",
    ]


def test_refuted_findings_do_not_fail_a_verification(training: Path, run, verdicts) -> None:
    assert run("verify", "--rule", "loss-retains-graph")[0] == 0
    assert run("verify", "--rule", "missing-zero-grad")[0] == 1
    assert run("verify", "--ignore", "missing-zero-grad")[0] == 0
    assert run("verify", "--exit-zero")[0] == 0


def test_verify_runs_only_the_rules_it_is_asked_for(training: Path, run, verdicts) -> None:
    out = run("verify", "--rule", "missing-zero-grad", "--ignore", "update", "--output-format", "json")[1]
    assert [finding["name"] for finding in json.loads(out)["findings"]] == ["missing-zero-grad"]
    assert run("verify", "--rule", "missing-zero-gard")[::2] == (
        2,
        "trainlint: --rule: unknown rule `missing-zero-gard`; did you mean `missing-zero-grad`?\n",
    )
    assert run("verify", "--rule", "update")[2].startswith("trainlint: --rule: there is no rule `update`")


def test_verify_shows_the_programs_that_ran(training: Path, run, verdicts) -> None:
    out = run("verify", "--show", "--rule", "missing-zero-grad")[1]
    assert "\n# train.py:13:13: missing-zero-grad, as written\n" in out
    assert "\n# train.py:13:13: missing-zero-grad, control\n" in out
    assert "optimizer.zero_grad()" in out


def test_verify_leaves_known_findings_alone(training: Path, run, verdicts) -> None:
    run("--baseline", "known.json", "--write-baseline")
    (training.parent / "trainlint.toml").write_text("baseline = 'known.json'")
    assert json.loads(run("verify", "--output-format", "json")[1])["findings"] == []


def test_verify_that_cannot_run_says_why_in_one_line(training: Path, run) -> None:
    assert run("verify", "--python", "no-such-python") == (
        2,
        "",
        "trainlint: --python no-such-python: no such program\n",
    )
    assert run("verify", "-")[::2] == (2, "trainlint: standard input (-) cannot be verified: give a file\n")


# Help, lists and pages


def test_help_names_every_command_every_exit_code_and_every_option(run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(f"trainlint {command}" in out or command == "check" for command in COMMANDS)
    assert all(f"\n  {number}  " in out for number in (0, 1, 2))
    for command in COMMANDS:
        assert run(command, "--help")[0] == 0


def test_the_examples_of_the_help_are_understood(run) -> None:
    lines = [line.split("   ")[0].split("| ")[-1].strip() for line in run("--help")[1].splitlines()]
    examples = [
        line.split()[1:]
        for line in lines
        if line.startswith("trainlint") and "[" not in line and "NAME" not in line
    ]
    assert len(examples) >= 8
    for example in examples:
        parse_arguments(example)


def test_documented_formats_are_the_formats_there_are(run) -> None:
    assert f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}" in " ".join(run("check", "--help")[1].split())


def test_version(run) -> None:
    from trainlint import __version__

    assert run("--version") == run("-V") == (0, f"trainlint {__version__}\n", "")
    assert as_program("--version").stdout.decode().strip() == f"trainlint {__version__}"


def test_the_list_of_rules(run) -> None:
    code, out, _ = run("rules")
    assert code == 0
    assert out.splitlines()[0] in ("api", "cost", "data")
    line = next(line for line in out.splitlines() if line.startswith("  missing-zero-grad "))
    assert line.split()[1:4] == ["error", "unsafe", "fix"]
    assert "  unused-suppression " in out
    listed = json.loads(run("rules", "--output-format", "json")[1])
    assert [rule["name"] for rule in listed] == [
        line.split()[0] for line in out.splitlines() if line[:2] == "  "
    ]


def test_the_page_of_a_rule(run) -> None:
    code, out, _ = run("rule", "no-lr-scheduler")
    assert code == 0
    assert out.startswith("# no-lr-scheduler: ")
    assert "Reported:\n\n```python\n" in out
    assert "lint:" not in out
    assert "- `min-epochs` (default `" in out
    page = json.loads(run("rule", "no-lr-scheduler", "--output-format", "json")[1])
    assert (page["name"], page["family"], page["level"]) == ("no-lr-scheduler", "rate", "advice")
    assert "min-epochs" in page["options"]
    assert page["text"].startswith(page["title"])


def test_every_page_can_be_read_on_a_terminal(run) -> None:
    for rule in json.loads(run("rules", "--output-format", "json")[1]):
        code, out, _ = run("rule", rule["name"], "--color", "always")
        assert code == 0
        assert "\x1b[" in out
        assert rule["title"].split()[0] in out


def test_start_up_imports_only_what_a_command_needs(training: Path) -> None:
    def heavy(*argv: str) -> set[str]:
        program = (
            f"import sys; from trainlint.cli import main; main({list(argv)!r}); print(); print(*sys.modules)"
        )
        known = {**os.environ, "PYTHONPATH": str(ROOT)}
        answer = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=known, check=True
        )
        return {"rich", "libcst", "torch", "pathspec"} & set(answer.stdout.splitlines()[-1].split())

    assert heavy("--version") == set()
    assert heavy("rules") == set()
    assert heavy("rule", "missing-zero-grad") == set()
    assert heavy("train.py", "--quiet") <= {"libcst", "pathspec"}
