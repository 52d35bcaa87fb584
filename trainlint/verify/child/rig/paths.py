"""Files: what the program writes goes into its own folder, wherever it wanted to put it."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..record import Record
from .missing import Missing

WRITING = frozenset("wax+")


@dataclass
class Paths:
    """Where paths lead: `folder` is the experiment's own, `home` the script's, which can only be read."""

    record: Record
    folder: str
    home: str
    make: Callable[..., None]

    def to_write(self, path: Any) -> Any:
        """The path itself if it is in the folder, else a place of its own in there; folders on the way are made."""
        if not _is_path(path):
            return path
        full = os.path.abspath(os.path.expanduser(os.fsdecode(path)))
        if full.startswith(self.folder + os.sep) and not os.path.isdir(os.path.dirname(full)):
            self.make(os.path.dirname(full), exist_ok=True)
        if full.startswith((self.folder + os.sep, os.devnull)):
            return path
        self.record.substitute("files written to a temporary folder")
        target = os.path.join(self.folder, "outside", full.lstrip(os.sep))
        self.make(os.path.dirname(target), exist_ok=True)
        return target

    def to_read(self, path: Any) -> Any:
        """What this run has written under that name, or what lies beside the script."""
        if not _is_path(path) or os.path.exists(path):
            return path
        name = os.fsdecode(path)
        written = os.path.join(
            self.folder, "outside", os.path.abspath(os.path.expanduser(name)).lstrip(os.sep)
        )
        beside = os.path.join(self.home, name)
        return next((place for place in (written, beside) if os.path.exists(place)), path)


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, bytes, os.PathLike)) and not isinstance(value, Missing)


class Unread:
    """A text file that is not here: read as a whole it is made up, all else needs the file."""

    def __init__(self, why: FileNotFoundError, note: Callable[[], None]) -> None:
        self.why, self.note = why, note

    def read(self, size: int = -1) -> str:
        if size >= 0 or sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] in ("json", "yaml"):
            raise self.why
        self.note()
        return TEXT

    def __enter__(self) -> Unread:
        return self

    def __exit__(self, *problem: Any) -> None:
        return None

    def close(self) -> None:
        return None

    def _refuse(self, *arguments: Any) -> Any:
        raise self.why

    __iter__ = __next__ = readline = readlines = _refuse

    def __getattr__(self, name: str) -> Any:
        raise self.why


TEXT = "".join(
    f"The {who} of the {place} {does} {count} times, and then it {does} no more.\n"
    for count in range(2, 10)
    for who in ("keeper", "river", "old clock", "horse")
    for place in ("north", "harbour", "mill", "quiet valley")
    for does in ("sings", "turns", "waits")
)


def install(record: Record, folder: str, home: str, bare: bool = False) -> Paths:
    """Redirect opening, making folders and saving; `bare` programs find a file in folders that are not here."""
    lists, opens, make_one, make_all, save = os.listdir, builtins.open, os.mkdir, os.makedirs, torch.save
    paths = Paths(record, folder, home or folder, make_all)

    def open_redirected(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        place = paths.to_write(file) if WRITING & set(mode) else paths.to_read(file)
        try:
            return opens(place, mode, *arguments, **keywords)
        except FileNotFoundError as error:
            if not _is_path(file) or "b" in mode or not os.fsdecode(file).endswith(".txt"):
                raise
            return Unread(error, lambda: record.substitute("data: stand-in text, for its file is not here"))

    def make_folders(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
        make_all(paths.to_write(name), mode, exist_ok=True)

    def make_folder(path: Any, mode: int = 0o777, *, dir_fd: Any = None) -> None:
        if not os.path.isdir(paths.to_write(path)):
            make_one(paths.to_write(path), mode)

    def save_redirected(obj: Any, f: Any, *arguments: Any, **keywords: Any) -> None:
        save(obj, paths.to_write(f), *arguments, **keywords)

    def list_folder(path: Any = ".") -> list[Any]:
        try:
            return list(lists(path))
        except FileNotFoundError:
            if not bare or sys._getframe(1).f_code.co_filename != record.path:
                raise
            record.substitute("files of a folder: a stand-in for one")
            return ["file"]

    builtins.open = open_redirected
    os.listdir = list_folder
    os.makedirs, os.mkdir = make_folders, make_folder
    torch.save = save_redirected
    return paths
