"""Texts that a program puts together from known texts: names of modules, classes, keys and phases."""

from __future__ import annotations

from trainlint.meaning.values import Constant, Sequence, Value, one

_METHODS = frozenset(
    "format lower upper strip lstrip rstrip split rsplit replace join partition rpartition capitalize title"
    " startswith endswith removeprefix removesuffix find rfind".split()
)
_LONGEST = 1_000  # characters; what is longer names nothing


def applied(
    receiver: Value, method: str, arguments: tuple[Value, ...], keywords: dict[str, Value]
) -> Value | None:
    """What a method of a known text gives for known arguments; None where that is not known."""
    text = one(receiver)
    if method not in _METHODS or not isinstance(text, Constant) or not isinstance(text.value, str):
        return None
    given = [_plain(argument) for argument in (*arguments, *keywords.values())]
    if "**" in keywords or any(g is None for g in given) or len(text.value) > _LONGEST:
        return None
    known = [g for g in given if g is not None]
    positional = [g[0] for g in known[: len(arguments)]]
    named = dict(zip(keywords, (g[0] for g in known[len(arguments) :]), strict=True))
    under = text.under or next((g[1] for g in known if g[1]), None)
    try:
        found = getattr(text.value, method)(*positional, **named)
    except (TypeError, ValueError, LookupError, AttributeError):
        return None
    return _value(found, under)


def joined(parts: list[Value]) -> Value | None:
    """The text of an f-string whose parts are all known."""
    known = [_plain(part) for part in parts]
    if any(k is None or not isinstance(k[0], (str, int)) for k in known):
        return None
    text = "".join(str(k[0]) for k in known if k is not None)
    return Constant(text, None, next((k[1] for k in known if k is not None and k[1]), None))


def _plain(value: Value) -> tuple[object, str | None] | None:
    """A constant, or a list of constants, as Python has it, and the setting that can change it."""
    found = one(value)
    if isinstance(found, Constant) and isinstance(found.value, (str, int, type(None))):
        return found.value, found.under
    if isinstance(found, Sequence) and not found.open and found.element is None:
        items = [_plain(item) for item in found.items]
        if all(i is not None and isinstance(i[0], str) for i in items):
            return [i[0] for i in items if i is not None], next((i[1] for i in items if i and i[1]), None)
    return None


def _value(found: object, under: str | None) -> Value | None:
    if isinstance(found, (list, tuple)):
        kind = "list" if isinstance(found, list) else "tuple"
        return Sequence(kind, tuple(Constant(part, None, under) for part in found))
    if isinstance(found, str) and len(found) > _LONGEST:
        return None
    return Constant(found, None, under)
