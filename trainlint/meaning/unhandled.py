"""Models that are given tables with empty cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.counted_gaps import counted_gaps
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.missing import REFUSING, TENSORS
from trainlint.meaning.missing import Gap, Search
from trainlint.meaning.place import Change, insert_after
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.shaped import View
from trainlint.meaning.transformers import fitted_object, kind_of, made_by, parts_of
from trainlint.meaning.values import External, Instance, Item, Member, Result, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Unhandled:
    """A gap and the call that takes it to the model. `raises`: the model refuses it, instead of learning nothing."""

    gap: Gap
    sink: Result
    raises: bool

    @property
    def node(self) -> s.Node:
        return self.gap.node

    @property
    def is_counted(self) -> bool:
        """Whether the place only counts the cells, which a file holds."""
        called = self.node.function if isinstance(self.node, s.Call) else None
        return isinstance(called, s.Attribute) and called.name in ("isnull", "isna")

    @property
    def sink_node(self) -> s.Node:
        assert self.sink.node is not None
        return self.sink.node

    @property
    def edits(self) -> list[Change]:
        """Rows with an empty cell left out, right behind the statement that brings them."""
        for statement in s.nodes_in(self.node.unit.body):
            match statement:
                case s.Assign(targets=(s.Subscript(value=s.Name(id=table)),), value=value) if (
                    value is not None and self._is_in(value)
                ):
                    return [insert_after(statement, f"{table} = {table}.dropna()")]
        return []

    def _is_in(self, value: s.Expression) -> bool:
        return value.cst is self.node.cst


def unhandled(program: Program) -> list[Unhandled]:
    """One for each place that brings empty cells."""
    search = Search(program.reading.tables, counted=counted_gaps(program))
    found: dict[int, Unhandled] = {}
    for sink, raises in (*_refusing(program), *_trained(program)):
        for gap in sorted(search.gaps(sink.arguments[0], View(sink.at)), key=lambda gap: gap.column or ""):
            if not (gap.perhaps and raises):  # whoever runs it is told, if there is one
                found.setdefault(id(gap.node.cst), Unhandled(gap, sink, raises))
    return list(found.values())


def _refusing(program: Program) -> Iterator[tuple[Result, bool]]:
    """`LinearRegression().fit(x, y)`"""
    for call in program.reading.tables.calls:
        if isinstance(call.callee, Member) and call.callee.name == "fit" and call.arguments and call.node:
            if _refuses(fitted_object(call.callee.receiver)):
                yield call, True


def _refuses(model: Value) -> bool:
    """Whether an estimator raises on an empty cell; of a pipeline the last, behind steps that fill none."""
    made = made_by(model) or ""
    name = made.rpartition(".")[2]
    if made.startswith("sklearn.") and name in ("Pipeline", "make_pipeline"):
        *before, last = parts_of(model) or [model]
        return last is not model and _refuses(one(last)) and all(kind_of(p) == "scaler" for p in before)
    return made.startswith("sklearn.") and name in REFUSING


def _trained(program: Program) -> Iterator[tuple[Result, bool]]:
    """Tensors made of tables that a backward pass goes through."""
    seen: set[int] = set()
    for event in program.backwards:
        for value in walk(event.value or event.target):
            for inner in (value, *_sampled(value)):
                if isinstance(inner, Result) and id(inner) not in seen and _makes_tensor(inner):
                    seen.add(id(inner))
                    yield inner, False


def _makes_tensor(value: Result) -> bool:
    named = isinstance(value.callee, External) and value.callee.name in TENSORS
    return named and bool(value.arguments) and value.node is not None


def _sampled(value: Value) -> Iterator[Value]:
    """What a sample of the project's own data set is taken from: of a loader, all samples from the first one on."""
    if isinstance(value, Instance) and SAMPLE in value.attributes:
        yield from walk(value.attributes[SAMPLE], lambda inner: not _starts_later(inner))


def _starts_later(value: Value) -> bool:
    """`self.x[i + 20]`: the first rows, which a window leaves empty, are never asked for."""
    match value:
        case Item(key=key) if key is not None:
            match one(key):
                case Result(callee=External(name="operator.+")):
                    return True
                case Result(callee=External(name="builtins.slice"), arguments=(lower, *_)):
                    return isinstance(one(lower), Result)
    return False
