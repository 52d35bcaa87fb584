"""Tables that are not here: rows made up for the columns that the program asks for, each of the kind that its name tells.

A column comes into being when it is first asked for; those that the program's text names are there from the beginning.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .inert import Inert
from .missing import Missing

READERS = "read_csv read_table read_excel read_json read_parquet read_pickle read_feather read_hdf".split()
ASKING = "drop set_index groupby sort_values dropna drop_duplicates merge pop pivot_table melt".split()
ASKED = (
    "columns",
    "labels",
    "by",
    "subset",
    "on",
    "keys",
    "left_on",
    "id_vars",
    "value_vars",
    "index",
    "values",
)
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
TALL = 512  # rows of a table that nobody reads, which may be cut into windows
FEATURES, MOST = 8, 2000  # columns where nothing is named, and of what a program may ask for
KINDS = (
    ("file", r"path|file|image|img|url|photo|picture|audio"),
    ("date", r"date|timestamp|datetime"),
    ("text", r"text|sentence|comment|review|smiles|title|question|answer|content|tweet|caption|descr|word|utter|abstract|prompt|essay|summary"),
    ("class", r"label|class|target|categor|species|gender|sex$|sentiment|churn|surviv|outcome|diagnos|quality|(^|_)y$|is_"),
    ("whole", r"(^|_)?id(x|s)?$|index|fold|year|month|day|hour|week|age$|num|count"),
)  # fmt: skip


def install(rig: Any) -> None:
    """Let readers of tables give made-up ones where the file is not here; a project's own module of that name is let be."""
    found = importlib.util.find_spec("pandas")
    if found is None or os.path.realpath(str(found.origin)).startswith(rig.project.root + os.sep):
        return
    pandas = importlib.import_module("pandas")
    if not hasattr(pandas, "read_csv") or hasattr(pandas.read_csv, "made_up"):
        return
    frames = Frames(rig, pandas)
    for name in READERS:
        setattr(pandas, name, frames.reading(getattr(pandas, name)))


def made_table(rig: Any) -> Any:
    """A table that nobody reads or hands over."""
    if importlib.util.find_spec("pandas") is None:
        return Missing("a table", "pandas is not installed")
    pandas = importlib.import_module("pandas")
    frames = Frames(rig, pandas)
    rig.record.substitute("data: stand-in rows of a table")
    made = frames.kind(index=range(TALL))
    for name in frames._plain():
        made.ask(name)
    if any(".resample(" in text for text in (rig.world.text, *rig.project.texts)):
        made.index = pandas.date_range("2020-01-01", periods=len(made), freq="D")
    return made


