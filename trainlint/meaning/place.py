"""Places and changes: from the nodes that findings rest on to locations and edits in the author's text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from trainlint.diagnostic import Edit, Location
from trainlint.meaning import syntax as s
from trainlint.meaning.long_strings import rows_in_strings
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.source import Source

Place: TypeAlias = s.Node


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change to the text at a node, found out only if somebody wants to see or apply it.

    `how`: "replace" the node, insert a line "before" or "after" its statement, set an "argument" of a
    call, "remove" its statement, or "append" text behind the node.
    """

    node: Place
    how: str
    text: str
    keyword: str = ""


def replace(node: Place, text: str) -> Change:
    return Change(node, "replace", text)


def insert_before(node: Place, line: str) -> Change:
    """A new line before the statement that holds `node`, at its indentation."""
    return Change(node, "before", line)


def insert_after(node: Place, line: str) -> Change:
    return Change(node, "after", line)


def set_argument(call: Place, keyword: str, text: str) -> Change:
    """`keyword=text` among the arguments of a call, replacing one that is there."""
    return Change(call, "argument", text, keyword)


def remove_statement(node: Place) -> Change:
    return Change(node, "remove", "")


def drop_item(node: Place) -> Change:
    """An item taken out of a list that is written out."""
    return Change(node, "drop", "")


def append_text(node: Place, text: str) -> Change:
    return Change(node, "append", text)


def append_to_body(loop: Place, line: str) -> Change:
    """A new last line in the body of a loop."""
    return Change(loop, "end", line)


def wrap_statement(node: Place, header: str) -> Change:
    """The statement at `node` indented under `header`, such as `with torch.no_grad():`."""
    return Change(node, "wrap", header)


def text_of(node: Place) -> str:
    """The author's own text of a node, on one line."""
    source = node.unit.source
    start, end = source.span(node.cst)
    return " ".join(source.text[start:end].split())


def locate(place: Place) -> Location:
    """Where a node is; of loops, functions and the like only the header."""
    start, end = _span(place)
    return place.unit.source.location(start, end)


def line_before(place: Place) -> str:
    """What stands before a node on the line where it begins, and on one that a backslash joins to it."""
    text = place.unit.source.text
    start, _ = place.unit.source.span(place.cst)
    first = text.rfind("\n", 0, start) + 1
    while text.endswith("\\\n", 0, first):
        first = text.rfind("\n", 0, first - 1) + 1
    return text[first:start].replace("\\\n", "")


def is_lines_away(place: Place, other: Place) -> bool:
    """Whether two nodes begin on different lines."""
    return place.unit is not other.unit or locate(place).line != locate(other).line


def _span(place: Place) -> tuple[int, int]:
    source = place.unit.source
    start, end = source.span(place.cst)
    header = _header_end(place)
    if header is not None:
        end = source.span(header.cst)[1]
    elif isinstance(place, (s.Define, s.DefineClass)):
        found = re.compile(rf"\b{re.escape(place.name)}\b").search(source.text, start, end)
        if found is not None:
            return found.start(), found.end()
    return start, max(start, end)


def _header_end(place: Place) -> s.Expression | None:
    match place:
        case s.For(iterable=last) | s.While(test=last) | s.If(test=last):
            return last
        case s.With(items=items):
            return items[-1][0]
    return None


# Fingerprints


def qualified_name(place: Place) -> str:
    """The functions and classes around a node, dotted; empty at module level."""
    names = [n.name.value for n in _path_to(place) if type(n).__name__ in ("FunctionDef", "ClassDef")]
    return ".".join(names)


def statement_text(place: Place) -> str:
    """The statement that holds a node, white space collapsed."""
    source = place.unit.source
    statement = _statement(place)
    start, end = source.span(statement if statement is not None else place.cst)
    return " ".join(source.text[start:end].split("\n", 1)[0].split())


def is_tried(place: Place) -> bool:
    """Whether a place stands within a `try`: what it raises may be expected."""
    return any(type(n).__name__ in ("Try", "TryStar") for n in _path_to(place))


