"""The command line: words in, text and an exit code out. The only room that prints.

Exit codes: 0 clean, 1 findings at or above the failing level, 2 wrong usage or configuration, an unreadable file or
an internal error. Here stands the last wall: nothing that goes wrong shows a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.arguments import parse_arguments
from trainlint.book import LISTED, BookError, open_book
from trainlint.config import ConfigError, suggest
from trainlint.desk import FAILED, INTERRUPTED, Answer, UsageError
from trainlint.terminal import accept_any_character, columns, wants_color, write

if TYPE_CHECKING:
    from argparse import Namespace

SHOW_TRACEBACK = "TRAINLINT_TRACEBACK"


def main(argv: Sequence[str] | None = None) -> int:
    """Obey a command line; returns the exit code."""
    accept_any_character(sys.stdout, sys.stderr)
    try:
        arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    except SystemExit as ended:  # after help, version, or an error that argparse has told
        return ended.code if isinstance(ended.code, int) else FAILED
    answer = _obey(arguments)
    _tell(answer, arguments.output_file)
    return answer.code


def _obey(arguments: Namespace) -> Answer:
    try:
        answer = _COMMANDS[arguments.command](arguments)
        if arguments.output_file is not None:
            _save("--output-file", arguments.output_file, answer.output)
        for option, file, content in answer.files:
            _save(option, file, content)
        return answer
    except (UsageError, ConfigError, BookError) as error:
        return Answer(notes=(f"trainlint: {error}",), code=FAILED)
    except KeyboardInterrupt:
        return Answer(notes=("trainlint: interrupted",), code=INTERRUPTED)
    except Exception as error:
        if os.environ.get(SHOW_TRACEBACK):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        hint = f"please report it, with what {SHOW_TRACEBACK}=1 shows"
        return Answer(notes=(f"trainlint: internal error: {reason} ({hint})",), code=FAILED)


def _save(option: str, file: Path, content: str | bytes) -> None:
    try:
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{option} {file} cannot be written: {error.strerror or error}") from None


def _tell(answer: Answer, file: Path | None) -> None:
    if answer.output and file is None:
        write(answer.output, sys.stdout)
    for note in answer.notes:
        write(f"{note}\n", sys.stderr)


def _check(arguments: Namespace) -> Answer:
    from trainlint.checking import check

    return check(arguments)


def _verify(arguments: Namespace) -> Answer:
    from trainlint.verifying import verify

    return verify(arguments, lambda text: write(text, sys.stdout))


def _rules(arguments: Namespace) -> Answer:
    from trainlint.pages import list_rules, rules_as_json

    pages = open_book(arguments.rules).pages
    return Answer(rules_as_json(pages) if arguments.output_format == "json" else list_rules(pages))


def _rule(arguments: Namespace) -> Answer:
    from trainlint.pages import page_as_json, page_as_markdown, page_for_terminal

    book = open_book(arguments.rules)
    page = book.page(arguments.name)
    if page is None:
        raise UsageError(
            f"there is no rule `{arguments.name}`{suggest(arguments.name, tuple(book.names)) or LISTED}"
        )
    hint = (
        () if page.name == arguments.name else (f"hint: rule `{arguments.name}` is now called `{page.name}`",)
    )
    if arguments.output_format == "json":
        return Answer(page_as_json(page), hint)
    if arguments.output_file is None and wants_color(arguments.color, sys.stdout, os.environ):
        return Answer(page_for_terminal(page, columns()), hint)
    return Answer(page_as_markdown(page), hint)


_COMMANDS: dict[str, Callable[[Namespace], Answer]] = {
    "check": _check,
    "verify": _verify,
    "rules": _rules,
    "rule": _rule,
}
