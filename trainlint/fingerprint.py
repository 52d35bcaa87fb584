"""Names for findings that survive what happens around them: other lines, other findings, other folders.

A fingerprint is made of the rule, the path from the project's root, the enclosing function or class, the
statement's text and, among equals, a number in the order of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from trainlint.diagnostic import Diagnostic

LENGTH = 16


def anchor(rule: str, path: str, qualified_name: str, statement: str) -> str:
    """What all findings of a rule on equal statements of a function share."""
    return _digest(rule, path, qualified_name, " ".join(statement.split()))


def numbered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics, which come in file order with anchors, with their fingerprints."""
    seen: Counter[str] = Counter()
    done = []
    for diagnostic in diagnostics:
        shared = diagnostic.fingerprint
        ordinal = seen[shared]
        seen[shared] += 1
        done.append(replace(diagnostic, fingerprint=_digest(shared, str(ordinal)) if ordinal else shared))
    return tuple(done)


def _digest(*parts: str) -> str:
    from hashlib import sha256  # takes a few milliseconds to load, and most files have no findings

    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
