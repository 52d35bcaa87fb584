"""Guards the guards: breaks every rule and expects its examples to notice.

A condition that can be taken away unnoticed is a condition that nothing tests: give the rule a near miss in
`tests/cases/`, or take the condition away for good.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import trainlint.meaning.forgetting
import trainlint.meaning.place
import trainlint.meaning.program
from tests.examples import Case, complaints, lint_folder, near_misses, page_cases
from tests.mutants import mutants_of
from tests.test_rules import BOOK, FIXABLE, PAGES, by_name, fix_complaints
from trainlint.book import Book
from trainlint.diagnostic import Edit
from trainlint.page import Page
from trainlint.rule import Rule
from trainlint.run import Effect
from trainlint.verify.experiment import Ask, Plan, experiment
from trainlint.verify.place import NOWHERE
from trainlint.verify.sandbox import Sandbox

EXPERIMENTAL = tuple(page for page in PAGES if page.rule.symptom)


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant changes the rule, never the program: each example is read once for all of them."""
    read = trainlint.meaning.program.read
    seen: dict[tuple[Path, frozenset[str]], Any] = {}

    def read_again(project: Any, entry: Path, unseen: frozenset[str]) -> Any:
        if (entry, unseen) not in seen:
            seen[entry, unseen] = read(project, entry, unseen)
        return seen[entry, unseen]

    monkeypatch.setattr(trainlint.meaning.program, "read", read_again)
    monkeypatch.setattr(trainlint.meaning.forgetting, "forget", lambda program: None)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_rule_that_never_fires_is_noticed(page: Page, tmp_path: Path) -> None:
    mute = replace(page.rule, check=lambda program, options: iter(()))
    assert noticed(page, mute, list(lay_out(page_cases(page), tmp_path)))


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_rule_without_one_of_its_conditions_is_noticed(page: Page, tmp_path: Path) -> None:
    cases = list(lay_out((*page_cases(page), *near_misses(page.name)), tmp_path))
    unnoticed = [what for what, rule in mutants_of(page) if not noticed(page, rule, cases)]
    if unnoticed:
        lines = "\n  ".join(unnoticed)
        pytest.fail(f"{page.file.name}: no example notices it\n  {lines}", pytrace=False)


@pytest.mark.parametrize("page", FIXABLE, ids=by_name)
def test_a_fix_that_does_nothing_is_noticed(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = trainlint.meaning.place.edits
    monkeypatch.setattr(
        trainlint.meaning.place, "edits", lambda changes: tuple(map(_emptied, edits(changes)))
    )
    bad = lay_out((case for case in page_cases(page) if case.kind == "bad"), tmp_path)
    assert any(
        "does not remove it" in said for case, folder in bad for said in fix_complaints(case.rule, folder)
    )


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """The sandbox's answers; the same program is run once, whatever symptom is looked for in it."""
    pytest.importorskip("torch", reason="experiments need torch")
    with Sandbox(sys.executable, unsafe=True) as sandbox:
        answers: dict[str, Any] = {}

        def ask_once(request: Mapping[str, object]) -> Any:
            key = json.dumps(request, sort_keys=True)
            return answers[key] if key in answers else answers.setdefault(key, sandbox.ask(request))

        yield ask_once


@pytest.mark.parametrize("page", EXPERIMENTAL, ids=by_name)
def test_a_symptom_that_is_never_or_always_there_is_noticed(page: Page, tmp_path: Path, ask: Ask) -> None:
    case, folder = next(lay_out((case for case in page_cases(page) if case.kind == "bad"), tmp_path))
    (_, text), *_ = case.files
    finding = lint_folder(folder, BOOK, page.name).diagnostics[0]
    for symptom in (lambda written, control: None, lambda written, control: Effect("there it is")):
        broken = replace(page.rule, symptom=symptom)
        verdict = experiment(finding, text, NOWHERE, broken, Plan(seeds=1, timeout=60.0), ask)
        assert verdict.state != "confirmed"
        assert verdict.reason in ("blind", "both-arms", "raised"), verdict.evidence  # both arms did run


def _emptied(edit: Edit) -> Edit:
    return Edit(replace(edit.where, end=edit.where.start), "")


def lay_out(cases: Iterable[Case], folder: Path) -> Iterator[tuple[Case, Path]]:
    for number, case in enumerate(cases):
        yield case, case.write(folder / str(number))


def noticed(page: Page, rule: Rule, cases: Iterable[tuple[Case, Path]]) -> bool:
    """Whether any example complains when this rule stands on the page."""
    book = _with(replace(page, rule=rule))
    return any(any(complaints(case, lint_folder(folder, book, page.name))) for case, folder in cases)


def _with(page: Page) -> Book:
    pages = tuple(page if other.name == page.name else other for other in BOOK.pages)
    return Book(pages, BOOK.folders, {**BOOK.names, page.name: page})
