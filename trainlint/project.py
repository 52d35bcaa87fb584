"""Many files: what belongs together, what imports what, and cheap questions about texts, all without a tree.

Everything is found out when first asked and then remembered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from trainlint.config import DEFAULT_EXCLUDE
from trainlint.configurations import config_folders, find_configurations, targets
from trainlint.decoding import SourceError
from trainlint.decorations import Decorations, defined, find_decorations
from trainlint.dependents import CalledBy, Dependents, Files
from trainlint.discovery import Discovery, Excludes, TooManyEntries, discover, in_order, shown, walk
from trainlint.ignoring import VCS_FOLDERS
from trainlint.imports import Finder, imports_in
from trainlint.records import dataclass
from trainlint.small_files import read_small
from trainlint.source import Source, read_source

__all__ = ["DEFAULT_EXCLUDE", "Discovery", "Project", "discover", "find_root"]

MOST_FILES = 20_000  # a folder with more is no project; then only the given files and what they import count
MOST_ENTRIES = 1_000_000  # of any kind: data sets lie beside programs
MOST_SPOKEN = 80  # files of a program whose words are gathered
MOST_UNMARKED_FILES = 1_000  # besides those given, where nothing says that a folder is a project
MOST_UNMARKED_ENTRIES = 100_000
MOST_REQUIREMENTS = 100_000  # bytes of a list of requirements
MOST_SETTINGS = 1_000_000  # bytes of a pyproject.toml

_DERIVED = (
    "files _finder _paths _resolved _dependents _test_files _called_by _decorations unseen _stems".split()
)
_TABLE = re.compile(rb"^\s*\[tool\.trainlint[].]", re.MULTILINE)
_PINNED = re.compile(r"^[ \t]*(?:- +)?(?:py)?torch *={1,3} *(\d+)\.(\d+)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_COMMENTED_OUT = re.compile(r"^[ \t]*#.*", re.MULTILINE)
_CALL_BACKWARDS = re.compile(  # in a text read from its end: a bracket is looked for much faster than a name
    r"\([ \t]*(\w*[^\W\d])(?!\w)(?:[ \t]+(fed|ssalc)(?!\w))?"
)


def find_root(path: Path, around: Iterable[Path] = ()) -> Path:
    """The folder whose files may belong to the same program as this file or folder.

    The nearest folder upwards with trainlint's configuration or a repository in it; else the outermost of
    those `around` it (which the user named, or works in: code is also passed on without its repository); else
    the folder that holds the outermost package; else the folder itself. Never a person's home.
    """
    folder = path if os.path.isdir(path) else path.parent
    for candidate in (folder, *folder.parents):
        if _is_no_project(candidate):
            break
        if _is_marked(candidate):
            return candidate
    top = Path(Finder(str(folder), os.path.isfile).top_of_package(str(folder)))
    top = folder if _is_no_project(top) else top
    holders = [other for other in around if top.is_relative_to(other) and not _is_no_project(other)]
    return min(holders, key=lambda other: len(other.parts), default=top)


def is_workplace(folder: Path) -> bool:
    """Whether programs lie right in a folder, so that somebody who works there means it as their root."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith((".py", ".ipynb")) for entry in entries)
    except OSError:
        return False


def _is_no_project(folder: Path) -> bool:
    return folder == folder.parent or str(folder) == os.path.expanduser("~")


def _is_marked(folder: Path) -> bool:
    marks = ("trainlint.toml", *VCS_FOLDERS)
    if any(os.path.exists(folder / name) for name in marks):
        return True
    content = read_small(folder / "pyproject.toml", MOST_SETTINGS)
    return content is not None and _TABLE.search(content) is not None


