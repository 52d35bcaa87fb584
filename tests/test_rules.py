"""Runs every example of every rule's page, and the near misses in `tests/cases/`.

`pytest -k missing-no-grad` runs one rule.
"""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.examples import Case, complaints, lint_folder, near_misses, page_cases, show
from trainlint.book import open_book
from trainlint.diagnostic import Diagnostic, Report
from trainlint.page import Page
from trainlint.source import read_source

BOOK = open_book()
PAGES = tuple(page for page in BOOK.pages if page.family != "machine")
CASES = tuple(case for page in PAGES for case in (*page_cases(page), *near_misses(page.name)))
FIXABLE = tuple(page for page in PAGES if page.rule.fix)


def by_origin(case: Case) -> str:
    return f"{case.rule}-{case.kind}-{case.origin.rsplit('/', 1)[-1]}"


def by_name(page: Page) -> str:
    return page.name


@pytest.mark.parametrize("case", CASES, ids=by_origin)
def test_example(case: Case, tmp_path: Path) -> None:
    report = lint_folder(case.write(tmp_path), BOOK, case.rule)
    accept(case, complaints(case, report))


@pytest.mark.parametrize("case", [case for case in CASES if case.kind == "bad"], ids=by_origin)
def test_fix(case: Case, tmp_path: Path) -> None:
    accept(case, fix_complaints(case.rule, case.write(tmp_path)))


@pytest.mark.parametrize("page", FIXABLE, ids=by_name)
def test_page_shows_the_fix_it_promises(page: Page, tmp_path: Path) -> None:
    bad = [case for case in page_cases(page) if case.kind == "bad"]
    reports = [lint_folder(case.write(tmp_path / str(n)), BOOK, page.name) for n, case in enumerate(bad)]
    assert any(finding.fix for report in reports for finding in report.diagnostics)


def accept(case: Case, complaints: Iterable[str]) -> None:
    said = "\n  ".join(complaints)
    if said:
        pytest.fail(f"{case.origin}\n  {said}", pytrace=False)


def fix_complaints(rule: str, folder: Path) -> Iterator[str]:
    """Apply one fix after the other, as an editor would, and say what each did wrong."""
    report = lint_folder(folder, BOOK, "ALL")
    for _ in range(20):
        finding = next((f for f in report.diagnostics if f.name == rule and f.fix), None)
        if finding is None:
            return
        lost = list(_apply(finding, folder))
        after = lint_folder(folder, BOOK, "ALL")
        problems = [*lost, *_got_worse(finding, report, after)]
        if problems:
            yield from (f"the fix of {show(finding)} {problem}" for problem in problems)
            return
        report = after
    yield "the fixes come to no end"


def _apply(finding: Diagnostic, folder: Path) -> Iterator[str]:
    """Write the fix; what is said is which comments got lost."""
    edits = finding.fix.edits if finding.fix else ()
    for path in {edit.where.path for edit in edits}:
        file = folder / path
        before = file.read_bytes()
        file.write_bytes(read_source(file, path).apply(edit for edit in edits if edit.where.path == path))
        for comment in _comments(before) - _comments(file.read_bytes()):
            yield f"loses the comment {comment!r} in {path}"


def _comments(content: bytes) -> Counter[str]:
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(content).readline))
    except (tokenize.TokenError, SyntaxError):
        return Counter()
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def _got_worse(finding: Diagnostic, before: Report, after: Report) -> Iterator[str]:
    for failure in after.failures:
        yield f"leads to {failure.path}:{failure.line}: {failure.message}"
    said_before, said = (Counter(map(_statement, report.diagnostics)) for report in (before, after))
    if said[_statement(finding)] >= said_before[_statement(finding)]:
        yield "does not remove it"
    had, has = (Counter(diagnostic.name for diagnostic in report.diagnostics) for report in (before, after))
    for diagnostic in after.diagnostics:
        if has[diagnostic.name] > had[diagnostic.name]:
            yield f"adds {show(diagnostic)}"


def _statement(finding: Diagnostic) -> tuple[str, ...]:
    return finding.name, finding.where.path, finding.message
