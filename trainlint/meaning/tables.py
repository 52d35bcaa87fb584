"""What the interpreter notes about tables while it runs: calls of interest, parts taken, columns written.

Values form a graph that never changes, tables do. So every store into one is noted with the step at which it
happened, and a later reader counts those that came before it.
"""

from __future__ import annotations

from dataclasses import field

from trainlint.meaning.facts.tables import (
    CROSS_VALIDATION,
    FITTING_FUNCTIONS,
    NOTED_METHODS,
    PARTING,
    SPLIT,
    VOCABULARIES,
)
from trainlint.meaning.values import (
    MISSING,
    Class,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

MOST = 4_000  # entries of a log; what is longer is no script of a person
_MOST_STEPS = 8  # of a dictionary of data sets: `map`, `filter`, `with_format`
_ROWS_AND_COLUMNS = frozenset(("loc", "iloc", "at", "iat"))
_NOTED_FUNCTIONS = frozenset((*PARTING, *FITTING_FUNCTIONS, *VOCABULARIES))
_BY_LAST_WORD = frozenset((SPLIT, *CROSS_VALIDATION))


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """`table[column] = value`: from this step on, the table holds it. `column` None: which one is not known."""

    at: int
    column: str | None
    value: Value


@dataclass(slots=True, eq=False)
class Tables:
    """The log of one reading."""

    wanted: bool = False  # whether a file of the program speaks of tables at all
    calls: list[Result] = field(default_factory=list)
    parts: list[Item] = field(default_factory=list)
    taken: dict[int, list[Item]] = field(
        default_factory=dict
    )  # what is read of a split's parts, by the split
    fills: dict[int, list[Fill]] = field(default_factory=dict)
    inner: dict[int, Value] = field(
        default_factory=dict
    )  # what `table.apply(f)` makes of a column, by the call
    held: list[Value] = field(
        default_factory=list
    )  # what has fills stays alive, so that its id stays its own

    def note_call(self, result: Result, name: str, at: int) -> None:
        """A call that was not followed, by its last word or its whole dotted name."""
        if not self.wanted:
            return
        result.at = at
        known = name in NOTED_METHODS or name in _NOTED_FUNCTIONS or name.rpartition(".")[2] in _BY_LAST_WORD
        if known and len(self.calls) < MOST:
            self.calls.append(result)
        receiver = result.callee.receiver if type(result.callee) is Member else None
        if receiver is not None and constant(result.keywords.get("inplace", result.callee)) is True:
            self.note_fill(receiver, None, result, at)

    def note_part(self, item: Item, at: int) -> None:
        if not self.wanted:
            return
        item.at = at
        source = item.source
        if type(source) is Result and type(item.key) is Constant and type(source.callee) is External:
            if source.callee.name.endswith(f".{SPLIT}"):
                self.taken.setdefault(id(source), []).append(item)
        if type(item.key) is Constant and item.key.value in ("train", "test"):
            split = _split_of_datasets(source)
            if split is not None:
                self.taken.setdefault(id(split), []).append(item)
        if type(item.key) not in (Constant, type(None)) and len(self.parts) < MOST:
            self.parts.append(item)

    def note_taken(self, made: Instance, at: int) -> None:
        """`Subset(data, indices)`, and a loader whose sampler draws from some indices only, as parts of the data."""
        name = made.cls.name.rpartition(".")[2] if isinstance(made.cls, External) else ""
        data = made.arguments[0] if made.arguments else made.keywords.get("dataset")
        indices = None
        if name == "Subset":
            indices = passed(made, 1, "indices")
        elif name == "DataLoader" and "sampler" in made.keywords:
            sampler = one(made.keywords["sampler"])
            if isinstance(sampler, Instance) and isinstance(sampler.cls, External):
                picks = sampler.cls.name.endswith(".SubsetRandomSampler")
                indices = (
                    sampler.arguments[0] if picks and sampler.arguments else sampler.keywords.get("indices")
                )
        if data is not None and indices is not None:
            self.note_part(Item(data, indices, made.node), at)

    def note_fill(self, holder: Value, key: Value | None, value: Value, at: int) -> None:
        """`holder[key] = value`, also through `loc`, a column or a part of it."""
        if not self.wanted:
            return
        column = column_of(key)
        for option in options(holder):
            match option:
                case Member(receiver=receiver, name=name) if name in _ROWS_AND_COLUMNS:
                    second = key.items[1] if isinstance(key, Sequence) and len(key.items) == 2 else None
                    self.note_fill(receiver, second, value, at)
                case Member(receiver=receiver, name=name):
                    self.note_fill(receiver, Constant(name), value, at)
                case Item(source=source, key=Constant() as inner) if column_of(inner) is not None:
                    # A column shows the table's own; `table[["a"]]` is a copy.
                    self.note_fill(source, inner, value, at)
                case Constant() | Instance(cls=Class()):
                    pass
                case _:
                    self.held.append(option)
                    self.fills.setdefault(id(option), []).append(Fill(at, column, value))


def _split_of_datasets(parts: Value) -> Result | None:
    """The call of Hugging Face's datasets that made a dictionary of parts: `data.train_test_split(...).map(f)`."""
    for _ in range(_MOST_STEPS):
        match one(parts):
            case Result(callee=Member(receiver=receiver, name=name)) as call:
                if name == SPLIT:
                    return call
                parts = receiver
            case _:
                return None
    return None


def column_of(key: Value | None) -> str | None:
    """The one column that a key names."""
    if isinstance(key, Sequence) and len(key.items) == 1:
        key = key.items[0]
    found = constant(key) if key is not None else MISSING
    return found if isinstance(found, str) else None
