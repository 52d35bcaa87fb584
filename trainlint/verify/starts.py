"""Where a program starts that runs a file: the scripts and notebooks of the project that call what the finding lies in.

A loader that is made in `data.py` shows nothing by itself; `train.py` makes it with arguments and trains on it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from trainlint.decoding import SourceError
from trainlint.imports import Finder
from trainlint.notebook import read_notebook
from trainlint.verify.lines import Lines, Span

MOST_FILES, MOST_BYTES = 500, 300_000  # of a project that are looked at for scripts
MOST_OF_NOTEBOOK = 5_000_000  # bytes, for they hold pictures
FARTHEST = 3  # files between the script and the finding
NOT_OWN = {"node_modules", "site-packages", "venv", "env", "build", "dist", "tests", "test"}
Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Start:
    """A file that runs the flagged one; `calls` are the places in it that lead there."""

    file: str
    text: str
    calls: tuple[Span, ...]


def starts_of(file: str, text: str, line: int, root: str) -> Iterator[Start]:
    """The scripts that run a line of a file, likeliest first: those that run when they are called, scripts first, nearest first."""
    try:
        tree = ast.parse(text)
        flagged = _closed(tree, _definition_at(tree, line))
    except (SyntaxError, ValueError, RecursionError):
        return
    project = _Project(root)
    found: list[tuple[tuple[bool, bool, int, int, str], Start]] = []
    known = {file: flagged}
    reached = dict(known)
    for distance in range(FARTHEST):
        callers = {
            path: use
            for path in project.texts
            if path not in known
            for use in [project.use(path, reached)]
            if use
        }
        for path, (names, lines, runs) in callers.items():
            spans = Lines(project.texts[path])
            calls = tuple((spans.starts[number - 1], spans.starts[number - 1] + 1) for number in lines)
            if calls:
                rank = (not runs, path.endswith(".ipynb"), distance, path.count(os.sep), path)
                found.append((rank, Start(path, project.texts[path], calls)))
            known[path] = names
        reached = {path: known[path] for path in callers}
    yield from (start for _, start in sorted(found, key=lambda entry: entry[0]))


Use = tuple[
    frozenset[str], list[int], bool
]  # names that lead there, lines that mention them, whether it is a script


@dataclass(frozen=True)
class _Project:
    """The texts of a project, and who imports what from whom."""

    root: str

    @cached_property
    def texts(self) -> dict[str, str]:
        return dict(self._read())

    def _read(self) -> Iterator[tuple[str, str]]:
        count = 0
        for folder, inside, files in os.walk(self.root):
            inside[:] = sorted(name for name in inside if not name.startswith(".") and name not in NOT_OWN)
            for name in sorted(name for name in files if name.endswith((".py", ".ipynb"))):
                path = os.path.join(folder, name)
                count += 1
                if count > MOST_FILES:
                    return
                try:
                    is_notebook = name.endswith(".ipynb")
                    if os.path.getsize(path) <= (MOST_OF_NOTEBOOK if is_notebook else MOST_BYTES):
                        with open(path, encoding="utf-8") as stream:
                            text = stream.read()
                        yield path, read_notebook(text, path).text if is_notebook else text
                except (OSError, UnicodeDecodeError, SourceError):
                    continue

    @cached_property
    def finder(self) -> Finder:
        return Finder(self.root, os.path.isfile)

    def use(self, path: str, reached: Mapping[str, frozenset[str]]) -> Use | None:
        """How a file uses names of others; None where it does not."""
        text = self.texts[path]
        if not any(_called(file) in text for file in reached):
            return None
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None
        names = frozenset(self._bound(path, tree, reached))
        if not names or _is_unit_test(path, tree):
            return None
        lines = sorted(
            {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names}
        )
        return _closed(tree, names) | names, lines, path.endswith(".ipynb") or _is_script(tree)

    def _bound(self, path: str, tree: ast.Module, reached: Mapping[str, frozenset[str]]) -> Iterator[str]:
        """Names that imports give to what was reached, and to modules that hold it."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if self.finder.find(path, alias.name, 0) in reached:
                        yield alias.asname or alias.name.partition(".")[0]
            elif isinstance(node, ast.ImportFrom):
                wanted = reached.get(self.finder.find(path, node.module or "", node.level) or "", frozenset())
                for alias in node.names:
                    inside = ".".join(filter(None, (node.module, alias.name)))
                    if alias.name == "*":
                        yield from wanted
                    elif alias.name in wanted or self.finder.find(path, inside, node.level) in reached:
                        yield alias.asname or alias.name


def _called(file: str) -> str:
    """What an import has to say to mean a file."""
    folder, name = os.path.split(file)
    return os.path.basename(folder) if name == "__init__.py" else name.removesuffix(".py")


def _definition_at(tree: ast.Module, line: int) -> frozenset[str]:
    """The function or class at the top of a file that a line lies in; all that it binds where it lies in none."""
    for node in tree.body:
        if isinstance(node, Definition) and node.lineno <= line <= (node.end_lineno or node.lineno):
            return frozenset([node.name])
    return frozenset(name for node in tree.body for name in _binds(node))


def _binds(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Definition):
        yield node.name
    else:
        yield from (
            part.id
            for part in ast.walk(node)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        )


def _closed(tree: ast.Module, names: frozenset[str]) -> frozenset[str]:
    """The names, and those that the file gives to what mentions them."""
    grown = True
    while grown:
        more = names | {
            name
            for node in tree.body
            if not isinstance(node, (ast.Import, ast.ImportFrom))
            and any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))
            for name in _binds(node)
        }
        grown = len(more) > len(names)
        names = more
    return names


def _is_unit_test(path: str, tree: ast.Module) -> bool:
    """Whether a file only tries the code with values of its own, which say nothing about those that it gets."""
    name = os.path.basename(path)
    tries = any(isinstance(node, Definition) and node.name.lower().startswith("test") for node in tree.body)
    return tries and (name.startswith("test_") or name.endswith("_test.py")) and not _is_script(tree)


def _is_script(tree: ast.Module) -> bool:
    """Whether it does something when it is run."""
    return any(
        (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test))
        or isinstance(node, (ast.For, ast.While, ast.With))
        for node in tree.body
    )
