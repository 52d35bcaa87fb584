"""In which form a data set of the program hands its samples over, as the text of its class says.

Where its files are not here and no loop says how batches are taken apart, stand-in samples take this form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

OF_TEXTS = ("input_ids", "attention_mask")  # what a tokenizer gives
Form = dict[str, object]


def form_of(kind: str, texts: Iterable[str]) -> Form | None:
    """The form of what `__getitem__` of a class returns; None where that is not written out."""
    for text in texts:
        if f"class {kind}" not in text:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == kind:
                return next((form for method in _giving(node) for form in _forms(method)), None)
    return None


def _giving(owner: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    yield from (n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__getitem__")


def _forms(method: ast.FunctionDef) -> Iterator[Form]:
    for node in ast.walk(method):
        if isinstance(node, ast.Return) and node.value is not None:
            form = _form(node.value, method)
            if form is not None:
                yield form


def _form(value: ast.expr, method: ast.FunctionDef) -> Form | None:
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) > 1:
        names = [part.id if isinstance(part, ast.Name) else f"part{i}" for i, part in enumerate(value.elts)]
        return {"form": "tuple", "names": names}
    keys = list(dict.fromkeys(_keys(value, method)))
    return {"form": "dict", "names": keys} if keys else None


def _keys(value: ast.AST, method: ast.FunctionDef) -> Iterator[str]:
    """The entries of a dictionary: those that it is made with, and those that are put into it by name."""
    if isinstance(value, ast.Dict):
        yield from (word for key in value.keys for word in _word(key))
    elif isinstance(value, ast.Call) and getattr(value.func, "id", "") == "dict" and not value.args:
        yield from (part.arg for part in value.keywords if part.arg)
    elif isinstance(value, ast.DictComp) and _goes_through_items(value):
        yield from OF_TEXTS
    elif isinstance(value, ast.Name):
        for node in ast.walk(method):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id == value.id:
                made = getattr(node, "value", None)
                yield from _keys(made, method) if made is not None and not isinstance(made, ast.Name) else ()
            elif isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == value.id:
                yield from _word(target.slice)


def _word(key: ast.AST | None) -> Iterator[str]:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        yield key.value


def _goes_through_items(made: ast.DictComp) -> bool:
    """`{key: torch.tensor(value[index]) for key, value in self.encodings.items()}`"""
    source = made.generators[0].iter
    return isinstance(source, ast.Call) and getattr(source.func, "attr", "") == "items"