class Frames:
    def __init__(self, rig: Any, pandas: Any) -> None:
        self.rig, self.pandas = rig, pandas
        self.kind = _table(self, pandas)

    def reading(self, read: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(read)
        def made_up(path: Any = None, *arguments: Any, **keywords: Any) -> Any:
            if not isinstance(path, (Missing, Inert)):
                try:
                    return read(path, *arguments, **keywords)
                except (OSError, ImportError):
                    pass
            self.rig.record.substitute("data: stand-in rows of a table, for its file is not here")
            return self._shaped(keywords)

        made_up.made_up = True  # type: ignore[attr-defined]
        return made_up

    def _shaped(self, said: dict[str, Any]) -> Any:
        """A table with the columns that the reader is told of, else those that the program names."""
        wanted = said.get("names") or said.get("usecols")
        named = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        names = named or self.columns or self._plain()
        frame = self.kind(index=range(int(self.rig.world.samples)))
        for name in names:
            frame.ask(name)
        dates = said.get("parse_dates")
        for name in dates if isinstance(dates, list) else ():
            if isinstance(name, str):
                frame[name] = self.pandas.to_datetime(frame[name])
        if said.get("header", "infer") is None and not named:
            frame.columns = range(len(names))
        kept = said.get("index_col")
        if isinstance(kept, str):
            return frame.set_index(kept)
        return frame

    @functools.cached_property
    def columns(self) -> list[str]:
        texts = [self.rig.world.text, *self.rig.project.texts]
        return list(dict.fromkeys(name for text in texts for name in columns_in(text)))[:MOST]

    def _plain(self) -> list[str]:
        """Features and a label: as many as the program's first layer takes, where it says so."""
        found = re.search(r"\bLinear\((?:in_features\s*=\s*)?(\d+)", self.rig.world.text)
        count = int(found[1]) if found and 0 < int(found[1]) <= MOST else FEATURES
        return [*(f"x{place}" for place in range(count)), "label"]

    def values(self, name: str, rows: Any) -> Any:
        """A column: the same value for the same row, whichever part of the table asks."""
        import numpy

        kind = next((kind for kind, pattern in KINDS if re.search(pattern, name.lower())), "number")
        kind = "text" if name in self._texts else kind
        places = [int(row) for row in rows] if all(isinstance(row, int) for row in rows) else range(len(rows))
        if kind == "date":
            return [str(self.pandas.Timestamp("2020-01-01") + self.pandas.Timedelta(hours=i)) for i in places]
        if kind in ("text", "file"):
            return [
                f"{name} {'good' if i % 2 else 'bad'} {i}" if kind == "text" else f"{name}_{i}"
                for i in places
            ]
        if kind == "whole":
            return [i % 12 for i in places]
        if kind == "class":
            ordered = self.rig.world.order == "class-ordered"
            return [2 * i // int(self.rig.world.samples) % 2 if ordered else i % 2 for i in places]
        drawn = numpy.random.default_rng(zlib.crc32(name.encode()) + self.rig.world.seed).normal(size=4096)
        return [float(drawn[i % 4096]) for i in places]

    @functools.cached_property
    def _texts(self) -> set[str]:
        return set(
            re.findall(
                r"\[[\"'](\w+)[\"']\]\.str\.", "\n".join([self.rig.world.text, *self.rig.project.texts])
            )
        )


def _table(frames: Frames, pandas: Any) -> Any:
    class Table(pandas.DataFrame):  # type: ignore[misc,unused-ignore]
        """A table that has what it is asked for."""

        @property
        def _constructor(self) -> Any:
            return Table

        def ask(self, name: Any) -> None:
            if isinstance(name, str) and name not in self.columns and len(self.columns) < MOST:
                super().__setitem__(name, frames.values(name, self.index))

        def __getitem__(self, key: Any) -> Any:
            for name in key if isinstance(key, list) else (key,):
                self.ask(name)
            return super().__getitem__(key)

    for name in ASKING:
        setattr(Table, name, _asking(getattr(pandas.DataFrame, name), name))
    return Table


def _asking(method: Callable[..., Any], called: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def asking(frame: Any, *arguments: Any, **keywords: Any) -> Any:
        rows = called == "drop" and keywords.get("axis") not in (1, "columns") and "columns" not in keywords
        if not rows and called != "merge":
            for name in _names((*arguments[:1], *(keywords[word] for word in ASKED if word in keywords))):
                frame.ask(name)
        return method(frame, *arguments, **keywords)

    return asking


def _names(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _names(value)


def columns_in(text: str) -> Iterator[str]:
    """The columns that a program names before it makes them: of what it reads, or asks what only tables have."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    frames = set(_frames_in(tree))
    made: set[str] = set()
    for node in sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Subscript)), key=lambda node: node.lineno
    ):
        owner = node.value.value if isinstance(node.value, ast.Attribute) else node.value
        if not isinstance(owner, ast.Name) or owner.id not in frames:
            continue
        said = {part.value for part in ast.walk(node.slice) if isinstance(part, ast.Constant)}
        named = {name for name in said if isinstance(name, str)}
        if isinstance(node.ctx, ast.Store):
            made |= named
        else:
            yield from sorted(named - made)


def _frames_in(tree: ast.Module) -> Iterator[str]:
    """Names of what readers give, and of what is asked for members that only tables have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in OF_FRAMES:
            yield node.value.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            made = node.value.func if isinstance(node.value, ast.Call) else None
            if isinstance(made, ast.Attribute) and made.attr in READERS:
                yield node.targets[0].id
