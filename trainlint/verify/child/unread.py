"""Texts with lines that this Python does not read, newer syntax or older: these are passed over.

The one room of the sandbox that the parent knows as well: the program that it cuts and the modules that this imports are
read alike.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MOST_UNREAD = 40
Span = tuple[int, int]


def readable(text: str, wanted: Sequence[Span]) -> tuple[str, ast.Module]:
    """The text and its tree, where lines that this Python does not read are left out: newer syntax, mixed tabs.

    Raises SyntaxError where it is a wanted line, or where leaving lines out does not help.
    """
    for _ in range(MOST_UNREAD):
        mended = _mended(text, wanted)
        if mended == text:
            break
        text = mended
    return text, ast.parse(text)


def _mended(text: str, wanted: Sequence[Span]) -> str:
    """One step towards a text that parses; the text itself where none is needed or possible."""
    try:
        ast.parse(text)
    except TabError:
        spread = [_without_tabs(text, width) for width in (8, 4)]
        return next((other for other in spread if _parses(other)), text)
    except SyntaxError as error:
        line = error.lineno or 0
        if line and not any(first <= line <= last for first, last in wanted):
            return _passed_over(text, line, isinstance(error, IndentationError))
    return text


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _without_tabs(text: str, width: int) -> str:
    """Indentation in blanks, a tab up to the next multiple of a width: 8 as Python 2 took it, 4 as most editors do."""
    lines = _LINE.findall(text)
    ends = [len(line) - len(line.lstrip(" \t")) for line in lines]
    return "".join(line[:end].expandtabs(width) + line[end:] for line, end in zip(lines, ends, strict=True))


def _passed_over(text: str, number: int, misplaced: bool) -> str:
    """The text with `pass` in place of a line; as it is where the line opens a block or says `pass` already.

    A `misplaced` line after one that was passed over went on with it, and is left blank.
    """
    lines = _LINE.findall(text)
    if number > len(lines):
        return text
    while number > 1 and lines[number - 2].rstrip().endswith("\\"):
        lines[number - 1], number = "\n", number - 1  # it goes on with the one before
    line = lines[number - 1]
    code = line.strip()
    if not code or code == "pass" or code.endswith(":"):
        return text
    before = next((other.strip() for other in reversed(lines[: number - 1]) if other.strip()), "")
    goes_on = misplaced and before == "pass"
    lines[number - 1] = "\n" if goes_on else line[: len(line) - len(line.lstrip())] + "pass\n"
    return "".join(lines)
