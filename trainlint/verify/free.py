"""Names that a program uses and never makes: what a fragment expects to find around it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

Scope = tuple[set[str], set[str]]  # names bound in a function, names it declares global


def free_names(tree: ast.Module) -> frozenset[str]:
    """Names read before anything binds them at the top level, or nowhere bound and read in functions."""
    return outside_names(tree) - {*dir(builtins), "__file__", "__name__", "__doc__"}


def outside_names(tree: ast.Module) -> frozenset[str]:
    """The same, builtins among them."""
    bound: set[str] = set()
    missing: set[str] = set()
    later: list[ast.AST] = []
    for statement in tree.body:
        _run(statement, bound, missing, later)
    for body in later:
        missing |= _reads_of(body) - bound
    return frozenset(missing)


def _run(statement: ast.AST, bound: set[str], missing: set[str], later: list[ast.AST]) -> None:
    """Go through one statement in the order in which it runs, roughly: values before targets."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            later.append(statement)
            missing |= {n for part in _evaluated_now(statement) for n in _reads_of(part)} - bound
            bound.add(statement.name)
        case ast.ClassDef():
            missing |= {
                n for part in (*statement.bases, *statement.decorator_list) for n in _reads_of(part)
            } - bound
            inner = set(bound)
            _run_all(statement.body, inner, missing, later)
            bound.add(statement.name)
        case ast.For(target=target, iter=items):
            missing |= _reads_of(items) - bound
            bound |= _stores_of(target)
            _run_all([*statement.body, *statement.orelse], bound, missing, later)
        case ast.If() | ast.While() | ast.With() | ast.Try():
            for part in ast.iter_child_nodes(statement):
                _run(part, bound, missing, later)
        case ast.ExceptHandler() | ast.withitem():
            bound |= _stores_of(statement) | (
                {str(statement.name)} if isinstance(statement, ast.ExceptHandler) else set()
            )
            for part in ast.iter_child_nodes(statement):
                _run(part, bound, missing, later)
        case ast.AugAssign(target=ast.Name(id=name)):
            missing |= ({name} | _reads_of(statement.value)) - bound
            bound.add(name)
        case _:
            missing |= _reads_of(statement) - bound - _stored_inside(statement)
            bound |= _stores_of(statement)


def _run_all(statements: list[ast.stmt], bound: set[str], missing: set[str], later: list[ast.AST]) -> None:
    for statement in statements:
        _run(statement, bound, missing, later)


def _evaluated_now(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    yield from function.decorator_list
    yield from function.args.defaults
    yield from (default for default in function.args.kw_defaults if default is not None)


def _stored_inside(node: ast.AST) -> set[str]:
    """What comprehensions, lambdas and `:=` of an expression bind for themselves."""
    names: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.comprehension):
            names |= _stores_of(inner.target)
        elif isinstance(inner, ast.Lambda):
            names |= _parameters(inner.args)
        elif isinstance(inner, ast.NamedExpr):
            names |= _stores_of(inner.target)
    return names


def _reads_of(node: ast.AST) -> set[str]:
    """Names a piece of code reads from outside of itself."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inside = {name for part in node.body for name in _reads_of(part)}
            own = _parameters(node.args) | {name for part in node.body for name in _stores_of(part)}
            declared = {name for g in ast.walk(node) if isinstance(g, ast.Global) for name in g.names}
            return inside - (own - declared)
        case ast.Lambda():
            return _reads_of(node.body) - _parameters(node.args)
        case ast.Name(id=name, ctx=ast.Load()):
            return {name}
        case ast.AugAssign(target=ast.Name(id=name)):
            return _reads_of(node.value) | {name}
    found = {name for child in ast.iter_child_nodes(node) for name in _reads_of(child)}
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        found -= {name for part in node.generators for name in _stores_of(part.target)}
    return found


def _stores_of(node: ast.AST) -> set[str]:
    """Names a piece of code binds in its own scope."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store()):
            return {name}
        case ast.alias(name=name, asname=asname):
            return {asname or name.partition(".")[0]}
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return {
                n
                for inner in ast.walk(node)
                if isinstance(inner, ast.NamedExpr)
                for n in _stores_of(inner.target)
            }
        case ast.ExceptHandler(name=str(name)):
            return {name} | {n for part in node.body for n in _stores_of(part)}
    return {name for child in ast.iter_child_nodes(node) for name in _stores_of(child)}


def _parameters(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {argument.arg for argument in (*every, arguments.vararg, arguments.kwarg) if argument is not None}
