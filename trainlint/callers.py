"""Who may run whose code: names that pass from file to file, read from texts without a tree.

That a file imports another one says little: in a package everything imports everything. A file counts as
a caller only if it mentions a name that the other one defines, or a name that was in turn made with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property
from itertools import pairwise
from keyword import kwlist
from pathlib import Path

from trainlint.comments import STRING_OR_COMMENT
from trainlint.project import Project
from trainlint.records import dataclass

MOST_NAMES = 100_000  # passed from file to file; beyond that a better answer costs more than it saves

_WORD = re.compile(r"[^\W\d]\w*")
_STRING_OR_COMMENT = re.compile(STRING_OR_COMMENT, re.DOTALL)
_TOP = re.compile(r"^(?=[^\s#)\]}])", re.MULTILINE)
_DEFINITION = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)")
_GLOBAL = re.compile(r"\bglobal[ \t]+([\w, \t]+)")
_COMPOUND = re.compile(r"(?:if|elif|else|for|while|with|try|except|finally|match|async)\b")
_BINDING = re.compile(  # inside of a compound statement
    r"\b(?:def|class|for|as)[ \t]+(\w+)|^[ \t]*((?:from|import)[ \t].*)|^[ \t]*([\w, \t]+)(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)
_ALIAS = re.compile(r"\b([^\W\d]\w*)[ \t]+as[ \t]+([^\W\d]\w*)")
_VALUE = re.compile(r"[(,=][ \t\r\n]*([^\W\d]\w*)[ \t\r\n]*(?=[,)])|\b([^\W\d]\w*)\.__dict__")
_STAR = "import *"
_NO_NAMES = frozenset(kwlist)
_LIST_OF_NAMES = re.compile(r"\b__all__\b(?![ \t]*(?:\[|=[ \t]*(?:\{|dict\b)))")  # not a table of classes


@dataclass(frozen=True, slots=True)
class Section:
    """A statement at the top of a file: what it mentions, and the names that it gives a meaning."""

    words: frozenset[str]
    binds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outline:
    """A file as sections, imports left out. `aliases`: names with the names they are given here."""

    sections: tuple[Section, ...]
    words: frozenset[str]  # of the imports too
    aliases: tuple[tuple[str, str], ...]
    passes_everything_on: bool
    values: frozenset[str]  # names that stand alone as arguments, or whose `__dict__` is taken
    _users: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    @property
    def defines(self) -> frozenset[str]:
        return frozenset(name for section in self.sections for name in section.binds)

    def uses(self, names: frozenset[str]) -> bool:
        """Whether more than an import mentions one of these names."""
        here = names.union(alias for name, alias in self.aliases if name in names)
        return any(not section.words.isdisjoint(here) for section in self.sections)

    def stand_for(self, names: Iterable[str]) -> frozenset[str]:
        """These names and those of the file that may stand for them or use them."""
        return frozenset[str]().union(*map(self._stand_for_one, names))

    def made_with(self, names: frozenset[str]) -> frozenset[str]:
        """These names and all that use what they use: `register` fills a table that `create` looks into."""
        own = self.defines
        inner = (section.words & own for section in self.sections if not section.binds.isdisjoint(names))
        return self.stand_for(names.union(*inner))

    def _stand_for_one(self, name: str) -> frozenset[str]:
        if name not in self._users:
            self._users[name] = self._closure(frozenset([name]))
        return self._users[name]

    def _closure(self, names: frozenset[str]) -> frozenset[str]:
        known = names.union(alias for name, alias in self.aliases if name in names)
        while True:
            using = (section.binds for section in self.sections if not section.words.isdisjoint(known))
            more = known.union(*using)
            if len(more) == len(known):
                return known
            known = more


@dataclass(eq=False)
class Callers:
    """Who may run the code of the files that were asked for."""

    project: Project
    asked: frozenset[Path]
    _outlines: dict[Path, Outline] = field(default_factory=dict, repr=False)
    _known: dict[Path, frozenset[Path]] = field(default_factory=dict, repr=False)

    def may_run(self, caller: Path, file: Path) -> bool:
        """Whether one file may run code of another one."""
        if file not in self._known:
            self._known[file] = self.of([file])
        return caller in self._known[file]

    def of(self, files: Iterable[Path]) -> frozenset[Path]:
        """The files, and all files from which their code may be run."""
        given = frozenset(files)
        if self.project.has_no_others(given):  # nobody else is left to be asked for
            return given
        names = {file: set(self._outline(file).defines) for file in sorted(given)}
        new = {file: frozenset(defined) for file, defined in names.items()}
        reached = set(names)
        passed = 0
        while new and passed <= MOST_NAMES:
            target = next(iter(new))
            fresh = new.pop(target)
            for importer in self._importers.get(target, ()):
                gained, uses = self._passed_on(importer, fresh)
                unseen = self.project.unseen.get(importer, {}).get(target)
                if unseen is not None:  # it runs what the other file has entered into its table
                    gained, uses = gained | self._outline(importer).made_with(unseen), True
                if target in self.project.configured(importer):
                    gained, uses = gained | self._outline(importer).defines, True
                if not uses and self._hands_over(
                    importer, target
                ):  # `getattr(module, name)`, here or elsewhere
                    gained, uses = gained | self._outline(importer).defines, True
                if uses:
                    reached.add(importer)
                gained -= names.setdefault(importer, set())
                if gained:
                    names[importer] |= gained
                    new[importer] = gained | new.get(importer, frozenset())
                    passed += len(gained)
        return self.project.dependents(names) if new else frozenset(reached)

    def _hands_over(self, importer: Path, target: Path) -> bool:
        """Whether a file uses another one as a value: what is asked of it by a name in a text, nobody sees."""
        outline = self._outline(importer)
        module = target.parent.name if target.name == "__init__.py" else target.stem
        names = {module} | {alias for name, alias in outline.aliases if name == module}
        return not outline.values.isdisjoint(names)

    def _passed_on(self, importer: Path, names: frozenset[str]) -> tuple[frozenset[str], bool]:
        """The names of the importer behind which these names may be, and whether it uses them itself."""
        package = importer.name == "__init__.py"  # `package.module.name` needs no import of the module
        if not package and names.isdisjoint(self.project.words(importer)):
            return (names if _STAR in (self.project.text(importer) or "") else frozenset()), False
        outline = self._outline(importer)
        mentioned = names & outline.words
        everything = names if package or outline.passes_everything_on else frozenset()
        return everything | outline.stand_for(mentioned), outline.uses(mentioned)

    @cached_property
    def _importers(self) -> dict[Path, list[Path]]:
        found: dict[Path, list[Path]] = {}
        for importer in sorted(self.project.dependents(self.asked)):
            for imported in self.project.runs(importer):
                found.setdefault(imported, []).append(importer)
        return found

    def _outline(self, file: Path) -> Outline:
        if file not in self._outlines:
            self._outlines[file] = outline(self.project.text(file) or "")
        return self._outlines[file]


def outline(text: str) -> Outline:
    """What the statements at the top of a text mention and bind."""
    code = _LIST_OF_NAMES.sub("", _STRING_OR_COMMENT.sub('""', text))
    aliases = tuple((match[1], match[2]) for match in _ALIAS.finditer(code))
    values = frozenset(match[1] or match[2] for match in _VALUE.finditer(code))
    return Outline(tuple(_sections(code)), _names(code), aliases, _STAR in code, values)


def _sections(code: str) -> Iterator[Section]:
    decorators = ""
    starts = [match.start() for match in _TOP.finditer(code)]
    for start, end in pairwise([*starts, len(code)]):
        statement = code[start:end]
        if statement.startswith("@"):
            decorators += statement
        elif not statement.startswith(("import ", "from ")):
            yield Section(_names(decorators + statement), frozenset().union(*map(_names, _bound(statement))))
            decorators = ""


def _bound(statement: str) -> Iterator[str]:
    """The parts of a statement that give names a meaning; a few too many do no harm."""
    definition = _DEFINITION.match(statement)
    if definition is not None:
        yield definition[1]
        yield from _GLOBAL.findall(statement)
    elif _COMPOUND.match(statement):
        yield from (match[match.lastindex or 0] for match in _BINDING.finditer(statement))
    elif "=" in statement:
        yield re.split(r"[=:]", statement, maxsplit=1)[0]


def _names(code: str) -> frozenset[str]:
    found = frozenset(_WORD.findall(code)) - _NO_NAMES
    return frozenset(name for name in found if not name.startswith("__") or name == "__all__")
