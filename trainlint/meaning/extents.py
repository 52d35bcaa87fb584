"""Between which numbers the inputs of a network lie, followed from where they are read, loaded or drawn.

Only operations are followed whose effect on the numbers is known: those that keep them, sums and products with
constants, known transforms. Behind all others nothing is known, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from typing import TYPE_CHECKING

from trainlint.meaning.arithmetic import is_within, numbers, operator_of, shifted
from trainlint.meaning.datasets import part
from trainlint.meaning.drawn import drawn, is_random
from trainlint.meaning.extent import Extent, picture
from trainlint.meaning.facts.columns import (
    ALTERING,
    ARRAYS,
    JOINING,
    KEEPING_FUNCTIONS,
    KEEPING_METHODS,
    LOADED,
    PICTURES,
    READING,
    SIDE_BY_SIDE,
    SWAPPING,
    TO_FLOATS,
)
from trainlint.meaning.loaders import Loader, loader
from trainlint.meaning.pixels import applied, by_function, picture_read, with_mode
from trainlint.meaning.raw_bytes import fetched_pictures, is_raw_pictures
from trainlint.meaning.raw_tables import is_by_columns, listed_columns, meant, raw_table, taken
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.scaling import is_written_as_float
from trainlint.meaning.tables import Tables
from trainlint.meaning.transforms import is_pipeline, pipelines
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    pass

_DEEPEST = 60
_MOST_PICTURES = 8  # of a list that are looked at
_QUIET_LAYERS = frozenset("Flatten Unflatten Identity Dropout Dropout2d MaxPool2d AvgPool2d Upsample".split())
_VISION = "torchvision.datasets."
_STACKING = frozenset("numpy.stack numpy.concatenate numpy.vstack torch.stack torch.cat".split())
_FUNCTIONS = ("torchvision.transforms.functional.", "torchvision.transforms.v2.functional.")


@dataclass(slots=True, eq=False)
class Extents:
    """Extents by value."""

    log: Tables
    known: dict[int, Extent | None] = field(default_factory=dict)
    held: list[Value] = field(default_factory=list)
    depth: int = 0

    def of(self, value: Value) -> Extent | None:
        """Between which numbers a value lies; None where that is not known."""
        if id(value) in self.known or self.depth > _DEEPEST:
            return self.known.get(id(value))
        self.known[id(value)] = None  # what is computed from itself is not known
        self.held.append(value)
        self.depth += 1
        found = self._filled(value, self._read(value))
        self.depth -= 1
        self.known[id(value)] = found
        return found

    def _filled(self, value: Value, found: Extent | None) -> Extent | None:
        """With the columns that were written into it later; None where it was written to as a whole."""
        fills = self.log.fills.get(id(value), ())
        for fill in fills if found is not None else ():
            if fill.column is None or found is None:
                return None
            new = self.of(fill.value)
            kept = tuple(c for c in found.columns if c.name != fill.column)
            added = tuple(replace(c, name=fill.column) for c in new.columns[:1]) if new is not None else ()
            found = replace(found, columns=kept + added, partly=True)
        return found

    def _read(self, value: Value) -> Extent | None:
        match value:
            case Choice():
                return self._alike(options(value))
            case Item(source=source, key=key):
                return self._item(value, source, key)
            case Member(receiver=receiver, name=name):
                return self._member(receiver, name)
            case Result():
                return self._result(value)
            case Instance(cls=External(name=name)) if name == "pandas.DataFrame":
                return self._frame(value)
            case Instance(cls=External(name=name), arguments=[first, *_]) if name in ALTERING:
                return self._pictures([first])  # `cv2.GaussianBlur` reads like a class
            case Sequence(items=items, element=element):
                return self._pictures([*items, *([element] if element is not None else [])])
        return None

    def _pictures(self, values: list[Value]) -> Extent | None:
        """What a list of pictures has in common."""
        found = self._alike(values[:_MOST_PICTURES]) if values else None
        return found if found is not None and found.of_pictures else None

    def _alike(self, values: list[Value]) -> Extent | None:
        """What all alternatives have in common."""
        found = [self.of(v) for v in values]
        first = found[0] if found else None
        same = all(f is not None and first is not None and f.columns == first.columns for f in found)
        if first is None or not same or any(f.bytes != first.bytes for f in found if f is not None):
            return None
        return replace(first, deep=any(f.deep for f in found if f is not None))

    # Parts

    def _item(self, value: Item, source: Value, key: Value | None) -> Extent | None:
        source = one(source)
        served = loader(source) if key is None else None
        if served is not None:
            return self.sample(served, None)  # the data set gives nothing but inputs
        if isinstance(source, Item) and source.key is None and key is not None:
            served = loader(source.source)
            if served is not None:
                return self.sample(served, constant(key))
        match source:
            case Result(callee=External(name=name), arguments=given) if name.endswith("train_test_split"):
                index = constant(key) if key is not None else None
                if not isinstance(index, int) or not 0 <= index < 2 * len(given):
                    return None
                return self.of(given[index // 2])
            case Result(callee=External(name=name)) if name in LOADED and constant(key or source) == 0:
                return raw_table(source)
            case Result(callee=callee) if (
                is_pipeline(callee) and key is not None and constant(key) == "image"
            ):
                return self.of(source)
            case External(name="numpy.c_") if key is not None:
                listed = one(key)
                made = self._joined(listed.items) if isinstance(listed, Sequence) else None
                return made.at(value.node) if made is not None else None
        fetched = fetched_pictures(source, key) if key is not None else None
        if fetched is not None:
            return picture(fetched, fetched.node)
        found = self.of(source)
        if found is None and key is not None:
            return meant(source, key)
        return taken(found, key) if found is not None and key is not None else found

    def sample(self, served: Loader, key: object) -> Extent | None:
        """What a loader gives under a key of its batches."""
        collate = served.argument("collate_fn")
        if served.open or (collate is not None and not is_none(collate)):
            return None
        data = one(part(served.dataset).data) if served.dataset is not None else None
        if SAMPLE in served.value.attributes:
            return self._own_sample(served.value.attributes[SAMPLE], key)
        match data:
            case Instance(cls=External(name=name), arguments=given) if name.endswith(".TensorDataset"):
                return self.of(given[key]) if isinstance(key, int) and key < len(given) else None
            case Instance(cls=External(name=name)) if name.startswith(_VISION) and key == 0:
                return self._shown(served, data) if name.rpartition(".")[2] in PICTURES else None
        return None

    def _own_sample(self, sample: Value, key: object) -> Extent | None:
        found = one(sample)
        match found:
            case Sequence(items=items, element=None) if isinstance(key, int) and key < len(items):
                return self.of(items[key])
            case Mapping(items=entries) if key in entries:
                return self.of(entries[key])
        return self.of(sample) if key is None else None

    def _shown(self, served: Loader, data: Instance) -> Extent | None:
        """A picture of torchvision's, behind its transforms."""
        through = pipelines(served)
        found: Extent | None = picture(data, data.node)
        for pipeline in through or ():
            found = applied(found, pipeline)
        return found if through and data.keywords.keys().isdisjoint(("transforms", "loader")) else None

    # Attributes

    def _member(self, receiver: Value, name: str) -> Extent | None:
        made = one(receiver)
        fetched = fetched_pictures(made, Constant(name))
        if fetched is not None:
            return picture(fetched, fetched.node)
        match made:
            case Result(callee=External(name=home)) if home in LOADED:
                return raw_table(made) if name in ("data", "frame") else None
            case Instance(cls=External(name=home)) if home.startswith(_VISION) and name in (
                "data",
                "train_data",
            ):
                return picture(made, made.node) if home.rpartition(".")[2] in ARRAYS else None
        if name in ("values", "data", "T", "iloc", "loc"):
            return self.of(receiver)
        found = self.of(receiver)
        return taken(found, Constant(name)) if found is not None and found.columns[0].name else None

    # Calls

    def _result(self, value: Result) -> Extent | None:
        computed = operator_of(value)
        if computed is not None:
            return self._computed(value, *computed)
        found = drawn(value)
        if found is not None:
            return found
        if is_pipeline(value.callee):
            given = value.arguments[0] if value.arguments else value.keywords.get("image")
            return applied(self.of(given), value.callee) if given is not None else None
        match value.callee:
            case External(name=name):
                return self._function(value, name)
            case Member(receiver=receiver, name=name):
                return self._method(value, receiver, name)
            case Instance(cls=External(name=name)) if name.rpartition(".")[2] in _QUIET_LAYERS:
                return self.of(value.arguments[0]) if value.arguments else None
        return None

    def _computed(self, value: Result, change: object, left: Value, right: Value) -> Extent | None:
        by_chance = left if is_random(right) else (right if is_random(left) else None)
        varied = self.of(by_chance) if by_chance is not None else None
        if varied is not None and varied.of_pictures:  # about where it was
            return replace(varied, bytes=False)
        by = numbers(right)
        found = self.of(left) if by is not None else self.of(right)
        by = by if by is not None else numbers(left)
        if found is None or by is None:
            return None
        return shifted(found, change, by, numbers(right) is None, value.node)  # type: ignore[arg-type]

    def _function(self, value: Result, name: str) -> Extent | None:
        if name in READING:
            return picture_read(value, name)
        if name == "cv2.cvtColor" and len(value.arguments) > 1:
            return self._recoloured(value)
        if name in ALTERING or name in _STACKING or is_within(value, self.of):
            found = self.of(value.arguments[0]) if value.arguments else None
            if found is not None and found.of_pictures:
                return found
        if name in LOADED or name == "pandas.read_csv":
            return raw_table(value)
        if name.startswith(_FUNCTIONS) and value.arguments:
            return by_function(self.of(value.arguments[0]), name, value)
        if name == "pandas.DataFrame":
            return self._frame(value)
        if name in SIDE_BY_SIDE or (name in JOINING and is_by_columns(value, name)):
            given = one(value.arguments[0]) if value.arguments else None
            items = given.items if isinstance(given, Sequence) and not given.open else ()
            found = self._joined(items)
            return found.at(value.node) if found is not None else None
        if name in KEEPING_FUNCTIONS and value.arguments:
            return self._kept(self.of(value.arguments[0]), value, name)
        return None

    def _recoloured(self, value: Result) -> Extent | None:
        found, code = self.of(value.arguments[0]), one(value.arguments[1])
        name = code.name.rpartition(".")[2] if isinstance(code, External) else ""
        if found is None:
            return None
        return found.swapped if name in SWAPPING else replace(found, order="") if name else None

    def _method(self, value: Result, receiver: Value, name: str) -> Extent | None:
        if name in ("reshape", "view") and is_raw_pictures(receiver, value):
            return picture(value, value.node)
        if name == "drop":
            found = self.of(receiver)
            left_out = listed_columns(
                value.keywords.get("columns", value.arguments[0] if value.arguments else value)
            )
            kept = tuple(c for c in found.columns if c.name not in left_out) if found is not None else ()
            return replace(found, columns=kept) if found is not None and kept else None
        if is_within(value, self.of):
            return self.of(receiver)
        return self._kept(self.of(receiver), value, name) if name in KEEPING_METHODS else None

    def _kept(self, found: Extent | None, value: Result, name: str) -> Extent | None:
        is_table = found is not None and not found.of_pictures
        if found is None or not found.bytes:
            return (
                found.at(value.node)
                if found is not None and is_table and name.startswith("torch.")
                else found
            )
        if name == "convert":
            return with_mode(found, value)
        kind = value.keywords.get("dtype")
        if kind is None and name in ("to", "astype", "type") and value.arguments:
            kind = value.arguments[0]
        if name in TO_FLOATS or is_written_as_float(kind):
            return replace(found, bytes=False, node=value.node)
        return found

    def _frame(self, value: Result | Instance) -> Extent | None:
        given = one(value.arguments[0]) if value.arguments else None
        if not isinstance(given, Mapping):
            return self.of(given) if given is not None else None
        found = {name: self.of(inner) for name, inner in given.items.items()}
        columns = [replace(e.columns[0], name=str(n)) for n, e in found.items() if e is not None]
        return (
            Extent(tuple(columns), value.node, source=value, partly=len(columns) < len(found))
            if columns
            else None
        )

    def _joined(self, parts: Iterable[Value]) -> Extent | None:
        """Columns side by side."""
        found = [self.of(p) for p in parts]
        known = [f for f in found if f is not None]
        if not known or len(known) < len(found) or any(f.of_pictures for f in known):
            return None
        columns = tuple(c for f in known for c in f.columns)
        return Extent(columns, known[0].node, source=known[0].source, partly=any(f.partly for f in known))
