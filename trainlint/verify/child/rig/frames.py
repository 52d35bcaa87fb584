"""Tables that are not here: rows made up for the columns that the program asks for, each of the kind that its name tells.

A column comes into being when it is first asked for; those that the program's text names are there from the beginning.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from .column_values import Value, classes_in, dropped_in, takes_the_rest, values_in
from .columns import READERS, columns_in, kind_of_name, kinds_by_place, members_in, targets_in
from .inert import Inert
from .missing import Missing

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
TALL = 512  # rows of a table that nobody reads, which may be cut into windows
SAMPLERS = re.compile(r"\bimblearn\b|\bresample\(")  # what makes up for classes of unlike sizes
FURTHER = 521  # rows between what two files hold
FEATURES, MOST = 8, 2000  # columns where nothing is named, and of what a program may ask for


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
        self.files: dict[str, int] = {}

    def reading(self, read: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(read)
        def made_up(path: Any = None, *arguments: Any, **keywords: Any) -> Any:
            if not isinstance(path, (Missing, Inert)):
                try:
                    return read(path, *arguments, **keywords)
                except (OSError, ImportError):
                    pass
            self.rig.record.substitute("data: stand-in rows of a table, for its file is not here")
            return self._shaped(keywords, self._first_row(path))

        made_up.made_up = True  # type: ignore[attr-defined]
        return made_up

    def _meant(self, name: str) -> str:
        """Of which kind the numbers of a column are: by how it is read as a text, by its place, else by its name."""
        if name in self._texts:
            return "text"
        if name in self._targets:
            return "class"
        placed = self.placed.get(self._places.get(name, -1), "")
        kind = placed or kind_of_name(name)
        return "class" if kind == "number" and name in self._counted else kind

    @functools.cached_property
    def _targets(self) -> set[str]:
        """Columns that are targets, where what is learnt are classes."""
        if self.rig.world.criterion not in ("classes", "binary"):
            return set()
        return {name for text in self.texts for name in targets_in(text)}

    @property
    def texts(self) -> list[str]:
        return [self.rig.world.text, *self.rig.project.texts]

    @functools.cached_property
    def _counted(self) -> set[str]:
        """Columns that the program takes for classes, whatever they are called."""
        return {name for text in self.texts for name in classes_in(text)}

    @functools.cached_property
    def _told(self) -> dict[str, list[Value]]:
        """The values that the program says columns to have."""
        found: dict[str, list[Value]] = {}
        for name, value in (pair for text in self.texts for pair in values_in(text)):
            if value not in found.setdefault(name, []):
                found[name].append(value)
        return found

    @functools.cached_property
    def placed(self) -> dict[int, str]:
        return {place: kind for text in self.texts for place, kind in kinds_by_place(text)}

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        """Columns that are made up without names: what stands in which place says what they hold."""
        return {} if self.columns else {name: place for place, name in enumerate(self._plain())}

    def _first_row(self, path: Any) -> int:
        """Where the measured numbers of a file begin: no two files hold the same ones."""
        return FURTHER * self.files.setdefault(str(path), len(self.files))

    def _shaped(self, said: dict[str, Any], first: int = 0) -> Any:
        """A table with the columns that the reader is told of, else those that the program names."""
        wanted = said.get("names") or said.get("usecols")
        named = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        names = named or self.columns or self._plain()
        frame = self.kind(index=range(int(self.rig.world.samples)))
        frame.first_row = first
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
        """What the program names; where it goes on with the others, some of these. What is learnt comes last, as it does mostly."""
        asked = [name for text in self.texts for name in columns_in(text)]
        members = [name for text in self.texts for name in members_in(text)]
        asked += [name for name in members if not hasattr(self.pandas.DataFrame, name)]
        found = list(dict.fromkeys(asked))
        if found and any(map(takes_the_rest, self.texts)):
            gone = {name for text in self.texts for name in dropped_in(text)}
            numbers = [name for name in found if name not in gone and kind_of_name(name) == "number"]
            found += [f"x{place}" for place in range(len(numbers), self._width)]
        return sorted(found, key=self._is_learnt)[:MOST]

    def _is_learnt(self, name: str) -> bool:
        return name in self._targets or kind_of_name(name) == "class"

    @property
    def _width(self) -> int:
        """As many features as the program's first layer takes, where it says so."""
        found = re.search(r"\bLinear\((?:in_features\s*=\s*)?(\d+)", self.rig.world.text)
        return int(found[1]) if found and 0 < int(found[1]) <= MOST else FEATURES

    def _plain(self) -> list[str]:
        """Features and a label."""
        return [*(f"x{place}" for place in range(self._width)), "label"]

    def values(self, name: str, rows: Any, first: int = 0) -> Any:
        """A column: the same value for the same row, whichever part of the table asks."""
        import numpy

        kind = self._meant(name)
        places = [int(row) for row in rows] if all(isinstance(row, int) for row in rows) else range(len(rows))
        told = self._values_told(name, kind)
        if told:
            return [told[self._class(i) if len(told) == 2 else i % len(told)] for i in places]
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
            return [self._class(i) for i in places]
        drawn = numpy.random.default_rng(zlib.crc32(name.encode()) + self.rig.world.seed).normal(size=4096)
        low, high = self.rig.request.get("extents", {}).get(name, (0.0, 1.0))
        middle, unit = (low, 1.0) if (low, high) == (0.0, 1.0) else ((low + high) / 2, (high - low) / 4)
        return [float(middle + unit * drawn[(first + i) % 4096]) for i in places]

    def _class(self, row: int) -> int:
        """One of two classes; of unlike sizes where the program makes up for that."""
        if self.rig.world.order == "class-ordered":
            return 2 * row // int(self.rig.world.samples) % 2
        return int(row % 4 == 3) if self._is_resampled else row % 2

    @functools.cached_property
    def _is_resampled(self) -> bool:
        return any(SAMPLERS.search(text) for text in self.texts)

    def _values_told(self, name: str, kind: str) -> list[Value]:
        """What a column holds by what the program compares it with; a lone number tells nothing of what is measured."""
        said = self._told.get(name, [])
        if not said or kind in ("text", "file", "date") or (kind == "number" and not _tell_classes(said)):
            return []
        if len(said) > 1:
            return said
        return [f"not {said[0]}" if isinstance(said[0], str) else int(not said[0]), said[0]]

    @functools.cached_property
    def _texts(self) -> set[str]:
        return set(re.findall(r"\[[\"'](\w+)[\"']\]\.str\.", "\n".join(self.texts)))


