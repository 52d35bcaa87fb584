"""Where the comments of a Python text are, found without a tree and in texts that have none."""

from __future__ import annotations

import re
from collections.abc import Iterator

# For re.DOTALL. What is not closed ends with its line or, in triple quotes, with the text.
STRING_OR_COMMENT = (
    r'''"""[^"\\]*(?:(?:\\(?:.|\Z)|"(?!""))[^"\\]*)*(?:"""|\Z)'''
    r"""|\'\'\'[^'\\]*(?:(?:\\(?:.|\Z)|'(?!''))[^'\\]*)*(?:'''|\Z)"""
    r"""|"[^"\\\r\n]*(?:\\(?:\r\n|.)[^"\\\r\n]*)*"?"""
    r"""|'[^'\\\r\n]*(?:\\(?:\r\n|.)[^'\\\r\n]*)*'?"""
    r"""|\#[^\r\n]*"""
)

_TOKEN = re.compile(STRING_OR_COMMENT, re.DOTALL)


def comments_in(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every comment, in order."""
    for match in _TOKEN.finditer(text):
        if text[match.start()] == "#":
            yield match.span()
