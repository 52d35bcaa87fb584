"""A call for code that nothing in its file calls: the flagged function, with its arguments left free.

Free names get stand-ins by role in the sandbox, so `train(model, loader)` is all that has to be written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from trainlint.verify.methods import calls_for
from trainlint.verify.roles import role_of_word
from trainlint.verify.statements import Statement
from trainlint.verify.uses import name_of

SERVE = "_trainlint_serve"  # as well: trains on the batches that an object serves
BUILT = "_trainlint_built"  # as well: makes an object of a network class, with values by trial
TRAINED = (
    "_trainlint_trained"  # as well: trains a network that the program only builds, where a rule asks for it
)
HOLDER = "_trainlint_holder"  # what several methods are called of
UNBUILT = "_trainlint_unbuilt"  # the sandbox knows it: makes an object of a class without calling `__init__`
SERVING = "train_dataloader"  # the method that a trainer asks for them
Function = ast.FunctionDef | ast.AsyncFunctionDef


def call_for(tree: ast.Module, spots: Sequence[tuple[int, int]], kept: Iterable[Statement]) -> str:
    """A line that calls the flagged definition; empty where something kept runs it already."""
    flagged = [
        node for node in tree.body if _is_definition(node) and any(_holds(node, spot) for spot in spots)
    ]
    acting = [
        s for s in kept if not s.imports and not _is_definition(s.node) and not s.always and not s.shows
    ]
    if not flagged or any(_reaches(tree, statement.reads, flagged[0]) for statement in acting):
        return ""
    definition = _outermost(tree, flagged[0])
    if isinstance(definition, ast.ClassDef):
        return _call_method(definition, spots)
    return f"{definition.name}({_arguments(definition)})\n" if isinstance(definition, ast.FunctionDef) else ""


def direct_call(tree: ast.Module, spots: Sequence[tuple[int, int]]) -> str:
    """A line that calls the flagged function itself, all that it takes left free; empty for code outside of one.

    A method gets an object that was never built: what it asks of it are stand-ins.
    """
    for node in tree.body:
        if not _is_definition(node) or not any(_holds(node, spot) for spot in spots):
            continue
        if isinstance(node, ast.FunctionDef):
            return f"{node.name}({_arguments(node)})\n"
        if isinstance(node, ast.ClassDef):
            flagged = [
                part
                for part in node.body
                if isinstance(part, ast.FunctionDef) and any(_holds(part, spot) for spot in spots)
            ]
            if _is_network(node) and _arguments(_constructor(node), bound=True):
                return _call_method(node, spots, f"{BUILT}({node.name})")
            if _is_network(node) or not flagged or flagged[0].name.startswith("__"):
                return _call_method(node, spots)
            if flagged[0].name == SERVING:
                return f"{SERVE}({UNBUILT}({node.name}))\n"
            return f"{UNBUILT}({node.name}).{flagged[0].name}({_arguments(flagged[0], bound=True)})\n"
    return ""


def _is_network(owner: ast.ClassDef) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == "forward" for part in owner.body)


def _outermost(tree: ast.Module, goal: ast.stmt) -> ast.stmt:
    """The function that leads to a definition and that no other one leads to; the definition itself if none does."""
    callers = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node is not goal]
    leading = [node for node in callers if _leads(tree, node, goal)]
    tops = [
        node
        for node in leading
        if not any(_leads(tree, other, node) for other in callers if other is not node)
    ]
    return tops[0] if tops else goal


def _leads(tree: ast.Module, function: ast.stmt, goal: ast.stmt) -> bool:
    return _reaches(tree, {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}, goal)


def _constructor(owner: ast.ClassDef) -> ast.FunctionDef | None:
    return next(
        (part for part in owner.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None
    )


def _call_method(owner: ast.ClassDef, spots: Sequence[tuple[int, int]], built: str = "") -> str:
    methods = [node for node in owner.body if isinstance(node, ast.FunctionDef)]
    flagged = [method for method in methods if any(_holds(method, spot) for spot in spots)]
    built = built or f"{owner.name}({_arguments(_constructor(owner), True, owner)})"
    if not flagged or flagged[0].name == "__init__":
        return f"{TRAINED}({built})\n" if _is_network(owner) else built + "\n"
    if flagged[0].name == SERVING:
        return f"{SERVE}({built})\n"
    if flagged[0].name == "forward":
        return f"{built}({_arguments(flagged[0], bound=True)})\n"
    calls = [f"{method.name}({_arguments(method, bound=True)})" for method in calls_for(owner, flagged[0])]
    if len(calls) == 1:
        return f"{built}.{calls[0]}\n"
    return f"{HOLDER} = {built}\n" + "".join(f"{HOLDER}.{call}\n" for call in calls)


def _arguments(function: Function | None, bound: bool = False, owner: ast.AST | None = None) -> str:
    """The parameters that have no default, each as a name of its own; and loaders by default None that nobody asks about."""
    if function is None:
        return ""
    positional = [*function.args.posonlyargs, *function.args.args]
    required = positional[: len(positional) - len(function.args.defaults)]
    names = [argument.arg for argument in required[1 if bound and required else 0 :]]
    keywords = [
        a.arg
        for a, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if default is None
    ]
    keywords += _needed(function, owner or function)
    return ", ".join([*names, *(f"{name}={name}" for name in keywords)])


def _needed(function: Function, owner: ast.AST) -> list[str]:
    """What is None by default and of use only if it is not: nothing in `owner` reckons with None, and loops or calls do not."""
    positional = function.args.args[-len(function.args.defaults) :] if function.args.defaults else []
    empty = [
        argument.arg
        for argument, default in zip(
            (*positional, *function.args.kwonlyargs),
            (*function.args.defaults, *function.args.kw_defaults),
            strict=True,
        )
        if isinstance(default, ast.Constant) and default.value is None
    ]
    used = {name_of(node.value) for node in ast.walk(owner) if isinstance(node, ast.Attribute)}
    roles = {name: role_of_word(name) for name in empty if name not in _asked_about(owner)}
    return [
        name
        for name, role in roles.items()
        if role in ("loader", "loaders", "dataset")
        or (role in ("model", "optimizer", "scheduler", "criterion") and name in used)
    ]


def _asked_about(owner: ast.AST) -> set[str]:
    """Names in conditions, and on the left of `or`."""
    tests = [
        node.test for node in ast.walk(owner) if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert))
    ]
    tests += [node for node in ast.walk(owner) if isinstance(node, ast.BoolOp)]
    return {name_of(part) for test in tests for part in ast.walk(test)}


def _reaches(tree: ast.Module, names: Iterable[str], goal: ast.stmt) -> bool:
    """Whether these names lead to the definition, directly or through others."""
    bodies = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    waiting, seen = set(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name == getattr(goal, "name", None):
            return True
        if name in bodies and name not in seen:
            seen.add(name)
            waiting |= {node.id for node in ast.walk(bodies[name]) if isinstance(node, ast.Name)}
    return False


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def _holds(node: ast.stmt, spot: tuple[int, int]) -> bool:
    return node.lineno <= spot[0] and spot[1] <= (node.end_lineno or node.lineno)
