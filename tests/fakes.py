"""Rules that say what a test wants to hear, beside the real machine and the real meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libcst

from trainlint.book import Book, Page, open_book
from trainlint.config import Config
from trainlint.diagnostic import Report
from trainlint.lint import Effort, lint
from trainlint.rule import Finding, Rule

HERE = Effort(jobs=0)
MACHINE_PAGE = next(page for page in open_book().pages if page.family == "machine")


@dataclass(frozen=True)
class Spot:
    """A node of a file as a place."""

    unit: Any
    cst: libcst.CSTNode


def calls(program: Any, name: str) -> Iterator[Any]:
    """Every call of a function of this name in the entry's file."""
    unit = SimpleNamespace(source=program.reading.entry.source)
    for node in _walk(unit.source.tree):
        if isinstance(node, libcst.Call) and isinstance(node.func, libcst.Name) and node.func.value == name:
            yield Spot(unit, node)


def _walk(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def page(name: str, check: Callable[..., Any], family: str = "fake", **rule: Any) -> Page:
    rule.setdefault("level", "warning")
    return Page(name, family, f"About {name}", "", Rule(check, None, since="0", **rule), Path(__file__))


def flags(name: str, word: str, family: str = "fake", **rule: Any) -> Page:
    """A rule that flags every call of `word`."""

    def check(program: Any, options: Any) -> Iterator[Finding]:
        for spot in calls(program, word):
            yield Finding(spot, f"{word} is called")

    return page(name, check, family, **rule)


def book_of(*pages: Page) -> Book:
    everything = (*pages, MACHINE_PAGE)
    return Book(everything, (), {page.name: page for page in everything})


def write(folder: Path, **files: str) -> Path:
    """Files by stem, with `__` for a slash."""
    for stem, text in files.items():
        file = folder / (stem.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def report_on(folder: Path, book: Book, config: Config | None = None, effort: Effort = HERE) -> Report:
    return lint([folder], config or Config(root=folder), book, cwd=folder, effort=effort)


def said(report: Report) -> list[tuple[str, int, str]]:
    """Path, line and name of every finding."""
    return [(d.where.path, d.where.line, d.name) for d in report.diagnostics]
