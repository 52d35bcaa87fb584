"""Text into a LibCST tree, with every way in which that can fail turned into one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.decoding import SourceError

if TYPE_CHECKING:
    import libcst


def parse(text: str, path: str) -> libcst.Module:
    import libcst

    try:
        return libcst.parse_module(text)
    except libcst.ParserSyntaxError as error:
        raise SourceError(path, error.raw_line, "syntax error", "syntax") from None
    except Exception as error:
        raise SourceError(path, None, f"cannot be parsed: {error}", "syntax") from None
