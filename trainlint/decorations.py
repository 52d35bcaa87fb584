"""Which definitions decorators register, read from texts without a tree: `@MODELS.register("net")` above a class."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path

from trainlint.records import dataclass

_DECORATED = re.compile(  # at the top of a file; a decorator's further lines are indented or close it
    r"^((?:@[^\n]*\n(?:[ \t)\]][^\n]*\n)*)+)(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)", re.MULTILINE
)
_HEAD = re.compile(r"^@[ \t]*([\w.]+)", re.MULTILINE)
_QUOTED = re.compile(r"['\"]([^'\"\n]{1,80})['\"]")
_DEFINED = re.compile(
    r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)|([^\W\d]\w*)[ \t]*(?::[^=\n]*)?=(?!=))",
    re.MULTILINE,
)
_REGISTERS = "regist"

Definition = tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Decorations:
    """The decorated definitions of a project: by their names and the strings in their decorators, and by decorator."""

    names: dict[str, dict[Definition, None]] = field(default_factory=dict)
    heads: dict[str, dict[Definition, None]] = field(default_factory=dict)
    registering: dict[Path, frozenset[str]] = field(
        default_factory=dict
    )  # the words of registering decorators

    def by_name(self, name: str) -> tuple[Definition, ...]:
        return tuple(self.names.get(name.casefold(), ()))

    @property
    def registered(self) -> tuple[tuple[Definition, ...], ...]:
        return tuple(tuple(found) for found in self.heads.values())


def find_decorations(texts: Iterable[tuple[Path, str]]) -> Decorations:
    """What is decorated at the top of these files; a decorator registers where its own name says so."""
    found = Decorations()
    for file, text in texts:
        for match in _DECORATED.finditer(text) if "@" in text and _REGISTERS in text.lower() else ():
            heads = [head for head in _HEAD.findall(match[1]) if _REGISTERS in head.lower()]
            for head in heads:
                found.heads.setdefault(head, {})[file, match[2]] = None
                found.registering[file] = found.registering.get(file, frozenset()).union(head.split("."))
            for name in (match[2], *_QUOTED.findall(match[1])) if heads else ():
                found.names.setdefault(name.casefold(), {})[file, match[2]] = None
    return found


def defined(text: str, names: frozenset[str]) -> frozenset[str]:
    """Those of the names that a text defines at its top."""
    if not names:
        return names
    return names.intersection(match[1] or match[2] for match in _DEFINED.finditer(text))
