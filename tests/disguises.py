"""The same program in another guise: other names for local variables, another layout, no `main()` around it."""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Callable, Iterator

import libcst
from libcst.metadata import (
    Assignment,
    FunctionScope,
    MetadataWrapper,
    ParentNodeProvider,
    Scope,
    ScopeProvider,
)

_LOOKS_UP = re.compile(r"\b(eval|exec|locals|vars|globals)\(")


def renamed(text: str) -> str:
    """Every local variable of every function under a meaningless name of the same length.

    Left as they are: parameters, which callers may give by name, names declared `global` or `nonlocal`, and
    all names of a program that looks them up by itself.
    """
    if _LOOKS_UP.search(text):
        return text
    wrapper = MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
    scopes = wrapper.resolve(ScopeProvider)
    parents = wrapper.resolve(ParentNodeProvider)
    taken = {node.value for node in scopes if isinstance(node, libcst.Name)}
    taken |= {*keyword.kwlist, *dir(builtins)}
    new: dict[libcst.CSTNode, str] = {}
    for scope in {id(s): s for s in scopes.values() if isinstance(s, FunctionScope)}.values():
        for name, nodes in _locals(scope, parents):
            other = _like(name, taken)
            if other is not None:
                taken.add(other)
                new.update(dict.fromkeys(nodes, other))
    return wrapper.module.visit(_Rename(new)).code


def _locals(scope: Scope, parents: object) -> Iterator[tuple[str, list[libcst.CSTNode]]]:
    names = {assignment.name for assignment in scope.assignments}
    for name in sorted(names):
        assignments = [a for a in scope.assignments if a.name == name]
        nodes: list[libcst.CSTNode] = []
        for assignment in assignments:
            if not isinstance(assignment, Assignment) or not isinstance(assignment.node, libcst.Name):
                break  # a parameter, an import, a class or a function
            if isinstance(parents[assignment.node], (libcst.Param, libcst.NameItem)):  # type: ignore[index]
                break
            nodes.append(assignment.node)
            nodes += [access.node for access in assignment.references]
        else:
            if all(isinstance(node, libcst.Name) for node in nodes):
                yield name, nodes


def _like(name: str, taken: set[str]) -> str | None:
    letters = "qzjxkvwyhgbpfmucldtrnsioae"
    for number in range(600):
        first, second = letters[number % 26], letters[(number // 26) % 26]
        other = (first + second + "q" * len(name))[: len(name)]
        if other not in taken:
            return other
    return None


class _Rename(libcst.CSTTransformer):
    def __init__(self, new: dict[libcst.CSTNode, str]) -> None:
        self.new = new

    def leave_Name(self, original_node: libcst.Name, updated_node: libcst.Name) -> libcst.Name:
        other = self.new.get(original_node)
        return updated_node if other is None else updated_node.with_changes(value=other)


def reformatted(text: str) -> str | None:
    """Without blank lines and needless parentheses, and with Python's own quotes and line breaks.

    None where there are comments, which would be lost: what they say counts.
    """
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    if any(token.type == tokenize.COMMENT for token in tokens):
        return None
    return ast.unparse(ast.parse(text)) + "\n"


def unwrapped(text: str) -> str | None:
    """The statements of `main()` in its place, where it is a function without parameters that is called once."""
    tree = ast.parse(text)
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main"]
    if len(found) != 1 or found[0].args.args or found[0].decorator_list:
        return None
    main = found[0]
    leaves = (ast.Return, ast.Yield, ast.Global, ast.Nonlocal)
    if any(isinstance(node, leaves) for node in ast.walk(main)):
        return None
    calls = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Expr)
        and isinstance(n.value, ast.Call)
        and isinstance(n.value.func, ast.Name)
        and n.value.func.id == "main"
    ]
    if len(calls) != 1:
        return None
    tree = _Inline(calls[0], main).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Inline(ast.NodeTransformer):
    def __init__(self, call: ast.Expr, function: ast.FunctionDef) -> None:
        self.call, self.function = call, function

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node is self.function else self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        return list(self.function.body) if node is self.call else node


def without_arguments(text: str) -> str:
    """The program with all its calls empty, as somebody leaves them who is still writing."""
    return _rewritten(text, lambda call: ([], []))


def by_keyword(text: str) -> str:
    """The program with what its calls are given by place given by name."""
    return _rewritten(text, _by_keyword)


def starred(text: str) -> str:
    """The program with what its calls are given by place handed over as one tuple."""
    return _rewritten(
        text, lambda call: ([ast.Starred(ast.Tuple(call.args, ast.Load()), ast.Load())], call.keywords)
    )


def _by_keyword(call: ast.Call) -> tuple[list[ast.expr], list[ast.keyword]]:
    taken = {keyword.arg for keyword in call.keywords}
    free = [name for name in ("input", "target", "other", "weight", "dim") if name not in taken]
    if len(call.args) > len(free) or any(isinstance(given, ast.Starred) for given in call.args):
        return call.args, call.keywords
    named = [ast.keyword(name, given) for name, given in zip(free, call.args, strict=False)]
    return [], [*named, *call.keywords]


def _rewritten(text: str, arguments: Callable[[ast.Call], tuple[list[ast.expr], list[ast.keyword]]]) -> str:
    class Rewriting(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.Call:
            self.generic_visit(node)
            given, keywords = arguments(node)
            return ast.Call(node.func, given, keywords)

    return ast.unparse(ast.fix_missing_locations(Rewriting().visit(ast.parse(text))))
