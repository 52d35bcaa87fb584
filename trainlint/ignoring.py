"""What git would ignore: the `.gitignore` files from the repository's root downwards, and its exclude file."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.patterns import compiled
from trainlint.small_files import read_small

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    Ignores = tuple[
        tuple[Path, GitIgnoreSpec], ...
    ]  # from the root downwards; the last that has an opinion wins

MOST_PATTERNS = 1_000_000  # bytes of one file of patterns
VCS_FOLDERS = (".git", ".hg", ".svn", ".jj")


def ignored(ignores: Ignores, path: Path, folder: bool) -> bool:
    """Whether this very entry is ignored; the walk never enters an ignored folder."""
    for base, spec in reversed(ignores):
        name = path.relative_to(base).as_posix()
        opinion = spec.check_file(name + "/" if folder else name).include
        if opinion is not None:
            return opinion
    return False


def ignores_above(folder: Path) -> Ignores:
    """What the repository says about the contents of a folder, the folder's own `.gitignore` not included.

    A folder that is itself ignored and was asked for all the same starts afresh.
    """
    root = repository(folder)
    if root is None:
        return ()
    found: Ignores = ()
    exclude = _spec(root / ".git" / "info" / "exclude")
    if exclude is not None:
        found = ((root, exclude),)
    between = [above for above in reversed(folder.parents) if above.is_relative_to(root)]
    steps = [*between, folder]
    for above, below in pairwise(steps):
        found = with_ignores_in(above, found)
        if ignored(found, below, True):
            return ()
    return found


def with_ignores_in(folder: Path, ignores: Ignores) -> Ignores:
    spec = _spec(folder / ".gitignore")
    return ignores if spec is None else (*ignores, (folder, spec))


def repository(folder: Path) -> Path | None:
    """The root of the repository that a folder lies in."""
    for candidate in (folder, *folder.parents):
        if any(os.path.exists(candidate / name) for name in VCS_FOLDERS):
            return candidate
    return None


def _spec(file: Path) -> GitIgnoreSpec | None:
    content = read_small(file, MOST_PATTERNS)
    if content is None:
        return None
    return compiled(content.decode("utf-8", "replace").splitlines())
