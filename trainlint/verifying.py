"""`trainlint verify`: lint, run what was found, tell both. Needs a Python that has PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.book import Book
from trainlint.checking import lint_all
from trainlint.config import ConfigError, suggest
from trainlint.desk import Answer, Desk, UsageError, open_desk
from trainlint.lint import around
from trainlint.telling import tell, texts, without_known
from trainlint.terminal import draw_progress

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from trainlint.diagnostic import Diagnostic
    from trainlint.source import Source


def verify(arguments: Namespace) -> Answer:
    """Run the code of every finding, as written and with its control."""
    desk = open_desk(arguments)
    wanted = _names(arguments.rule or (), desk.book)
    report = without_known(desk, lint_all(desk, arguments))
    asked = tuple(said for said in report.diagnostics if not wanted or said.name in wanted)
    verified = _run(desk, asked, arguments)
    notes = tuple(_protections(verified))
    answer = tell(desk, replace(report, diagnostics=verified), arguments, notes)
    if not arguments.show:
        return answer
    programs = tuple(_programs(verified, _source_of(desk)))
    if arguments.output_format != "text":
        return replace(answer, notes=(*answer.notes, *programs))
    return replace(answer, output=str(answer.output) + "".join(f"{program}\n" for program in programs))


def _names(names: tuple[str, ...], book: Book) -> frozenset[str]:
    for name in names:
        if book.current(name) is None:
            raise ConfigError("--rule", f"there is no rule `{name}`{suggest(name, tuple(book.names))}")
    return frozenset(current for name in names if (current := book.current(name)))


def _run(desk: Desk, diagnostics: tuple[Diagnostic, ...], arguments: Namespace) -> tuple[Diagnostic, ...]:
    from trainlint.verify import VerifyError, verify

    draw = None if arguments.quiet else draw_progress(sys.stderr, "experiments")
    verified: list[Diagnostic] = []
    try:
        for diagnostic in verify(
            diagnostics,
            _source_of(desk),
            desk.book,
            device=arguments.device,
            seeds=arguments.seeds,
            timeout=arguments.timeout,
            python=arguments.python,
            unsafe=arguments.unsafe_no_sandbox,
            jobs=arguments.jobs,
            around=around([desk.cwd / path for path in desk.paths], desk.cwd),
        ):
            verified.append(diagnostic)
            if draw is not None:
                draw(len(verified), len(diagnostics))
    except VerifyError as error:
        raise UsageError(str(error)) from None
    return tuple(verified)


def _source_of(desk: Desk) -> Callable[[str], Source]:
    text_of = texts(desk)

    def source_of(path: str) -> Source:
        source = text_of(path)
        if source is None:
            raise UsageError(f"{path} cannot be read any more")
        return source

    return source_of


def _protections(diagnostics: tuple[Diagnostic, ...]) -> Iterator[str]:
    """Once, what held the code back while it ran."""
    for protections in dict.fromkeys(said.verdict.protections for said in diagnostics if said.verdict):
        yield f"protections: {', '.join(protections) or 'none'}"


def _programs(diagnostics: tuple[Diagnostic, ...], source_of: Callable[[str], Source]) -> Iterator[str]:
    """The programs that ran, as written and with the control."""
    from trainlint.report.view import place
    from trainlint.verify.case import make_cases
    from trainlint.verify.cut import NotCut

    for said in diagnostics:
        if said.verdict is None:
            continue
        try:
            cases = make_cases(said, source_of(said.where.path).text)
        except NotCut:
            continue
        for name, case in zip(("as written", "control"), cases, strict=True):
            if case is not None:
                yield f"\n# {place(said.where)}: {said.name}, {name}\n{case.program.rstrip()}"
