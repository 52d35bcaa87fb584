"""`trainlint verify`: lint, run what was found, tell both. Needs a Python that has PyTorch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.book import Book
from trainlint.checking import lint_all
from trainlint.config import ConfigError, suggest
from trainlint.desk import INTERRUPTED, Answer, Desk, UsageError, open_desk
from trainlint.experiment_arguments import CONFIRMED
from trainlint.keeping import Scribe
from trainlint.lint import around
from trainlint.remembered import cache_folder
from trainlint.spots import Spot, chosen, read_spots
from trainlint.streaming import Stream
from trainlint.telling import exit_code, reaches, remarks, render_all, texts, without_allowed, without_known
from trainlint.terminal import draw_progress

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator
    from pathlib import Path

    from trainlint.diagnostic import Diagnostic, Report
    from trainlint.source import Source
    from trainlint.verify import Witness


def verify(arguments: Namespace, say: Callable[[str], None]) -> Answer:
    """Run the code of every finding, as written and with its control; what can be told at once, `say` is told."""
    began = time.monotonic()
    paths, spots = read_spots(arguments.paths)
    arguments.paths = [*paths, *(spot.path for spot in spots)]
    desk = open_desk(arguments)
    for spot in spots:
        if not (desk.cwd / spot.path).is_file():
            raise UsageError(f"{spot.text}: there is no file {spot.path}")
    if arguments.report is not None:
        _try_writing(arguments.report)
    wanted = _names(arguments.rule or (), desk.book)
    report, allowed = without_allowed(without_known(desk, lint_all(desk, arguments)), arguments)
    asked = tuple(said for said in report.diagnostics if not wanted or said.name in wanted)
    asked = _chosen(desk, replace(report, diagnostics=asked), paths, spots) if spots else asked
    if arguments.budget is not None:
        arguments.budget = max(0.0, arguments.budget - (time.monotonic() - began))
    stream = Stream(desk, arguments, say)
    scribe = Scribe(desk.book, arguments.save_repro, arguments.show)
    verified, interrupted = _run(desk, asked, arguments, stream, scribe)
    report = replace(report, diagnostics=verified)
    code = INTERRUPTED if interrupted else exit_code(report, arguments, _failing(desk, arguments))
    report = _shown(report, arguments)
    output = stream.finish(report, code)
    said = (*_protections(verified), *scribe.notes)
    notes = (*allowed, *remarks(desk, report, arguments, said))
    if interrupted:
        notes += (
            f"trainlint: interrupted: {len(asked) - len(verified)} of {len(asked)} findings were not run",
        )
    files: tuple[tuple[str, Path, str], ...] = ()
    if arguments.report is not None:
        page = render_all(desk, report, arguments, code, "html")
        files = (("--report", arguments.report, page),)
    if arguments.output_format != "text":
        return Answer(output, (*notes, *scribe.programs), code, files)
    return Answer(output + "".join(f"{program}\n" for program in scribe.programs), notes, code, files)


def _try_writing(file: Path) -> None:
    """Know before all experiments, not after them, that a file cannot be written."""
    try:
        file.open("ab").close()
    except OSError as error:
        raise UsageError(f"--report {file} cannot be written: {error.strerror or error}") from None


def _names(names: tuple[str, ...], book: Book) -> frozenset[str]:
    for name in names:
        if book.current(name) is None:
            raise ConfigError("--rule", f"there is no rule `{name}`{suggest(name, tuple(book.names))}")
    return frozenset(current for name in names if (current := book.current(name)))


def _chosen(
    desk: Desk, report: Report, paths: tuple[Path, ...], spots: tuple[Spot, ...]
) -> tuple[Diagnostic, ...]:
    """The findings that were asked for by place; a place without one is an error, unless its file has another."""
    asked, missed = chosen(report.diagnostics, paths, spots, _source_of(desk), desk.cwd)
    if missed and not report.failures:
        raise UsageError(missed[0])
    return asked


def _run(
    desk: Desk, asked: tuple[Diagnostic, ...], arguments: Namespace, stream: Stream, scribe: Scribe
) -> tuple[tuple[Diagnostic, ...], bool]:
    """The findings with their verdicts, as far as it got, and whether somebody interrupted it."""
    from trainlint.verify import VerifyError

    draw = None if arguments.quiet else draw_progress(sys.stderr, "experiments")
    verified: list[Diagnostic] = []
    running = _experiments(desk, asked, arguments, draw, scribe.witness)
    try:
        for diagnostic in running:
            verified.append(diagnostic)
            if draw is not None:
                draw(1, 1)  # wipes the line before something else is written there
            if _is_shown(diagnostic, arguments):
                stream.tell(diagnostic)
    except KeyboardInterrupt:
        return tuple(verified), True
    except VerifyError as error:
        raise UsageError(str(error)) from None
    finally:
        running.close()
    return tuple(verified), False


def _experiments(
    desk: Desk,
    asked: tuple[Diagnostic, ...],
    arguments: Namespace,
    draw: Callable[[int, int], None] | None,
    witness: Witness,
) -> Generator[Diagnostic, None, None]:
    from trainlint.verify import verify

    yield from verify(
        asked,
        _source_of(desk),
        desk.book,
        device=arguments.device,
        executor=arguments.executor,
        seeds=arguments.seeds,
        timeout=arguments.timeout,
        python=arguments.python,
        unsafe=arguments.unsafe_no_sandbox,
        jobs=arguments.jobs,
        around=around([desk.cwd / path for path in desk.paths], desk.cwd),
        progress=draw,
        budget=arguments.budget,
        witness=witness,
        cache=None if arguments.no_cache else cache_folder(),
    )


def _is_shown(diagnostic: Diagnostic, arguments: Namespace) -> bool:
    confirmed = diagnostic.verdict is not None and diagnostic.verdict.state == "confirmed"
    return confirmed or not arguments.only_confirmed


def _shown(report: Report, arguments: Namespace) -> Report:
    """The report less what is not asked for, which is counted."""
    shown = tuple(said for said in report.diagnostics if _is_shown(said, arguments))
    return replace(report, diagnostics=shown, unconfirmed=len(report.diagnostics) - len(shown))


def _failing(desk: Desk, arguments: Namespace) -> Callable[[Diagnostic], bool]:
    """Whether a finding fails the run: what was refuted never does."""

    def fails(diagnostic: Diagnostic) -> bool:
        state = diagnostic.verdict.state if diagnostic.verdict is not None else ""
        proven = state == "confirmed" if arguments.fail_on == CONFIRMED else state != "refuted"
        return proven and reaches(desk, diagnostic)

    return fails


def _source_of(desk: Desk) -> Callable[[str], Source]:
    text_of = texts(desk)

    def source_of(path: str) -> Source:
        source = text_of(path)
        if source is None:
            raise UsageError(f"{path} cannot be read any more")
        return source

    return source_of


def _protections(diagnostics: tuple[Diagnostic, ...]) -> Iterator[str]:
    """Once, what held the code back while it ran; nothing where none of it ran."""
    ran = (said.verdict.protections for said in diagnostics if said.verdict and said.verdict.protections)
    for protections in dict.fromkeys(ran):
        yield f"protections: {', '.join(protections)}"
