"""Rewritten files onto the disk, or into a patch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import unified_diff

from trainlint.diagnostic import Failure
from trainlint.edits import write_atomically
from trainlint.repair import Rewritten


def write(rewritten: Iterable[Rewritten]) -> tuple[Failure, ...]:
    """Write what was rewritten; a file that changed meanwhile or cannot be written stays, and is named."""
    return tuple(failure for failure in map(_write_one, rewritten) if failure is not None)


def _write_one(change: Rewritten) -> Failure | None:
    try:
        if change.file.read_bytes() != change.before:
            return Failure(change.path, None, "not written: it was changed by somebody else meanwhile")
        write_atomically(change.file, change.after)
    except OSError as error:
        return Failure(change.path, None, f"not written: {error.strerror or error}")
    return None


def diff(rewritten: Iterable[Rewritten]) -> str:
    """What would be written, as a patch."""
    return "".join(line for change in rewritten for line in _diff_lines(change))


def _diff_lines(change: Rewritten) -> Iterator[str]:
    before, after = (
        re.findall(r"[^\n]*\n|[^\n]+", content.decode(change.encoding, "replace"))
        for content in (change.before, change.after)
    )
    for line in unified_diff(before, after, change.path, change.path):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
