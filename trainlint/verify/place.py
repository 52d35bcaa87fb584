"""Where a program lives: the folders it imports from, and its own name among their modules."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainlint.imports import Finder
from trainlint.project import find_root


@dataclass(frozen=True, slots=True)
class Home:
    """`folder` is the script's own, `root` that of its project; all of `search` is imported from, in this order."""

    folder: str = ""
    root: str = ""
    search: tuple[str, ...] = ()
    module: str = ""  # its dotted name: `package.train`

    def request(self) -> dict[str, object]:
        """What the sandbox is told of it."""
        return {
            "home": self.folder,
            "root": self.root,
            "search": list(self.search),
            "module": self.module,
            "readable": list(readable(self.root)) if self.root else [],
            "listed": [self.root] if self.root else [],
        }


NOWHERE = Home()
NOT_THE_PROJECT = frozenset(f"/{name}" for name in "boot dev etc proc root run sys tmp var".split())


def readable(root: str) -> tuple[str, ...]:
    """The project's folder; where that is the user's home or above it, what is in it but hidden: keys, tokens."""
    home = os.path.realpath(os.path.expanduser("~"))
    if os.path.commonpath([home, root]) != root:
        return (root,)
    with contextlib.suppress(OSError):
        entries = [os.path.join(root, name) for name in sorted(os.listdir(root)) if not name.startswith(".")]
        return tuple(path for entry in entries if entry not in NOT_THE_PROJECT for path in readable(entry))
    return ()


def home_of(file: Path | None, text: str, around: Sequence[Path] = ()) -> Home:
    """The home of a file; that of a text without one is nowhere."""
    if file is None:
        return NOWHERE
    file = file.resolve()
    root = find_root(file, around)
    finder = Finder(str(root), os.path.isfile)
    folder = str(file.parent)
    top = finder.top_of_package(folder)
    for _ in range(_levels(text) if top == folder else 0):  # packages need no `__init__.py`
        top = os.path.dirname(top)
    if not Path(top).is_relative_to(root):
        root = Path(top)
    module = ".".join(file.relative_to(top).with_suffix("").parts)
    search = dict.fromkeys((top, *finder.search_path(folder)))
    return Home(folder, str(root), tuple(search), module)


def _levels(text: str) -> int:
    """How many folders upwards the relative imports of a text reach."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return 0
    return max((node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0)
