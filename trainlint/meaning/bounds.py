"""Regression outputs that an activation keeps from reaching their targets."""

from __future__ import annotations

from trainlint.meaning.classes import output_width
from trainlint.meaning.dataflow import operands, peel
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.facts.operations import BOUNDED
from trainlint.meaning.kept_rows import least, named_column, tables_behind
from trainlint.meaning.objectives import Head, Objective
from trainlint.meaning.raw_tables import back_to_file, quantity
from trainlint.meaning.syntax import Node
from trainlint.meaning.targets import evident_range, origins
from trainlint.meaning.values import NONE, External, Instance, Item, Member, Result, Value, constant
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The last operation's bounds and what the targets need; `evident`: they leave the bounds for sure."""

    head: Head
    reach: str
    targets: str
    target_node: Node | None
    evident: bool
    raw: bool = False  # the targets are as a table has them: prices and counts are never negative


def bound(objective: Objective) -> Bound | None:
    heads = objective.all_heads(*BOUNDED)
    if not heads or len({h.operation for h in heads}) > 1 or not objective.learns:
        return None
    head = heads[0]
    if _is_of_one_output(objective, head):
        return Bound(head, "over one entry is always 1", "no other target can be reached", None, False)
    low, high = BOUNDED[head.operation]
    reach = "is never negative" if high > 1e9 else f"stays within {low:g} and {high:g}"
    known = evident_range(objective.target)
    if known is not None:
        if not objective.reaches_backward or _is_of_tests(objective, known.node):
            return None  # tried out on stand-ins: a test of shapes, a printed value
        slack = 1e-6 * max(1.0, abs(known.low), abs(known.high))
        if known.low < low - slack or known.high > high + slack:
            return Bound(head, reach, known.why, known.node, True)
        return None
    column = _column_of_quantities(objective) if high <= 1 and objective.reaches_backward else None
    if column is not None:
        how = "as the file has it" if column.by == 1 else f"divided by {column.by:g}, and still far beyond"
        return Bound(head, reach, f"the targets are the column `{column.key}` {how}", column.node, True)
    kept = _rows_kept_above(objective, high) if high <= 1 and objective.reaches_backward else None
    if kept is not None:
        return Bound(head, reach, f"no target is below {kept[0]:g}", kept[1], True)
    if head.operation != "relu" or not _on_vectors(head) or _is_known_non_negative(objective):
        return None
    if not objective.reaches_backward and objective.program.backwards:
        return None  # a number that is only kept beside the one that trains
    return Bound(
        head, reach, "a target below zero can never be reached", None, False, _is_raw_of_a_table(objective)
    )


def _is_of_tests(objective: Objective, targets: Node | None) -> bool:
    """Whether the targets are made up in a test of what other files train: they show nothing of the real ones."""
    made, trained = (n.unit.file if n is not None else None for n in (targets, objective.node))
    is_test = objective.program.reading.project.is_test
    return made is not None and trained is not None and is_test(made) and not is_test(trained)


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    key: str
    node: Node | None
    by: float = 1.0  # what it is divided by on its way


def _column_of_quantities(objective: Objective) -> _Raw | None:
    """The column of a file that the targets are, where nothing was written into it and its name is one of quantities."""
    found = None
    for origin in origins(objective.target):
        column = _undivided(origin)
        taken = named_column(column[0]) if column is not None else None
        if column is None or taken is None:
            return None
        table, key = taken
        name = quantity(table, key, column[1])
        if name is None or any(_is_written(objective, rows, name) for rows in back_to_file(table)):
            return None
        found = _Raw(name, column[0].node if isinstance(column[0], (Item, Member)) else None, column[1])
    return found


