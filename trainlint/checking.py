"""`trainlint check`: from arguments to what is to be printed and the exit code.

Desk (settings, book) -> Report (linted, fixed or read from standard input) -> Answer
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.desk import CLEAN, FAILED, FOUND, Answer, Desk, UsageError, open_desk
from trainlint.telling import baseline_of, counts, how_many, line_of, tell, without_known
from trainlint.terminal import draw_progress

if TYPE_CHECKING:
    from argparse import Namespace

    from trainlint.diagnostic import Diagnostic, Report
    from trainlint.fix import Fixed
    from trainlint.lint import Effort


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
    report = without_known(desk, lint_all(desk, arguments))
    return tell(desk, report if arguments.no_cache else _with_verdicts(desk, report), arguments)


def _with_verdicts(desk: Desk, report: Report) -> Report:
    """The report with what earlier verifications showed of the same texts; it decides nothing here."""
    if desk.stdin is not None or not report.diagnostics:
        return report
    from trainlint.remembered import cache_folder, recalled

    files = {page.name: page.file for page in desk.book.pages}
    return replace(report, diagnostics=recalled(report.diagnostics, desk.cwd, files, cache_folder()))


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
    return Answer("".join(lines), tuple(map(line_of, found.failures)), FAILED if found.failures else CLEAN)


def lint_all(desk: Desk, arguments: Namespace) -> Report:
    """Lint the files, or what was piped in."""
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
    report = lint_all(desk, arguments)
    baseline = make_baseline(desk.config.baseline, report, desk.cwd)
    write_baseline(desk.config.baseline, baseline)
    known = how_many(len(report.diagnostics), "finding")
    if baseline.unparsable:
        known += f" and {how_many(len(baseline.unparsable), 'file')} that cannot be parsed"
    lasting = [failure for failure in report.failures if failure.kind in ("usage", "internal-error")]
    notes = (*map(line_of, lasting), f"wrote {known} to {desk.config.baseline}")
    return Answer(notes=notes, code=FAILED if lasting else CLEAN)


def _change(desk: Desk, arguments: Namespace) -> Answer:
    """Write fixes or ignore comments, or show what would be written."""
    fixed = _fix(desk, arguments)
    fixed = replace(fixed, report=desk.with_broken_settings(fixed.report))
    if desk.stdin is not None:
        return _changed_text(desk, fixed, arguments)
    verb = "ignored" if arguments.add_ignores else "fixed"
    done = f"{how_many(len(fixed.fixed), 'finding')} in {how_many(len(fixed.rewritten), 'file')}"
    refused = [f"not {verb}: {_place(refusal.diagnostic)}: {refusal.reason}" for refusal in fixed.refused]
    if arguments.diff:
        from trainlint.fix import diff

        failing = any(counts(failure, arguments) for failure in fixed.report.failures)
        code = FAILED if failing else FOUND if fixed.rewritten else CLEAN
        notes = (*map(line_of, fixed.report.failures), *refused, f"{done} would be {verb}")
        return Answer(diff(fixed.rewritten), notes, CLEAN if arguments.exit_zero and code == FOUND else code)
    from trainlint.fix import write

    unwritten = write(fixed.rewritten)
    report = replace(fixed.report, failures=(*fixed.report.failures, *unwritten))
    return tell(
        desk,
        without_known(desk, report),
        arguments,
        (*refused, f"{verb} {done}") if fixed.rewritten else tuple(refused),
    )


def _changed_text(desk: Desk, fixed: Fixed, arguments: Namespace) -> Answer:
    """Standard input in, the changed text (or what would change) out; the report goes to the person."""
    from trainlint.fix import diff

    before = desk.stdin or b""
    after = fixed.rewritten[0].after if fixed.rewritten else before
    told = tell(replace(desk, stdin=after), without_known(desk, fixed.report), arguments)
    output = diff(fixed.rewritten) if arguments.diff else after
    return Answer(output, (*str(told.output).splitlines(), *told.notes), told.code)


def _fix(desk: Desk, arguments: Namespace) -> Fixed:
    """What fixing, or silencing, everything that is not in the baseline comes to."""
    known = baseline_of(desk)

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


def _place(diagnostic: Diagnostic) -> str:
    from trainlint.report.view import place

    return f"{place(diagnostic.where)}: {diagnostic.name}"
