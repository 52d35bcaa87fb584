"""Every page's examples through the verifier's door: the bad ones are confirmed, the good ones show no symptom."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest

from trainlint.book import Book, open_book
from trainlint.config import Config
from trainlint.lint import lint_source
from trainlint.verify.case import make_case
from trainlint.verify.cut import cut
from trainlint.verify.experiment import Plan, experiment, run_arm
from trainlint.verify.place import NOWHERE

pytest.importorskip("torch", reason="experiments run torch")

PLAN = Plan(timeout=60.0)


@lru_cache
def book() -> Book:
    return open_book()


def examples(kind):
    return [
        pytest.param(page, example, id=f"{page.name}-{number}")
        for page in book().pages
        if page.rule.symptom is not None
        for number, example in enumerate(e for e in page.examples if e.kind == kind)
    ]


def skip_without(text):
    """Some examples are about a library that trainlint itself never needs."""
    for library in ("sklearn", "pandas"):
        if f"from {library}" in text or f"import {library}" in text:
            pytest.importorskip(library, reason="the example fits transformers of this library")


def found(page, text, folder):
    report = lint_source(
        text, folder / "example.py", Config(root=folder, select=(page.name,)), book(), cwd=folder
    )
    assert not report.failures, report.failures
    return report.diagnostics


@pytest.mark.parametrize(("page", "example"), examples("bad"))
def test_bad_example_is_confirmed(page, example, sandbox, tmp_path):
    skip_without(example.text)
    diagnostics = found(page, example.text, tmp_path)
    assert diagnostics, "the example shows no finding"
    verdict = experiment(diagnostics[0], example.text, NOWHERE, page.rule, PLAN, sandbox.ask)
    assert verdict.state == "confirmed", f"{verdict.reason}: {verdict.evidence}"
    assert verdict.evidence and any(character.isdigit() for character in verdict.evidence)


@pytest.mark.parametrize(("page", "example"), examples("good"))
def test_good_example_shows_no_symptom(page, example, sandbox):
    skip_without(example.text)
    case = make_case(cut(example.text, [(0, len(example.text))]), "example.py")
    rule = replace(page.rule, needs=replace(page.rule.needs, seeds=1))
    arm = run_arm(case, rule, PLAN, sandbox.ask, {})
    assert not arm.reason and not arm.raised, f"{arm.reason}{arm.detail}{arm.raised}"
    assert page.rule.symptom(arm.runs, arm.runs) is None


def test_every_rule_has_an_experiment_or_says_why_not():
    for page in book().pages:
        if page.rule.symptom is None and page.family != "machine":
            assert "static only" in page.text.lower(), page.name
