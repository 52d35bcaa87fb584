"""Which modules a text imports, read without a tree: a regular expression and a search for files.

It may see too much (an import in a docstring); it is only used to find out which files could matter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_IMPORT = re.compile(
    r"""^[^\S\n]*(?:[\w ()]*:[^\S\n]*|.*;[^\S\n]*)?  # `try:`, `else:` or another statement before it on the line
    (?:from\b\s*(?P<dots>[. ]*)\s*(?P<module>[\w.]*)\s*\bimport\b\s*(?P<names>\([^)]*\)|(?:\\\r?\n|[^\n#;])*)
    |import\b(?P<modules>(?:\\\r?\n|[^\n#;])*))""",
    re.MULTILINE | re.VERBOSE,
)
_COMMENT = re.compile(r"#.*")
_NAME = re.compile(r"[^\W\d][\w.]*|\*")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module and the names taken from it, which may be modules themselves."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()


def imports_in(text: str) -> Iterator[Import]:
    if "import" not in text:
        return
    for match in _IMPORT.finditer(text):
        if match["modules"] is not None:
            for part in match["modules"].split(","):
                name = _NAME.search(part)
                if name is not None:
                    yield Import(name[0])
        else:
            yield Import(match["module"], match["dots"].count("."), _names(match["names"]))


def _names(listed: str) -> tuple[str, ...]:
    parts = _COMMENT.sub("", listed).split(",")
    found = (_NAME.search(part) for part in parts)
    return tuple(name[0] for name in found if name is not None and name[0] != "*")


def search_path(importer: Path, root: Path) -> Iterator[Path]:
    """The folders in which an absolute import of this file may be found, the likeliest first."""
    folder = importer.parent
    top = top_of_package(folder)
    if top != folder:
        yield top
    else:
        yield folder
    yield root
    yield root / "src"
    for above in (top, *top.parents):
        if not above.is_relative_to(root):
            break
        yield above
        yield above / "src"
    yield from _inside(folder, top)


def _inside(folder: Path, top: Path) -> Iterator[Path]:
    while folder != top:
        yield folder
        folder = folder.parent


def top_of_package(folder: Path) -> Path:
    """The folder that holds the outermost package around this folder; the folder itself outside of packages."""
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def find_module(
    importer: Path, dotted: str, level: int, root: Path, exists: Callable[[Path], bool]
) -> Path | None:
    """The file of a module as this importer would find it: `a/b.py` or `a/b/__init__.py`."""
    if level:
        above = importer.parents[min(level, len(importer.parents)) - 1]
        return _module_in(above, dotted, exists)
    if not dotted:
        return None
    packaged = top_of_package(importer.parent) != importer.parent
    for folder in search_path(importer, root):
        if packaged and folder == importer.parent and dotted.split(".", maxsplit=1)[0] in sys.stdlib_module_names:
            continue  # inside a package a module called `types` does not hide Python's own
        found = _module_in(folder, dotted, exists)
        if found is not None and found != importer:
            return found
    return None


def _module_in(folder: Path, dotted: str, exists: Callable[[Path], bool]) -> Path | None:
    place = folder.joinpath(*dotted.split(".")) if dotted else folder
    package = place / "__init__.py"
    if exists(package):
        return package
    module = place.with_name(place.name + ".py")
    return module if dotted and exists(module) else None
