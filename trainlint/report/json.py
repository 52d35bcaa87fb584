"""For scripts: one JSON document, described by `schemas/output.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.report.values import failure_value, finding_value, summary_value, to_json

if TYPE_CHECKING:
    from trainlint.diagnostic import Report
    from trainlint.report.view import View

VERSION = 1


def render(report: Report, view: View) -> str:
    """The whole report in one document."""
    document = {
        "version": VERSION,
        "findings": [finding_value(diagnostic) for diagnostic in report.diagnostics],
        "failures": [failure_value(failure) for failure in report.failures],
        "summary": summary_value(report),
    }
    return to_json(document) + "\n"
