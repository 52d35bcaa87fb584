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

    from trainlint.diagnostic import Level, Report
    from trainlint.page import Page
    from trainlint.report.view import TextOf

__all__ = ["FORMATS", "render"]

FORMATS = ("text", "json", "json-lines", "sarif", "github", "gitlab", "junit")


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
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}: one of {', '.join(FORMATS)}")
    view = View(text_of, tuple(pages), color, quiet, fail_on, exit_code, width)
    rendered: str = import_module(f"{__name__}.{format.replace('-', '_')}").render(report, view)
    return rendered
