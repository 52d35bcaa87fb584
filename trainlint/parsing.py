"""Text into a LibCST tree, with every way in which that can fail turned into one clear line."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from trainlint.decoding import SourceError
from trainlint.diagnostic import Failure
from trainlint.nesting import too_deep

if TYPE_CHECKING:
    import libcst

    from trainlint.notebook import Notebook

_NEWLINE = re.compile(r"\r\n?|\n")
_PYTHON_2 = (  # compiled when there is an error to explain
    (r"\bprint\b\s*(?:[\"'\w%`]|>>|$)", "print statement"),
    (r"\bexcept\b[^:#]+,\s*\w+\s*:", "except clause"),
    (r"\braise\b[^(#]+,", "raise statement"),
    (r"\bexec\b\s+[\"'\w]", "exec statement"),
    (r"<>", "<> operator"),
    (r"`", "backquotes"),
    (r"\b(?:0[0-7]+|\d+[lL]|0[xX][\da-fA-F]+[lL])\b", "number"),
    (r"\b[uU][rR][\"']", "ur string"),
    (r"\b(?:def|lambda)\b[^#]*[(,]\s*\(", "tuple parameter"),
)


def parse(text: str, path: str, above: int = 0) -> libcst.Module:
    """The tree of a Python text; raises `SourceError` and nothing else. `above`: its lines that the file has not."""
    deep = too_deep(text)
    if deep is not None:
        raise SourceError(
            path, _line(text, deep[0]) - above, f"nests too deeply to be parsed: {deep[1]}", "syntax"
        )
    import libcst

    try:
        return _unvalidated(text)
    except libcst.ParserSyntaxError as error:
        line, message = _fault(text, error.raw_line)
        raise SourceError(path, max(1, line - above), message, "syntax") from None
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of LibCST's parser is no Exception
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise SourceError(path, None, f"cannot be parsed: {first}", "syntax") from None


def _unvalidated(text: str) -> libcst.Module:
    """LibCST's parser without the questions that each new node asks itself.

    They guard trees that are built by hand. For one that the parser makes of a text they say nothing, and cost a
    fifth of the time that parsing takes. Nodes that other threads make meanwhile are not asked either.
    """
    import libcst

    ask = _validation()
    libcst.CSTNode.__post_init__ = _accept  # type: ignore[assignment,method-assign]
    try:
        return libcst.parse_module(text)
    finally:
        libcst.CSTNode.__post_init__ = ask  # type: ignore[assignment,method-assign]


@cache
def _validation() -> Callable[[libcst.CSTNode], None]:
    """LibCST's own, looked up before it is first replaced, whichever thread comes first."""
    import libcst

    return libcst.CSTNode.__post_init__


def _accept(node: libcst.CSTNode) -> None:
    """As it is."""


def parse_cells(notebook: Notebook, path: str) -> tuple[libcst.Module, str, tuple[Failure, ...]]:
    """The tree of all cells that can be parsed, its text, and one failure for each cell left out."""
    try:
        return parse(notebook.text, path), notebook.text, ()
    except SourceError:
        text, failures = _cells_that_parse(notebook, path)
        return parse(text, path), text, failures


def _cells_that_parse(notebook: Notebook, path: str) -> tuple[str, tuple[Failure, ...]]:
    from trainlint.magics import HEADER, blank

    text, failures, end = "", [], 0
    for cell in notebook.cells:
        between = notebook.text[end : cell.start]
        header = HEADER if between.endswith(HEADER) else ""
        code, end = notebook.text[cell.start : cell.end], cell.end
        try:
            parse(header + code, path)
        except SourceError as error:
            line = error.line and max(1, error.line - len(header.splitlines()))
            message = f"cell {cell.number}: {error.message}; the cell is left out"
            failures.append(Failure(path, line, message, "syntax"))
            between, code = blank(between), blank(code)
        text += between + code
    return text, tuple(failures)


def _line(text: str, offset: int) -> int:
    return len(_NEWLINE.findall(text, 0, offset)) + 1


def _fault(text: str, known_line: int) -> tuple[int, str]:
    """Where and why a text is no Python; Python's own parser says it best."""
    line, reason = _python_fault(text)
    line = line or known_line
    lines = _NEWLINE.split(text)
    written = lines[line - 1] if line <= len(lines) else ""
    old = next((name for pattern, name in _PYTHON_2 if re.search(pattern, written)), None)
    if old:
        return line, f"Python 2 syntax ({old})"
    return line, f"syntax error: {reason}"


def _python_fault(text: str) -> tuple[int | None, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno, error.msg
    except (ValueError, RecursionError, MemoryError):
        return None, "invalid syntax"
    return None, "the parser does not know this syntax"
