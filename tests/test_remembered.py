"""Verdicts of earlier runs: when they are found again, when not, and that looking for them changes nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.programs import LOOP, NET, needs_torch
from trainlint import remembered
from trainlint.book import open_book
from trainlint.cli import main
from trainlint.config import Config
from trainlint.diagnostic import Diagnostic, Verdict
from trainlint.lint import lint
from trainlint.remembered import Remembered, cache_folder, content_print, remember, verdict_of
from trainlint.source import read_source
from trainlint.verify import Trial, verify

ROOT = Path(__file__).parent.parent
BOOK = open_book()
TRAIN = "import torch\nfrom net import Net\n\nmodel = Net()\nunrelated = 1\n" + LOOP
SHOWS = Verdict("confirmed", "symptom", "it shows", {"updates": 8}, "cpu", 0.5, ("a lock",))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project to work in, and a cache of its own beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "train.py").write_text(TRAIN)
    (project / "net.py").write_text(NET)
    for file in project.iterdir():  # as files are that nobody has just written
        os.utime(file, (1e9, 1e9))
    os.utime(project, (1e9, 1e9))
    monkeypatch.chdir(project)
    return project


def cache() -> Path:
    found = cache_folder()
    assert found is not None
    return found


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No experiment runs: each one confirms, and says that it read net.py. The findings that were not remembered."""
    names: list[str] = []

    def fake(diagnostic, text, home, rule, plan, ask, read):
        names.append(diagnostic.name)
        ask({"seconds": 1.0})
        return Trial(SHOWS)

    def answer(self, request, until=0.0):
        net = Path("net.py").resolve()
        return {"outcome": "ended", "answer": {"files": [str(net), "/etc/passwd"]}}

    monkeypatch.setattr("trainlint.verify.investigate", fake)

    def start(self):
        self.versions = {"torch": "2", "python": "3", "cuda": ""}

    monkeypatch.setattr("trainlint.verify.sandbox.Sandbox._start", start)
    monkeypatch.setattr("trainlint.verify.sandbox.Sandbox.ask", answer)
    return names


def findings(folder: Path) -> tuple[Diagnostic, ...]:
    return lint([folder], Config(root=folder, select=("missing-zero-grad",)), BOOK, cwd=folder).diagnostics


def verdicts(folder: Path, **asked: object) -> list[Verdict | None]:
    def source_of(path: str):
        return read_source(folder / path, path)

    told = verify(findings(folder), source_of, BOOK, unsafe=True, cache=cache(), **asked)  # type: ignore[arg-type]
    return [said.verdict for said in told]