@dataclass(eq=False)
class Project:
    """The files under a root, as texts, sources and imports. `given` files belong to it wherever they are."""

    root: Path
    cwd: Path
    excludes: Excludes | None = None
    given: tuple[Path, ...] = ()
    _sources: dict[Path, Source | SourceError] = field(default_factory=dict, repr=False)
    _words: dict[Path, frozenset[str]] = field(default_factory=dict, repr=False)
    _calls: dict[Path, frozenset[str]] = field(default_factory=dict, repr=False)
    _tests: dict[Path, bool] = field(default_factory=dict, repr=False)
    _imports: dict[Path, frozenset[Path]] = field(default_factory=dict, repr=False)
    _named: dict[Path, frozenset[Path]] = field(default_factory=dict, repr=False)
    _together: dict[frozenset[str], bool] = field(default_factory=dict, repr=False)
    units: dict[Path, Any] = field(
        default_factory=dict, repr=False
    )  # what `meaning` has lowered of each file

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """All Python files and notebooks of the project, in a stable order."""
        return in_order(self._known)

    @cached_property
    def _known(self) -> set[Path]:
        return {*self.given, *self._listed}  # of equal paths the given ones stay: those are asked about

    @cached_property
    def _listed(self) -> tuple[Path, ...]:
        if _is_no_project(self.root):
            return ()
        excludes = self.excludes or Excludes(self.root)
        most_files, most_entries = MOST_FILES, MOST_ENTRIES
        if not _is_marked(self.root):  # a file in a folder for downloads is not the folder's
            most_files, most_entries = len(self.given) + MOST_UNMARKED_FILES, MOST_UNMARKED_ENTRIES
        try:
            found = tuple(islice(walk(self.root, excludes, self.cwd, most_entries), most_files + 1))
        except TooManyEntries:
            return ()
        return tuple(entry for entry in found if isinstance(entry, Path)) if len(found) <= most_files else ()

    def display(self, file: Path) -> str:
        """The file's name in reports: relative to the working directory where it lies below it."""
        return shown(file, self.cwd)

    def source(self, file: Path) -> Source:
        """The file as text and tree; raises `SourceError` if it cannot be read."""
        known = self._sources.get(file)
        if known is None:
            known = self._sources[file] = self._read(file)
        if isinstance(known, SourceError):
            raise known
        return known

    def _read(self, file: Path) -> Source | SourceError:
        try:
            return read_source(file, self.display(file))
        except SourceError as error:
            return error

    def text(self, file: Path) -> str | None:
        """The file's text without parsing it; None if it cannot be read."""
        try:
            return self.source(file).text
        except SourceError:
            return None

    def overlay(self, file: Path, source: Source) -> None:
        """From now on the file has this text: standard input, an editor's buffer, a fix not yet written."""
        if file not in self._known:
            self._known.add(file)
            self._imports.clear()  # others may have meant this file
        self._sources[file] = source
        for remembered in (self._words, self._calls, self._imports, self._named):
            remembered.pop(file, None)
        self._together.clear()
        for derived in _DERIVED:
            self.__dict__.pop(derived, None)

    @cached_property
    def torch_version(self) -> tuple[int, int] | None:
        """The PyTorch that the project's requirements name exactly (`torch==0.4.1`), None where they do not."""
        for name in ("requirements.txt", "environment.yml", "environment.yaml"):
            text = read_small(self.root / name, MOST_REQUIREMENTS)
            found = _PINNED.search(text.decode("utf-8", "replace")) if text is not None else None
            if found is not None:
                return int(found[1]), int(found[2])
        return None

    def words(self, file: Path) -> frozenset[str]:
        """All identifiers in the text, those in strings and comments too."""
        if file not in self._words:
            self._words[file] = frozenset(_WORD.findall(self.text(file) or ""))
        return self._words[file]

    def calls(self, file: Path) -> frozenset[str]:
        """Identifiers that are followed by a parenthesis and not being defined."""
        if file not in self._calls:
            text = _COMMENTED_OUT.sub("", self.text(file) or "")
            found = _CALL_BACKWARDS.findall(text[::-1])
            self._calls[file] = frozenset(name[::-1] for name, defined in found if not defined)
        return self._calls[file]

    def decorated(self, name: str) -> tuple[tuple[Path, str], ...]:
        """The decorated definitions (file and name) that have this name, or have it in a string of a decorator."""
        return self._decorations.by_name(name)

    @property
    def registered(self) -> tuple[tuple[tuple[Path, str], ...], ...]:
        """The definitions that decorators register, by decorator: those of `@MODELS.register` belong together."""
        return self._decorations.registered

    @cached_property
    def _decorations(self) -> Decorations:
        return find_decorations((file, self.text(file) or "") for file in self.files)

    @cached_property
    def unseen(self) -> dict[Path, dict[Path, frozenset[str]]]:
        """Files that run others without importing them, and by which of their own names: tables of classes."""
        found: dict[Path, dict[Path, frozenset[str]]] = {}
        for file, words in self._decorations.registering.items():
            for home, names in self._homes(file, words):
                found.setdefault(home, {})[file] = names
        return found

    @cached_property
    def configurations(self) -> tuple[Path, ...]:
        """The files of settings that a command line may name."""
        return find_configurations(self.root, DEFAULT_EXCLUDE) if self._listed else ()

    def spoken(self, file: Path) -> frozenset[str]:
        """The identifiers in the texts of a file and of those that it imports, directly or not; of most of them."""
        near: dict[Path, None] = {file: None}
        pending = list(near)
        while pending and len(near) < MOST_SPOKEN:
            fresh = [f for f in sorted(self.imports(pending.pop(0))) if f not in near]
            near.update(dict.fromkeys(fresh))
            pending += fresh
        return frozenset[str]().union(*map(self.words, near))

    def has_together(self, words: frozenset[str]) -> bool:
        """Whether one file of the project has all of these words; asked again and again, looked for once."""
        if words not in self._together:
            self._together[words] = any(self.words(file) >= words for file in self.files)
        return self._together[words]

    def runs(self, file: Path) -> frozenset[Path]:
        """The files that this one imports, and those that enter themselves into its tables."""
        return self.imports(file).union(self.unseen.get(file, ()))

    def configured(self, file: Path) -> frozenset[Path]:
        """The files that this one imports by names in texts, and those whose classes Hydra makes for it."""
        if file not in self._named:
            self._named[file] = frozenset(self._configured(file))
        return self._named[file]

    def _configured(self, file: Path) -> Iterator[Path]:
        words = self.words(file)
        if not self.calls(file).isdisjoint(("import_module", "__import__")):  # not where it is only spoken of
            for name in words & self._stems.keys():
                text, found = self.text(file) or "", self.named(name)
                if found is not None and (f"'{name}'" in text or f'"{name}"' in text):
                    yield found
        if "hydra" not in words:
            return
        for folder in config_folders(self.text(file) or ""):
            for dotted in targets(Path(os.path.normpath(file.parent / folder))):
                module = self.resolve(file, dotted.rpartition(".")[0])
                if module is not None:
                    yield module

    def _homes(self, file: Path, words: frozenset[str]) -> Iterator[tuple[Path, frozenset[str]]]:
        """The imported files that define one of these names, or hand it on from where it is defined."""
        for imported in set(self._imported(file)):
            mentioned = words & self.words(imported)
            names = defined(self.text(imported) or "", mentioned)
            if names:
                yield imported, names
            for further in set(self._imported(imported)) if mentioned - names else ():
                names = defined(self.text(further) or "", (mentioned - names) & self.words(further))
                if names and further != file:
                    yield further, names

    def named(self, name: str) -> Path | None:
        """The one file of this name, wherever it lies: programs add folders to `sys.path`."""
        found = self._stems.get(name, [])
        return found[0] if len(found) == 1 else None

    @cached_property
    def _stems(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for file in self.files:
            found.setdefault(file.stem, []).append(file)
        return found

    def is_test(self, file: Path) -> bool:
        """Whether it holds tests. They call with little data and for a moment: they do not show how a function is used."""
        if file not in self._tests:
            folders = file.relative_to(self.root).parts[:-1] if file.is_relative_to(self.root) else ()
            named = file.name.startswith("test_") or file.stem.endswith("_test")
            self._tests[file] = named or "tests" in folders
        return self._tests[file]

    def resolve(self, importer: Path, dotted: str, level: int = 0) -> Path | None:
        """The project's file of a module, or of a package its `__init__.py`; None for what is not ours."""
        asked = (importer, dotted, level)
        if asked not in self._resolved:
            found = self._finder.find(str(importer), dotted, level)
            self._resolved[asked] = None if found is None else self._paths.get(found) or Path(found)
        return self._resolved[asked]

    def rival(self, importer: Path, dotted: str, names: Iterable[str]) -> Path | None:
        """Another file of a module's name that speaks of names of which the likeliest one says nothing: what is run from
        the root with `python -m parts.train` means the root's `utils`, and not the one beside it."""
        files = [
            self._paths.get(file) or Path(file) for file in self._finder.find_all(str(importer), dotted, 0)
        ]
        if len(files) < 2:
            return None
        missing = set(names) - self.words(files[0])
        return next((file for file in files[1:] if not missing.isdisjoint(self.words(file))), None)

    @cached_property
    def _resolved(self) -> dict[tuple[Path, str, int], Path | None]:
        return {}

    @cached_property
    def _finder(self) -> Finder:
        return Finder(str(self.root), self._has)

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return {str(file): file for file in self._known}

    def _has(self, file: str) -> bool:
        if self._listed:
            return file in self._paths
        return file in self._paths or (Path(file).is_relative_to(self.root) and os.path.isfile(file))

    def imports(self, file: Path) -> frozenset[Path]:
        """The project's files that this file imports (a few too many at most)."""
        if file not in self._imports:
            self._imports[file] = frozenset((*self._imported(file), *self.configured(file))) - {file}
        return self._imports[file]

    def _imported(self, file: Path) -> Iterator[Path]:
        for statement in imports_in(self.text(file) or ""):
            for dotted in statement.modules():
                module = self.resolve(file, dotted, statement.level)
                if module is not None:
                    yield module
            rival = self.rival(file, statement.module, statement.names) if not statement.level else None
            if rival is not None:
                yield rival

    @cached_property
    def _dependents(self) -> Dependents:
        importers: dict[Path, list[Path]] = {}
        for file in self.files:
            for module in self.runs(file):
                importers.setdefault(module, []).append(file)
        return Dependents(importers)

    def has_no_others(self, files: frozenset[Path]) -> bool:
        """Whether these are all files of the project, or more."""
        return files >= self._known

    def dependents(self, files: Iterable[Path]) -> frozenset[Path]:
        """The given files and everything that imports them, directly or not."""
        given = frozenset(files)
        if self.has_no_others(given):
            return given
        reached = 0
        for file in given:
            reached |= self._dependents.of(file)
        return frozenset(self._dependents.paths(reached))

    def users(self, file: Path) -> Files:
        """What imports a file, directly or not, tests and the file itself left out."""
        if self.has_no_others(frozenset([file])):
            return 0
        return self._dependents.of(file) & ~self._dependents.bit(file) & ~self._test_files

    @cached_property
    def _test_files(self) -> Files:
        return sum(self._dependents.bit(file) for file in self.files if self.is_test(file))

    @cached_property
    def _called_by(self) -> CalledBy:
        return CalledBy(self._dependents, self.calls)

    def calling(self, name: str, files: Files) -> bool:
        """Whether one of these files calls a name."""
        return self._called_by.among(name, files) != 0

    def mentioning(self, name: str, files: Files) -> Iterator[Path]:
        """Those of these files in whose text a name stands."""
        return (file for file in self._dependents.paths(files) if name in self.words(file))
