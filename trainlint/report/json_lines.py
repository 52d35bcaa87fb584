"""For pipes: one JSON object a line, whose `type` says what it is; the objects are those of `json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.report.values import Value, failure_value, finding_value, summary_value, to_json

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Report
    from trainlint.report.view import View


def render(report: Report, view: View) -> str:
    """The findings, then the failures, then (not with --quiet) the summary."""
    return "".join((*(piece(said, view) for said in report.diagnostics), end(report, view)))


def piece(diagnostic: Diagnostic, view: View, first: bool = False) -> str:
    """One finding."""
    return _line({"type": "finding", **finding_value(diagnostic)})


def end(report: Report, view: View, first: bool = False) -> str:
    """What follows the findings."""
    values: list[Value] = [{"type": "failure", **failure_value(failure)} for failure in report.failures]
    if not view.quiet:
        values.append({"type": "summary", **summary_value(report)})
    return "".join(map(_line, values))


def _line(value: Value) -> str:
    return f"{to_json(value, indent=None)}\n"
