"""One file: its text, its tree, where things are in it, and how edits get back into it.

Nothing here knows what the code means. LibCST is imported when the first tree is asked for, and what only
notebooks, comments for trainlint or edits need with the first of these: a run on one file starts without.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from trainlint.decoding import Encoding, SourceError, decode, encode_as_declared
from trainlint.diagnostic import Edit, Failure, Location
from trainlint.records import dataclass

if TYPE_CHECKING:
    import libcst

    from trainlint.notebook import Notebook
    from trainlint.spans import Span
    from trainlint.suppressions import Suppressions

__all__ = ["Source", "SourceError", "read_source", "source_from_text"]

_NEWLINE = re.compile(r"\r\n?|\n")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_INDENTED = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*[ \t]+[^\s#]")  # the first line of code
_CONSOLE = re.compile(r"\s*(?:>>>|In \[)|[ \t]*[%!][A-Za-z]")  # no line of Python begins so
_MAGIC = re.compile(
    r"\n[ \t]*[%!][A-Za-z]"
)  # found from newline to newline, six times as fast as from sign to sign
_LEADING_FEEDS = re.compile(r"^[ \t\f]*\f", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Source:
    """A Python file or notebook as text and tree. All offsets count code points of `text`.

    `text` is what LibCST sees; `written` is what the author wrote, of the same length: they differ in a
    notebook's magics, in old Mac newlines, in form feeds and where `async` is a name.
    """

    path: str
    file: Path | None  # None for standard input and other texts that are no file
    text: str
    written: str
    encoding: Encoding = field(default_factory=Encoding)
    cells: Notebook | None = None

    @property
    def notebook(self) -> bool:
        return self.cells is not None

    @property
    def is_package(self) -> bool:
        return PurePosixPath(self.path).name == "__init__.py"

    @cached_property
    def tree(self) -> libcst.Module:
        """The syntax tree, parsed once; raises `SourceError`."""
        return self._parsed[0]

    @property
    def body(self) -> Sequence[libcst.BaseStatement | libcst.SimpleStatementLine]:
        """The statements at the top; of a piece that is indented, those in the `if`s around it as well."""
        import libcst

        found: Sequence[libcst.BaseStatement | libcst.SimpleStatementLine] = self.tree.body
        levels = []
        for _ in range(self._lead.count("\n")):
            match found:
                case [libcst.If(body=libcst.IndentedBlock(body=inner)), *others]:
                    levels.append(others)
                    found = inner
        return [*found, *(statement for others in reversed(levels) for statement in others)]

    @cached_property
    def _lead(self) -> str:
        """What is parsed before a piece of code whose first line is indented: pasted methods, a loop's body."""
        if self.cells is not None or not _INDENTED.match(self.text):
            return ""
        from trainlint.magics import lead_of

        return lead_of(self.text)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Cells of a notebook that cannot be parsed and are left out of the tree. Parses."""
        return self._parsed[2]

    @property
    def understood(self) -> str:
        """The text with the cells blank that cannot be parsed; every other character has its place. Parses."""
        return self._parsed[1][len(self._lead) :]

    @cached_property
    def _parsed(self) -> tuple[libcst.Module, str, tuple[Failure, ...]]:
        from trainlint.parsing import parse, parse_cells

        if self.cells is not None:
            return parse_cells(self.cells, self.path)
        lead = self._lead
        return parse(lead + self.text, self.path, lead.count("\n")), lead + self.text, ()

    @cached_property
    def suppressions(self) -> Suppressions:
        from trainlint.suppressions import find_suppressions

        return find_suppressions(self)

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        return (0, *(match.end() for match in _NEWLINE.finditer(self.written)))

    @cached_property
    def _spans(self) -> dict[libcst.CSTNode, Span]:
        from trainlint.spans import measure

        spans = measure(self.tree, self._parsed[1])
        if spans is None:
            raise SourceError(
                self.path, None, "cannot be located in: LibCST does not reproduce the text", "syntax"
            )
        if self._lead:
            lead = len(self._lead)
            return {node: (start - lead, end - lead) for node, (start, end) in spans.items()}
        return spans

    def span(self, node: libcst.CSTNode) -> Span:
        """Start and end of a node of this tree, without surrounding whitespace, comments and parentheses."""
        return self._spans[node]

    def code(self, node: libcst.CSTNode) -> str:
        start, end = self.span(node)
        return self.written[start:end]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Both from 1, counted over the whole text (over all code cells of a notebook)."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """First and last line of a range, counted as suppressions count them: over the whole text."""
        return self.line_and_column(start)[0], self.line_and_column(max(start, end - 1))[0]

    def location(self, start: int, end: int) -> Location:
        line, column = self.line_and_column(start)
        end_line, end_column = self.line_and_column(end)
        cell = self.cells.cell_at(start) if self.cells else None
        if cell is None:
            return Location(self.path, line, column, end_line, end_column, start, end)
        end_line, end_column = self.line_and_column(min(end, cell.end))
        above = self.line_and_column(cell.start)[0] - 1
        return Location(
            self.path, line - above, column, end_line - above, end_column, start, end, cell.number
        )

    def apply(self, edits: Iterable[Edit]) -> bytes:
        """The new content of the file; every byte outside the edits stays as it was."""
        edits = tuple(edits)
        if edits and not self.encoding.exact:
            raise SourceError(self.path, None, f"cannot be rewritten in {self.encoding.name} without changes")
        if self.cells is not None:
            from trainlint.notebook_edits import edited_notebook

            return self.encoding.encode(edited_notebook(self.cells, edits))
        from trainlint.edits import apply_edits, in_newlines_of

        fitted = in_newlines_of(self.written, edits)
        return self.encoding.encode(apply_edits(self.written, fitted))


def read_source(file: Path, path: str) -> Source:
    """Read a file; raises `SourceError` if it cannot be read."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise SourceError(path, None, f"cannot be read: {error.strerror or error}") from None
    return _source(raw, path, file)


def source_from_text(content: str | bytes, path: str) -> Source:
    """A source that has no file: standard input, an editor's buffer, an example."""
    raw = encode_as_declared(content, path) if isinstance(content, str) else content
    return _source(raw, path, None)


def _source(raw: bytes, path: str, file: Path | None) -> Source:
    if path.endswith(".ipynb"):
        from trainlint.notebook import LARGEST, read_notebook

        content, encoding = decode(raw, path, LARGEST)
        cells = read_notebook(content, path)
        return Source(path, file, cells.text, cells.written, encoding, cells)
    written, encoding = decode(raw, path)
    return Source(path, file, _for_parsing(written), written, encoding)


def _for_parsing(written: str) -> str:
    """The text with the same meaning and length that LibCST reads and reproduces.

    It is what was typed at a prompt, no magics, and `async` where it is a name: see `magics`. LibCST knows no lone carriage returns and drops form feeds before a line's first word, where Python
    counts columns afresh, as after a newline.
    """
    text = _LONE_RETURN.sub("\n", written) if "\r" in written else written
    if _CONSOLE.match(text) is not None or _MAGIC.search(text) is not None:
        from trainlint.magics import without_console

        text = without_console(text)
    if "async" in text:
        from trainlint.magics import with_names_of_old

        text = with_names_of_old(text)
    return _LEADING_FEEDS.sub(lambda match: match[0].replace("\f", "\n"), text) if "\f" in text else text
