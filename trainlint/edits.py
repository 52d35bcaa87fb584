"""Edits into text, from the end backwards, and bytes into files, all or nothing."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from trainlint.diagnostic import Edit

_NEWLINE = re.compile(r"\r\n?|\n")


def without_overlaps(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in text order; of two that overlap the earlier (at one place: the longer, then first) stays."""
    kept: list[Edit] = []
    reached = 0
    ordered = sorted(edits, key=lambda edit: (edit.where.start, edit.where.end))
    for edit in ordered:
        if edit in kept or edit.where.start < reached or edit.where.end < edit.where.start:
            continue
        kept.append(edit)
        reached = edit.where.end
    return tuple(kept)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    pieces: list[str] = []
    end = len(text)
    for edit in reversed(without_overlaps(edits)):
        pieces.append(text[edit.where.end : end])
        pieces.append(edit.text)
        end = edit.where.start
    pieces.append(text[:end])
    return "".join(reversed(pieces))


def in_newlines_of(text: str, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits with their newlines written as the text writes most of its own."""
    newlines = _NEWLINE.findall(text)
    usual = max(("\n", "\r\n", "\r"), key=newlines.count)
    return tuple(replace(edit, text=_NEWLINE.sub(usual, edit.text)) for edit in edits)


def write_atomically(file: Path, content: bytes) -> None:
    """Replace a file's content in one step, keeping permissions and owner.

    A symbolic link stays one, and what it points at is replaced if it lies in the link's own folder or
    below; else this raises an OSError, as it does where the file cannot be written.
    """
    import tempfile  # brings compression and random numbers along, and only fixes need it

    target = _target(file)
    before = target.stat()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if hasattr(os, "chown"):
            with suppress(OSError):  # only an administrator may give files away
                os.chown(name, before.st_uid, before.st_gid)
        os.chmod(name, stat.S_IMODE(before.st_mode))
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _target(file: Path) -> Path:
    if not file.is_symlink():
        return file
    target = Path(os.path.realpath(file))
    if not target.is_relative_to(os.path.realpath(file.parent)):
        raise OSError(errno.EXDEV, "the link leads out of its folder", str(file))
    return target
