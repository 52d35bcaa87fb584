"""Fetched repositories on disk: where they lie, what is in a commit, and a commit's texts as a folder.

A folder of repositories holds each as `OWNER+NAME` or `OWNER/NAME`: a clone, a bare git directory, a folder
with either in `repo` or `.git`, or plain files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = (".py", ".ipynb", ".yaml", ".yml", ".toml", ".json", ".cfg", ".txt", ".gitignore")
LARGEST = 2_000_000  # bytes; what is larger is no training code


@dataclass(frozen=True, slots=True)
class Linted:
    """What trainlint said about a tree: its JSON document, or in `trouble` why there is none."""

    document: Mapping[str, Any]
    trouble: str = ""

    @property
    def findings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document.get("findings", [])
        return found


def git_of(folder: Path) -> Path | None:
    """The git directory in a folder of one repository, None where there is none."""
    inside = (folder, folder / ".git", folder / "repo", folder / "repo" / ".git")
    return next(
        (place for place in inside if (place / "HEAD").is_file() and (place / "objects").is_dir()), None
    )


def folder_of(folder: Path, repository: str) -> Path | None:
    """Where in a folder of repositories `OWNER/NAME` lies."""
    candidates = (folder / repository.replace("/", "+"), folder / repository)
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def repositories_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of every repository in a folder of them."""
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if "+" in path.name or git_of(path) or any(path.glob("*.py")):
            yield path.name.replace("+", "/", 1), path
        else:
            inner = sorted(inner for inner in path.iterdir() if inner.is_dir())
            yield from ((f"{path.name}/{inner.name}", inner) for inner in inner)


def has_commit(git: Path, commit: str) -> bool:
    """Whether a repository holds a commit with all that belongs to it."""
    return _git(git, "cat-file", "-e", f"{commit}^{{tree}}").returncode == 0


def head_of(git: Path) -> str:
    """The newest commit, empty where it cannot be told."""
    return _git(git, "rev-parse", "HEAD").stdout.decode().strip()


def unpack(git: Path, commit: str, target: Path) -> int:
    """Write the small texts of a commit into a folder, marked as a repository's root; returns how many."""
    (target / ".git").mkdir(parents=True, exist_ok=True)  # so that the project's root is found as in a clone
    written = 0
    for path, content in contents(git, wanted(git, commit)):
        file = target / path
        if target.resolve() in file.resolve().parents:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            written += 1
    return written


def wanted(git: Path, commit: str) -> Mapping[str, str]:
    """Paths of the small texts of a commit, and the names of their blobs."""
    listed = _git(git, "ls-tree", "-r", "-l", "-z", commit).stdout.decode("utf-8", "surrogateescape")
    paths: dict[str, str] = {}
    for entry in filter(None, listed.split("\0")):
        facts, path = entry.split("\t", 1)
        mode, _, blob, size = facts.split()
        if mode.startswith("100") and path.endswith(TEXTS) and size.isdigit() and int(size) < LARGEST:
            paths[path] = blob
    return paths


def contents(git: Path, paths: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Each path with the content of its blob."""
    asked = "".join(f"{blob}\n" for blob in paths.values()).encode()
    answer = _git(git, "cat-file", "--batch", given=asked).stdout
    position = 0
    for path in paths:
        end = answer.index(b"\n", position)
        header = answer[position:end].split()
        position = end + 1
        if header[-1] == b"missing":
            continue
        size = int(header[2])
        yield path, answer[position : position + size]
        position += size + 1


def run_trainlint(
    tree: Path, paths: Iterable[str], options: Iterable[str] = (), timeout: float = 600
) -> Linted:
    """What `trainlint` says about paths of a tree, in a process of its own, with defaults and no configuration."""
    command = [
        sys.executable,
        "-m",
        "trainlint",
        "check",
        "--isolated",
        "--config",
        "max-advice = 1000000",  # all that a rule says is judged
        "--exit-zero",
        "--output-format",
        "json",
    ]
    try:
        done = subprocess.run(
            [*command, *options, "--", *paths], cwd=tree, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return Linted({}, f"no answer within {timeout:.0f} s")
    try:
        return Linted(json.loads(done.stdout))
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Linted({}, said[-1] if said else f"exit code {done.returncode}, nothing said")


def _git(git: Path, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "safe.directory=*", f"--git-dir={git}", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False)
