"""Statistics that a program takes by hand of the rows that train a network, and once more of those that judge it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.meaning.overlaps import served_to
from trainlint.meaning.purposes import TEST, VALIDATION, purpose_of
from trainlint.meaning.rows import covers
from trainlint.meaning.shaped import Fit, Table, View
from trainlint.meaning.splits import Split, splits, uses
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Value

if TYPE_CHECKING:
    from trainlint.meaning.evaluation import Evaluation
    from trainlint.meaning.program import Program

_AT_LAST = 1 << 60  # later than any step of the interpreter
_CENTRES = frozenset("mean nanmean average std nanstd var median".split())
_BOUNDS = frozenset("min max amin amax ptp nanmin nanmax".split())


def measured_anew(program: Program) -> Iterator[tuple[Fit, Fit]]:
    """`net(scale(x_train))` is trained and `net(scale(x_test))` judged, each by the mean that `scale` takes of it.

    What is taken in a loop, or for one sample, is the measure of a batch, a recording or a picture of its own.
    """
    learnt = [fit for fit in program.trained_fits if _is_measure(fit)]
    if not learnt:
        return
    divided, said = splits(program.table_reader), set[int]()
    for evaluation in (*program.evaluations, *program.held_out):
        if not evaluation.judged or evaluation.of_training or not _is_said(program, evaluation):
            continue
        judged = _judged(program, evaluation)
        other = [fit for fit in judged.fits if _is_measure(fit) and fit not in learnt]
        for fit in sorted(other, key=lambda fit: fit.at):
            first = next((f for f in learnt if f not in judged.fits and _is_twin(f, fit, divided)), None)
            if first is not None:
                mine, theirs = _placed(fit, first)
                if id(mine.node.cst) not in said:
                    said.add(id(mine.node.cst))
                    yield mine, theirs
                break  # of a mean and a deviation it is said once


def _is_said(program: Program, evaluation: Evaluation) -> bool:
    return purpose_of(program, evaluation) in (VALIDATION, TEST)


def trained_fits(program: Program) -> Iterator[Fit]:
    """All that shaped what networks and estimators learn from."""
    reader = program.table_reader
    tables = (*_trained(program), *(use.table for use in uses(reader) if use.trains))
    yield from dict.fromkeys(fit for table in tables for fit in sorted(table.fits, key=lambda fit: fit.at))


def _trained(program: Program) -> Iterator[Table]:
    used = program.used_by_backwards
    for event in program.events("forward"):
        if id(event.value) in used:
            yield _table(program, event.inputs)
    for training in program.training_loaders:
        if training.loader.dataset is not None:
            yield _table(program, [training.loader.dataset])


def _judged(program: Program, evaluation: Evaluation) -> Table:
    served = [loader.dataset for loader in served_to(evaluation.event) if loader.dataset is not None]
    return _table(program, served or evaluation.event.inputs)


def _table(program: Program, values: Iterable[Value]) -> Table:
    return program.table_reader.union(values, View(_AT_LAST))


def _is_measure(fit: Fit) -> bool:
    """Whether a statistic is of rows as a whole, taken once: of bounds only those of each column, as pictures have none."""
    if not fit.by_hand or not isinstance(fit.region, Region) or not fit.rows:
        return False
    if fit.kind not in _CENTRES and not (fit.kind in _BOUNDS and _is_of_columns(fit.node)):
        return False
    regions = list(fit.region.ancestors())
    if any(r.kind == "arm" or (r.kind == "loop" and not r.unrolled) for r in regions):
        return False
    return not any(r.function is not None and r.function.name in _OF_A_SAMPLE for r in regions)


_OF_A_SAMPLE = ("__getitem__", "__iter__", "__next__", "forward", "collate_fn")


def _is_of_columns(node: Node) -> bool:
    given = node.arguments if isinstance(node, Call) else ()
    return any(argument.keyword in ("axis", "dim") for argument in given)


def _is_twin(first: Fit, fit: Fit, divided: list[Split]) -> bool:
    """Whether the same statistic is taken of other rows: by the same code, or by code of the same kind."""
    if first.kind != fit.kind or first.at >= fit.at:
        return False
    if any(covers(split.test, fit.rows) and covers(split.train, first.rows) for split in divided):
        return True
    apart = not {origin for origin, _ in fit.rows} & {origin for origin, _ in first.rows}
    return apart and first.node.cst is fit.node.cst


def _placed(fit: Fit, first: Fit) -> tuple[Fit, Fit]:
    """Both at the calls in which they part, where one function takes the statistic of either."""
    if fit.node.cst is not first.node.cst:
        return fit, first
    calls, others = _calls(fit), _calls(first)
    for mine, other in zip(calls, others, strict=False):
        if mine.cst is not other.cst:
            return replace(fit, node=mine), replace(first, node=other)
    return fit, first


def _calls(fit: Fit) -> list[Node]:
    """The calls that lead to a statistic, innermost first."""
    assert isinstance(fit.region, Region)
    return [r.node for r in fit.region.ancestors() if r.kind == "call" and r.node is not None]
