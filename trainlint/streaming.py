"""A report that is told while it is still being made, where its format can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainlint.report import STREAMED, end, piece
from trainlint.telling import render_all, view_of

if TYPE_CHECKING:
    from argparse import Namespace

    from trainlint.desk import Desk
    from trainlint.diagnostic import Diagnostic, Report


class Stream:
    """Says findings as they come; what has to wait, for a file or for the end of a document, is kept."""

    def __init__(self, desk: Desk, arguments: Namespace, say: Callable[[str], None]) -> None:
        self._desk, self._arguments, self._say = desk, arguments, say
        self._view = view_of(desk, arguments)
        self._flows = arguments.output_format in STREAMED and arguments.output_file is None
        self._told = 0

    def tell(self, diagnostic: Diagnostic) -> None:
        """One finding, now or at the end."""
        if self._flows:
            self._say(piece(self._arguments.output_format, diagnostic, self._view, first=not self._told))
        self._told += 1

    def finish(self, report: Report, code: int) -> str:
        """What is left to say once the whole report is there."""
        if self._flows:
            return end(self._arguments.output_format, report, self._view, first=not self._told)
        return render_all(self._desk, report, self._arguments, code)
