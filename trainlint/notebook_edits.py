"""Edited code back into a notebook's file, which keeps every byte but the changed lines.

The file is not dumped anew: the JSON strings of the changed lines are replaced where they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from trainlint.diagnostic import Edit
from trainlint.edits import apply_edits, without_overlaps
from trainlint.notebook import Cell, Notebook
from trainlint.records import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPED_LINE = re.compile(r"(?:[^\\]|\\[^n])*?\\n|(?:[^\\]|\\[^n])+")  # of a JSON string's inside
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WIDE_ESCAPE = re.compile(r"\\u(?!00[0-7])")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Piece:
    """A line of a cell's source as the file holds it: what it says, and where it stands."""

    code: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """Other text for a range of the file."""

    start: int
    end: int
    text: str


def edited_notebook(notebook: Notebook, edits: Iterable[Edit]) -> str:
    """The notebook's file after edits in offsets of its joined text. Edits of magics are left out."""
    content = notebook.content
    wanted = tuple(_by_cell(notebook, edits))
    sources = dict(enumerate(_sources(content), 1)) if wanted else {}
    for cell, inside in reversed(wanted):
        start = sources.get(cell.number)
        if start is not None:
            new = apply_edits(notebook.written[cell.start : cell.end], inside)
            change = _change(content, start, new)
            content = content[: change.start] + change.text + content[change.end :]
    return content


def _by_cell(notebook: Notebook, edits: Iterable[Edit]) -> Iterator[tuple[Cell, tuple[Edit, ...]]]:
    wanted = tuple(edit for edit in without_overlaps(edits) if _is_code(notebook, edit))
    for cell in notebook.cells:
        inside = tuple(_within(edit, cell) for edit in wanted if cell.start <= edit.where.start <= cell.end)
        if inside:
            yield cell, inside


def _is_code(notebook: Notebook, edit: Edit) -> bool:
    """Whether the edit keeps to one cell and saw there what the author wrote."""
    start, end = edit.where.start, edit.where.end
    cell = notebook.cell_at(start)
    within = cell is not None and end <= cell.end + 1  # the newline between cells counts as the cell's
    return within and notebook.text[start:end] == notebook.written[start:end]


def _within(edit: Edit, cell: Cell) -> Edit:
    end = min(edit.where.end, cell.end)
    return replace(edit, where=replace(edit.where, start=edit.where.start - cell.start, end=end - cell.start))


def _change(content: str, start: int, new: str) -> Change:
    """The smallest change of the file, in whole lines, that makes a cell's source say something else."""
    listed = content[start] == "["
    pieces = tuple(_listed(content, start) if listed else _lines_of_string(content, start))
    lines = new.splitlines(keepends=True) if listed else _LINE.findall(new)
    head = _count_same(pieces, lines)
    tail = _count_same(pieces[head:][::-1], lines[head:][::-1])
    old = pieces[head : len(pieces) - tail]
    written = _written(lines[head : len(lines) - tail], ascii_only=_is_ascii(content), quoted=listed)
    between = _separator(content, start, pieces) if listed else ""
    return _replaced(pieces, head, old, between.join(written), between, start + 1)


def _replaced(
    pieces: Sequence[Piece], head: int, old: Sequence[Piece], text: str, between: str, inside: int
) -> Change:
    after = pieces[head + len(old)] if head + len(old) < len(pieces) else None
    before = pieces[head - 1] if head else None
    if old and text:
        return Change(old[0].start, old[-1].end, text)
    if after is not None:
        return Change(old[0].start if old else after.start, after.start, text + between if text else "")
    if before is not None:
        return Change(before.end, old[-1].end if old else before.end, between + text if text else "")
    return Change(old[0].start, old[-1].end, "") if old else Change(inside, inside, text)


def _count_same(pieces: Sequence[Piece], lines: Sequence[str]) -> int:
    count = 0
    for piece, line in zip(pieces, lines, strict=False):
        if piece.code != line:
            break
        count += 1
    return count


def _written(lines: Iterable[str], ascii_only: bool, quoted: bool) -> tuple[str, ...]:
    dumped = (json.dumps(line, ensure_ascii=ascii_only) for line in lines)
    return tuple(line if quoted else line[1:-1] for line in dumped)


def _is_ascii(content: str) -> bool:
    """Whether the program that wrote the file escapes everything beyond ASCII."""
    return content.isascii() and _WIDE_ESCAPE.search(content) is not None


def _separator(content: str, start: int, pieces: Sequence[Piece]) -> str:
    if len(pieces) > 1:
        return content[pieces[0].end : pieces[1].start]
    return "," + (content[start + 1 : pieces[0].start] if pieces else " ")


def _sources(content: str) -> Iterator[int | None]:
    """Where the source of every cell starts in the file, in the order in which cells are numbered."""
    top = dict(_members(content, _skip(content, 0)))
    if "cells" in top:
        yield from _sources_in(content, top["cells"])
    else:
        for _, sheet, _ in _elements(content, top["worksheets"]):
            cells = dict(_members(content, sheet)).get("cells")
            if cells is not None:
                yield from _sources_in(content, cells)


def _sources_in(content: str, cells: int) -> Iterator[int | None]:
    for _, cell, _ in _elements(content, cells):
        found = dict(_members(content, cell))
        start = found.get("source", found.get("input"))
        yield start if start is not None and content[start] in '["' else None


def _members(content: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of a JSON object and where their values start."""
    position = _skip(content, start + 1) if content[start] == "{" else len(content)
    while content[position : position + 1] == '"':
        key, position = _DECODER.raw_decode(content, position)
        value = _skip(content, _skip(content, position) + 1)
        yield key, value
        position = _next(content, _DECODER.raw_decode(content, value)[1])


def _elements(content: str, start: int) -> Iterator[tuple[object, int, int]]:
    """The elements of a JSON array and where they stand."""
    position = _skip(content, start + 1) if content[start] == "[" else len(content)
    while position < len(content) and content[position] != "]":
        value, end = _DECODER.raw_decode(content, position)
        yield value, position, end
        position = _next(content, end)


def _next(content: str, end: int) -> int:
    """The start of what follows a comma, or the closing bracket."""
    position = _skip(content, end)
    return _skip(content, position + 1) if content[position : position + 1] == "," else position


def _skip(content: str, position: int) -> int:
    match = _SPACE.match(content, position)
    return match.end() if match else position


def _listed(content: str, start: int) -> Iterator[Piece]:
    for value, begin, end in _elements(content, start):
        yield Piece(value if isinstance(value, str) else "", begin, end)


def _lines_of_string(content: str, start: int) -> Iterator[Piece]:
    end = _DECODER.raw_decode(content, start)[1]
    for match in _ESCAPED_LINE.finditer(content, start + 1, end - 1):
        yield Piece(json.loads(f'"{match[0]}"'), match.start(), match.end())
