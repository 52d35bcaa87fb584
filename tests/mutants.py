"""Breaks a rule in small ways: each mutant is its file with one condition less.

Touched are the conditions in `check` and what it calls: guards, filters of comprehensions, and the choice of
the level. Everything else shows in any example at once.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial

from trainlint.page import Page
from trainlint.rule import Rule

Change = Callable[[], None]
Kept = Callable[[ast.expr], bool]  # whether a part of a condition stays


def mutants_of(page: Page) -> Iterator[tuple[str, Rule]]:
    """What was taken away, and the rule without it."""
    tree = ast.parse(page.file.read_bytes())
    for number, (what, _) in enumerate(_changes(tree)):
        broken = copy.deepcopy(tree)
        _, change = list(_changes(broken))[number]
        change()
        yield what, _rule_of(broken, page)


def _rule_of(tree: ast.Module, page: Page) -> Rule:
    names: dict[str, object] = {"__name__": f"mutant_of_{page.file.stem}"}
    exec(compile(ast.fix_missing_locations(tree), str(page.file), "exec", dont_inherit=True), names)
    rule = names["rule"]
    assert isinstance(rule, Rule)
    return rule


def _changes(tree: ast.Module) -> Iterator[tuple[str, Change]]:
    for function in _reached_from_check(tree):
        for node in ast.walk(function):
            yield from guards(node, _tells_none)
            match node:
                case ast.keyword(arg="level", value=ast.IfExp(test=test)):
                    yield from weakened(test, partial(setattr, node.value, "test"), True, _tells_none)


def guards(node: ast.AST, kept: Kept) -> Iterator[tuple[str, Change]]:
    """The ways to weaken the conditions that a branch or a comprehension has."""
    match node:
        case ast.If(test=test, body=body):
            skips = isinstance(body[0], (ast.Continue, ast.Return))
            yield from weakened(test, partial(setattr, node, "test"), not skips, kept)
        case ast.comprehension(ifs=ifs):
            for number, test in enumerate(ifs):
                yield from weakened(test, partial(ifs.__setitem__, number), True, kept)


def weakened(
    test: ast.expr, put: Callable[[ast.expr], None], instead: bool, kept: Kept
) -> Iterator[tuple[str, Change]]:
    """Without each part of an `and` or `or`; a single condition as if it always let findings through."""
    parts = test.values if isinstance(test, ast.BoolOp) else [test]
    for number, part in enumerate(parts):
        if kept(part):
            continue
        rest: ast.expr = ast.Constant(instead)
        if isinstance(test, ast.BoolOp):
            left = [other for index, other in enumerate(parts) if index != number]
            rest = left[0] if len(left) == 1 else ast.BoolOp(test.op, left)
        yield f"line {test.lineno} without `{ast.unparse(part)}`", partial(put, rest)


def _tells_none(test: ast.expr) -> bool:
    """What only tells a value from None is left: that is for the types."""
    match test:
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(None)]):
            return True
    return False


def _reached_from_check(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    pending, reached = ["check"], dict[str, ast.FunctionDef]()
    while pending:
        name = pending.pop()
        if name in functions and name not in reached:
            reached[name] = functions[name]
            pending += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    yield from reached.values()
