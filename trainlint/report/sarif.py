"""For code scanning services: SARIF 2.1.0, with the rules' pages, fixes and what could not be read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from trainlint import __version__
from trainlint.report.characters import without_surrogates
from trainlint.report.values import Value, to_json, verdict_value
from trainlint.report.view import sentence

if TYPE_CHECKING:
    from trainlint.diagnostic import Because, Diagnostic, Edit, Failure, Fix, Location, Report
    from trainlint.page import Page
    from trainlint.report.view import View

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "advice": "note"}
_BASE = "%SRCROOT%"
_FENCE = re.compile(
    r"^([ ]*(?:```+|~~~+)[ ]*\w+)[ ]+(?:bad|good)\b.*$", re.MULTILINE
)  # our marks mean nothing there


def render(report: Report, view: View) -> str:
    """One run of one tool. The order of the rules is that of the pages, then of what has no page."""
    known = {page.name: _rule(page) for page in view.pages}
    found = {diagnostic.name: _pageless(diagnostic) for diagnostic in report.diagnostics}
    rules = {**found, **known}
    order = {name: index for index, name in enumerate(rules)}
    run = {
        "tool": {"driver": _driver(list(rules.values()))},
        "invocations": [_invocation(report, view)],
        "originalUriBaseIds": {_BASE: {"description": {"text": "The folder that trainlint ran in."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, order[diagnostic.name]) for diagnostic in report.diagnostics],
    }
    return to_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _driver(rules: Sequence[Value]) -> Value:
    return {"name": "trainlint", "version": __version__, "semanticVersion": __version__, "rules": rules}


def _rule(page: Page) -> Value:
    markdown = _FENCE.sub(r"\1", page.text.strip())
    body = markdown.partition("\n")[2].strip()
    return {
        "id": page.name,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": body.partition("\n\n")[0].strip() or page.title},
        "help": {"text": markdown, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[page.rule.level], "enabled": page.rule.default},
        "properties": {"tags": ["pytorch", page.family]},
    }


def _pageless(diagnostic: Diagnostic) -> Value:
    return {
        "id": diagnostic.name,
        "shortDescription": {"text": diagnostic.name},
        "defaultConfiguration": {"level": _LEVELS[diagnostic.level]},
        "properties": {"tags": [diagnostic.family]},
    }


def _invocation(report: Report, view: View) -> Value:
    told = {"exitCode": view.exit_code} if view.exit_code is not None else {}
    return {
        "executionSuccessful": not report.failures,
        **told,
        "toolExecutionNotifications": [_notification(failure) for failure in report.failures],
    }


def _notification(failure: Failure) -> Value:
    region = {"region": {"startLine": failure.line}} if failure.line is not None else {}
    where = {"artifactLocation": _artifact(failure.path), **region}
    located = {"locations": [{"physicalLocation": where}]} if failure.path else {}
    said = {"message": {"text": failure.message}, "level": "error", "descriptor": {"id": failure.kind}}
    return {**said, **located}


def _result(diagnostic: Diagnostic, index: int) -> Value:
    fix = diagnostic.fix
    optional: Mapping[str, object] = {
        "partialFingerprints": {"trainlint/v1": diagnostic.fingerprint} if diagnostic.fingerprint else {},
        "relatedLocations": [_related(because, number) for number, because in enumerate(diagnostic.because)],
        "fixes": [_fix(fix)] if fix and all(edit.where.cell is None for edit in fix.edits) else [],
    }
    verdict = {"verdict": verdict_value(diagnostic.verdict)} if diagnostic.verdict else {}
    return {
        "ruleId": diagnostic.name,
        "ruleIndex": index,
        "level": _LEVELS[diagnostic.level],
        "message": {"text": sentence(diagnostic)},
        "locations": [_location(diagnostic.where)],
        **{name: value for name, value in optional.items() if value},
        "properties": {"certainty": diagnostic.certainty, **verdict},
    }


def _related(because: Because, number: int) -> Value:
    return {"id": number, "message": {"text": because.message}, **_location(because.where)}


def _location(where: Location) -> Value:
    """A line within a notebook's cell is no line of its file, so that the cell is a logical location there."""
    if where.cell is None:
        return {"physicalLocation": {"artifactLocation": _artifact(where.path), "region": _region(where)}}
    physical = {"artifactLocation": _artifact(where.path), "region": {"startLine": 1}}
    cell = f"cell {where.cell}"
    name = {
        "name": cell,
        "fullyQualifiedName": f"{where.path}:{cell}:{where.line}:{where.column}",
        "kind": "module",
    }
    return {"physicalLocation": physical, "logicalLocations": [name]}


def _region(where: Location) -> Value:
    return {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
    }


def _fix(fix: Fix) -> Value:
    changes = [
        {
            "artifactLocation": _artifact(path),
            "replacements": [
                {"deletedRegion": _region(edit.where), "insertedContent": {"text": edit.text}}
                for edit in edits
            ],
        }
        for path, edits in groupby(sorted(fix.edits, key=_by_place), key=lambda edit: edit.where.path)
    ]
    note = "" if fix.applicability == "safe" else " (unsafe: it may change results)"
    return {"description": {"text": fix.title + note}, "artifactChanges": changes}


def _by_place(edit: Edit) -> tuple[str, int]:
    return edit.where.path, edit.where.start


def _artifact(path: str) -> Value:
    """A URI relative to the folder of the run where the path is, else one of its own."""
    path = without_surrogates(path)
    windows = PureWindowsPath(path)
    absolute: PurePath | None = windows if windows.drive and windows.root else None
    if PurePosixPath(path).is_absolute():
        absolute = PurePosixPath(path)
    return {"uri": absolute.as_uri()} if absolute else {"uri": quote(path), "uriBaseId": _BASE}
