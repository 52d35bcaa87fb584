"""Lets a program go on where it cannot do what the flagged lines do not need.

A statement on the way to the flagged lines that raises is left out: what it would have bound gets a stand-in by
its role, or is missing and says why where somebody needs it. The flagged lines and all that trains around them
are never touched, and neither is what a model or a data set does inside.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Any

FAILED, INSTEAD, KEPT, ERROR = (
    "_trainlint_failed",
    "_trainlint_instead",
    "_trainlint_kept",
    "_trainlint_Exception",
)
TRAINS = {"backward", "step", "train", "eval", "zero_grad", "fit"}
FRAMEWORK = {"forward", "__getitem__", "training_step", "validation_step"}
Span = tuple[int, int]
Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def sacred(tree: ast.Module, spots: Sequence[Span], focus: Sequence[Span]) -> list[Span]:
    """Lines that nobody may tamper with: the flagged statements, and loops that the finding is about."""
    loops = {
        (node.lineno, node.end_lineno) for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While))
    }
    return [*spots, *(span for span in focus if span in loops)]


def tolerate(tree: ast.Module, spots: Collection[Span]) -> ast.Module:
    """The same program, in which statements on the way to the spots may fail; line numbers stay."""
    led = leading(tree, spots)
    tree.body = list(_forgiven(tree.body, led, spots))
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name in led:
            node.body = list(_forgiven(node.body, led, spots))
    return ast.fix_missing_locations(tree)


def leading(tree: ast.Module, spots: Collection[Span]) -> set[str]:
    """Functions that hold a spot, those that lead to them, and what builds the objects whose methods they are."""
    found = {name for node in ast.walk(tree) for name in _holders(node, spots)}
    plain = [node for node in _plain_functions(tree) if node.name not in found]
    grown = bool(found)
    while grown:
        callers = {node.name for node in plain if node.name not in found and mentions(node, found)}
        grown = bool(callers)
        found |= callers
    return found


def _holders(node: ast.AST, spots: Collection[Span]) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        methods = {part.name: part for part in node.body if isinstance(part, Function)}
        held = [name for name, part in methods.items() if holds(part, spots)]
        if held and not FRAMEWORK & methods.keys():
            yield from ("__init__", node.name, *held)
            if "train_dataloader" in held:
                yield from ("prepare_data", "setup")  # which a trainer calls before
    elif isinstance(node, Function) and holds(node, spots) and node.name not in FRAMEWORK:
        yield node.name


def _plain_functions(tree: ast.Module) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name not in FRAMEWORK:
            yield node


def _forgiven(body: list[ast.stmt], led: set[str], spots: Collection[Span]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, Scope) or _trains(statement):
            yield statement
        elif holds(statement, spots) or mentions(statement, led):
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if inner and isinstance(statement, (ast.If, ast.With, ast.Try)):
                    setattr(statement, name, list(_forgiven(inner, led, spots)))
            yield statement
        elif _stays(statement):
            if isinstance(statement, (ast.If, ast.With)):  # a `try` has its own answer to what fails in it
                for name in ("body", "orelse"):
                    inner = getattr(statement, name, None)
                    if inner:
                        setattr(statement, name, list(_forgiven(inner, led, spots)))
            yield statement
        else:
            yield wrapped(statement)


def _stays(statement: ast.stmt) -> bool:
    """Whether it is about the flow of the program or its names, and so has to be as it is."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__" or statement.names[0].name == "*"
    return isinstance(statement, (ast.Pass, ast.Global, ast.Nonlocal)) or any(
        isinstance(part, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for part in ast.walk(statement)
    )


def _trains(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.For, ast.While, ast.AsyncFor)) and any(
        isinstance(node, ast.Attribute) and node.attr in TRAINS for node in ast.walk(statement)
    )


def holds(node: Any, spots: Collection[Span]) -> bool:
    return any(node.lineno <= last and first <= (node.end_lineno or node.lineno) for first, last in spots)


def mentions(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id in names)
        or (isinstance(part, ast.Attribute) and part.attr in names)
        for part in ast.walk(node)
    )


def wrapped(statement: ast.stmt, trains: bool = False) -> ast.stmt:
    """try: the statement; except: stand-ins for what it binds; else: stand-ins for what it binds to nothing of use.

    `trains`: it is a part of how training goes, which may only fail before anything flagged has run.
    """
    line = ast.Constant(value=statement.lineno)
    bound = list(targets(statement))
    said = [line, ast.Constant(value=True)] if trains else [line]
    failed = ast.If(test=call(FAILED, *said), body=[ast.Raise()], orelse=[])
    instead = [
        _if_taken(_assign(target, call(INSTEAD, ast.Constant(value=_name(target)), line))) for target in bound
    ]
    names = bound if isinstance(statement, (ast.Assign, ast.AnnAssign)) else []
    kept: list[ast.stmt] = [
        _assign(target, call(KEPT, _load(target), ast.Constant(value=_name(target)), line))
        for target in names
    ]
    handler = ast.ExceptHandler(type=ast.Name(id=ERROR, ctx=ast.Load()), name=None, body=[failed, *instead])
    return ast.copy_location(
        ast.Try(body=[statement], handlers=[handler], orelse=kept, finalbody=[]),
        statement,
    )


def _if_taken(statement: ast.Assign) -> ast.stmt:
    """A stand-in for an attribute, unless its owner takes none: `cudnn.benchmark` wants a truth."""
    if isinstance(statement.targets[0], ast.Name):
        return statement
    refused = ast.ExceptHandler(type=ast.Name(id=ERROR, ctx=ast.Load()), name=None, body=[ast.Pass()])
    return ast.Try(body=[statement], handlers=[refused], orelse=[], finalbody=[])


def targets(node: ast.AST) -> Iterator[Any]:
    """Names and attributes that a statement binds."""
    if isinstance(node, (*Scope, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return
    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
        yield node
        return
    if isinstance(node, ast.alias):
        yield ast.Name(id=node.asname or node.name.partition(".")[0], ctx=ast.Store())
    for child in ast.iter_child_nodes(node):
        yield from targets(child)


def _name(target: Any) -> str:
    return str(target.id if isinstance(target, ast.Name) else target.attr)


def _load(target: Any) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(id=target.id, ctx=ast.Load())
    return ast.Attribute(value=target.value, attr=target.attr, ctx=ast.Load())


def _assign(target: Any, value: ast.expr) -> ast.Assign:
    if isinstance(target, ast.Name):
        return ast.Assign(targets=[ast.Name(id=target.id, ctx=ast.Store())], value=value)
    return ast.Assign(
        targets=[ast.Attribute(value=target.value, attr=target.attr, ctx=ast.Store())], value=value
    )


def call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])
