"""Which files a run is about."""

import os
import subprocess
from pathlib import Path

import pytest

from trainlint.discovery import Excludes, discover
from trainlint.project import Project


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def found(folder: Path, *paths: str, **options) -> list[str]:
    result = discover(paths or ["."], cwd=folder, **options)
    assert not result.failures
    return [file.relative_to(folder).as_posix() for file in result.files]


def test_python_and_notebooks_are_found_in_a_stable_order(tmp_path):
    tree(tmp_path, "b.py", "a/z.ipynb", "a/b.py", "a-b/c.py", "notes.md", "stub.pyi", "window.pyw")
    assert found(tmp_path) == ["a/b.py", "a/z.ipynb", "a-b/c.py", "b.py"]
    assert found(tmp_path, "b.py", "a", "b.py") == ["a/b.py", "a/z.ipynb", "b.py"]


def test_places_that_hold_no_work_of_the_author_are_passed_over(tmp_path):
    tree(tmp_path, "train.py", ".venv/lib/a.py", "build/b.py", "x/node_modules/c.py", ".git/hooks/d.py")
    tree(tmp_path, "lib/site-packages/torch/e.py", ".ipynb_checkpoints/f-checkpoint.ipynb", ".github/g.py")
    tree(
        tmp_path,
        "wandb/run-20210603_124623-x/files/code/train.py",
        "exp/wandb/run-1/code/i.py",
        "wandb/log.py",
    )
    assert found(tmp_path) == [".github/g.py", "train.py", "wandb/log.py"]
    assert found(tmp_path, "lib/site-packages/torch") == ["lib/site-packages/torch/e.py"]
    assert found(tmp_path, "build/b.py") == ["build/b.py"]


def test_exclude_patterns_are_those_of_gitignore(tmp_path):
    tree(
        tmp_path,
        "train.py",
        "old/a.py",
        "src/old/b.py",
        "src/gen_c.py",
        "src/d.py",
        "docs/e.py",
        "src/docs/f.py",
    )
    kept = found(tmp_path, extend_exclude=["old", "gen_*.py", "/docs"])
    assert kept == ["src/d.py", "src/docs/f.py", "train.py"]
    assert found(tmp_path, exclude=["src/"]) == ["docs/e.py", "old/a.py", "train.py"]
    assert found(tmp_path, "old/a.py", "old", extend_exclude=["old"]) == ["old/a.py"]
    assert found(tmp_path, "old/a.py", "old", "train.py", extend_exclude=["old"], force_exclude=True) == [
        "train.py"
    ]


def test_gitignore_counts_at_every_level(tmp_path):
    tree(
        tmp_path,
        "train.py",
        "scratch.py",
        "pkg/a.py",
        "pkg/b_out.py",
        "pkg/keep_out.py",
        "runs/1/c.py",
        "pkg/sub/d.py",
    )
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("scratch.py\n")
    (tmp_path / ".gitignore").write_text("# comment\n*_out.py\n/runs/\n\n")
    (tmp_path / "pkg" / ".gitignore").write_text("!keep_out.py\nsub\n")
    assert found(tmp_path) == ["pkg/a.py", "pkg/keep_out.py", "train.py"]
    assert found(tmp_path, "pkg") == ["pkg/a.py", "pkg/keep_out.py"]
    assert found(tmp_path, "runs") == ["runs/1/c.py"]
    assert found(tmp_path, "scratch.py") == ["scratch.py"]
    assert "scratch.py" in found(tmp_path, gitignore=False)


def test_gitignore_agrees_with_git(tmp_path):
    tree(
        tmp_path,
        *(f"{folder}{name}" for folder in ("", "a/", "a/b/", "c/") for name in ("x.py", "y.py", "z.ipynb")),
    )
    (tmp_path / ".gitignore").write_text("/x.py\na/**/y.py\nc/*\n!c/z.ipynb\n")
    (tmp_path / "a" / ".gitignore").write_text("*.ipynb\n!b/z.ipynb\n")
    try:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git")
    command = ["git", "ls-files", "--others", "--exclude-standard", "*.py", "*.ipynb"]
    listed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert sorted(found(tmp_path)) == sorted(listed.split())


def test_lines_of_gitignore_that_are_no_patterns_leave_the_others_alone(tmp_path, recwarn):
    tree(tmp_path, "train.py", "runs/a.py", "[13_57_33]_0.py")
    tmp_path.joinpath(".git").mkdir()
    tmp_path.joinpath(".gitignore").write_text("[2023-06-16-13_57_33]_0.py\n!\n[[a]\nback\\\nruns\n")
    assert found(tmp_path) == ["[13_57_33]_0.py", "train.py"]
    assert not recwarn.list


def test_a_later_pattern_takes_back_what_another_excludes(tmp_path):
    runs = ("**/runs/run-*",)
    kept, other = tmp_path / "runs" / "run-kept", tmp_path / "runs" / "log"
    assert Excludes(tmp_path, runs).match(kept, True)
    assert Excludes(tmp_path, runs).match(kept / "files" / "train.py", False)
    assert not Excludes(tmp_path, runs).match(other, True)
    assert not Excludes(tmp_path / "runs", runs).match(kept, True)
    assert not Excludes(tmp_path, (*runs, "!**/runs/run-kept")).match(kept, True)


def test_links_are_not_followed(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    tree(outside, "secret.py")
    tree(inside, "train.py")
    (inside / "away").symlink_to(outside)
    (inside / "away.py").symlink_to(outside / "secret.py")
    (inside / "loop").symlink_to(inside)
    (inside / "same.py").symlink_to("train.py")
    (inside / ".#train.py").symlink_to("editor@host.1")
    assert found(inside) == ["train.py"]
    assert found(inside, "away.py") == ["away.py"]


def test_what_cannot_be_looked_at_is_one_failure_each(tmp_path):
    tree(tmp_path, "train.py")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "cycle.py").symlink_to("cycle.py")
    result = discover([".", "empty", "missing.py", "dangling.py", "bad\0name.py"], cwd=tmp_path)
    assert [file.name for file in result.files] == ["train.py"]
    said = {failure.path: failure.message for failure in result.failures}
    assert said["dangling.py"] == "a link to nowhere.py, which does not exist"
    assert said["cycle.py"].startswith("a link that cannot be followed")
    assert said["missing.py"] == "no such file or folder"
    assert said["empty"] == "no Python files found under empty"
    assert len(said) == len({failure.path for failure in result.failures}) == 5


def test_a_folder_named_like_a_file_is_a_folder(tmp_path):
    tree(tmp_path, "train.py/a.py", "nb.ipynb/b.py")
    assert found(tmp_path) == ["nb.ipynb/b.py", "train.py/a.py"]
    assert found(tmp_path, "train.py") == ["train.py/a.py"]


def test_an_unreadable_folder_is_said_and_the_rest_is_found(tmp_path, monkeypatch):
    tree(tmp_path, "train.py", "locked/a.py")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    result = discover(["."], cwd=tmp_path)
    assert [file.name for file in result.files] == ["train.py"]
    assert [(failure.path, failure.message) for failure in result.failures] == [
        ("locked", "cannot be read: Permission denied")
    ]


def test_names_that_are_no_text_can_be_shown(tmp_path):
    strange = os.fsencode(tmp_path) + b"/caf\xe9.py"
    try:
        Path(os.fsdecode(strange)).write_text("x = 1\n")
    except OSError:
        pytest.skip("this file system wants names to be text")
    (file,) = discover(["."], cwd=tmp_path).files
    shown = Project(tmp_path, tmp_path).display(file)
    assert shown.encode()
    assert shown.startswith("caf")
