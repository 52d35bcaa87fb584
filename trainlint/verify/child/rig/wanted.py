"""Which networks of a project have what a program asks of one: `net.penalty()` wants a class that defines `penalty`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torch import nn

from .written import programs_of

EVERY = set(dir(nn.Module())) | {"module", "device", "config"}  # what is asked of any network


def having(text: str, name: str, root: str) -> list[tuple[str, str]]:
    """Files and classes that have all members that a program asks of the network of a name; none where it asks nothing."""
    wanted = _asked(text, name) - EVERY if name and root else set[str]()
    return list(_classes(root, wanted)) if wanted else []


def _asked(text: str, name: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and name in (getattr(node.value, "id", ""), getattr(node.value, "attr", ""))
    }


def _classes(root: str, wanted: set[str]) -> Iterator[tuple[str, str]]:
    for path, text in programs_of(root):
        if not all(re.search(rf"\b{member}\b", text) for member in (*wanted, "forward")):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and wanted | {"forward"} <= set(_members(node)):
                yield path, node.name


def _members(owner: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(owner):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
