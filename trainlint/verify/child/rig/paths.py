"""Files: what the program writes goes into its own folder, wherever it wanted to put it."""

from __future__ import annotations

import builtins
import os
from typing import Any

from ..record import Record

WRITING = frozenset("wax+")


def install(record: Record, folder: str, home: str) -> None:
    """Redirect writes; relative paths that are read are looked for beside the script as well."""
    inside = os.path.join(folder, "outside")

    def redirected(path: Any) -> Any:
        """The path itself if it is in the folder, else a place of its own in there."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return path
        full = os.path.abspath(os.path.expanduser(os.fsdecode(path)))
        if full.startswith((folder + os.sep, os.devnull)):
            return path
        record.substitute("files written to a temporary folder")
        target = os.path.join(inside, full.lstrip(os.sep))
        _make_folder(os.path.dirname(target))
        return target

    opens, makes, makes_all = builtins.open, os.mkdir, os.makedirs

    def open_redirected(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if WRITING & set(mode):
            file = redirected(file)
        elif isinstance(file, str) and not os.path.exists(file) and os.path.exists(os.path.join(home, file)):
            file = os.path.join(home, file)
        return opens(file, mode, *arguments, **keywords)

    def make_all(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
        makes_all(redirected(name), mode, exist_ok=True)

    def make(path: Any, mode: int = 0o777, *, dir_fd: Any = None) -> None:
        if not os.path.isdir(redirected(path)):
            makes(redirected(path), mode)

    def _make_folder(path: str) -> None:
        if not os.path.isdir(path):
            makes_all(path, exist_ok=True)

    builtins.open = open_redirected
    os.makedirs, os.mkdir = make_all, make
