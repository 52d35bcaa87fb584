"""A report as plain dictionaries and lists, in the words of `schemas/output.json`, and JSON text of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainlint.report.counts import count

if TYPE_CHECKING:
    from trainlint.diagnostic import Because, Diagnostic, Edit, Failure, Fix, Report, Series, Verdict

Value = Mapping[str, object]

_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


def finding_value(diagnostic: Diagnostic) -> Value:
    """A finding, its range flat beside its name."""
    where = diagnostic.where
    return {
        "name": diagnostic.name,
        "family": diagnostic.family,
        "level": diagnostic.level,
        "message": diagnostic.message,
        "path": where.path,
        "cell": where.cell,
        "line": where.line,
        "column": where.column,
        "end_line": where.end_line,
        "end_column": where.end_column,
        "because": [_because(because) for because in diagnostic.because],
        "certainty": diagnostic.certainty,
        "fix": diagnostic.fix and _fix(diagnostic.fix),
        "fingerprint": diagnostic.fingerprint,
        "verdict": diagnostic.verdict and verdict_value(diagnostic.verdict),
    }


def failure_value(failure: Failure) -> Value:
    """A file, rule or setting that could not be used."""
    return {"path": failure.path, "line": failure.line, "message": failure.message, "kind": failure.kind}


def summary_value(report: Report) -> Value:
    """The numbers of a report."""
    counts = count(report)
    return {
        "files": counts.files,
        "errors": counts.levels["error"],
        "warnings": counts.levels["warning"],
        "advice": counts.levels["advice"],
        "failures": counts.failures,
        "fixable": counts.fixable,
        "unsafe_fixable": counts.unsafe,
        "suppressed": counts.suppressed,
        "baselined": counts.baselined,
        "withheld": counts.withheld,
        "unconfirmed": counts.unconfirmed,
    }


def verdict_value(verdict: Verdict) -> Value:
    """What executing a finding showed."""
    return {
        "state": verdict.state,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "measurements": _plain(verdict.measurements),
        "device": verdict.device,
        "seconds": verdict.seconds,
        "protections": list(verdict.protections),
        "series": [_series(series) for series in verdict.series],
        "versions": dict(verdict.versions),
        "earlier": verdict.earlier,
    }


def _series(series: Series) -> Value:
    return {
        "name": series.name,
        "along": series.along,
        "stride": series.stride,
        "line": series.line,
        "written": list(series.written),
        "control": list(series.control),
    }


def to_json(value: object, indent: int | None = 2) -> str:
    """JSON in ASCII, which every terminal and pipe carries; what Unicode has no character for becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _NOT_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    lone = "\ud800" <= character <= "\udfff"
    return json.dumps("\ufffd" if lone else character)[1:-1] if character != "\x7f" else "\\u007f"


def _because(because: Because) -> Value:
    where = because.where
    return {
        "path": where.path,
        "cell": where.cell,
        "line": where.line,
        "column": where.column,
        "message": because.message,
    }


def _fix(fix: Fix) -> Value:
    edits = [_edit(edit) for edit in fix.edits]
    return {"title": fix.title, "applicability": fix.applicability, "edits": edits}


def _edit(edit: Edit) -> Value:
    where = edit.where
    return {
        "path": where.path,
        "cell": where.cell,
        "line": where.line,
        "column": where.column,
        "end_line": where.end_line,
        "end_column": where.end_column,
        "text": edit.text,
    }


def _plain(value: object) -> object:
    """Measurements as JSON knows them: numbers that are none become words, unknown objects their text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return str(value)
