"""What a run found, in the words of whoever reads it: people, scripts, code hosts, test dashboards.

One file per format, each with a `render(report, view) -> str`. Nothing here prints, reads a file or imports
LibCST: texts for excerpts come in through `text_of`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from trainlint.report.view import View, no_source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from trainlint.diagnostic import Diagnostic, Level, Report
    from trainlint.page import Page
    from trainlint.report.view import TextOf

__all__ = ["FORMATS", "STREAMED", "View", "end", "piece", "render"]

FORMATS = ("text", "json", "json-lines", "sarif", "github", "gitlab", "junit", "html")
STREAMED = ("text", "json-lines")


def render(
    format: str,  # noqa: A002 - it is the word of the command line
    report: Report,
    *,
    text_of: TextOf = no_source,
    pages: Iterable[Page] = (),
    color: bool = False,
    quiet: bool = False,
    fail_on: Level = "warning",
    exit_code: int | None = None,
    width: int = 100,
) -> str:
    """The report in one of `FORMATS`, ending in a newline wherever it is not empty.

    `text_of` gives the source of a path in the report, or None. `pages` are the rules that were selected.
    `fail_on` tells failed from passed in formats that know only these. `width` is the room for an excerpt.
    """
    view = View(text_of, tuple(pages), color, quiet, fail_on, exit_code, width)
    rendered: str = _format(format).render(report, view)
    return rendered


def piece(format: str, diagnostic: Diagnostic, view: View, first: bool) -> str:  # noqa: A002
    """One finding of a report that is told as it comes, in one of `STREAMED`; `first` if nothing was told yet."""
    rendered: str = _format(format).piece(diagnostic, view, first)
    return rendered


def end(format: str, report: Report, view: View, first: bool) -> str:  # noqa: A002
    """What follows the last finding of such a report."""
    rendered: str = _format(format).end(report, view, first)
    return rendered


def _format(name: str) -> ModuleType:
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}: one of {', '.join(FORMATS)}")
    return import_module(f"{__name__}.{name.replace('-', '_')}")
