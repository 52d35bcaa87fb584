"""Which files a run is about: Python files and notebooks under the given paths, in a stable order.

Explicitly named files always count (unless `force_exclude`); inside folders `.gitignore` files and the
exclude patterns decide. No link is followed out of a folder, so the walk always ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.config import DEFAULT_EXCLUDE
from trainlint.diagnostic import Failure
from trainlint.ignoring import ignored, ignores_above, with_ignores_in
from trainlint.patterns import compiled
from trainlint.records import dataclass

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True)
class Excludes:
    """Patterns as in a `.gitignore` file of the folder `base`; `force` applies them to named files too."""

    base: Path
    patterns: tuple[str, ...] = DEFAULT_EXCLUDE
    force: bool = False
    gitignore: bool = True

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(pattern for pattern in self.patterns if _is_plain(pattern))

    @cached_property
    def _spec(self) -> GitIgnoreSpec | None:
        shaped = [pattern for pattern in self.patterns if not _is_plain(pattern)]
        if self._beginnings:
            shaped = [pattern for pattern in shaped if _IN_FOLDER.fullmatch(pattern) is None]
        return compiled(shaped) if shaped else None

    @cached_property
    def _beginnings(self) -> tuple[tuple[str, str], ...]:
        """The folders in which names that begin in some way are excluded: `**/wandb/run-*`, which every run has."""
        if any(pattern.startswith("!") for pattern in self.patterns):
            return ()  # what a later pattern takes back again, the patterns have to be asked together
        found = map(_IN_FOLDER.fullmatch, self.patterns)
        return tuple((shape[1], shape[2]) for shape in found if shape is not None)

    def match(self, path: Path, folder: bool) -> bool:
        """Whether this very entry is excluded (the folders above it are not looked at)."""
        if path.name in self._names:
            return True
        if not (self._beginnings or self._spec) or not path.is_relative_to(self.base):
            return False
        inside = path.relative_to(self.base)
        for above, beginning in self._beginnings:
            if any(one == above and name.startswith(beginning) for one, name in pairwise(inside.parts)):
                return True
        name = inside.as_posix()
        return self._spec is not None and self._spec.match_file(name + "/" if folder else name)

    def match_above(self, path: Path) -> bool:
        """Whether the entry or a folder above it, up to the base, is excluded."""
        above = (
            folder for folder in path.parents if folder != self.base and folder.is_relative_to(self.base)
        )
        return self.match(path, path.is_dir()) or any(self.match(folder, True) for folder in above)


_IN_FOLDER = re.compile(r"\*\*/([^][*?!/\\# \t]+)/([^][*?!/\\# \t]+)\*")


def _is_plain(pattern: str) -> bool:
    return not any(character in pattern for character in "*?[]!/\\# \t")


@dataclass(frozen=True, slots=True)
class Discovery:
    """The files found, as absolute paths, and what could not be looked at."""

    files: tuple[Path, ...] = ()
    failures: tuple[Failure, ...] = ()


def discover(
    paths: Sequence[Path | str],
    *,
    cwd: Path,
    exclude: Sequence[str] = DEFAULT_EXCLUDE,
    extend_exclude: Sequence[str] = (),
    force_exclude: bool = False,
    gitignore: bool = True,
    base: Path | None = None,
) -> Discovery:
    """Every Python file and notebook that the paths mean. `base` is the folder the patterns are relative to."""
    excludes = Excludes(base or cwd, (*exclude, *extend_exclude), force_exclude, gitignore)
    found: list[Path | Failure] = []
    for path in paths:
        found.extend(_under(Path(os.path.abspath(cwd / path)), excludes, cwd))
    files = {path for path in found if isinstance(path, Path)}
    failures = (failure for failure in found if isinstance(failure, Failure))
    return Discovery(in_order(files), tuple(dict.fromkeys(failures)))


def in_order(files: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(set(files), key=lambda file: file.parts))


def _under(path: Path, excludes: Excludes, cwd: Path) -> Iterator[Path | Failure]:
    name = shown(path, cwd)
    if excludes.force and excludes.match_above(path):
        return
    if os.path.isdir(path):
        found = tuple(walk(path, excludes, cwd))
        yield from found
        if not found:
            yield Failure(name, None, f"no Python files found under {name}", "usage")
    elif os.path.exists(path):
        yield path
    else:
        yield Failure(name, None, _missing(path), "usage")


def _missing(path: Path) -> str:
    link = os.path.islink(path)
    try:
        os.stat(path)
    except FileNotFoundError:
        return (
            f"a link to {_printable(os.readlink(path))}, which does not exist"
            if link
            else "no such file or folder"
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"a link that cannot be followed: {reason}" if link else f"cannot be read: {reason}"
    return "neither a file nor a folder"


class TooManyEntries(Exception):
    """A folder is larger than the caller is willing to look through."""


def walk(
    folder: Path, excludes: Excludes, cwd: Path, most_entries: int | None = None
) -> Iterator[Path | Failure]:
    """The Python files of a folder and what of it cannot be read, unordered."""
    ignores = ignores_above(folder) if excludes.gitignore else ()
    if excludes.match_above(folder):  # asked for all the same, so what excludes it counts from here on
        excludes = replace(excludes, base=folder)
    pending = [(folder, ignores)]
    seen = 0
    while pending:
        current, ignores = pending.pop()
        if excludes.gitignore:
            ignores = with_ignores_in(current, ignores)
        try:
            entries = tuple(os.scandir(current))
        except OSError as error:
            yield Failure(shown(current, cwd), None, f"cannot be read: {error.strerror}")
            continue
        seen += len(entries)
        if most_entries is not None and seen > most_entries:
            raise TooManyEntries
        for entry in sorted(filter(_could_matter, entries), key=lambda entry: entry.name):
            path, is_folder = current / entry.name, entry.is_dir(follow_symlinks=False)
            if excludes.match(path, is_folder) or ignored(ignores, path, is_folder):
                continue
            if is_folder:
                pending.append((path, ignores))
            else:
                yield from _file(path, entry, cwd)


def _could_matter(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(SUFFIXES) or entry.is_dir(follow_symlinks=False)


def _file(path: Path, entry: os.DirEntry[str], cwd: Path) -> Iterator[Path | Failure]:
    """A link is no file of its own: within the folder its target is found, outside of it nobody asked."""
    if entry.is_file(follow_symlinks=False):
        yield path
    elif (
        entry.is_symlink() and not entry.name.startswith(".#") and not os.path.exists(path)
    ):  # .#: editors' locks
        yield Failure(shown(path, cwd), None, _missing(path))


def shown(path: Path, cwd: Path) -> str:
    """A path as reports name it: relative to the working directory where it lies below it."""
    return _printable((path.relative_to(cwd) if path.is_relative_to(cwd) else path).as_posix())


def _printable(name: str) -> str:
    """File names need not be text."""
    return os.fsencode(name).decode("utf-8", "replace")
