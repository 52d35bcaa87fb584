"""What it takes to write to people and pipes: colour or not, progress, pipes that close early."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

PATIENCE = 0.5  # seconds without a sign of life that nobody minds
RHYTHM = 0.1


def wants_color(choice: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour what goes to a stream (https://no-color.org, https://force-color.org)."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


def columns(usual: int = 80) -> int:
    """How wide the terminal is: `shutil` knows as well, and brings three compression libraries along."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or usual  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, or no terminal
        return usual


def write(content: str | bytes, stream: TextIO) -> None:
    """Write all of it, bytes as they are; a reader that went away is no error of ours."""
    try:
        if isinstance(content, bytes):
            stream.buffer.write(content)
        else:
            stream.write(content)
        stream.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), stream.fileno()
        )  # or the interpreter complains when it ends


def accept_any_character(*streams: TextIO) -> None:
    """Show what an old terminal's encoding lacks as an escape instead of raising."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def draw_progress(stream: TextIO, what: str = "files") -> Callable[[int, int], None] | None:
    """Draws `done of all` on one line that it wipes at the end; None where nobody watches."""
    if not stream.isatty():
        return None
    begun = drawn = time.monotonic()
    shown = False

    def draw(done: int, total: int) -> None:
        nonlocal drawn, shown
        now = time.monotonic()
        if done >= total and shown:
            write("\r\x1b[K", stream)
            shown = False
        elif done < total and now - begun >= PATIENCE and now - drawn >= RHYTHM:
            write(f"\r\x1b[K{done} of {total} {what}", stream)
            drawn, shown = now, True

    return draw
