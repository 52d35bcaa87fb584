"""What the rules say about their examples does not depend on names, layout, or on what else is linted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import libcst
import pytest

from tests.disguises import by_keyword, reformatted, renamed, starred, unwrapped, without_arguments
from tests.examples import Case, lint_folder
from tests.test_rules import BOOK, CASES, by_origin
from trainlint.config import Config
from trainlint.lint import Effort, lint


def disguised(case: Case, disguise: Callable[[str], str | None]) -> Case | None:
    """An example with all its Python files in another guise, None where that changes nothing."""
    files = []
    for name, text in case.files:
        try:
            other = disguise(text) if name.endswith(".py") else None
        except (SyntaxError, libcst.ParserSyntaxError):
            return None  # a pasted piece that is no program
        files.append((name, text if other is None else other))
    return None if tuple(files) == case.files else replace(case, files=tuple(files))


UNWRAPPED = [other for case in CASES if (other := disguised(case, unwrapped)) is not None]
OF_SEVERAL_FILES = [case for case in CASES if sum(name.endswith(".py") for name, _ in case.files) > 1]


def named_and_laid_out_otherwise(text: str) -> str:
    """Both at once, as each costs a run of the linter for every example."""
    other = renamed(text)
    return reformatted(other) or other


@pytest.mark.parametrize("case", CASES, ids=by_origin)
def test_neither_names_of_local_variables_nor_layout_count(case: Case, tmp_path: Path) -> None:
    # In the test: it takes a minute for all of them, for which every run of a few would wait when they are collected.
    other = disguised(case, named_and_laid_out_otherwise) or case
    known_misses = any(mark.known_miss for mark in case.marks)
    found = lint_folder(other.write(tmp_path), BOOK, case.rule).diagnostics
    assert known_misses or len(found) == len(case.marks)
    assert case.level is None or {finding.level for finding in found} <= {case.level}


@pytest.mark.parametrize("case", UNWRAPPED, ids=by_origin)
def test_statements_say_no_more_than_the_main_that_held_them(case: Case, tmp_path: Path) -> None:
    assert len(lint_folder(case.write(tmp_path), BOOK, case.rule).diagnostics) <= len(case.marks)


@pytest.mark.parametrize("case", OF_SEVERAL_FILES, ids=by_origin)
def test_a_file_alone_is_read_as_within_its_project(case: Case, tmp_path: Path) -> None:
    folder = case.write(tmp_path)
    config = Config(root=folder, select=(case.rule,))

    def said(*paths: Path) -> Counter[tuple[str, str, int, str]]:
        report = lint(list(paths), config, BOOK, cwd=folder, effort=Effort(jobs=0))
        found = report.diagnostics
        return Counter((f.name, f.where.path, f.where.line, f.level) for f in found)

    alone = [said(folder / name) for name, _ in case.files if name.endswith((".py", ".ipynb"))]
    assert set().union(*alone) == set(said(folder))


@pytest.mark.parametrize("disguise", (without_arguments, by_keyword, starred))
@pytest.mark.parametrize("name", sorted({case.rule for case in CASES}))
def test_no_way_to_call_makes_a_rule_fail(name: str, disguise: Callable[[str], str], tmp_path: Path) -> None:
    """A page's own examples, with the calls of all of them written in another, even a wrong way."""
    for case in [case for case in CASES if case.rule == name][:4]:
        other = disguised(case, disguise)
        if other is not None:
            assert lint_folder(other.write(tmp_path), BOOK, "ALL").failures == ()
