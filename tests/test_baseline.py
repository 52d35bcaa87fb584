"""A baseline forgives what is known, nothing else, and stays the same file while nothing changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import HERE, book_of, flags, report_on, said, write
from trainlint.baseline import apply_baseline, make_baseline, read_baseline, write_baseline
from trainlint.config import Config, ConfigError
from trainlint.diagnostic import Report
from trainlint.lint import lint

BOOK = book_of(flags("no-bad", "bad"), flags("no-worse", "worse"))


def record(folder: Path, report: Report, name: str = "known.json") -> Path:
    file = folder / name
    write_baseline(file, make_baseline(file, report, folder))
    return file


def news(folder: Path, file: Path, report: Report | None = None) -> Report:
    return apply_baseline(report or report_on(folder, BOOK), read_baseline(file), folder)


def test_what_is_known_is_not_reported_and_what_is_new_is(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\nworse()\n", b="def broken(:\n")
    known = record(tmp_path, report_on(tmp_path, BOOK))
    nothing = news(tmp_path, known)
    assert (nothing.diagnostics, nothing.failures, nothing.baselined, nothing.stale) == ((), (), 2, 0)
    write(tmp_path, a="import os\n\nbad()\nworse()\nbad()\n", c="bad()\n")
    assert said(news(tmp_path, known)) == [("a.py", 5, "no-bad"), ("c.py", 1, "no-bad")]


def test_what_is_gone_is_counted_where_it_could_have_been_found(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\nworse()\n", b="bad()\n", c="bad()\n")
    known = record(tmp_path, report_on(tmp_path, BOOK))
    write(tmp_path, a="worse()\n", b="x = 1\n")
    (tmp_path / "c.py").unlink()
    assert news(tmp_path, known).stale == 3
    only_a = lint(["a.py"], Config(root=tmp_path), BOOK, cwd=tmp_path, effort=HERE)
    assert news(tmp_path, known, only_a).stale == 2
    other_rule = report_on(tmp_path, BOOK, Config(root=tmp_path, select=("no-worse",)))
    assert news(tmp_path, known, other_rule).stale == 0


def test_the_file_is_stable_and_readable(tmp_path: Path) -> None:
    write(tmp_path, b="bad()\n", a="worse()\nbad()\n")
    report = report_on(tmp_path, BOOK)
    first = record(tmp_path, report).read_text()
    shuffled = replace(report, diagnostics=report.diagnostics[::-1])
    assert record(tmp_path, shuffled).read_text() == first
    assert record(tmp_path, report, "fresh.json").read_text() == first
    rows = [(row["path"], row["name"]) for row in json.loads(first)["findings"]]
    assert rows == [("a.py", "no-bad"), ("a.py", "no-worse"), ("b.py", "no-bad")]
    assert (
        record(tmp_path, Report()).read_text()
        == '{\n  "version": 1,\n  "findings": [],\n  "unparsable": []\n}\n'
    )


def test_it_works_from_any_working_folder(tmp_path: Path) -> None:
    write(tmp_path, package__a="bad()\n", package__b="bad(\n")
    config = Config(root=tmp_path)
    (tmp_path / "trainlint.toml").write_text("")
    known = record(tmp_path, report_on(tmp_path, BOOK, config))
    below = tmp_path / "package"
    report = lint(["a.py", "b.py"], config, BOOK, cwd=below, effort=HERE)
    left = apply_baseline(report, read_baseline(known), below)
    assert (left.diagnostics, left.failures, left.baselined) == ((), (), 1)


def test_an_internal_error_is_never_forgiven(tmp_path: Path) -> None:
    from trainlint.diagnostic import Failure

    report = Report(failures=(Failure("a.py", None, "it broke", "internal-error"),))
    known = record(tmp_path, report)
    assert news(tmp_path, known, report).failures == report.failures


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "findings": [1], "unparsable": []}']
)
def test_what_is_no_baseline_is_one_clear_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="is not a baseline") as raised:
        read_baseline(file)
    assert "\n" not in str(raised.value) and "known.json" in str(raised.value)


def test_a_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--write-baseline"):
        read_baseline(tmp_path / "known.json")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_baseline(
            tmp_path / "nowhere" / "known.json", make_baseline(tmp_path / "x.json", Report(), tmp_path)
        )
