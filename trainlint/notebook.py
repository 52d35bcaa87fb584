"""A Jupyter notebook as one Python text: the code cells in order, and where each of them lies in it.

Cells are numbered as in the notebook's file, from 1, all kinds counted (ruff counts in the same way). A
notebook of another language is an empty text. IPython runs a cell that is indented as a whole; here it is the
body of an `if` that belongs to no cell, so that nothing in the cell moves.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainlint.decoding import SourceError
from trainlint.magics import HEADER, blank, is_indented, without_magics
from trainlint.records import dataclass

LARGEST = 100_000_000  # bytes: outputs hold pictures


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell: its number among all cells, and its range in the joined text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Notebook:
    """What a notebook's file says (`content`), its code as one text, and that text as Python."""

    content: str
    cells: tuple[Cell, ...]
    written: str
    text: str

    def cell_at(self, offset: int) -> Cell | None:
        place = bisect_right(self.cells, offset, key=lambda cell: cell.start)
        return self.cells[place - 1] if place else None


def read_notebook(content: str, path: str) -> Notebook:
    """The code of a notebook; raises `SourceError` where the file is not a notebook."""
    if not content.strip():
        return Notebook(content, (), "", "")
    data = _parsed(content, path)
    codes = tuple(_code_cells(data)) if _speaks_python(data) else ()
    cells: list[Cell] = []
    written = text = ""
    for number, code, python in codes:
        clean = without_magics(code) if python else blank(code)
        between = ("\n" if cells else "") + (HEADER if is_indented(clean) else "")
        start = len(text) + len(between)
        cells.append(Cell(number, start, start + len(code)))
        written += between + code
        text += between + clean
    return Notebook(content, tuple(cells), written, text)


def _parsed(content: str, path: str) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except json.JSONDecodeError as error:
        raise SourceError(path, error.lineno, f"not a notebook: {error.msg} (invalid JSON)") from None
    except (RecursionError, ValueError):
        raise SourceError(path, None, "not a notebook: JSON that cannot be read") from None
    if isinstance(data, dict) and ("cells" in data or "worksheets" in data):
        return data
    raise SourceError(path, None, "not a notebook: it has no cells")


def all_cells(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every cell; format 3 and older keep them in worksheets."""
    holders = data["worksheets"] if "cells" not in data else [data]
    for holder in _list(holders):
        for cell in _list(_mapping(holder).get("cells")):
            yield _mapping(cell)


def _code_cells(data: Mapping[str, Any]) -> Iterator[tuple[int, str, bool]]:
    """Number, code and whether it is Python."""
    for number, cell in enumerate(all_cells(data), 1):
        if cell.get("cell_type") == "code":
            yield number, _code(cell.get("source", cell.get("input"))), _cell_language(cell) in PYTHON


def _code(source: Any) -> str:
    if isinstance(source, str):
        return source
    return "".join(line for line in _list(source) if isinstance(line, str))


PYTHON = ("", "python", "python3", "ipython", "ipython3", "python2")


def _speaks_python(data: Mapping[str, Any]) -> bool:
    metadata = _mapping(data.get("metadata"))
    language = _mapping(metadata.get("language_info")).get("name")
    language = language or _mapping(metadata.get("kernelspec")).get("language")
    return not isinstance(language, str) or language.lower() in PYTHON


def _cell_language(cell: Mapping[str, Any]) -> str:
    editor = _mapping(_mapping(cell.get("metadata")).get("vscode"))
    language = editor.get("languageId") or cell.get("language") or ""
    return language.lower() if isinstance(language, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
