"""What a program's names are called where they are handed on: `held_out` of `evaluate(net, held_out)` is a `loader` there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
FARTHEST = 4  # calls that one thing is handed through


def handed_on(tree: ast.Module) -> dict[str, list[str]]:
    """For each name the parameters that it is handed over as to functions of the program, the nearest first."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    made = {
        owner.name: part
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for part in owner.body
        if isinstance(part, Function) and part.name == "__init__"
    }
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        for given, taken in _pairs(node, {**functions, **made}):
            if given != taken and taken not in found.setdefault(given, []):
                found[given].append(taken)
    for _ in range(FARTHEST):
        for name, onward in found.items():
            further = [more for other in onward for more in found.get(other, ())]
            onward += [more for more in dict.fromkeys(further) if more not in onward and more != name]
    return found


def _pairs(node: ast.AST, functions: dict[str, Function]) -> Iterator[tuple[str, str]]:
    """What a node hands over, and as what: to a function of the program, or under another name."""
    match node:
        case ast.Assign(targets=[ast.Name(id=taken)], value=ast.Name(id=given)):
            yield given, taken
        case ast.Assign(
            targets=[ast.Name(id=taken)],
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=given), attr="copy" | "clone" | "to" | "cuda")
            ),
        ):
            yield given, taken
        case ast.Call():
            yield from _arguments(node, functions)


def _arguments(call: ast.Call, functions: dict[str, Function]) -> Iterator[tuple[str, str]]:
    called = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    function = functions.get(called)
    if function is None or any(isinstance(part, ast.Starred) for part in call.args):
        return
    taken = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    taken = taken[1:] if taken[:1] in (["self"], ["cls"]) else taken
    for given, name in zip(call.args, taken, strict=False):
        if isinstance(given, ast.Name):
            yield given.id, name
    names = {*taken, *(argument.arg for argument in function.args.kwonlyargs)}
    for part in call.keywords:
        if part.arg in names and isinstance(part.value, ast.Name):
            yield part.value.id, part.arg
