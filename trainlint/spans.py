"""Where each node of a tree lies in the text: one pass of LibCST's own code generation, counting characters.

LibCST's position metadata answers the same question in lines and columns at several times the cost. A node's
span is syntactic: no surrounding whitespace or comments, no parentheses around an expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.alignment import align

if TYPE_CHECKING:
    import libcst

Span = tuple[int, int]


class Ruler:
    """What LibCST's code generation calls its state: it collects offsets instead of text."""

    __slots__ = ("_indents", "_starts", "default_indent", "default_newline", "offset", "spans", "tokens")

    def __init__(self, module: libcst.Module) -> None:
        self.default_indent = module.default_indent
        self.default_newline = module.default_newline
        self.spans: dict[libcst.CSTNode, Span] = {}
        self.tokens: list[str] = []
        self.offset = 0
        self._indents: list[str] = []
        self._starts: list[int] = []

    def increase_indent(self, value: str) -> None:
        self._indents.append(value)

    def decrease_indent(self) -> None:
        self._indents.pop()

    def add_indent_tokens(self) -> None:
        for indent in self._indents:
            self.add_token(indent)

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.offset += len(value)

    def pop_trailing_newline(self) -> None:
        if self.tokens:
            self.offset -= len(self.tokens.pop())

    def before_codegen(self, node: libcst.CSTNode) -> None:
        self._starts.append(self.offset)

    def after_codegen(self, node: libcst.CSTNode) -> None:
        start = self._starts.pop()
        if node not in self.spans:
            self.spans[node] = (start, self.offset)

    def record_syntactic_position(
        self,
        node: libcst.CSTNode,
        *,
        start_node: libcst.CSTNode | None = None,
        end_node: libcst.CSTNode | None = None,
    ) -> Mark:
        return Mark(self, node, start_node, end_node)


class Mark:
    """The stretch of code generation that writes a node itself, from one of its children to another."""

    __slots__ = ("_end_node", "_node", "_ruler", "_start", "_start_node")

    def __init__(
        self,
        ruler: Ruler,
        node: libcst.CSTNode,
        start_node: libcst.CSTNode | None,
        end_node: libcst.CSTNode | None,
    ) -> None:
        self._ruler, self._node = ruler, node
        self._start_node, self._end_node = start_node, end_node
        self._start = ruler.offset

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: object) -> None:
        spans, start, end = self._ruler.spans, self._start, self._ruler.offset
        if self._start_node is not None:
            start = spans[self._start_node][0]
        if self._end_node is not None:
            end = spans[self._end_node][1]
        spans[self._node] = (start, end)


def measure(module: libcst.Module, text: str) -> dict[libcst.CSTNode, Span] | None:
    """The span of every node in the text it was parsed from; None if LibCST cannot reproduce the text."""
    ruler = Ruler(module)
    module._codegen(ruler)  # type: ignore[arg-type]  # noqa: SLF001 - the public door only makes text
    written = "".join(ruler.tokens)
    if written == text:
        return ruler.spans
    found = align(written, text)
    if found is None:
        return None
    return {node: (found.start(start), found.end(end)) for node, (start, end) in ruler.spans.items()}