def _tell_classes(said: list[Value]) -> bool:
    return len(said) > 1 or isinstance(said[0], str)


class Located:
    """What `table.loc` gives: it has the columns that it is asked for."""

    def __init__(self, table: Any, places: Any) -> None:
        self.table, self.places = table, places

    def __getitem__(self, key: Any) -> Any:
        for name in _names(key[1:] if isinstance(key, tuple) else ()):
            self.table.ask(name)
        return self.places[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        try:
            self.places[key] = value
        except (
            TypeError
        ):  # pandas made whole numbers fractions when it was given some, before its third version
            wanted = [*_names(key[1:] if isinstance(key, tuple) else ())]
            for name in wanted:
                self.table[name] = self.table[name].astype(object if isinstance(value, str) else float)
            self.places[key] = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.places, name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.places(*arguments, **keywords)


def _table(frames: Frames, pandas: Any) -> Any:
    class Table(pandas.DataFrame):  # type: ignore[misc,unused-ignore]
        """A table that has what it is asked for."""

        _metadata: ClassVar[list[str]] = ["first_row"]  # what parts and copies keep
        first_row = 0

        @property
        def _constructor(self) -> Any:
            return Table

        def ask(self, name: Any) -> None:
            if isinstance(name, str) and name not in self.columns and len(self.columns) < MOST:
                super().__setitem__(name, frames.values(name, self.index, self.first_row))

        @property
        def loc(self) -> Any:
            return Located(self, super().loc)

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