def _undivided(origin: Value) -> tuple[Value, float] | None:
    """A target as it was before numbers of the code divided it, and their product."""
    by = 1.0
    for _ in range(4):
        match origin:
            case Result(
                callee=External(name="operator./" | "torch.div" | "numpy.divide"), arguments=[whole, part]
            ):
                number = constant(part)
            case Result(callee=Member(receiver=whole, name="div" | "divide" | "div_"), arguments=[part]):
                number = constant(part)
            case Result(callee=External(name="operator.*"), arguments=[whole, part]):
                number = constant(part)
                number = 1 / number if type(number) in (int, float) and number else None
            case _:
                return origin, by
        before = origins(whole)
        if type(number) not in (int, float) or number <= 0 or len(before) != 1:
            return None
        origin, by = before[0], by * number
    return None


def _rows_kept_above(objective: Objective, high: float) -> tuple[float, Node | None] | None:
    """The number beyond the reach below which no row was kept, where nothing was written into the column since."""
    found = None
    for origin in origins(objective.target):
        lowest = least(origin)
        if lowest is None or lowest <= high or not isinstance(origin, (Item, Member)):
            return None
        table = origin.source if isinstance(origin, Item) else origin.receiver
        name = (
            str(constant(origin.key))
            if isinstance(origin, Item) and origin.key
            else getattr(origin, "name", "")
        )
        if any(_is_written(objective, rows, name) for rows in tables_behind(table)):
            return None
        found = (lowest, origin.node) if found is None or lowest < found[0] else found
    return found


def _is_raw_of_a_table(objective: Objective) -> bool:
    """Whether no arithmetic has made the targets out of the file that they were read from."""
    read = [table for origin in origins(objective.target) for table in [*back_to_file(_whole(origin))][-1:]]
    return bool(read) and all(
        isinstance(r, Result) and isinstance(r.callee, External) and r.callee.name.startswith("pandas.read_")
        for r in read
    )


def _whole(column: Value) -> Value:
    """The table that a column was taken of by its name."""
    named = named_column(column)
    return named[0] if named is not None else column


def _is_written(objective: Objective, table: Value, name: str) -> bool:
    fills = objective.program.reading.tables.fills.get(id(table), ())
    return any(fill.column in (None, name) for fill in fills)


def _is_of_one_output(objective: Objective, head: Head) -> bool:
    """Whether a softmax goes over the one output of the last linear layer: what it gives does not depend on the input."""
    if head.operation != "softmax" or not isinstance(head.value, Result):
        return False
    if output_width(objective.prediction) != 1 or not objective.reaches_backward:
        return False
    call = head.layer if head.layer is not None else head.value
    given = call.keywords.get("dim")
    if given is None:
        position = 0 if head.layer is not None or isinstance(head.value.callee, Member) else 1
        given = call.arguments[position] if len(call.arguments) > position else NONE
    return constant(given) in (1, -1, None)  # left out, it is the one behind the batch's


def _on_vectors(head: Head) -> bool:
    """Whether the activation sits on a linear layer of few outputs: images have pixels, which are not negative."""
    if not isinstance(head.value, Result):
        return False
    return any(_is_linear(inner) for source in operands(head.value)[:1] for inner in peel(source))


def _is_linear(value: Value) -> bool:
    callee = value.callee if isinstance(value, Result) else None
    return (
        isinstance(callee, Instance)
        and isinstance(callee.cls, External)
        and layer_name(callee.cls.name) in ("Linear", "LazyLinear")
    )


_NON_NEGATIVE = (
    "depth", "count", "counts", "distance", "price", "prices", "age", "heatmap", "heatmaps", "density", "rating", "ratings",
    "demand", "sales", "disparity", "duration", "speed", "cnt", "quantity", "qty", "rentals", "revenue", "income", "salary",
    "visits", "clicks", "latency", "rainfall", "precipitation", "MinMaxScaler", "autoencoder", "AutoEncoder", "Autoencoder",
    "decoder", "reconstruction", "recon",
)  # fmt: skip


def _is_known_non_negative(objective: Objective) -> bool:
    """A weak hint by words: where a guess at the target's sign is wrong, nothing is said."""
    return objective.program.mentions(*_NON_NEGATIVE)
