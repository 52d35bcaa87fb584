"""Places on the command line, `train.py:31` or `eda.ipynb:cell 3:12`, and the findings that are meant by them."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic
    from trainlint.source import Source

_SPOT = re.compile(r"(?P<path>.+?)(?::cell (?P<cell>\d+))?:(?P<line>\d+)(?::\d+)?:?", re.DOTALL)

Lines = tuple[int, int]  # first and last, counted over the whole text


@dataclass(frozen=True, slots=True)
class Spot:
    """One line of a file; in a notebook, of a cell. `text` is what was typed."""

    text: str
    path: Path
    line: int
    cell: int | None = None


def read_spots(given: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Spot, ...]]:
    """The plain paths, and those that name a line. What exists as it was typed is a plain path."""
    paths: list[Path] = []
    spots: list[Spot] = []
    for path in given:
        match = None if path.exists() else _SPOT.fullmatch(str(path))
        if match is None:
            paths.append(path)
        else:
            cell = match["cell"] and int(match["cell"])
            spots.append(Spot(str(path), Path(match["path"]), int(match["line"]), cell or None))
    return tuple(paths), tuple(spots)


def chosen(
    diagnostics: Sequence[Diagnostic],
    paths: Sequence[Path],
    spots: Sequence[Spot],
    source_of: Callable[[str], Source],
    cwd: Path,
) -> tuple[tuple[Diagnostic, ...], tuple[str, ...]]:
    """The findings below the paths and at the spots, in their order, and a line for each spot without one."""
    kept: set[int] = set()
    missed: list[str] = []
    folders = [_absolute(cwd, path) for path in paths]
    for said in diagnostics:
        file = _absolute(cwd, Path(said.where.path))
        if any(file.is_relative_to(folder) for folder in folders):
            kept.add(id(said))
    for spot in spots:
        file = _absolute(cwd, spot.path)
        there = [said for said in diagnostics if _absolute(cwd, Path(said.where.path)) == file]
        found = findings_at(spot, there, source_of) if there else ()
        kept |= {id(said) for said in found}
        if not found:
            missed.append(_nothing(spot, there))
    return tuple(said for said in diagnostics if id(said) in kept), tuple(missed)


def findings_at(
    spot: Spot, there: Sequence[Diagnostic], source_of: Callable[[str], Source]
) -> tuple[Diagnostic, ...]:
    """Of a file's findings those that begin on the line; else those of the smallest flagged statement around it."""
    own = tuple(said for said in there if (said.where.cell, said.where.line) == (spot.cell, spot.line))
    source = source_of(there[0].where.path)
    line = _line_in_text(spot, source)
    if own or line is None:
        return own
    statements = tuple(_statements(source.text))
    reaches = [(_reach(said, source, statements), said) for said in there]
    around = [(last - first, said) for (first, last), said in reaches if first <= line <= last]
    smallest = min((size for size, _ in around), default=0)
    return tuple(said for size, said in around if size == smallest)


def _line_in_text(spot: Spot, source: Source) -> int | None:
    """The line counted over all cells of a notebook; None where there is no such cell."""
    if source.cells is None:
        return spot.line if spot.cell is None else None
    cell = next((cell for cell in source.cells.cells if cell.number == spot.cell), None)
    return None if cell is None else source.line_and_column(cell.start)[0] + spot.line - 1


def _reach(said: Diagnostic, source: Source, statements: Sequence[Lines]) -> Lines:
    """The lines of a finding, and of the statement that it flags."""
    first, last = source.lines(said.where.start, said.where.end)
    holding = [lines for lines in statements if lines[0] <= first and last <= lines[1]]
    return min(holding, key=lambda lines: lines[1] - lines[0], default=(first, last))


def _statements(text: str) -> Iterator[Lines]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # a notebook may have a cell that is no Python
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            yield node.lineno, node.end_lineno or node.lineno


def _nothing(spot: Spot, there: Sequence[Diagnostic]) -> str:
    same = [said for said in there if said.where.cell == spot.cell]
    if not same:
        return f"{spot.text}: nothing is found in this {'file' if spot.cell is None else 'cell'}"
    nearest = min(same, key=lambda said: abs(said.where.line - spot.line))
    return f"{spot.text}: nothing is found there; the nearest is {nearest.name} in line {nearest.where.line}"


def _absolute(cwd: Path, path: Path) -> Path:
    return Path(os.path.abspath(cwd / path))
