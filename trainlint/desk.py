"""What a command works with and what it answers: settings and book in, text and an exit code out."""

from __future__ import annotations

import sys
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.book import Book, open_book
from trainlint.config import Config, build_config
from trainlint.diagnostic import LEVELS, Failure, Report
from trainlint.records import dataclass
from trainlint.settings import COMMAND_LINE, Overrides, Settings, inline_table, merged

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

CLEAN, FOUND, FAILED = 0, 1, 2  # the exit codes
INTERRUPTED = 130  # what shells expect after Ctrl-C

STDIN = Path("-")


class UsageError(Exception):
    """A command line that cannot be obeyed; its text is one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says: its output, then, line by line, notes for the person; and the exit code.

    `files` are written beside the output: the option that asked for each, its path and its content.
    """

    output: str | bytes = ""
    notes: tuple[str, ...] = ()
    code: int = CLEAN
    files: tuple[tuple[str, Path, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """What a run works with. `config` is that of the run as a whole, `stdin` what was piped in to be linted."""

    paths: tuple[Path, ...]
    settings: Settings
    config: Config
    book: Book
    cwd: Path = field(default_factory=Path.cwd)
    stdin: bytes | None = None

    def with_broken_settings(self, report: Report) -> Report:
        """The report, and a line for each configuration further down that could not be used."""
        broken = {
            Failure(error.where, error.line, error.message, "usage"): None for error in self.settings.broken
        }
        return replace(report, failures=(*broken, *report.failures))


def open_desk(arguments: Namespace) -> Desk:
    """Read the configuration and open the book; raises ConfigError, BookError or UsageError."""
    piped, paths = _what_to_read(arguments)
    settings = _settings(arguments)
    config = settings.config_of(paths)
    book = open_book(config.rules)
    for flag, selectors in _selectors(arguments).items():
        book.validate(Config(select=selectors), flag)
    book.validate(build_config(settings.overrides.table, COMMAND_LINE, None), COMMAND_LINE)
    book.validate(config)
    settings = replace(settings, accept=book.validate, _found={})  # from here on a bad file costs one line
    return Desk(paths, settings, config, book, stdin=sys.stdin.buffer.read() if piped else None)


def _what_to_read(arguments: Namespace) -> tuple[bool, tuple[Path, ...]]:
    """Whether to lint standard input, and the paths; standard input has the path of its file name."""
    paths = tuple(arguments.paths)
    name = getattr(arguments, "stdin_filename", None)
    if STDIN in paths or (name and not paths):
        if len(paths) > 1:
            raise UsageError("standard input (-) cannot be linted together with files")
        if not hasattr(arguments, "stdin_filename"):
            raise UsageError("standard input (-) cannot be verified: give a file")
        return True, (name or STDIN,)
    if name:
        raise UsageError("--stdin-filename names what is read from standard input: give - as the path")
    return False, paths or (Path(),)


def _settings(arguments: Namespace) -> Settings:
    files: list[Path] = []
    table: Mapping[str, object] = {}
    for given in arguments.config:
        if "=" in given and not Path(given).exists():
            table = merged(table, inline_table(given))
        else:
            files.append(Path(given))
    if len(files) > 1:
        raise UsageError("--config takes one file; single settings can be given beside it, as 'key = value'")
    if files and arguments.isolated:
        raise UsageError("--isolated reads no configuration file, so --config can only give single settings")
    overrides = Overrides(
        select=arguments.select,
        extend_select=(*(arguments.extend_select or ()), *(getattr(arguments, "rule", None) or ())),
        ignore=arguments.ignore or (),
        fail_on=arguments.fail_on if arguments.fail_on in LEVELS else None,
        exclude=arguments.exclude,
        extend_exclude=arguments.extend_exclude or (),
        force_exclude=arguments.force_exclude,
        rules=tuple(arguments.rules),
        baseline=getattr(arguments, "baseline", None),
        table=table,
    )
    return Settings(overrides, files[0] if files else None, arguments.isolated, arguments.trust_rules)


def _selectors(arguments: Namespace) -> Mapping[str, tuple[str, ...]]:
    """The names on the command line, by the option that they were given with."""
    given = {
        "--select": arguments.select,
        "--extend-select": arguments.extend_select,
        "--ignore": arguments.ignore,
        "--rule": getattr(arguments, "rule", None),
    }
    return {flag: names for flag, names in given.items() if names}
