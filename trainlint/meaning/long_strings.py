"""Which lines of a piece of code begin inside of a string, so that indenting them would change what it holds."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from io import StringIO

_FIRST = ("FSTRING_START", "TSTRING_START")
_LAST = ("FSTRING_END", "TSTRING_END")
_BEFORE = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)


def rows_in_strings(text: str) -> frozenset[int]:
    """Their numbers, from 1; lines of a string that stands for itself, as a remark, may be indented."""
    try:
        tokens = list(tokenize.generate_tokens(StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return frozenset()
    return frozenset(row for first, last in _strings(tokens) for row in range(first + 1, last + 1))


def _strings(tokens: list[tokenize.TokenInfo]) -> Iterator[tuple[int, int]]:
    """First and last row of each string that is a value."""
    begun: list[int] = []
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        kind = tokenize.tok_name[token.exact_type]
        if kind in _FIRST:
            begun.append(token.start[0])
        elif kind in _LAST and begun:
            yield begun.pop(), token.end[0]
        elif token.type == tokenize.STRING:
            alone = before is None or before.type in _BEFORE
            if not (alone and after is not None and after.type in (tokenize.NEWLINE, tokenize.ENDMARKER)):
                yield token.start[0], token.end[0]
