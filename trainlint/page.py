"""A rule's page: what its file's docstring says, and the examples in it that run as tests.

The same fences stand in `tests/cases/<rule>.md`, so `read_examples` reads any Markdown.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from trainlint.diagnostic import LEVELS, Applicability, Level
from trainlint.records import dataclass
from trainlint.rule import Option, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["bad", "good"]


class PageError(Exception):
    """A file that is not a rule; the text says why, `line` where."""

    def __init__(self, message: str, line: int | None = None) -> None:
        self.message, self.line = message, line
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block marked `bad` or `good`. `line` is that of its first line of code, from 1.

    `heading` is the nearest heading above it, `level` what `level=...` behind the mark asks for.
    """

    kind: Kind
    text: str
    line: int
    heading: str = ""
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: its heading (empty for what comes first) and the text below it."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A rule with its name, its family and what there is to read about it."""

    name: str
    family: str
    title: str
    text: str
    rule: Rule
    file: Path

    @property
    def examples(self) -> tuple[Example, ...]:
        """The examples, with the line numbers of the rule's file."""
        return read_examples(self.text, _first_line(self.file))

    @property
    def sections(self) -> tuple[Section, ...]:
        """The page cut at its headings."""
        return tuple(_cut(self.text))


def make_page(name: str, family: str, module: object, file: Path) -> Page:
    """The page of an imported file; a PageError where the file is no rule."""
    text = getattr(module, "__doc__", None) or _written_docstring(file)
    if not text or not text.strip():
        raise PageError("has no docstring: it is the rule's page, and its first line the title")
    rule = getattr(module, "rule", None)
    if rule is None:
        raise PageError("has no `rule = Rule(check, symptom, level=..., since=...)`")
    if not isinstance(rule, Rule):
        raise PageError(f"`rule` must be a trainlint.Rule, not {type(rule).__name__}")
    for defect in _defects(rule):
        raise PageError(defect)
    return Page(name, family, text.strip().splitlines()[0].strip(), text, rule, file)


def _defects(rule: Any) -> Iterator[str]:  # a stranger's rule may hold anything, whatever the types say
    if not callable(rule.check):
        yield "`check` of the rule is not a function"
    if rule.symptom is not None and not callable(rule.symptom):
        yield "`symptom` of the rule is neither a function nor None"
    if rule.level not in LEVELS:
        yield f"level of the rule must be one of {', '.join(LEVELS)}, not {rule.level!r}"
    if rule.fix is not None and rule.fix not in get_args(Applicability):
        yield f"fix of the rule must be one of {', '.join(get_args(Applicability))} or None, not {rule.fix!r}"
    for name, option in rule.options.items():
        if not isinstance(option, Option):
            yield f"option `{name}` of the rule must be a trainlint.Option"


def read_examples(markdown: str, first_line: int = 1) -> tuple[Example, ...]:
    """The blocks marked `python bad` and `python good` of a Markdown text that begins in `first_line`."""
    return tuple(_examples(markdown, first_line))


def _examples(markdown: str, first_line: int) -> Iterator[Example]:
    heading, opened, mark, start = "", "", ("",), 0
    lines = markdown.splitlines()
    for number, line in enumerate(lines):
        fence = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if opened:
            if fence and fence[1].startswith(opened) and not fence[2].strip():
                yield from _marked(mark, "\n".join(lines[start:number]) + "\n", first_line + start, heading)
                opened = ""
        elif fence:
            opened, mark, start = fence[1], tuple(fence[2].split()), number + 1
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()


def _marked(mark: tuple[str, ...], text: str, line: int, heading: str) -> Iterator[Example]:
    match mark:
        case ("python", "bad" | "good" as kind, *rest):
            asked = [word.removeprefix("level=") for word in rest if word.startswith("level=")]
            level = next((level for level in LEVELS if level in asked), None)
            yield Example("bad" if kind == "bad" else "good", text, line, heading, level)


def _cut(text: str) -> Iterator[Section]:
    heading, below, fenced = "", list[str](), False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        if line.startswith("#") and not fenced:
            yield Section(heading, "\n".join(below).strip("\n"))
            heading, below = line.lstrip("#").strip(), []
        else:
            below.append(line)
    yield Section(heading, "\n".join(below).strip("\n"))


def _first_line(file: Path) -> int:
    tree = ast.parse(file.read_bytes())
    return tree.body[0].lineno if tree.body else 1


def _written_docstring(file: Path) -> str | None:
    """The docstring as the file has it: `python -OO` strips it from the module."""
    return ast.get_docstring(ast.parse(file.read_bytes()), clean=False)
