"""Where the arguments of a call are written, by keyword or by position, and edits that give another."""

from __future__ import annotations

from trainlint.meaning.place import Change, replace, set_argument
from trainlint.meaning.syntax import Call, Node


def given_at(call: Node, keyword: str, position: int | None = None) -> Node | None:
    """The expression that a call gives for a parameter, None where it is not written."""
    if not isinstance(call, Call):
        return None
    named = next((a.value for a in call.arguments if a.keyword == keyword), None)
    plain = [a for a in call.arguments if a.keyword is None]
    if named is not None or position is None or len(plain) <= position or any(a.star for a in plain):
        return named
    return plain[position].value


def give(call: Node, keyword: str, text: str, position: int | None = None) -> Change:
    """The edit that gives a parameter another value, in the way in which it is given now."""
    written = given_at(call, keyword, position)
    return replace(written, text) if written is not None else set_argument(call, keyword, text)
