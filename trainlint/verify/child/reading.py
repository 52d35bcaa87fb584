"""Which files and folders of the project a program reads: what its verdict rests on beside its own text."""

from __future__ import annotations

import os
import sys

MOST_FILES = 400  # of a program that reads more, as of a folder of pictures, nobody remembers the verdict
LISTS = {"os.listdir", "os.scandir"}
IMPORTING = "<frozen importlib"


def install(root: str) -> set[str]:
    """Note what is opened or listed below the root from now on; the set grows."""
    found: set[str] = set()
    if not root:
        return found
    top = os.path.realpath(root)
    busy = [False]  # resolving a path may list folders itself

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if (event != "open" and event not in LISTS) or busy[0] or len(found) > MOST_FILES:
            return
        if event in LISTS and sys._getframe(1).f_code.co_filename.startswith(IMPORTING):
            return  # that it looked for modules there is known without
        path = arguments[0] if arguments else None
        if not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
            return
        busy[0] = True
        try:
            reached = os.path.realpath(os.fsdecode(path))
        except (ValueError, OSError, TypeError):
            return
        finally:
            busy[0] = False
        if reached == top or reached.startswith(top + os.sep):
            found.add(reached)

    sys.addaudithook(watch)
    return found
