"""Which methods of an object have to run, so that the flagged one finds what others of them make."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

Methods = Mapping[str, ast.FunctionDef]


def calls_for(owner: ast.ClassDef, flagged: ast.FunctionDef) -> list[ast.FunctionDef]:
    """The methods to call, the one that leads to the finding last.

    Most often that is the flagged method alone. Where it asks the object for what its constructor does not make, it is
    the method that makes it and calls the flagged one, else those that make it, and then the flagged one.
    """
    methods = {part.name: part for part in owner.body if isinstance(part, ast.FunctionDef)}
    if flagged.name == "__init__" or _is_called_by_others(flagged):
        return [flagged]
    lacking = _asked(methods, flagged.name) - _made(methods, "__init__") - _made(methods, flagged.name)
    others = [
        name for name in methods if name not in ("__init__", flagged.name) and not _is_property(methods[name])
    ]
    lacking &= {attribute for name in others for attribute in _made(methods, name)}
    lacking -= {name for part in owner.body for name in _stored(part)} | methods.keys()
    if not lacking:
        return [flagged]
    leading = [name for name in others if flagged.name in _reached(methods, name)]
    whole = [name for name in leading if lacking <= _made(methods, name)]
    if whole:
        return [methods[whole[0]]]
    makers = [name for name in others if name not in leading and lacking & _made(methods, name)]
    outer = [
        name
        for name in makers
        if not any(name in _reached(methods, other) for other in makers if other != name)
    ]
    return [*(methods[name] for name in outer), flagged]


def _is_called_by_others(method: ast.FunctionDef) -> bool:
    """Whether Python or a framework calls it: `forward`, `__getitem__`, a property."""
    return (
        method.name in ("forward", "train_dataloader") or method.name.startswith("__") or _is_property(method)
    )


def _is_property(method: ast.FunctionDef) -> bool:
    return bool(method.decorator_list)


def _reached(methods: Methods, start: str) -> set[str]:
    """A method and those of the object that it calls, directly or through others."""
    found, waiting = {start} & methods.keys(), [start]
    while waiting:
        for name in _of_self(methods.get(waiting.pop()), ast.Load):
            if name in methods and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _made(methods: Methods, start: str) -> set[str]:
    """The attributes that a method sets, or those that it calls."""
    return {name for method in _reached(methods, start) for name in _of_self(methods[method], ast.Store)}


def _asked(methods: Methods, start: str) -> set[str]:
    return {name for method in _reached(methods, start) for name in _of_self(methods[method], ast.Load)}


def _of_self(method: ast.FunctionDef | None, context: type) -> Iterator[str]:
    if method is None or not method.args.args:
        return
    own = method.args.args[0].arg
    for node in ast.walk(method):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=how) if name == own:
                if isinstance(how, context):
                    yield attribute


def _stored(part: ast.stmt) -> Iterator[str]:
    """What a statement of the class itself sets for all of its objects."""
    if isinstance(part, (ast.Assign, ast.AnnAssign)):
        yield from (
            node.id
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
