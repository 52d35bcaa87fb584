"""What the README and the pages under `docs/` say is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainlint.book import open_book

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
WIDE = {**os.environ, "COLUMNS": "110"}  # what the sessions were pasted from
SESSIONS = re.findall(r"^```console\n\$ trainlint ((?!verify).*)\n([\s\S]*?)\n```", README, re.MULTILINE)


@pytest.mark.parametrize(("arguments", "shown"), SESSIONS, ids=[arguments for arguments, _ in SESSIONS])
def test_the_session_is_what_one_sees(arguments: str, shown: str) -> None:
    command = [sys.executable, "-m", "trainlint", *arguments.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=WIDE, check=False
    )
    assert done.stdout.rstrip() == shown
    assert done.returncode == 1


def test_the_table_has_every_rule_with_its_level_and_title() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \|$", README, re.MULTILINE)
    pages = [page for page in open_book().pages if page.family != "machine"]
    assert sorted(rows) == sorted((page.name, page.rule.level, page.title) for page in pages)


def test_the_number_of_known_misses_is_right() -> None:
    cases = (file.read_text(encoding="utf-8") for file in (ROOT / "tests" / "cases").glob("*.md"))
    known = sum(text.count("# lint-todo") for text in cases)
    assert f"`tests/cases/`: {known} today" in README


def test_the_number_of_rules_that_plant_their_defect_is_right() -> None:
    planting = sum("plant=" in page.file.read_text(encoding="utf-8") for page in open_book().pages)
    assert f"{planting} rules plant theirs" in README


def test_the_number_of_packages_that_come_along_is_right() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    always = [package for package in project["dependencies"] if ";" not in package]
    words = ("no", "one", "two", "three", "four", "five", "six", "seven")
    assert f"installs trainlint and {words[len(always)]} small packages" in README


def test_the_first_command_works_on_what_is_there() -> None:
    assert "pip install -e . && trainlint --exit-zero docs/example" in README
    done = subprocess.run(
        [sys.executable, "-m", "trainlint", "--exit-zero", "docs/example"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "Found 5 errors, 4 warnings, 3 advice in 4 files" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_configuration_that_is_shown_can_be_used(document: Path, tmp_path: Path) -> None:
    for number, shown in enumerate(
        re.findall(r"```toml\n([\s\S]*?)```", document.read_text(encoding="utf-8"))
    ):
        table = tomllib.loads(shown)
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / ("pyproject.toml" if "tool" in table else "trainlint.toml")).write_text(shown)
        done = subprocess.run(
            [sys.executable, "-m", "trainlint", "--show-settings"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        assert done.returncode == 0, done.stderr
