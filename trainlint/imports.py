"""Which modules a text imports, read without a tree: a search for the word, then for files.

It may see too much (an import in a docstring); it only serves to find out which files could matter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import field
from itertools import islice
from os.path import dirname, join, sep

from trainlint.records import dataclass

_IMPORT = re.compile(r"import\b[ \t]*(\([^)]*\)|(?:\\\r?\n|[^\r\n;])*)")
_FROM = re.compile(r"(?:.*[;:])?[ \t\f]*from\b[ \t]*([. ]*)[ \t]*([\w.]*)[ \t]*\\?")
_PLAIN = re.compile(r"(?:.*[;:])?[ \t\f]*")
_COMMENT = re.compile(r"#.*")
_LATE_IMPORT = "import_module"
_NAMED_LATE = re.compile(  # the module itself, or a path that may become one: `"network": "models.net.Net"`
    r"\bimport_module[ \t]*\(\s*['\"]([\w.]+)['\"]|['\"]([^\W\d]\w*(?:\.[^\W\d]\w*)+)['\"]"
)
_NAME = re.compile(r"[^\W\d][\w.]*")
_LIBRARIES = frozenset(
    "torch torchvision torchaudio numpy tensorflow keras jax sklearn pandas transformers".split()
)
_SOURCES = ("src", "lib", "python")  # folders that a build, or a script's first lines, put on the search path


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module and the names taken from it, which may be modules themselves."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()

    def modules(self) -> Iterator[str]:
        """All modules that this may load: the packages on the way, the module, its submodules."""
        parts = self.module.split(".")
        for count in range(1, len(parts) + 1):
            yield ".".join(parts[:count])
        for name in self.names:
            yield f"{self.module}.{name}".lstrip(".")


def imports_in(text: str) -> Iterator[Import]:
    for match in _IMPORT.finditer(text):
        before = _line_before(text, match.start())
        source = _FROM.fullmatch(before)
        if source is not None:
            yield Import(source[2], source[1].count("."), _names(match[1]))
        elif _PLAIN.fullmatch(before):
            for name in _names(match[1]):
                yield Import(name)

    if _LATE_IMPORT in text:
        yield from (Import(match[1] or match[2]) for match in _NAMED_LATE.finditer(text))


def _line_before(text: str, end: int) -> str:
    """What stands before an offset on its line, the line that a backslash joins to it included."""
    start = text.rfind("\n", 0, end) + 1
    if start > 1 and text[start - 2] == "\\":
        above = text.rfind("\n", 0, start - 1) + 1
        return text[above : start - 2] + text[start:end]
    return text[start:end]


def _names(listed: str) -> tuple[str, ...]:
    found = (_NAME.search(part) for part in _COMMENT.sub("", listed).split(","))
    return tuple(name[0] for name in found if name is not None)


@dataclass(slots=True)
class Finder:
    """Finds the file of a module among the files that `exists` knows, and remembers where it looked."""

    root: str
    exists: Callable[[str], bool]
    _found: dict[tuple[str, str, int], tuple[str, ...]] = field(default_factory=dict)
    _folders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _tops: dict[str, str] = field(default_factory=dict)

    def find(self, importer: str, dotted: str, level: int) -> str | None:
        """The file of a module as this importer would find it: `a/b.py` or `a/b/__init__.py`."""
        return next(self.find_all(importer, dotted, level), None)

    def find_all(self, importer: str, dotted: str, level: int) -> Iterator[str]:
        """The files of that name, the likeliest first."""
        key = (dirname(importer), dotted, level)
        if key not in self._found:
            self._found[key] = tuple(islice(dict.fromkeys(self._candidates(*key)), 3))
        return (file for file in self._found[key] if file != importer)

    def _candidates(self, folder: str, dotted: str, level: int) -> Iterator[str]:
        if level:
            for _ in range(level - 1):
                folder = dirname(folder)
            yield from self._module_in(folder, dotted)
        elif dotted:
            for place in self.search_path(folder):
                if not self._hides_another(place, folder, dotted):
                    yield from self._module_in(place, dotted)
            yield from self._under_another_name(folder, dotted)

    def _under_another_name(self, folder: str, dotted: str) -> Iterator[str]:
        """A module of the package around the importer, whose folder was renamed: the clone of a repository
        that is itself the package."""
        package, _, inside = dotted.partition(".")
        if not inside or package in sys.stdlib_module_names | _LIBRARIES:
            return
        top = self.top_of_package(folder)
        outermost = join(top, folder[len(join(top, "")) :].partition(sep)[0]) if top != folder else self.root
        if self.exists(join(outermost, "__init__.py")):
            yield from self._module_in(outermost, inside)

    def _module_in(self, folder: str, dotted: str) -> Iterator[str]:
        place = f"{folder}{sep}{dotted.replace('.', sep)}" if dotted else folder
        if self.exists(f"{place}{sep}__init__.py"):
            yield f"{place}{sep}__init__.py"
        elif dotted and self.exists(f"{place}.py"):
            yield f"{place}.py"

    def _hides_another(self, place: str, folder: str, dotted: str) -> bool:
        """Inside a package neither a module called `types` stands in the way of Python's own, nor a part of it called
        `torch`, the one for that library, in the way of the library."""
        name = dotted.partition(".")[0]
        if name in sys.stdlib_module_names:
            return place == folder and self.top_of_package(folder) != folder
        return name in _LIBRARIES and self.top_of_package(place) != place

    def search_path(self, folder: str) -> tuple[str, ...]:
        """Where an absolute import may be found, the likeliest first: as a package, as a script, else."""
        known = self._folders.get(folder)
        if known is None:
            top = self.top_of_package(folder)
            above = tuple(self._upwards(top))
            sources = tuple(join(place, name) for name in _SOURCES for place in above)
            inside = tuple(self._upwards(folder))
            found = dict.fromkeys((top, self.root, join(self.root, "src"), *above, *sources, *inside))
            known = self._folders[folder] = tuple(found)
        return known

    def _upwards(self, folder: str) -> Iterator[str]:
        while folder == self.root or folder.startswith(join(self.root, "")):
            yield folder
            if folder in (self.root, dirname(folder)):
                break
            folder = dirname(folder)

    def top_of_package(self, folder: str) -> str:
        """The folder that holds the outermost package around this one; itself outside of packages."""
        if folder not in self._tops:
            packaged = self.exists(join(folder, "__init__.py")) and folder != dirname(folder)
            self._tops[folder] = self.top_of_package(dirname(folder)) if packaged else folder
        return self._tops[folder]
