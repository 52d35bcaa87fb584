"""What every format needs to know beside the report itself, and the words they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainlint.diagnostic import LEVELS, Because, Diagnostic, Failure, Level, Location
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.page import Page
    from trainlint.source import Source

TextOf = Callable[[str], "Source | None"]


def no_source(path: str) -> None:
    """For reports without excerpts."""
    return


@dataclass(frozen=True, slots=True)
class View:
    """How a report is looked at; the fields are the arguments of `render`."""

    text_of: TextOf = no_source
    pages: tuple[Page, ...] = ()
    color: bool = False
    quiet: bool = False
    fail_on: Level = "warning"
    exit_code: int | None = None
    width: int = 100


def place(where: Location) -> str:
    """`path:line:column`, in a notebook `path:cell N:line:column`."""
    cell = f"cell {where.cell}:" if where.cell is not None else ""
    return f"{where.path}:{cell}{where.line}:{where.column}"


def failure_place(failure: Failure) -> str:
    """What can be said of where a failure is: path and line, a path, or the program itself."""
    path = failure.path or "trainlint"
    return path if failure.line is None else f"{path}:{failure.line}:1"


def fails(diagnostic: Diagnostic, view: View) -> bool:
    """Whether a finding is grave enough to fail the build."""
    return LEVELS.index(diagnostic.level) <= LEVELS.index(view.fail_on)


def sentence(diagnostic: Diagnostic) -> str:
    """The message with its cell, for formats whose places know no cells."""
    where = diagnostic.where
    if where.cell is None:
        return diagnostic.message
    return f"cell {where.cell}, line {where.line}: {diagnostic.message}"


def explanation(diagnostic: Diagnostic) -> str:
    """The message and, line by line, what it rests on, how to fix it and what executing it showed."""
    lines = [diagnostic.message, *(reason(because) for because in diagnostic.because)]
    if diagnostic.fix:
        lines.append(f"fix: {diagnostic.fix.title}")
    if diagnostic.verdict:
        lines.append(f"{diagnostic.verdict.state}: {diagnostic.verdict.evidence}")
    return "\n".join(lines)


def reason(because: Because) -> str:
    """One place that a finding rests on, in one line."""
    return f"because {place(because.where)}: {because.message}"
