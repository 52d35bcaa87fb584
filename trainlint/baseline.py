"""Findings that are known and put up with: a file that makes an old repository adoptable today.

A finding is known by its fingerprint and file, so it stays known when lines above it change. Files that do
not parse are known by their path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainlint.config import ConfigError, shown
from trainlint.diagnostic import Diagnostic, Failure, Report
from trainlint.edits import write_atomically
from trainlint.records import dataclass

VERSION = 1
UNPARSABLE = ("syntax", "unreadable")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is known: findings as (path, fingerprint) with their rule, and paths of files that do not parse.

    Paths count from `folder`, that of the baseline's own file.
    """

    folder: Path
    findings: Mapping[tuple[str, str], str]
    unparsable: frozenset[str] = frozenset()

    def path_of(self, shown_path: str, cwd: Path) -> str:
        """A path of a report as this baseline writes it."""
        return Path(os.path.relpath(cwd / shown_path, self.folder)).as_posix()

    def knows(self, diagnostic: Diagnostic, cwd: Path) -> bool:
        return (self.path_of(diagnostic.where.path, cwd), diagnostic.fingerprint) in self.findings

    def forgives(self, failure: Failure, cwd: Path) -> bool:
        return failure.kind in UNPARSABLE and self.path_of(failure.path, cwd) in self.unparsable


def read_baseline(file: Path) -> Baseline:
    """Read a baseline; a ConfigError names what is wrong with it."""
    if file.exists() and not file.is_file():
        raise ConfigError(shown(file), "cannot be read: not a regular file")
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        hint = "; write it with --write-baseline" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(shown(file), f"cannot be read: {error.strerror or error}{hint}") from None
    except (ValueError, RecursionError):
        raise ConfigError(shown(file), "is not a baseline: not valid JSON") from None
    try:
        return _baseline(file, content)
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(shown(file), "is not a baseline that this trainlint can read") from None


def _baseline(file: Path, content: Any) -> Baseline:
    if content["version"] != VERSION:
        raise KeyError("version")
    findings = {(str(f["path"]), str(f["fingerprint"])): str(f["name"]) for f in content["findings"]}
    return Baseline(_folder(file), findings, frozenset(map(str, content["unparsable"])))


def make_baseline(file: Path, report: Report, cwd: Path) -> Baseline:
    """A baseline to be written to `file` that knows everything in a report."""
    empty = Baseline(_folder(file), {})
    findings = {(empty.path_of(d.where.path, cwd), d.fingerprint): d.name for d in report.diagnostics}
    paths = (empty.path_of(f.path, cwd) for f in report.failures if f.kind in UNPARSABLE)
    return replace(empty, findings=findings, unparsable=frozenset(paths))


def write_baseline(file: Path, baseline: Baseline) -> None:
    """Write a baseline so that equal ones are equal files and a change of one finding is one line of diff."""
    rows = sorted((path, name, mark) for (path, mark), name in baseline.findings.items())
    findings = [json.dumps({"path": path, "name": name, "fingerprint": mark}) for path, name, mark in rows]
    unparsable = [json.dumps(path) for path in sorted(baseline.unparsable)]
    text = (
        f'{{\n  "version": {VERSION},\n  "findings": {_listed(findings)},\n'
        f'  "unparsable": {_listed(unparsable)}\n}}\n'
    )
    try:
        if file.exists():
            write_atomically(file, text.encode())
        else:
            file.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(shown(file), f"cannot be written: {error.strerror or error}") from None


def _listed(lines: Iterable[str]) -> str:
    joined = ",\n".join(f"    {line}" for line in lines)
    return f"[\n{joined}\n  ]" if joined else "[]"


def apply_baseline(report: Report, baseline: Baseline, cwd: Path) -> Report:
    """The report without what is known; `stale` counts what was known and is gone."""
    new = tuple(d for d in report.diagnostics if not baseline.knows(d, cwd))
    failures = tuple(f for f in report.failures if not baseline.forgives(f, cwd))
    return replace(
        report,
        diagnostics=new,
        failures=failures,
        baselined=report.baselined + len(report.diagnostics) - len(new),
        stale=_count_stale(report, baseline, cwd),
    )


def _count_stale(report: Report, baseline: Baseline, cwd: Path) -> int:
    """Entries that this run could have found again, in a file that it looked at or that is gone."""
    found = {(baseline.path_of(d.where.path, cwd), d.fingerprint) for d in report.diagnostics}
    looked_at = {baseline.path_of(path, cwd) for path in report.paths}
    broken = {baseline.path_of(failure.path, cwd) for failure in report.failures}
    return sum(
        (path, mark) not in found
        and path not in broken
        and name in report.rules
        and (path in looked_at or not (baseline.folder / path).exists())
        for (path, mark), name in baseline.findings.items()
    )


def _folder(file: Path) -> Path:
    return Path(os.path.abspath(file)).parent