def _path_to(place: Place) -> list[Any]:
    """The statements around a node, outermost first, by their spans."""
    source = place.unit.source
    start, end = source.span(place.cst)
    path: list[Any] = []
    body: Sequence[Any] = source.body
    while True:
        inner = next((n for n in body if _covers(source, n, start, end)), None)
        if inner is None:
            return path
        path.append(inner)
        body = list(_children(inner))


def _covers(source: Source, node: Any, start: int, end: int) -> bool:
    first, last = source.span(node)
    return first <= start and end <= last


def _children(node: Any) -> Iterator[Any]:
    """The statements directly inside a compound statement, in all of its suites."""
    for part in (
        node,
        getattr(node, "orelse", None),
        getattr(node, "finalbody", None),
        *getattr(node, "handlers", ()),
    ):
        body = getattr(part, "body", None)
        inner = getattr(body, "body", None)
        if inner is not None and not isinstance(inner, str):
            yield from inner
        if part is not node and type(part).__name__ == "If":
            yield part
    for case in getattr(node, "cases", ()):
        yield from case.body.body


def _statement(place: Place) -> Any | None:
    path = _path_to(place)
    lines = [
        n for n in path if type(n).__name__ not in ("Assign", "Expr", "AugAssign", "AnnAssign", "Return")
    ]
    return lines[-1] if lines else None


# Edits


def edits(changes: Sequence[Change]) -> tuple[Edit, ...]:
    """The edits that changes come to; empty if any of them cannot be written safely."""
    found: list[Edit] = []
    for change in changes:
        edit = _EDITS[change.how](change)
        if edit is None:
            return ()
        found.append(edit)
    return tuple(found)


def _edit(source: Source, start: int, end: int, text: str) -> Edit:
    return Edit(source.location(start, end), text)


def _replaced(change: Change) -> Edit | None:
    source = change.node.unit.source
    start, end = source.span(change.node.cst)
    return _edit(source, start, end, change.text)


def _appended(change: Change) -> Edit | None:
    source = change.node.unit.source
    _, end = source.span(change.node.cst)
    return _edit(source, end, end, change.text)


def _before(change: Change) -> Edit | None:
    source = change.node.unit.source
    statement = _own_line(change.node)
    if statement is None:
        return None
    start, _ = source.span(statement)
    line = source.text.rfind("\n", 0, start) + 1
    indent = source.text[line:start]
    return _edit(source, line, line, f"{indent}{change.text}\n")


def _after(change: Change) -> Edit | None:
    source = change.node.unit.source
    statement = _own_line(change.node)
    if isinstance(change.node, (s.For, s.While)):
        statement = change.node.cst
    elif statement is None or type(statement).__name__ != "SimpleStatementLine":
        return None
    start, end = source.span(statement)
    line = source.text.rfind("\n", 0, start) + 1
    if source.text[line:start].strip():
        return None
    stop = source.text.find("\n", end)
    if stop < 0:
        return _edit(source, len(source.text), len(source.text), f"\n{source.text[line:start]}{change.text}")
    return _edit(source, stop + 1, stop + 1, f"{source.text[line:start]}{change.text}\n")


def _removed(change: Change) -> Edit | None:
    source = change.node.unit.source
    statement = _own_line(change.node)
    if statement is None or type(statement).__name__ != "SimpleStatementLine" or len(statement.body) != 1:
        return None
    if _is_alone(change.node, statement):
        start, end = source.span(statement)
        return _edit(source, start, end, "pass")
    start, end = source.span(statement)
    line = source.text.rfind("\n", 0, start) + 1
    stop = source.text.find("\n", end)
    if source.text[end : stop if stop >= 0 else None].strip():
        return None  # a comment or another statement behind it
    return _edit(source, line, stop + 1 if stop >= 0 else len(source.text), "")


