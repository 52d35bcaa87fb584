"""What a program says of the columns of a table: which it names, and of which kind their names and places tell them to be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

READERS = "read_csv read_table read_excel read_json read_parquet read_pickle read_feather read_hdf".split()
OF_FRAMES = {
    "iloc",
    "loc",
    "columns",
    "drop",
    "groupby",
    "dropna",
    "head",
    "reset_index",
    "iterrows",
    "to_csv",
    "merge",
}
PLACES = {"loc", "iloc", "at", "iat"}
KINDS = (
    ("file", r"path|file|image|img|url|photo|picture|audio"),
    ("date", r"date|timestamp|datetime"),
    ("text", r"text|sentence|comment|review|smiles|title|question|answer|content|tweet|caption|descr|word|utter|abstract|prompt|essay|summary"),
    ("class", r"label|class|target|categor|species|gender|sex$|sentiment|churn|surviv|outcome|diagnos|quality|(^|_)y$|is_"),
    ("whole", r"(^|_)?id(x|s)?$|index|fold|year|month|day|hour|week|age$|num|count"),
)  # fmt: skip
FLAG = re.compile(r"([Ii]s|[Hh]as|[Ww]as)(_|[A-Z])")  # what is so or not: `HasPhoneNumbers`
OF_TEXTS = "lower upper strip split replace encode startswith endswith title".split()
TAKING_TEXTS = re.compile(r"(?i)(\w*_)?(tokenizer?|encode_plus|encode|clean(ed)?(_\w+)?|preprocess\w*)")


def kind_of_name(name: str) -> str:
    if FLAG.match(name):
        return "class"
    return next((kind for kind, pattern in KINDS if re.search(pattern, name.lower())), "number")


def kinds_by_place(text: str) -> Iterator[tuple[int, str]]:
    """Of `table.iloc[index, 0].lower()` or `label = table.iloc[index, 1]`: which place holds what."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        for part, kind in _read(node):
            place = _place(part)
            if place is not None and kind in ("text", "file", "class", "date"):
                yield place, kind


def _read(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What is read, and of which kind it then is."""
    if isinstance(node, ast.Attribute) and node.attr in OF_TEXTS:
        yield node.value, "text"
    elif isinstance(node, ast.Assign):
        target = node.targets[0]
        yield node.value, kind_of_name(getattr(target, "id", getattr(target, "attr", "")))
    elif isinstance(node, ast.Call):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if TAKING_TEXTS.fullmatch(called):
            yield from ((argument, "text") for argument in node.args[:1])
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                inside = value.args[0] if isinstance(value, ast.Call) and value.args else value
                yield inside, kind_of_name(key.value)


def _place(value: ast.AST) -> int | None:
    """The column of `table.iloc[rows, column]` and `table.values[rows, column]`."""
    if not isinstance(value, ast.Subscript) or getattr(value.value, "attr", "") not in ("iloc", "values"):
        return None
    key = value.slice
    last = key.elts[1] if isinstance(key, ast.Tuple) and len(key.elts) == 2 else None
    return last.value if isinstance(last, ast.Constant) and isinstance(last.value, int) else None


def columns_in(text: str) -> Iterator[str]:
    """The columns that a program names before it makes them: of what it reads, or asks what only tables have."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    frames, lists = set(_frames_in(tree)), dict(_lists_in(tree))
    made: set[str] = set()
    for node in sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Subscript)), key=lambda node: node.lineno
    ):
        owner = node.value
        if isinstance(owner, ast.Attribute) and owner.attr in PLACES:
            owner = owner.value
        if _called(owner) not in frames:
            continue
        named = set(_words_in(node.slice, lists))
        if isinstance(node.ctx, ast.Store):
            made |= named
        else:
            yield from sorted(named - made)


def members_in(text: str) -> Iterator[str]:
    """What a program asks tables for as `table.name`: columns, where tables themselves have nothing of that name."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    frames = set(_frames_in(tree))
    made = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        for name in _words_in(node.slice, {})
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr not in made:
            yield from (name for name in [node.attr] if _called(node.value) in frames)


def _words_in(key: ast.expr, lists: Mapping[str, list[str]]) -> Iterator[str]:
    """The texts in what a table is asked by, those of a list that it names among them."""
    for part in ast.walk(key):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Name):
            yield from lists.get(part.id, ())


def _lists_in(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Names of lists of texts: `NUMBERS = ["age", "rooms"]`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Tuple)):
            said = [getattr(part, "value", None) for part in node.value.elts]
            words = [word for word in said if isinstance(word, str)]
            if words and len(words) == len(said):
                yield _called(node.targets[0]), words


def _frames_in(tree: ast.Module) -> Iterator[str]:
    """Names of what readers give, and of what is asked for members that only tables have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OF_FRAMES:
            yield from filter(None, [_called(node.value)])
        elif isinstance(node, ast.Assign):
            made = node.value.func if isinstance(node.value, ast.Call) else None
            if isinstance(made, ast.Attribute) and made.attr in (*READERS, "concat"):
                yield from filter(None, [_called(node.targets[0])])


def _called(node: ast.expr) -> str:
    """`table` of `table` and `self.table`."""
    if isinstance(node, ast.Attribute):
        return node.attr if isinstance(node.value, ast.Name) else ""
    return node.id if isinstance(node, ast.Name) else ""


def targets_in(text: str) -> Iterator[str]:
    """The columns that a program calls its targets: `y = table["left"]`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        name = getattr(target, "id", getattr(target, "attr", ""))
        if isinstance(node, ast.Assign) and TARGETS.fullmatch(name):
            said = {
                part.slice.value
                for part in ast.walk(node.value)
                if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant)
            }
            yield from (column for column in said if isinstance(column, str) and len(said) == 1)


TARGETS = re.compile(r"(?i)y(_\w+)?|(\w+_)?(labels?|targets?)")
