"""A report as an answer: rendered as asked, with warnings and hints for the person, and the exit code."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.arguments import COMMANDS
from trainlint.config import suggest
from trainlint.desk import CLEAN, FAILED, FOUND, Answer, Desk
from trainlint.diagnostic import LEVELS, Diagnostic, Failure, Report
from trainlint.handful import handful
from trainlint.terminal import columns, wants_color

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from trainlint.baseline import Baseline
    from trainlint.page import Page
    from trainlint.report import View
    from trainlint.source import Source


def tell(desk: Desk, report: Report, arguments: Namespace, notes: tuple[str, ...] = ()) -> Answer:
    """A report in the format that was asked for, with hints and the exit code."""
    report, allowed = without_allowed(report, arguments)
    code = exit_code(report, arguments, lambda diagnostic: reaches(desk, diagnostic))
    said = (*allowed, *remarks(desk, report, arguments, notes))
    if arguments.statistics:
        return Answer(_statistics(desk, report, arguments), (*map(line_of, report.failures), *said), code)
    return Answer(render_all(desk, _few(desk, report), arguments, code), said, code)


def without_allowed(report: Report, arguments: Namespace) -> tuple[Report, tuple[str, ...]]:
    """The report less the failures that let a run pass, and a warning for each of these."""
    allowed = tuple(failure for failure in report.failures if not counts(failure, arguments))
    left = tuple(failure for failure in report.failures if counts(failure, arguments))
    return replace(report, failures=left), tuple(f"warning: {line_of(failure)}" for failure in allowed)


def remarks(desk: Desk, report: Report, arguments: Namespace, notes: tuple[str, ...]) -> tuple[str, ...]:
    """Notes and hints for the person who wants to hear them."""
    return () if arguments.quiet else (*notes, *_hints(desk, report))


def _few(desk: Desk, report: Report) -> Report:
    """The report with a handful of advice per file."""
    gains = {page.name: page.rule.gain for page in desk.book.pages}
    return handful(report, lambda path: desk.settings.config_for(desk.cwd / path).max_advice, gains)


def render_all(desk: Desk, report: Report, arguments: Namespace, code: int, form: str | None = None) -> str:
    """A whole report in the format that was asked for, or in this one."""
    from trainlint.report import render

    return render(
        form or arguments.output_format,
        report,
        text_of=texts(desk),
        pages=_pages(desk, report),
        color=_colored(arguments),
        quiet=arguments.quiet,
        fail_on=desk.config.fail_on,
        exit_code=code,
        width=columns(100),
    )


def view_of(desk: Desk, arguments: Namespace) -> View:
    """How a report is looked at that is told as it comes."""
    from trainlint.report import View

    return View(texts(desk), color=_colored(arguments), quiet=arguments.quiet, width=columns(100))


def _colored(arguments: Namespace) -> bool:
    return arguments.output_file is None and wants_color(arguments.color, sys.stdout, os.environ)


def baseline_of(desk: Desk) -> Baseline | None:
    """What the configuration or the command line names as known."""
    if desk.config.baseline is None:
        return None
    from trainlint.baseline import read_baseline

    return read_baseline(desk.config.baseline)


def without_known(desk: Desk, report: Report) -> Report:
    """The report less what the baseline knows."""
    known = baseline_of(desk)
    if known is None:
        return report
    from trainlint.baseline import apply_baseline

    return apply_baseline(report, known, desk.cwd)


def counts(failure: Failure, arguments: Namespace) -> bool:
    """Whether a failure makes the run fail: --allow-unparsable lets files pass that are no Python."""
    return failure.kind != "syntax" or not arguments.allow_unparsable


def exit_code(report: Report, arguments: Namespace, fails: Callable[[Diagnostic], bool]) -> int:
    """What a report comes to."""
    if report.failures:
        return FAILED
    return FOUND if any(map(fails, report.diagnostics)) and not arguments.exit_zero else CLEAN


def reaches(desk: Desk, diagnostic: Diagnostic) -> bool:
    """Whether a finding is as grave as the failing level of its own file's configuration, whatever its verdict."""
    config = desk.settings.config_for(desk.cwd / diagnostic.where.path)
    return LEVELS.index(diagnostic.level) <= LEVELS.index(config.fail_on)


def _pages(desk: Desk, report: Report) -> tuple[Page, ...]:
    """The rules that this run asked, nested configurations included."""
    asked = {page.name for page in desk.book.select(desk.config)} | {said.name for said in report.diagnostics}
    return tuple(page for page in desk.book.pages if page.name in asked)


def texts(desk: Desk) -> Callable[[str], Source | None]:
    """Where excerpts come from: the files, or what was piped in."""
    from trainlint.source import SourceError, read_source, source_from_text

    known: dict[str, Source | None] = {}

    def text_of(path: str) -> Source | None:
        if path not in known:
            try:
                piped = desk.stdin if (desk.cwd / path) == (desk.cwd / desk.paths[0]) else None
                known[path] = (
                    read_source(desk.cwd / path, path) if piped is None else source_from_text(piped, path)
                )
            except SourceError:
                known[path] = None
        return known[path]

    return text_of


def _statistics(desk: Desk, report: Report, arguments: Namespace) -> str:
    from trainlint.pages import statistics, statistics_as_json

    counts = Counter(diagnostic.name for diagnostic in report.diagnostics)
    rows = [(count, page) for name, count in counts.most_common() if (page := desk.book.page(name))]
    return statistics_as_json(rows) if arguments.output_format == "json" else statistics(rows)


def _hints(desk: Desk, report: Report) -> tuple[str, ...]:
    hints = [f"hint: {sentence}" for sentence in desk.book.renamed(desk.config)]
    if report.stale:
        gone = f"{how_many(report.stale, 'known finding')} of the baseline {'is' if report.stale == 1 else 'are'} gone"
        hints.append(f"hint: {gone}; --write-baseline writes it anew")
    for failure in report.failures:
        command = suggest(failure.path, COMMANDS) if failure.kind == "usage" else ""
        if command:
            hints.append(f"hint: there is no command or file `{failure.path}`{command}")
    return tuple(hints)


def line_of(failure: Failure) -> str:
    """A failure in one line."""
    place = failure.path if failure.line is None else f"{failure.path}:{failure.line}"
    return f"{place}: {failure.message}" if place else failure.message


def how_many(number: int, noun: str) -> str:
    """`1 file`, `3 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
