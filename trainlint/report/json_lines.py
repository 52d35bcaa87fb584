"""For pipes: one JSON object a line, whose `type` says what it is; the objects are those of `json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.report.values import failure_value, finding_value, summary_value, to_json

if TYPE_CHECKING:
    from trainlint.diagnostic import Report
    from trainlint.report.view import View


def render(report: Report, view: View) -> str:
    """The findings, then the failures, then (not with --quiet) the summary."""
    values = [{"type": "finding", **finding_value(diagnostic)} for diagnostic in report.diagnostics]
    values += [{"type": "failure", **failure_value(failure)} for failure in report.failures]
    if not view.quiet:
        values.append({"type": "summary", **summary_value(report)})
    return "".join(f"{to_json(value, indent=None)}\n" for value in values)
