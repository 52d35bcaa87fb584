"""Where a program loads a whole network from a file, as what it does with it says: it calls it, or sets its mode."""

from __future__ import annotations

import ast

OF_NETWORKS = {"eval", "train", "parameters", "named_parameters", "modules", "children", "half", "forward"}
OF_TABLES = {"keys", "items"}


def whole_networks(text: str) -> dict[int, str]:
    """The lines that load one, and the name that it gets."""
    if ".load(" not in text:
        return {}
    tree = ast.parse(text)
    called, asked, apart = set[str](), set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called.add(_name(node.func))
        elif isinstance(node, ast.Attribute):
            if node.attr in OF_NETWORKS:
                asked.add(_name(node.value))
            elif node.attr in OF_TABLES:
                apart.add(_name(node.value))
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            apart.add(_name(node.value))
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (line := _loads(node.value)):
            for target in node.targets:
                name = _name(target)
                if name and name in called | asked and name not in apart:
                    found[line] = name
    return found


def _name(node: ast.AST) -> str:
    """`net` of `net` and of `self.net`."""
    return str(getattr(node, "id", "") or getattr(node, "attr", ""))


def _loads(value: ast.expr) -> int:
    """The line of a `torch.load(...)`, also of `torch.load(...).to(device)`; 0 if it is none."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr == "load" and getattr(value.func.value, "id", "") == "torch":
            return value.lineno
        value = value.func.value
    return 0
