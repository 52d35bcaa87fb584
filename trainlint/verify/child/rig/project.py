"""The other modules of the program's project: imported as they are, loops under the same limits.

A statement at the top of one that raises is left out: names that it would have bound are missing, and say why
where somebody needs them.
"""

from __future__ import annotations
import __future__

import ast
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from ..loops import Loops, instrument
from ..prepared import give_way
from ..record import Record
from ..tolerance import targets
from ..unread import readable
from .missing import Missing

FAR = 1_000_000  # loops of other files are numbered from here on, so that none is taken for one of the program's lines
FORGIVING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}

Lines = tuple[int, int]


@dataclass
class Project:
    """The modules below a root. `modules` are the names of those that are the user's own."""

    record: Record
    root: str
    overlay: Mapping[str, str] = field(default_factory=dict)  # other texts for some of its files
    loops: Loops | None = None
    entering: Callable[[str], None] | None = None  # told of each text before it runs
    modules: set[str] = field(default_factory=lambda: {"__main__"})
    texts: list[str] = field(default_factory=list)
    guarded: dict[str, list[Lines]] = field(default_factory=dict)  # by file: where an import may fail

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            return None
        origin = os.path.realpath(spec.origin)
        if not origin.startswith(self.root + os.sep) or f"{os.sep}site-packages{os.sep}" in origin:
            return None
        spec.loader = Loader(name, spec.origin, self)
        return spec

    def enter(self, file: str, tree: ast.Module) -> None:
        """A file of the project is about to run."""
        self.guarded[file] = list(_guarded(tree))

    def owns(self, kind: type) -> bool:
        return kind.__module__ in self.modules

    def importer(self) -> str:
        """The project's file that is importing right now and does not reckon with a failure; empty if none."""
        frame: FrameType | None = sys._getframe(3)  # past this class and the finder that asks
        while frame is not None and "importlib" in frame.f_code.co_filename:
            if frame.f_code.co_name == "find_spec" and not frame.f_code.co_filename.startswith("<"):
                return ""  # it only asks whether a module is there
            frame = frame.f_back
        if frame is None:
            return ""
        file, line = frame.f_code.co_filename, frame.f_lineno
        ready = any(first <= line <= last for first, last in self.guarded.get(file, ()))
        return file if file in self.guarded and not ready else ""


class Loader(importlib.machinery.SourceFileLoader):
    """Runs a module statement by statement."""

    def __init__(self, name: str, path: str, project: Project) -> None:
        super().__init__(name, path)
        self.project = project

    def exec_module(self, module: ModuleType) -> None:
        project, file = self.project, self.path
        text = project.overlay.get(os.path.realpath(file)) or self.get_source(module.__name__) or ""
        tree = self._tree(text)
        project.enter(file, tree)
        project.modules.add(module.__name__)
        project.texts.append(text)
        if project.entering is not None:
            project.entering(text)
        names = vars(module)
        flags = features(tree)
        if project.loops is not None:
            names.update(project.loops.names())
            tree = instrument(tree, offset=FAR * len(project.texts))
        for statement in tree.body:
            code = compile(ast.Module([statement], []), file, "exec", flags, dont_inherit=True)
            try:
                exec(code, names)
            except Exception as error:  # whatever it raises, the others may do without it
                self._leave_out(statement, error, names)

    def _tree(self, text: str) -> ast.Module:
        """The module's statements, without lines that this Python does not read."""
        try:
            return ast.parse(text, self.path)
        except SyntaxError:
            mended, tree = readable(text, ())
        lines = zip(text.splitlines(), mended.splitlines())
        first = next((number for number, (old, new) in enumerate(lines, 1) if old.split() != new.split()), 0)
        place = os.path.relpath(self.path, self.project.root)
        self.project.record.substitute(f"{place} line {first}: left out, this Python does not read it")
        return tree

    def _leave_out(self, statement: ast.stmt, error: Exception, names: dict[str, Any]) -> None:
        said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"
        place = f"{os.path.relpath(self.path, self.project.root)} line {statement.lineno}"
        defined = getattr(statement, "name", None)
        bound = (
            {defined} if defined else {part.id for part in targets(statement) if isinstance(part, ast.Name)}
        )
        bound -= names.keys()
        for name in bound:
            names[name] = Missing(name, f"{place} raised {said}")
        if bound:
            self.project.record.substitute(f"{place}: left out, it raised {said}")


def install(record: Record, root: str, search: Sequence[str], overlay: Mapping[str, str]) -> Project:
    """Make the project's modules importable: its likeliest folder first, the others after all that is installed."""
    project = Project(record, os.path.realpath(root), overlay)
    if root:
        give_way(search[:1])
        sys.meta_path.insert(0, project)
        sys.path[:] = [*search[:1], *sys.path, *search[1:]]
    return project


def is_feature(node: ast.stmt) -> bool:
    """Whether it is `from __future__ import`, which any cell of a notebook may begin with."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def features(tree: ast.Module) -> int:
    """What `from __future__ import` switches on, which has to hold for every statement of the file."""
    named = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and is_feature(node)
        for alias in node.names
    ]
    flags = 0
    for name in named:
        flags |= getattr(__future__, name).compiler_flag if name in __future__.all_feature_names else 0
    return flags


def _guarded(tree: ast.Module) -> Iterator[Lines]:
    """Lines in a `try` whose handlers reckon with a failing import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_forgives(handler) for handler in node.handlers):
            yield node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno


def _forgives(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in FORGIVING for node in ast.walk(handler.type))
