"""For test dashboards: JUnit XML, one suite per file, one failed case per finding that fails the build."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import groupby
from typing import TYPE_CHECKING

from trainlint.report.characters import without_illegal
from trainlint.report.view import explanation, fails, place

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Failure, Report
    from trainlint.report.view import View

Element = ET.Element


def render(report: Report, view: View) -> str:
    """Findings below the failing level are cases that pass and say what was found."""
    suites = [
        _suite(path, [_finding(diagnostic, view) for diagnostic in found])
        for path, found in groupby(report.diagnostics, key=lambda diagnostic: diagnostic.where.path)
    ]
    if report.failures:
        suites.append(_suite("trainlint", [_failure(failure) for failure in report.failures]))
    if not suites:
        suites.append(_suite("trainlint", [_element("testcase", name="no findings", classname="trainlint")]))
    totals = {name: str(sum(int(suite.get(name, 0)) for suite in suites)) for name in _COUNTED}
    root = _element("testsuites", name="trainlint", **totals)
    root.extend(suites)
    ET.indent(root)
    body = ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


_COUNTED = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}


def _suite(name: str, cases: list[Element]) -> Element:
    suite = _element("testsuite", name=name)
    suite.extend(cases)
    for counted, where in _COUNTED.items():
        suite.set(counted, str(len(suite.findall(where))))
    return suite


def _finding(diagnostic: Diagnostic, view: View) -> Element:
    where = diagnostic.where
    position = place(where).removeprefix(f"{where.path}:")
    case = _element("testcase", name=f"{diagnostic.name} {position}", classname=where.path, file=where.path)
    if where.cell is None:
        case.set("line", str(where.line))
    words = f"{place(where)}: {explanation(diagnostic)}"
    if fails(diagnostic, view):
        case.append(_element("failure", words, message=diagnostic.message, type=diagnostic.level))
    else:
        case.append(_element("system-out", f"{diagnostic.level}: {words}"))
    return case


def _failure(failure: Failure) -> Element:
    path = failure.path or "trainlint"
    at = f" {failure.line}" if failure.line is not None else ""
    case = _element("testcase", name=f"{failure.kind}{at}", classname=path, file=path)
    if failure.line is not None:
        case.set("line", str(failure.line))
    case.append(_element("error", failure.message, message=failure.message, type=failure.kind))
    return case


def _element(tag: str, words: str = "", **attributes: str) -> Element:
    element = ET.Element(tag, {name: without_illegal(value) for name, value in attributes.items()})
    element.text = without_illegal(words) or None
    return element