def _dropped(change: Change) -> Edit | None:
    source = change.node.unit.source
    start, end = source.span(change.node.cst)
    behind = re.compile(r"\s*,[ \t]*(?:\n[ \t]*(?![ \t#]))?").match(source.text, end)
    if behind is not None:
        return _edit(source, start, behind.end(), "")
    before = re.compile(r",\s*$").search(source.text, 0, start)
    return _edit(source, before.start() if before is not None else start, end, "")


def _ended(change: Change) -> Edit | None:
    node = change.node
    body = getattr(node, "body", None)
    if not isinstance(node, (s.For, s.While)) or body is None or not body.statements:
        return None
    source = node.unit.source
    _, end = source.span(node.cst.body.body[-1]) if hasattr(node.cst, "body") else (0, 0)
    first, _ = source.span(body.statements[0].cst)
    line = source.text.rfind("\n", 0, first) + 1
    indent = source.text[line:first]
    if indent.strip() or not indent:
        return None
    stop = source.text.find("\n", end)
    at = stop + 1 if stop >= 0 else len(source.text)
    return _edit(source, at, at, f"{'' if stop >= 0 else chr(10)}{indent}{change.text}\n")


def _wrapped(change: Change) -> Edit | None:
    source = change.node.unit.source
    statement = (
        change.node.cst if isinstance(change.node, (s.For, s.While, s.With)) else _own_line(change.node)
    )
    if statement is None:
        return None
    start, end = source.span(statement)
    line = source.text.rfind("\n", 0, start) + 1
    indent = source.text[line:start]
    text = source.text[start:end]
    if indent.strip():
        return None
    rows = (indent + text).splitlines(keepends=True)
    kept = rows_in_strings(indent + text) if '"""' in text or "'''" in text else frozenset[int]()
    body = "".join(
        f"    {row}" if row.strip() and number not in kept else row for number, row in enumerate(rows, 1)
    )
    return _edit(source, line, end, f"{indent}{change.text}\n{body}")


def _is_alone(node: Place, statement: Any) -> bool:
    """Whether a suite would be empty without the statement."""
    path = _path_to(node)
    outer = path[path.index(statement) - 1] if statement in path and path.index(statement) > 0 else None
    return outer is not None and any(
        list(getattr(getattr(part, "body", None), "body", ())) == [statement]
        for part in (outer, getattr(outer, "orelse", None), getattr(outer, "finalbody", None))
    )


def _own_line(node: Place) -> Any | None:
    """The statement that holds the node, where it stands first on its line."""
    source = node.unit.source
    statement = _statement(node)
    if statement is None:
        return None
    start, _ = source.span(statement)
    line = source.text.rfind("\n", 0, start) + 1
    return statement if not source.text[line:start].strip() else None


def _argument(change: Change) -> Edit | None:
    node = change.node
    if not isinstance(node, s.Call):
        return None
    source = node.unit.source
    for argument in node.arguments:
        if argument.keyword == change.keyword:
            start, end = source.span(argument.value.cst)
            return _edit(source, start, end, change.text)
    if any(a.star == "**" for a in node.arguments):
        return None
    written = f"{change.keyword}={change.text}"
    _, end = source.span(node.cst)
    if not node.arguments:
        return _edit(source, end - 1, end - 1, written)
    _, last = source.span(node.arguments[-1].cst)
    comma = re.compile(r"\s*,").match(source.text, last, end - 1)
    if comma is None:
        return _edit(source, last, last, f", {written}")
    line = source.text.rfind("\n", 0, last) + 1
    lead = re.compile(r"[ \t]*").match(source.text, line)
    indent = lead[0] if lead is not None else ""
    own_line = "\n" in source.text[comma.end() : end]
    return _edit(source, comma.end(), comma.end(), f"\n{indent}{written}," if own_line else f" {written},")


_EDITS = {
    "replace": _replaced,
    "append": _appended,
    "before": _before,
    "after": _after,
    "remove": _removed,
    "argument": _argument,
    "end": _ended,
    "wrap": _wrapped,
    "drop": _dropped,
}
