"""Findings that a careless rule would make: in examples that show nothing wrong, by rules that forgot a condition.

A rule, and what it asks `meaning`, is run with one of its conditions taken away; what it then says about the good examples and
near misses of its own page is false, with a place, a fix and a control as the rule gives them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import random
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import trainlint.meaning.forgetting
import trainlint.meaning.program
import trainlint.meaning.reading
from tests.examples import Case, lint_folder
from tests.mutants import Change, guards, weakened
from trainlint.book import Book
from trainlint.diagnostic import Diagnostic
from trainlint.page import Page

OF_ONE_KIND = 2  # findings for one condition that was forgotten
PATIENCE = 40.0  # seconds to look for the findings of one rule
WORTH = (  # words of conditions that ask whether what is true is meant so, or worth telling
    "options", "compared", "_GRAPHS", "repeats", "of_training", "as_asked", "judged", "loop.kind", "picks_device", "least",
    "level", "is_reinforcement", "foretells_noise", "is_trial", "is_partial",
)  # fmt: skip
Functions = dict[str, types.FunctionType]


def careless(
    page: Page, book: Book, cases: Sequence[tuple[Case, Path]], most: int
) -> Iterator[tuple[Path, Diagnostic, str]]:
    """At most so many false findings of one rule, one for each example: its folder, the finding, what was forgotten."""
    draw = random.Random(page.name)
    left = list(cases)
    until = time.monotonic() + PATIENCE
    for module, what, change_number in draw_all(page, draw):
        of_this = 0
        with without(module, change_number):
            for case, folder in draw.sample(left, len(left)):
                if most <= 0 or of_this == OF_ONE_KIND or time.monotonic() > until:
                    break
                found = said(folder, book, page.name)
                if found:
                    left.remove((case, folder))
                    most, of_this = most - 1, of_this + 1
                    yield folder, found[0], what


def said(folder: Path, book: Book, name: str) -> tuple[Diagnostic, ...]:
    try:
        return lint_folder(folder, book, name).diagnostics
    except Exception:  # code that forgot a condition may fail in any way
        return ()


def draw_all(page: Page, draw: random.Random) -> list[tuple[Any, str, int]]:
    """What could be forgotten, the rule's own conditions first, then those of the answers that it asks for."""
    found: list[tuple[Any, str, int]] = []
    for module in modules_of(page):
        tree = ast.parse(inspect.getsource(module))
        own = [
            (module, f"{module.__name__.rpartition('.')[2]}: {what}", number)
            for number, (what, _) in enumerate(changes(tree))
        ]
        found += draw.sample(own, len(own))
    return found


def modules_of(page: Page) -> list[Any]:
    """The module of the rule, and those whose answers its check reads."""
    rule = inspect.getmodule(page.rule.check)
    asked = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(page.rule.check)))
        if isinstance(node, ast.Attribute)
    }
    homes = [rule]
    for name in sorted(asked):
        answer = inspect.getattr_static(trainlint.meaning.program.Program, name, None)
        function = getattr(answer, "func", None) or getattr(answer, "fget", None)
        tree = (
            ast.parse(inspect.cleandoc("\n" + inspect.getsource(function)))
            if function
            else ast.Module([], [])
        )
        imports = (node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
        homes += [importlib.import_module(home) for home in imports if home]
    return list(dict.fromkeys(home for home in homes if home is not None))


@contextmanager
def without(module: Any, number: int) -> Iterator[None]:
    """The module with one of its conditions taken away."""
    tree = ast.parse(inspect.getsource(module))
    list(changes(tree))[number][1]()
    compiled = compile(ast.fix_missing_locations(tree), module.__file__, "exec", dont_inherit=True)
    functions = functions_of(module)
    before = {name: function.__code__ for name, function in functions.items()}
    for name, code in codes_of(compiled):
        if name in functions and functions[name].__code__.co_freevars == code.co_freevars:
            functions[name].__code__ = code
    try:
        yield
    finally:
        for name, function in functions.items():
            function.__code__ = before[name]


def functions_of(module: Any) -> Functions:
    """The functions and methods that a module defines, by their qualified names."""
    found: Functions = {}
    for thing in vars(module).values():
        owned = vars(thing).values() if isinstance(thing, type) else (thing,)
        for part in owned:
            inner = part.func if isinstance(part, cached_property) else getattr(part, "fget", part)
            inner = inspect.unwrap(inner) if callable(inner) else inner
            if isinstance(inner, types.FunctionType) and inner.__module__ == module.__name__:
                found[inner.__qualname__] = inner
    return found


def codes_of(code: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield getattr(part, "co_qualname", part.co_name), part  # from Python 3.11 on
            yield from codes_of(part)


def changes(tree: ast.Module) -> Iterator[tuple[str, Change]]:
    """Each condition of a module that keeps findings from being false, with what takes it away."""
    yield from (change for change in every_change(tree) if not any(word in change[0] for word in WORTH))


def every_change(tree: ast.Module) -> Iterator[tuple[str, Change]]:
    for node in ast.walk(tree):
        yield from guards(node, nothing)
        match node:
            case ast.Return(value=ast.BoolOp() as test):
                yield from weakened(test, partial(setattr, node, "value"), True, nothing)


def nothing(part: ast.expr) -> bool:
    """No part of a condition is kept, not even one that tells None: what raises then says nothing."""
    return False


@contextmanager
def read_once() -> Iterator[None]:
    """Programs are read once for all rules that forgot something: what is forgotten changes no reading."""
    read: Any = trainlint.meaning.reading.read_entry
    forget: Any = trainlint.meaning.forgetting.forget
    seen: dict[tuple[Path, frozenset[str]], Any] = {}

    def read_again(project: Any, entry: Path, unseen: frozenset[str] = frozenset()) -> Any:
        if (entry, unseen) not in seen:
            seen[entry, unseen] = read(project, entry, unseen)
        return seen[entry, unseen]

    trainlint.meaning.reading.read_entry = read_again  # type: ignore[assignment]
    trainlint.meaning.forgetting.forget = lambda program: None
    try:
        yield
    finally:
        trainlint.meaning.reading.read_entry = read
        trainlint.meaning.forgetting.forget = forget
