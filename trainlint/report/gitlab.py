"""For GitLab: a code quality report, shown in merge requests and pipelines.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from trainlint.report.values import Value, to_json
from trainlint.report.view import sentence

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Failure, Report
    from trainlint.report.view import View

_SEVERITIES = {"error": "critical", "warning": "major", "advice": "info"}


def render(report: Report, view: View) -> str:
    """A list of issues, each with a fingerprint of its own, or GitLab would show one of two twins only."""
    issues = [_finding(diagnostic) for diagnostic in report.diagnostics]
    issues += [_failure(failure) for failure in report.failures]
    return to_json(list(_told_apart(issues))) + "\n"


def _finding(diagnostic: Diagnostic) -> Value:
    where = diagnostic.where
    lines = {"begin": where.line, "end": where.end_line} if where.cell is None else {"begin": 1}
    return {
        "description": sentence(diagnostic),
        "check_name": diagnostic.name,
        "fingerprint": diagnostic.fingerprint or _digest(diagnostic.name, where.path, diagnostic.message),
        "severity": _SEVERITIES[diagnostic.level],
        "location": {"path": where.path, "lines": lines},
    }


def _failure(failure: Failure) -> Value:
    return {
        "description": failure.message,
        "check_name": failure.kind,
        "fingerprint": _digest(failure.kind, failure.path, failure.message),
        "severity": "blocker",
        "location": {"path": failure.path or ".", "lines": {"begin": failure.line or 1}},
    }


def _told_apart(issues: Iterable[Value]) -> Iterator[Value]:
    seen = Counter[object]()
    for issue in issues:
        fingerprint = issue["fingerprint"]
        seen[fingerprint] += 1
        twin = seen[fingerprint] > 1
        yield {**issue, "fingerprint": _digest(str(fingerprint), str(seen[fingerprint]))} if twin else issue


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
