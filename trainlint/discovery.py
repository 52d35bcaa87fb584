"""Which files a run is about: Python files and notebooks under the given paths, in a stable order.

Explicitly named files always count (unless `force_exclude`); inside folders `.gitignore` files and the
exclude patterns decide. No link is followed out of a folder, so the walk always ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from trainlint.config import DEFAULT_EXCLUDE
from trainlint.diagnostic import Failure
from trainlint.ignoring import Ignores, ignored, ignores_above, with_ignores_in

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
    def _spec(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines(pattern for pattern in self.patterns if not _is_plain(pattern))

    def match(self, path: Path, folder: bool) -> bool:
        """Whether this very entry is excluded (the folders above it are not looked at)."""
        if path.name in self._names:
            return True
        if not self._spec.patterns or not path.is_relative_to(self.base):
            return False
        name = path.relative_to(self.base).as_posix()
        return self._spec.match_file(name + "/" if folder else name)

    def match_above(self, path: Path) -> bool:
        """Whether the entry or a folder above it, up to the base, is excluded."""
        above = (
            folder for folder in path.parents if folder != self.base and folder.is_relative_to(self.base)
        )
        return self.match(path, path.is_dir()) or any(self.match(folder, True) for folder in above)


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
    if path.is_dir():
        found = tuple(walk(path, excludes, cwd))
        yield from found
        if not found:
            yield Failure(name, None, f"no Python files found under {name}", "usage")
    elif path.exists():
        yield path
    else:
        yield Failure(name, None, _missing(path), "usage")


def _missing(path: Path) -> str:
    if not path.is_symlink():
        return "no such file or folder"
    try:
        path.stat()
    except FileNotFoundError:
        return f"a link to {os.readlink(path)}, which does not exist"
    except OSError as error:
        return f"a link that cannot be followed: {error.strerror}"
    return "cannot be read"


def walk(folder: Path, excludes: Excludes, cwd: Path) -> Iterator[Path | Failure]:
    """The Python files of a folder and what of it cannot be read, unordered."""
    above = ignores_above(folder) if excludes.gitignore else ()
    if excludes.match_above(folder):
        excludes = Excludes(folder, excludes.patterns, excludes.force, excludes.gitignore)
    pending: list[tuple[Path, Ignores]] = [(folder, above)]
    while pending:
        current, ignores = pending.pop()
        if excludes.gitignore:
            ignores = with_ignores_in(current, ignores)
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            yield Failure(shown(current, cwd), None, f"cannot be read: {error.strerror}")
            continue
        for entry in entries:
            path, is_folder = current / entry.name, entry.is_dir(follow_symlinks=False)
            if not is_folder and not entry.name.endswith(SUFFIXES):
                continue
            if excludes.match(path, is_folder) or ignored(ignores, path, is_folder):
                continue
            if is_folder:
                pending.append((path, ignores))
            else:
                yield from _file(path, entry, cwd)


def _file(path: Path, entry: os.DirEntry[str], cwd: Path) -> Iterator[Path | Failure]:
    if entry.is_file(follow_symlinks=False):
        yield path
    elif entry.is_symlink() and not entry.name.startswith(".#") and not path.exists():  # .#: an editor's lock
        yield Failure(shown(path, cwd), None, _missing(path))


def shown(path: Path, cwd: Path) -> str:
    """A path as reports name it: relative to the working directory where it lies below it."""
    return (path.relative_to(cwd) if path.is_relative_to(cwd) else path).as_posix()
