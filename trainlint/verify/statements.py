"""Top-level statements of a program as what they bind, read and change: enough to slice by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trainlint.verify.free import outside_names

CONSTANT = re.compile(r"[A-Z][A-Z\d_]+")  # what is written like one: `SHAPE = (ROWS, COLUMNS)`
WATCHING = frozenset(
    "print pprint plt sns wandb display logging logger log writer tqdm fig ax axes pylab".split()
)
SETTING = frozenset(
    "torch random np numpy warnings os sys".split()
)  # modules whose settings reach everything

LEAVING = frozenset("exit quit _exit".split())


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement: names it binds, reads, and changes the value of; the lines it fills."""

    node: ast.stmt
    lines: tuple[int, int]
    binds: frozenset[str]
    reads: frozenset[str]
    changes: frozenset[str]

    @property
    def imports(self) -> bool:
        return isinstance(self.node, (ast.Import, ast.ImportFrom))

    @property
    def defines(self) -> bool:
        """Whether it only gives something a name: imports, functions, classes, constants."""
        match self.node:
            case (
                ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef()
            ):
                return True
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                named = [part.id for part in ast.walk(value) if isinstance(part, ast.Name)]
                called = any(isinstance(part, ast.Call) for part in ast.walk(value))
                return not called and all(map(CONSTANT.fullmatch, named))
        return False

    @property
    def always(self) -> bool:
        """Whether it acts on everything: `__future__`, star imports, seeds and defaults."""
        match self.node:
            case ast.ImportFrom(module=module, names=names):
                return module == "__future__" or any(alias.name == "*" for alias in names)
            case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
                return root_name(function) in SETTING and not (self.reads & {"plt"})
            case ast.Assign(targets=[ast.Attribute() as target]):
                return root_name(target) in SETTING
        return False

    @property
    def switches(self) -> str:
        """The network that it puts into another mode, and does nothing else: `net.eval()`."""
        match self.node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="train" | "eval"))):
                return name
        return ""

    @property
    def shows(self) -> bool:
        """Whether it only shows something: prints, plots, docstrings."""
        match self.node:
            case ast.Expr(value=ast.Call(func=function)):
                return root_name(function) in WATCHING
            case ast.Expr(value=ast.Constant()):
                return True
        return False


def ends_without_a_gpu(text: str, line: int) -> bool:
    """Whether a program sends those away who have no GPU, before it comes to a line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    bodies = [tree.body]
    while bodies:
        body = bodies.pop()
        for node in body:
            if lines_of(node)[0] <= line <= lines_of(node)[1]:
                bodies += [part for part in (getattr(node, "body", None),) if isinstance(part, list)]
                break
            if _sends_away(node) and node.lineno < line:
                return True
    return False


def is_unread(text: str, line: int) -> bool:
    """Whether a line gives a value to a local name that nothing reads."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    holders = (ast.FunctionDef, ast.AsyncFunctionDef)
    around = [n for n in ast.walk(tree) if isinstance(n, holders) and n.lineno <= line <= lines_of(n)[1]]
    scope: ast.AST = max(around, key=lambda node: node.lineno, default=tree)
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if node.lineno <= line <= lines_of(node)[1]:
                shared = any(
                    isinstance(n, (ast.Global, ast.Nonlocal)) and name in n.names for n in ast.walk(scope)
                )
                reads = (n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name)
                return not shared and all(isinstance(n.ctx, ast.Store) for n in reads)
    return False


def _sends_away(node: ast.stmt) -> bool:
    match node:
        case ast.Assert(test=test):
            return _asks_for_a_gpu(test)
        case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=test), body=[*_, ast.Raise()]):
            return _asks_for_a_gpu(test)
        case ast.If(
            test=ast.UnaryOp(op=ast.Not(), operand=test), body=[*_, ast.Expr(value=ast.Call(func=function))]
        ):
            return _asks_for_a_gpu(test) and _last_name(function) in LEAVING
    return False


def _asks_for_a_gpu(test: ast.expr) -> bool:
    called = (part.func for part in ast.walk(test) if isinstance(part, ast.Call))
    return any(ast.unparse(function).endswith("cuda.is_available") for function in called)


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def read_statements(tree: ast.Module) -> list[Statement]:
    parts = dict(_parts(tree))
    return [_read(node, parts) for node in tree.body]


def _read(node: ast.stmt, parts: Mapping[str, str]) -> Statement:
    loads = outside_names(ast.Module([node], []))
    changed = set(_changes(node))
    waiting = [*changed, *_binds(node)]
    while waiting:
        whole = parts.get(waiting.pop(), "")
        if whole and whole not in changed:
            changed.add(whole)
            waiting.append(whole)
    return Statement(node, lines_of(node), frozenset(_binds(node)), loads, frozenset(changed))


def _parts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What is a part of what: a group that is added to a parser; who changes the part changes the whole."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=part)],
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=whole), attr=method)),
            ) if method.startswith("add_") and part != whole:
                yield part, whole


def lines_of(node: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement, decorators included."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return first, node.end_lineno or node.lineno


def _binds(node: ast.AST) -> Iterator[str]:
    """Names that running the statement binds at the top level."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            yield from (n for g in ast.walk(node) if isinstance(g, ast.Global) for n in g.names)
            return
        case ast.Lambda():
            return
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _binds(child)


def _changes(node: ast.stmt) -> Iterator[str]:
    """Names whose values the statement changes in place, or may change by handing them to a call."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for inner in ast.walk(node):
        match inner:
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                yield root_name(inner)
            case ast.Expr(value=ast.Call(func=function, args=arguments)):
                if isinstance(function, ast.Attribute):
                    yield root_name(function)
                yield from (argument.id for argument in arguments if isinstance(argument, ast.Name))


def root_name(node: ast.AST) -> str:
    """`a` of `a.b[0].c()`; empty where there is no name at the root."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
