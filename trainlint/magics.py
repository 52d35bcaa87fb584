"""IPython's own syntax in a notebook cell, replaced by Python that is exactly as long.

`%magic`, `!shell`, `?help` and `x = !ls` become a bare `_` at the same indentation, so that every other
character keeps its place and the cell parses. `_` is what IPython itself calls the last result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from trainlint.comments import STRING_OR_COMMENT

PYTHON_MAGICS = frozenset(
    ("capture", "debug", "ipytest", "lprun", "memit", "mprun", "prun", "snakeviz", "time", "timeit", "wandb")
)  # cell magics whose cell runs as Python in the notebook's own namespace

HEADER = "if 1:\n"  # before a cell, or a pasted piece, that is indented as a whole

_MAYBE = re.compile(
    r"^[ \t]*(?:[%!?]|(?:pip|conda|mamba|cd|cat|cp|less|ls|mkdir|mv|rm|rmdir)[ \t])|=[ \t]*[%!]|\?[ \t]*;?[ \t]*(?:#.*)?\r?$",
    re.MULTILINE,
)
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
_ESCAPE = re.compile(
    r"[ \t]*(?P<magic>[%!?].*"
    r"|(?:pip|conda|mamba)[ \t]+(?:install|uninstall|list|show|update|create|remove)\b.*"
    r"|cd[ \t]+(?!(?:in|is|if|and|or|not)\b)[\w.~/'\"].*"
    r"|(?:cat|cp|less|ls|mkdir|mv|rm|rmdir)[ \t]+(?!(?:in|is|if|and|or|not)\b)[\w~'\"].*"
    r"|[\w.*]+(?:\[[^\]\n]*\])?\?{1,2}[ \t]*;?[ \t]*(?:#.*)?(?=\r?$))",
    re.MULTILINE,
)
_ASSIGNED = re.compile(r"[ \t]*[^\W\d][\w.,\[\]*\"' \t]*=[ \t]*(?P<magic>[%!](?!=).*)")
_TIMED = re.compile(r"%time[ \t]+(?=[^\s-])")
_TOKEN = re.compile(STRING_OR_COMMENT + r"|\\(?:\r\n|.)|[][(){}]|\r\n?|\n", re.DOTALL)
_SHELL_LINE = re.compile(r"(?:[^\r\n\\]|\\(?:\r\n|.|\Z))*", re.DOTALL)


def without_magics(cell: str) -> str:
    """The cell as Python of the same length and the same lines."""
    cell = with_names_of_old(cell)
    if not _MAYBE.search(cell):
        return cell
    magic = _CELL_MAGIC.match(cell)
    if magic is not None and magic[1] not in PYTHON_MAGICS:
        return blank(cell)
    pieces: list[str] = []
    end = 0
    for start, stop, mask in _masks(cell):
        pieces += (cell[end:start], mask)
        end = stop
    return "".join((*pieces, cell[end:]))


def with_names_of_old(text: str) -> str:
    """`async` was a name until Python 3.7, and `x.cuda(async=True)` how a tensor was moved: it stays one."""
    return _OLD_NAME.sub("Async", text) if "async" in text else text


def without_console(text: str) -> str:
    """A piece of a console session or a notebook, pasted with its prompts: only what was typed is left in its place."""
    if _TYPED.match(text) is None:
        return without_magics(text)
    return without_magics("".join(_typed(line, ">>>" in text) for line in text.splitlines(keepends=True)))


def _typed(line: str, prompted: bool) -> str:
    """What was typed of a line; `prompted`: whether a line without a prompt is an answer."""
    prompt = _PROMPT.match(line)
    if prompt is not None:
        return " " * prompt.end() + line[prompt.end() :]
    return blank(line) if prompted or _ANSWER.match(line) is not None else line


_OLD_NAME = re.compile(r"\basync\b(?!\s+(?:def|for|with)\b)")
_TYPED = re.compile(r"\s*(?:>>>[ \r\n]|In \[[\d ]*\]:)")
_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |(?=\r?$))|[ \t]*\.\.\.+:[ \t]?|In \[[\d ]*\]:[ \t]?")
_ANSWER = re.compile(r"Out ?\[[\d ]*\]:")


def is_indented(code: str) -> bool:
    """Whether all of some code is indented, as IPython runs it and people paste it."""
    lines = [line for line in code.splitlines() if line.strip()]
    indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())] if lines else ""
    return (
        bool(indent)
        and all(line.startswith(indent) for line in lines)
        and not all(line.lstrip().startswith("#") for line in lines)
    )


def lead_of(code: str) -> str:
    """What makes Python of a piece whose first line is indented: an `if` for each column that its lines go back to.

    Half a class may end one method and begin the next, further left.
    """
    found: list[str] = []
    position = 0
    while position < len(code):
        indent = _INDENT.match(code, position)
        if indent is not None and (not found or len(indent[0]) < len(found[-1])):
            found.append(indent[0])
        position = _after_logical_line(code, position)
    if not found or not found[0] or not all(one.startswith(two) for one, two in pairwise(found)):
        return ""
    columns = sorted({"", *found[1:]}, key=len)
    return "".join(f"{column}{HEADER}" for column in columns)


_INDENT = re.compile(r"[ \t]*(?=[^\s#])")


def blank(text: str) -> str:
    """Spaces in place of everything but the newlines."""
    return re.sub(r"[^\r\n]", " ", text)


def _masks(cell: str) -> Iterator[tuple[int, int, str]]:
    position = 0
    while position < len(cell):
        escape = _ESCAPE.match(cell, position) or _ASSIGNED.match(cell, position)
        if escape is None:
            position = _after_logical_line(cell, position)
            continue
        start = escape.start("magic")
        stop = _after_shell_line(cell, start)
        yield start, *_mask(cell, start, stop)
        position = _after_logical_line(cell, stop) if stop < len(cell) else stop


def _mask(cell: str, start: int, stop: int) -> tuple[int, str]:
    """Where the mask ends, and what it is: `%time` leaves the statement that it times."""
    timed = _TIMED.match(cell, start)
    if timed is None or "\n" in cell[start:stop]:
        return stop, "_" + blank(cell[start + 1 : stop])
    assigned = cell[:start].rstrip(" \t").endswith("=")
    return timed.end(), ("" if assigned else "_;").ljust(timed.end() - start)


def _after_shell_line(cell: str, start: int) -> int:
    """The end of a line, and of those that a backslash joins to it."""
    match = _SHELL_LINE.match(cell, start)
    return match.end() if match else start


def _after_logical_line(cell: str, start: int) -> int:
    """The start of the next statement: brackets, strings and backslashes join lines."""
    depth = 0
    for token in _TOKEN.finditer(cell, start):
        first = token[0][0]
        if first in "([{":
            depth += 1
        elif first in ")]}":
            depth = max(0, depth - 1)
        elif first in "\r\n" and not depth:
            return token.end()
    return len(cell)
