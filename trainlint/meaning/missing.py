"""Empty cells on their way to a model: where they come from, and whether anything takes them away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.missing import (
    BRINGING,
    JOINING,
    KNOWN,
    NOT_KNOWN,
    ONE_SIDED,
    PLAIN,
    TAKING_AWAY,
    WINDOWS,
    WORDS,
)
from trainlint.meaning.facts.tables import COUNTS, NOT_ROWS, SAME_ROWS, SPLIT, STATISTICS
from trainlint.meaning.parted import names_columns
from trainlint.meaning.shaped import View
from trainlint.meaning.tables import Tables, column_of
from trainlint.meaning.transformers import has_kind
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
    Unknown,
    Value,
    called,
    constant,
    is_slice,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

_DEEPEST = 80
_FOLLOWED = ("numpy.", "pandas.", "torch.", "builtins.", "operator.", "sklearn.")


@dataclass(frozen=True, slots=True)
class Gap:
    """Cells that are empty: what brought them, and in which column where it is known."""

    node: s.Node
    column: str | None = None
    perhaps: bool = False  # a join that finds a partner for every row leaves none


Gaps = frozenset[Gap]
NONE_MISSING: Gaps = frozenset()


@dataclass(slots=True, eq=False)
class Search:
    """Looks for gaps in values, with the log of what was written into tables."""

    log: Tables
    known: dict[tuple[int, View], Gaps] = field(default_factory=dict)
    counted: dict[int, Gaps] = field(default_factory=dict)  # by the file that was read
    depth: int = 0

    def gaps(self, value: Value, view: View) -> Gaps:
        key = (id(value), view)
        if key in self.known or self.depth > _DEEPEST:
            return self.known.get(key, NONE_MISSING)
        self.known[key] = NONE_MISSING
        self.depth += 1
        found = self._filled(value, view, self._read(value, view))
        self.depth -= 1
        self.known[key] = frozenset(gap for gap in found if view.shows(gap.column))
        return self.known[key]

    def _filled(self, value: Value, view: View, found: Gaps) -> Gaps:
        """What stores have made of it by then, one after the other."""
        for fill in self.log.fills.get(id(value), ()):
            if fill.at > view.at or not view.shows(fill.column):
                continue
            if fill.column is None:
                if not self.gaps(fill.value, View(fill.at)):
                    found = NONE_MISSING  # `table.loc[empty] = ...`: nobody can say that they still are
                continue
            brought = self.gaps(fill.value, View(fill.at))
            found = frozenset(gap for gap in found if gap.column != fill.column)
            found |= {Gap(gap.node, fill.column, gap.perhaps) for gap in brought}
        return found

    def _read(self, value: Value, view: View) -> Gaps:
        match value:
            case Result():
                return self._result(value, view.by(value.at))
            case Item(source=source, key=key) if key is not None:
                return self._item(one(source), one(key), view.by(value.at))
            case Choice():
                each = [self.gaps(option, view) for option in options(value)]
                return NONE_MISSING.union(*each) if each and all(each) else NONE_MISSING
            case Member(receiver=receiver, name=name):
                if name in NOT_ROWS:
                    return NONE_MISSING
                return self.gaps(receiver, view if name in SAME_ROWS else view.of(name))
            case Sequence(items=items, open=False, element=None):
                return self.all(items, view)
            case Mapping(items=entries, open=False):
                return self.all(entries.values(), view)
            case Instance(cls=External(), arguments=arguments):
                return self.all(arguments, View(view.at))
        return NONE_MISSING

    def all(self, values: Iterable[Value], view: View) -> Gaps:
        return NONE_MISSING.union(*(self.gaps(value, view) for value in values))

    def _item(self, source: Value, key: Value, view: View) -> Gaps:
        match key:
            case Constant(value=int() as index) if isinstance(source, Result):
                if isinstance(source.callee, External) and source.callee.name.endswith(SPLIT):
                    given = source.arguments[index // 2 : index // 2 + 1]
                    return self.all(given, view.by(source.at))
                return NONE_MISSING
            case Sequence(kind="tuple", items=(rows, columns)):
                if not _keeps_first(one(rows)):
                    return NONE_MISSING
                return self._columns(source, one(columns), view)
        if names_columns(key):
            return self._columns(source, key, view)
        return self.gaps(source, view) if _keeps_first(key) else NONE_MISSING

    def _columns(self, source: Value, key: Value, view: View) -> Gaps:
        names = [column_of(item) for item in key.items] if isinstance(key, Sequence) else [column_of(key)]
        if None not in names:
            return NONE_MISSING.union(*(self.gaps(source, view.of(name)) for name in names))
        if is_slice(key):  # `[:, :-1]`: all columns but some at an end
            return self.gaps(source, view)
        return NONE_MISSING  # some columns, nobody knows which

    def _result(self, value: Result, view: View) -> Gaps:
        if called(value) in TAKING_AWAY or value.node is None:
            return NONE_MISSING
        match value.callee:
            case External(name=name):
                return self._function(value, name, view)
            case Member(receiver=receiver, name=name):
                return self._method(value, receiver, name, view)
        return NONE_MISSING

    def _function(self, value: Result, name: str, view: View) -> Gaps:
        assert value.node is not None
        if name in KNOWN and (known := _known(value, name)):
            return known
        if id(value) in self.counted:
            return self.counted[id(value)]
        if name in _TO_CATEGORIES:
            return NONE_MISSING
        if name == "pandas.get_dummies":
            return self._encoded(value, view)
        last = name.rpartition(".")[2]
        if last in COUNTS or last in STATISTICS or not name.startswith(_FOLLOWED):
            return NONE_MISSING
        found = self.all(value.arguments, view)
        if name == "pandas.to_numeric" and constant(value.keywords.get("errors", value)) == "coerce":
            return found | {Gap(value.node, perhaps=True)}
        if last in JOINING and constant(value.keywords.get("how", value)) in ONE_SIDED:
            return found | {Gap(value.node, perhaps=True)}
        return found

    def _encoded(self, value: Result, view: View) -> Gaps:
        """`pd.get_dummies(frame, columns=["port"])` leaves the other columns as they are; of words it takes all."""
        frame = one(value.arguments[0]) if value.arguments else None
        if frame is None or isinstance(frame, Member):
            return NONE_MISSING
        if isinstance(frame, Item) and column_of(one(frame.key or frame)) is not None:
            return NONE_MISSING  # one column, which is encoded whatever it holds
        named = passed(value, 4, "columns")
        if named is None:
            return frozenset(gap for gap in self.gaps(frame, view) if gap.column not in WORDS)
        gone = _names(named)
        return self.gaps(frame, view.less(gone)) if gone else NONE_MISSING

    def _method(self, value: Result, receiver: Value, name: str, view: View) -> Gaps:
        assert value.node is not None
        if name in BRINGING and not {"fill_value", "method"} & value.keywords.keys():
            if name == "reindex" or _is_windowed_or_plain(receiver):
                return frozenset({Gap(value.node, perhaps=name == "reindex")})
            return NONE_MISSING
        if name in STATISTICS or name in COUNTS:
            return frozenset({Gap(value.node)}) if _is_rolling(receiver) else NONE_MISSING
        if name in JOINING:
            if name == "join" and not _joins_tables(value, receiver):
                return NONE_MISSING
            how = constant(value.keywords.get("how", Constant("left" if name == "join" else "inner")))
            own = self.all([receiver, *value.arguments[:1]], view)
            return own | {Gap(value.node, perhaps=True)} if how in ONE_SIDED else own
        if name in ("transform", "fit_transform") and value.arguments:
            if has_kind(receiver, "imputer") is not False:
                return NONE_MISSING
            return self.gaps(value.arguments[0], view)
        if name == "astype" and value.arguments and _is_of_words(one(value.arguments[0])):
            return NONE_MISSING
        if name == "drop":
            named = value.keywords.get("columns") or (value.arguments[0] if value.arguments else None)
            gone = _names(named)
            return self.gaps(receiver, view.less(gone)) if gone else NONE_MISSING
        return self.gaps(receiver, view)


def _joins_tables(value: Result, receiver: Value) -> bool:
    """Whether `join` is that of a table: a text joins the texts of one list, a thread or a queue is waited for."""
    if _TABLE_KEYWORDS & value.keywords.keys():
        return True
    return any(_is_of_pandas(v) for given in (receiver, *value.arguments[:1]) for v in walk(given))


def _is_of_pandas(value: Value) -> bool:
    match value:
        case Result(callee=External(name=name)) | Instance(cls=External(name=name)):
            return name.startswith("pandas.")
    return False


_TABLE_KEYWORDS = frozenset("on how other lsuffix rsuffix sort validate".split())
_TO_CATEGORIES = frozenset("pandas.cut pandas.qcut pandas.Categorical pandas.factorize".split())


def _is_of_words(kind: Value) -> bool:
    """Whether a type is that of words or categories: no number is missing there."""
    match kind:
        case Constant(value=str(name)):
            return name in ("category", "str", "string", "object", "O")
        case External(name=name):
            return name.endswith((".str", ".object", "CategoricalDtype"))
    return False


def _names(named: Value | None) -> frozenset[str]:
    inner = one(named) if named is not None else None
    items = inner.items if isinstance(inner, Sequence) else (named,) if named is not None else ()
    known = [constant(item) for item in items]
    return frozenset(str(name) for name in known) if all(isinstance(n, str) for n in known) else frozenset()


def _keeps_first(key: Value) -> bool:
    """Whether a key takes rows from the first one on: a mask or a later start may leave the empty ones out."""
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, _, step)):
            first = one(lower)
            whole = constant(lower) in (None, 0) or (isinstance(first, Unknown) and first.reason == "index")
            return whole and constant(step) in (None, 1)
        case Unknown(reason="index"):  # one sample after the other
            return True
    return False


def _is_rolling(value: Value) -> bool:
    match one(value):
        case Result(callee=Member(name=name), keywords=keywords) if name in WINDOWS:
            return name == "rolling" and "min_periods" not in keywords
        case Item(source=source):
            return _is_rolling(source)
    return False


def _is_windowed_or_plain(value: Value) -> bool:
    """A column, a table or their groups: what `shift` moves."""
    return isinstance(one(value), (Item, Member, Result))


def _known(value: Result, loader: str) -> Gaps:
    """The columns of a table that everybody knows to have empty cells."""
    named = constant(value.arguments[0]) if value.arguments else None
    if not isinstance(named, str) or value.node is None:
        return NONE_MISSING
    if value.keywords.keys() & {"na_values", "keep_default_na", "na_filter", "converters"}:
        return NONE_MISSING
    word = next((word for word in KNOWN[loader] if word in named.lower()), None)
    if word is None or any(other in named.lower() for other in NOT_KNOWN) or not _is_itself(named, word):
        return NONE_MISSING
    return frozenset(Gap(value.node, column) for column in KNOWN[loader][word])


def _is_itself(path: str, word: str) -> bool:
    """Whether a file goes by the name alone: `titanic/train.csv`, and not the third of some copies, `titanic.3.csv`."""
    file = path.lower().replace("\\", "/").rpartition("/")[2]
    words = re.split(r"[^a-z0-9]+", file.replace(word, " "))
    return all(not part or part in PLAIN for part in words)
