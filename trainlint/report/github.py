"""For GitHub Actions: workflow commands that become annotations on the changed lines.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainlint.report.characters import escape_harmful, several_lines
from trainlint.report.view import explanation, failure_place, place

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Failure, Location, Report
    from trainlint.report.view import View

_COMMANDS = {"error": "error", "warning": "warning", "advice": "notice"}


def render(report: Report, view: View) -> str:
    """One command a line."""
    commands = [_finding(diagnostic) for diagnostic in report.diagnostics]
    commands += [_failure(failure) for failure in report.failures]
    return "".join(f"{command}\n" for command in commands)


def _finding(diagnostic: Diagnostic) -> str:
    where = diagnostic.where
    words = f"{place(where)}: {diagnostic.level}[{diagnostic.name}] {explanation(diagnostic)}"
    properties = {"title": f"trainlint ({diagnostic.name})", "file": where.path, **_range(where)}
    return _command(_COMMANDS[diagnostic.level], properties, words)


def _range(where: Location) -> Mapping[str, object]:
    """The runner refuses columns on ranges of several lines; lines within a notebook's cell mean nothing to it."""
    if where.cell is not None:
        return {}
    lines = {"line": where.line, "endLine": where.end_line}
    if where.line != where.end_line:
        return lines
    return {**lines, "col": where.column, "endColumn": where.end_column}


def _failure(failure: Failure) -> str:
    properties: dict[str, object] = {"title": f"trainlint ({failure.kind})"}
    if failure.path:
        properties["file"] = failure.path
    if failure.line is not None:
        properties["line"] = failure.line
    return _command("error", properties, f"{failure_place(failure)}: {failure.message}")


def _command(command: str, properties: Mapping[str, object], words: str) -> str:
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{command} {listed}::{_data(several_lines(words))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(escape_harmful(text)).replace(":", "%3A").replace(",", "%2C")
