"""How deeply a text nests, by one linear scan: LibCST overflows the stack, and dies, where this says stop.

Measured with a stack of 8 MB, LibCST dies at 1,000 nested brackets, 3,100 links of a call chain, 5,500
conditional expressions or 8,100 `elif`. Python itself refuses 200 brackets and 100 indentations (LibCST
refuses those too). A tree within these limits is at most some 2,500 nodes deep.
"""

from __future__ import annotations

import re

from trainlint.comments import STRING_OR_COMMENT

MOST_BRACKETS = 200
LONGEST_CHAIN = 1000  # operators, attributes, calls and adjacent strings around one expression
MOST_BRANCHES = 1000
DEEPEST_PATTERN = 8  # brackets in a `case`; LibCST takes twice as long for each, 8 seconds for 12

_TOKEN = re.compile(
    STRING_OR_COMMENT
    + r"|\\(?:\r\n|.)|[][(){},;\n\r]|[-+*/%@&|^~<>=!.]+"
    + r"|\b(?:and|or|not|if|else|lambda|await|for|in|is|yield)\b",
    re.DOTALL,
)
_BRANCH = re.compile(r"^([ \t]*)(el)?if\b", re.MULTILINE)
_CASE = re.compile(r"^[ \t]*case[ \t]+(?![=.])", re.MULTILINE)
_BRACKET = re.compile(r"[][(){}\n]")
_TOKEN_IN_STRING = re.compile(
    r"[][(){},]|[-+*/%@&|^~<>=!.]|\b(?:and|or|not|if|else|lambda|await|for|in|is)\b"
)
_FORMATTED = re.compile(r"(?:[fFtT][rR]?|[rR][fFtT])\Z")
_DEEP_STRING = 2 * MOST_BRACKETS  # characters; a shorter one cannot nest beyond the limit


def too_deep(text: str) -> tuple[int, str] | None:
    """The offset and the name of what nests too deeply, None where the text can be parsed safely."""
    links = total = 0  # around the expression being read, and in all open brackets
    outer: list[int] = []  # the links before each open bracket
    for match in _TOKEN.finditer(text):
        token = match[0]
        first = token[0]
        if first in "([{":
            outer.append(links)
            links = 0
            total += 1
            if len(outer) > MOST_BRACKETS:
                return match.start(), f"more than {MOST_BRACKETS} nested brackets"
        elif first in ")]}":
            total -= links
            links = 1 + (
                outer.pop() if outer else 0
            )  # what was in the brackets is one link of what is around
        elif first in ",;" or (first in "\r\n" and not outer):
            total -= links
            links = 0
        elif first not in "#\\\r\n":
            count = 1 if first in "\"'" or first.isalpha() else len(token)
            links += count
            total += count
            if len(token) > _DEEP_STRING and _is_deep_string(text, match):
                return match.start(), f"more than {MOST_BRACKETS} nested brackets"
        if total > LONGEST_CHAIN:
            return match.start(), f"an expression of more than {LONGEST_CHAIN} operators, calls and strings"
    return _too_many_branches(text) or _too_deep_pattern(text)


def _is_deep_string(text: str, match: re.Match[str]) -> bool:
    """Whether it is a formatted string that nests too deeply: it holds expressions between its brackets."""
    if match[0][0] not in "\"'" or not _FORMATTED.search(text, max(0, match.start() - 2), match.start()):
        return False
    depth = links = 0
    for token in _TOKEN_IN_STRING.findall(match[0]):
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(0, depth - 1)
            links += 1
        elif token != ",":
            links += 1
        links = links if depth and token != "," else 0
        if depth > MOST_BRACKETS or links > LONGEST_CHAIN:
            return True
    return False


def _too_many_branches(text: str) -> tuple[int, str] | None:
    if text.count("elif") <= MOST_BRANCHES:
        return None
    chains: dict[str, int] = {}
    for match in _BRANCH.finditer(text):
        chains[match[1]] = chains.get(match[1], 0) + 1 if match[2] else 0
        if sum(chains.values()) > MOST_BRANCHES:
            return match.start(), f"more than {MOST_BRANCHES} branches of one `if`"
    return None


def _too_deep_pattern(text: str) -> tuple[int, str] | None:
    for case in _CASE.finditer(text) if "case" in text else ():
        depth = 0
        for bracket in _BRACKET.finditer(text, case.end()):
            if bracket[0] != "\n":
                depth += 1 if bracket[0] in "([{" else -1
            elif depth <= 0:
                break
            if depth > DEEPEST_PATTERN:
                return case.start(), f"more than {DEEPEST_PATTERN} nested brackets in a pattern"
    return None