def aged(file: Path, text: str) -> None:
    """Change a file so long ago that no run was under way."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    for path in (file, *file.parents[:4]):
        os.utime(path, (1e9, 1e9))


# Found again


@needs_torch
def test_a_verdict_is_found_again_until_something_it_rests_on_changes(folder: Path, ran: list[str]) -> None:
    assert verdicts(folder) == [SHOWS] and len(ran) == 1
    assert verdicts(folder) == [replace(SHOWS, earlier=True)] and len(ran) == 1
    changes = [
        ("train.py", TRAIN.replace("unrelated = 1", "unrelated = 2"), False),  # not in the cut
        ("train.py", "# a header\n\n" + TRAIN, False),
        ("train.py", TRAIN.replace("lr=0.1", "lr=0.2"), True),
        ("net.py", NET.replace("Linear(8, 3)", "Linear(8, 3, bias=False)"), True),
        ("report.json", "{}", False),
        ("runs/one/note.txt", "", False),
        ("package/__init__.py", "", True),
        ("unread.py", "x = 1\n", True),  # a new module might be imported from now on
    ]
    for name, text, again in changes:
        before = len(ran)
        aged(folder / name, text)
        verdicts(folder)
        assert (len(ran) > before) == again, (name, text)


@needs_torch
@pytest.mark.parametrize("asked", [{"seeds": 4}, {"timeout": 7.0}])
def test_other_questions_have_other_answers(asked: dict[str, object], folder: Path, ran: list[str]) -> None:
    verdicts(folder)
    verdicts(folder, **asked)
    assert len(ran) == 2


@needs_torch
def test_a_file_that_changes_meanwhile_is_not_remembered(folder: Path, ran: list[str]) -> None:
    (folder / "net.py").write_text(NET)
    os.utime(folder / "net.py", (4e9, 4e9))
    verdicts(folder)
    verdicts(folder)
    assert len(ran) == 2


@needs_torch
@pytest.mark.parametrize("reason", ["timed-out", "out-of-memory", "out-of-budget", "died", "sandbox-lost"])
def test_what_chance_decides_is_not_remembered(reason: str, folder: Path, ran, monkeypatch) -> None:
    def fake(diagnostic, text, home, rule, plan, ask, read):
        ran.append(diagnostic.name)
        return Trial(Verdict("inconclusive", reason, "it did not end"))

    monkeypatch.setattr("trainlint.verify.investigate", fake)
    verdicts(folder)
    verdicts(folder)
    assert len(ran) == 2


@needs_torch
def test_real_programs_are_remembered_with_what_they_read(folder: Path, capsys) -> None:
    """And shown by `check`, which imports no torch for it and fails as before."""
    command = ["verify", "--select", "missing-zero-grad", "--output-format", "json", "--show"]

    def told(*argv: str) -> tuple[int, Any, str]:
        code = main(argv)
        said = capsys.readouterr()
        return code, json.loads(said.out)["findings"][0]["verdict"], said.err

    code, first, programs = told(*command)
    assert code == 1 and first["state"] == "confirmed" and not first["earlier"]
    (entry,) = (cache() / "verdicts").iterdir()
    files = set(json.loads(entry.read_text())["files"])
    assert {path for path in files if not path.endswith("/")} == {str(folder.resolve() / "net.py")}
    assert f"{folder.resolve()}/" in files  # the modules beside it
    again = told(*command)
    assert again == (1, {**first, "earlier": True}, programs)
    shown = told("check", "--select", "missing-zero-grad", "--output-format", "json")
    assert shown[:2] == (1, {**first, "earlier": True})
    assert told("verify", "--no-cache", *command[1:])[1]["earlier"] is False
    aged(folder / "net.py", NET + "\n")
    assert told("check", "--select", "missing-zero-grad", "--output-format", "json")[1] is None


# Shown by check


@pytest.fixture
def known(folder: Path) -> str:
    """The cache as a verification leaves it that confirmed the finding in train.py. The key."""
    (said,) = findings(folder)
    page = BOOK.page(said.name)
    assert page is not None
    remember(
        cache(), "abc", Remembered(SHOWS, {str(folder / "net.py"): content_print(str(folder / "net.py"))})
    )
    rules = {said.fingerprint: content_print(str(page.file))}
    remembered.remember_places(cache(), folder / "train.py", {said.fingerprint: "abc"}, rules)
    return "abc"


def checked(capsys, *argv: str) -> tuple[int, str]:
    code = main(["check", "--select", "missing-zero-grad", *argv])
    return code, capsys.readouterr().out


def test_check_shows_what_is_known_beside_its_finding(folder: Path, known: str, capsys) -> None:
    code, out = checked(capsys)
    assert code == 1
    assert "= confirmed earlier: it shows (cpu, 0.5 s)\n" in out
    assert out.endswith("Executed: 1 confirmed; 1 of them earlier.\n")
    assert "confirmed" not in checked(capsys, "--no-cache")[1]


@pytest.mark.parametrize("state", ["confirmed", "refuted", "inconclusive"])
def test_what_is_known_never_changes_what_check_fails_for(state, folder: Path, known: str, capsys) -> None:
    remember(cache(), known, Remembered(replace(SHOWS, state=state)))
    for level, code in (("error", 1), ("advice", 1)):
        assert checked(capsys, "--fail-on", level)[0] == code
        assert checked(capsys, "--fail-on", level, "--no-cache")[0] == code


@pytest.mark.parametrize("name", ["train.py", "net.py"])
def test_what_is_known_of_another_text_is_not_shown(name: str, folder: Path, known: str, capsys) -> None:
    (folder / name).write_text((folder / name).read_text() + "\n# changed\n")
    assert "confirmed" not in checked(capsys)[1]


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", "null", "{}", '{"found": 3}', '{"verdict": {"state": "maybe"}}', "[" * 5000, "\x00\xff"],
)
@pytest.mark.parametrize("kind", ["places", "verdicts", "pythons"])
def test_broken_entries_count_as_none(broken: str, kind: str, folder: Path, known: str, capsys) -> None:
    (cache() / "pythons").mkdir()
    (cache() / "pythons" / "p.json").write_text("{}")
    for file in (cache() / kind).iterdir():
        file.write_text(broken, encoding="latin-1")
    code, out = checked(capsys)
    assert code == 1 and "missing-zero-grad" in out and ("confirmed" in out) == (kind == "pythons")
    assert remembered.versions_of(cache(), "p") == {}


BROKEN: tuple[object, ...] = ({"a": 1}, {"x": []}, [[]], [], None, 3, "x")


def test_every_field_of_a_verdict_may_be_broken(folder: Path, known: str) -> None:
    file = cache() / "verdicts" / f"{known}.json"
    whole = json.loads(file.read_text())
    for name in whole["verdict"]:
        for value in BROKEN:
            file.write_text(json.dumps({**whole, "verdict": {**whole["verdict"], name: value}}))
            verdict_of(cache(), known)  # something or nothing, and no error
    for name in ("files", "made", "verdict"):
        for value in BROKEN:
            file.write_text(json.dumps({**whole, name: value}))
            verdict_of(cache(), known)


def test_looking_for_what_is_known_imports_no_torch_and_leaves_nothing(folder: Path, known: str) -> None:
    code = "from trainlint.cli import main; main(['--select', 'missing-zero-grad']); import sys; sys.exit('torch' in sys.modules)"
    before = sorted(cache().rglob("*"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True
    )
    assert "confirmed earlier" in done.stdout
    assert sorted(cache().rglob("*")) == before


# The folder


def test_the_cache_lies_where_the_system_wants_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/trainlint")
    assert (
        cache_folder({}) == cache_folder({"XDG_CACHE_HOME": "not/absolute"}) == tmp_path / ".cache/trainlint"
    )
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache_folder({"LOCALAPPDATA": "C:/local"}) == Path("C:/local/trainlint/Cache")
    assert cache_folder({}) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    remember(tmp_path / "taken", "abc", Remembered(SHOWS))
    remembered.prune(tmp_path / "taken")
    assert verdict_of(tmp_path / "taken", "abc") is None


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(remembered, "MOST_ENTRIES", 3)
    for number in range(6):
        remember(tmp_path, f"key{number}", Remembered(SHOWS))
        os.utime(tmp_path / "verdicts" / f"key{number}.json", (number, number))
    remembered.prune(tmp_path)
    assert sorted(file.stem for file in (tmp_path / "verdicts").iterdir()) == ["key3", "key4", "key5"]


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert content_print(str(tmp_path / "pipe")) == content_print(str(tmp_path / "nowhere")) == ""
    assert content_print("/dev/zero") == ""


def test_keys_from_the_cache_lead_nowhere_else(tmp_path: Path) -> None:
    remember(tmp_path, "abc", Remembered(SHOWS))
    assert verdict_of(tmp_path, "../verdicts/abc") is None
    assert verdict_of(tmp_path, "abc") is not None
