"""Patterns of paths as `.gitignore` files have them; one of them may be none, as `[9-0]` or a lone `!`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_MAY_FAIL = frozenset("!\\[")  # no pattern without one of these is unfit


def is_pattern(text: str) -> bool:
    """Whether a text can be read as a pattern."""
    return _MAY_FAIL.isdisjoint(text) or _compiled([text]) is not None


def compiled(patterns: Iterable[str]) -> GitIgnoreSpec:
    """What decides by patterns, in their order; those that are none match nothing, as git has it."""
    lines = list(patterns)
    found = _compiled(lines)
    return found if found is not None else _compiled([line for line in lines if is_pattern(line)])  # type: ignore[return-value]


def _compiled(lines: list[str]) -> GitIgnoreSpec | None:
    from pathspec import GitIgnoreSpec  # as long to load as a small file takes to lint

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of `re`, about brackets that mean what they did
            return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return None
