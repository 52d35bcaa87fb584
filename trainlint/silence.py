"""Findings that a comment in the author's own file silences, and comments that silence nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainlint.diagnostic import Diagnostic, Failure
from trainlint.examine import Scope


@dataclass(frozen=True, slots=True)
class Silenced:
    kept: tuple[Diagnostic, ...]
    suppressed: int


def silence(
    scope: Scope,
    file: Path,
    diagnostics: Sequence[Diagnostic],
    failures: Sequence[Failure],
    ignored: frozenset[str],
) -> Silenced:
    """What of a file's diagnostics remains, and what is to be said about its comments."""
    if "trainlint:" not in (scope.project.text(file) or ""):
        return Silenced(tuple(diagnostics), 0)
    suppressions = scope.project.source(file).suppressions
    kept = tuple(d for d in diagnostics if not suppressions.covers(d.name, d.where.line, d.where.end_line))
    return Silenced(kept, len(diagnostics) - len(kept))
