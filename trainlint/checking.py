"""`trainlint check`: from arguments to what is to be printed and the exit code.

Desk (settings, book) -> Report (linted, fixed or read from standard input) -> Answer
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.arguments import COMMANDS
from trainlint.config import suggest
from trainlint.desk import CLEAN, FAILED, FOUND, Answer, Desk, UsageError, open_desk
from trainlint.diagnostic import LEVELS, Diagnostic, Failure, Report
from trainlint.terminal import draw_progress, wants_color

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from trainlint.baseline import Baseline
    from trainlint.fix import Fixed
    from trainlint.lint import Effort
    from trainlint.page import Page
    from trainlint.source import Source


def check(arguments: Namespace) -> Answer:
    """Lint, or whatever else the arguments ask `check` for."""
    _refuse_contradictions(arguments)
    desk = open_desk(arguments)
    if desk.stdin is not None and (arguments.add_ignores or arguments.write_baseline):
        raise UsageError("standard input (-) has no file to write ignore comments or a baseline for")
    if arguments.show_settings:
        return _show_settings(desk)
    if arguments.show_files:
        return _show_files(desk)
    if arguments.write_baseline:
        return _write_baseline(desk, arguments)
    if arguments.fix or arguments.diff or arguments.add_ignores:
        return _change(desk, arguments)
    return _tell(desk, _lint(desk, arguments), arguments)


def _refuse_contradictions(arguments: Namespace) -> None:
    modes = ("show_settings", "show_files", "write_baseline", "add_ignores", "fix", "diff")
    asked = [mode for mode in modes if getattr(arguments, mode)]
    if len(asked) > 1 and asked not in (["fix", "diff"], ["add_ignores", "diff"]):
        first, second, *_ = (f"--{mode.replace('_', '-')}" for mode in asked)
        raise UsageError(f"{first} and {second} do not go together")
    if arguments.unsafe_fixes and not (arguments.fix or arguments.diff):
        raise UsageError("--unsafe-fixes goes with --fix or --diff")
    if arguments.statistics and arguments.output_format not in ("text", "json"):
        raise UsageError("--statistics goes with --output-format text or json")


def _show_settings(desk: Desk) -> Answer:
    from trainlint.pages import settings_as_toml

    return Answer(
        settings_as_toml(desk.config, desk.book.select(desk.config)), desk.book.renamed(desk.config)
    )


def _show_files(desk: Desk) -> Answer:
    from trainlint.discovery import shown
    from trainlint.lint import find_files

    found = find_files(desk.paths, desk.settings, desk.cwd)
    lines = [f"{shown(file, desk.cwd)}\n" for file in found.files]
    return Answer("".join(lines), tuple(map(_line, found.failures)), FAILED if found.failures else CLEAN)


def _lint(desk: Desk, arguments: Namespace) -> Report:
    from trainlint.lint import lint, lint_source

    effort = _effort(arguments)
    if desk.stdin is None:
        report = lint(desk.paths, desk.settings, desk.book, cwd=desk.cwd, effort=effort)
    else:
        report = lint_source(desk.stdin, desk.paths[0], desk.settings, desk.book, cwd=desk.cwd, effort=effort)
    return desk.with_broken_settings(report)


def _effort(arguments: Namespace) -> Effort:
    from trainlint.lint import Effort

    return Effort(arguments.jobs, progress=None if arguments.quiet else draw_progress(sys.stderr))


def _write_baseline(desk: Desk, arguments: Namespace) -> Answer:
    from trainlint.baseline import make_baseline, write_baseline

    if desk.config.baseline is None:
        raise UsageError("--write-baseline needs to know the file: --baseline FILE")
    report = _lint(desk, arguments)
    write_baseline(desk.config.baseline, make_baseline(desk.config.baseline, report, desk.cwd))
    known = _count(len(report.diagnostics), "finding")
    lasting = [failure for failure in report.failures if failure.kind in ("usage", "internal-error")]
    notes = (*map(_line, lasting), f"wrote {known} to {desk.config.baseline}")
    return Answer(notes=notes, code=FAILED if lasting else CLEAN)


def _change(desk: Desk, arguments: Namespace) -> Answer:
    """Write fixes or ignore comments, or show what would be written."""
    fixed = _fix(desk, arguments)
    fixed = replace(fixed, report=desk.with_broken_settings(fixed.report))
    if desk.stdin is not None:
        return _changed_text(desk, fixed, arguments)
    verb = "ignored" if arguments.add_ignores else "fixed"
    done = f"{_count(len(fixed.fixed), 'finding')} in {_count(len(fixed.rewritten), 'file')}"
    refused = [f"not {verb}: {_place(refusal.diagnostic)}: {refusal.reason}" for refusal in fixed.refused]
    if arguments.diff:
        from trainlint.fix import diff

        failures = _grave(fixed.report.failures, arguments)
        code = FAILED if failures else FOUND if fixed.rewritten else CLEAN
        notes = (*map(_line, fixed.report.failures), *refused, f"{done} would be {verb}")
        return Answer(diff(fixed.rewritten), notes, CLEAN if arguments.exit_zero and code == FOUND else code)
    from trainlint.fix import write

    unwritten = write(fixed.rewritten)
    report = replace(fixed.report, failures=(*fixed.report.failures, *unwritten))
    return _tell(desk, report, arguments, (*refused, f"{verb} {done}") if fixed.rewritten else tuple(refused))


def _changed_text(desk: Desk, fixed: Fixed, arguments: Namespace) -> Answer:
    """Standard input in, the changed text (or what would change) out; the report goes to the person."""
    from trainlint.fix import diff

    told = _tell(desk, fixed.report, arguments)
    before = desk.stdin or b""
    after = fixed.rewritten[0].after if fixed.rewritten else before
    output = diff(fixed.rewritten) if arguments.diff else after
    return Answer(output, (*str(told.output).splitlines(), *told.notes), told.code)


def _fix(desk: Desk, arguments: Namespace) -> Fixed:
    """What fixing, or silencing, everything that is not in the baseline comes to."""
    known = _baseline(desk)

    def wanted(diagnostic: Diagnostic) -> bool:
        return known is None or not known.knows(diagnostic, desk.cwd)

    effort, unsafe = _effort(arguments), arguments.unsafe_fixes
    if arguments.add_ignores:
        from trainlint.adopt import add_ignores

        return add_ignores(desk.paths, desk.settings, desk.book, wanted=wanted, cwd=desk.cwd, effort=effort)
    from trainlint.fix import fix, fix_source

    if desk.stdin is None:
        return fix(
            desk.paths, desk.settings, desk.book, unsafe=unsafe, wanted=wanted, cwd=desk.cwd, effort=effort
        )
    return fix_source(
        desk.stdin,
        desk.paths[0],
        desk.settings,
        desk.book,
        unsafe=unsafe,
        wanted=wanted,
        cwd=desk.cwd,
        effort=effort,
    )


def _tell(desk: Desk, report: Report, arguments: Namespace, notes: tuple[str, ...] = ()) -> Answer:
    """A report in the format that was asked for, with hints and the exit code."""
    from trainlint.report import render

    known = _baseline(desk)
    if known is not None:
        from trainlint.baseline import apply_baseline

        report = apply_baseline(report, known, desk.cwd)
    allowed = [failure for failure in report.failures if failure not in _grave(report.failures, arguments)]
    report = replace(report, failures=_grave(report.failures, arguments))
    code = _exit_code(desk, report, arguments)
    notes = (*(f"warning: {_line(failure)}" for failure in allowed), *notes, *_hints(desk, report))
    if arguments.statistics:
        return Answer(_statistics(desk, report, arguments), (*map(_line, report.failures), *notes), code)
    output = render(
        arguments.output_format,
        report,
        text_of=_texts(desk),
        pages=_pages(desk, report),
        color=arguments.output_file is None and wants_color(arguments.color, sys.stdout, os.environ),
        quiet=arguments.quiet,
        fail_on=desk.config.fail_on,
        exit_code=code,
        width=shutil.get_terminal_size((100, 24)).columns,
    )
    return Answer(output, notes, code)


def _baseline(desk: Desk) -> Baseline | None:
    if desk.config.baseline is None:
        return None
    from trainlint.baseline import read_baseline

    return read_baseline(desk.config.baseline)


def _grave(failures: tuple[Failure, ...], arguments: Namespace) -> tuple[Failure, ...]:
    """The failures that count: --allow-unparsable lets files pass that are no Python."""
    return tuple(f for f in failures if not (arguments.allow_unparsable and f.kind == "syntax"))


def _exit_code(desk: Desk, report: Report, arguments: Namespace) -> int:
    if report.failures:
        return FAILED
    failing = any(_fails(diagnostic, desk) for diagnostic in report.diagnostics)
    return FOUND if failing and not arguments.exit_zero else CLEAN


def _fails(diagnostic: Diagnostic, desk: Desk) -> bool:
    """Whether a finding reaches the failing level of its own file's configuration."""
    config = desk.settings.config_for(desk.cwd / diagnostic.where.path)
    return LEVELS.index(diagnostic.level) <= LEVELS.index(config.fail_on)


def _pages(desk: Desk, report: Report) -> tuple[Page, ...]:
    """The rules that this run asked, nested configurations included."""
    asked = {page.name for page in desk.book.select(desk.config)} | {said.name for said in report.diagnostics}
    return tuple(page for page in desk.book.pages if page.name in asked)


def _texts(desk: Desk) -> Callable[[str], Source | None]:
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
        gone = f"{_count(report.stale, 'known finding')} of the baseline {'is' if report.stale == 1 else 'are'} gone"
        hints.append(f"hint: {gone}; --write-baseline writes it anew")
    for failure in report.failures:
        command = suggest(failure.path, COMMANDS) if failure.kind == "usage" else ""
        if command:
            hints.append(f"hint: there is no command or file `{failure.path}`{command}")
    return tuple(hints)


def _line(failure: Failure) -> str:
    place = failure.path if failure.line is None else f"{failure.path}:{failure.line}"
    return f"{place}: {failure.message}" if place else failure.message


def _place(diagnostic: Diagnostic) -> str:
    from trainlint.report.view import place

    return f"{place(diagnostic.where)}: {diagnostic.name}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
