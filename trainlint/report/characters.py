"""Characters that do harm in a terminal or are illegal in an interchange format, and how wide others are."""

from __future__ import annotations

import re

TAB = 4

# Control characters, surrogates without a partner, and marks that reverse or break the line they stand in.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ILLEGAL_IN_XML = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
_SURROGATE = "[\ud800-\udfff]"


def escape_harmful(text: str) -> str:
    """What reverses, moves or colours a terminal's text shows as an escape such as `\\x1b`."""
    return _HARMFUL.sub(_escaped, text)


def one_line(text: str) -> str:
    """A text that cannot break out of its line: runs of white space become one space."""
    return escape_harmful(" ".join(text.split()))


def several_lines(text: str) -> str:
    """A text that keeps its lines and loses everything else that is harmful."""
    return "\n".join(escape_harmful(line) for line in re.split(r"\r\n?|\n", text))


def without_illegal(text: str) -> str:
    """The text with a replacement character for everything that XML 1.0 forbids or discourages."""
    return re.sub(_ILLEGAL_IN_XML, "\ufffd", text)


def in_html(words: object) -> str:
    """Anything as text of an HTML page: one line, nothing that is markup, reverses or is no character.

    Apostrophes stay: attributes stand in double quotes.
    """
    from html import escape  # brings the names of all characters along

    return escape(without_illegal(one_line(str(words)))).replace("&#x27;", "'")


def without_surrogates(text: str) -> str:
    """A text that can be encoded: undecodable bytes of a file name arrive as lone surrogates."""
    return re.sub(_SURROGATE, "\ufffd", text)


def width(character: str) -> int:
    """How many columns a terminal gives to a character."""
    if character < "\u0300":
        return 1
    import unicodedata  # a megabyte of tables

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cells(line: str) -> list[tuple[str, int]]:
    """Each character of a line as it is shown, and the columns it takes."""
    shown: list[tuple[str, int]] = []
    column = 0
    for character in line:
        text = " " * (TAB - column % TAB) if character == "\t" else escape_harmful(character)
        taken = len(text) if len(text) != 1 else width(text)
        shown.append((text, taken))
        column += taken
    return shown


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
