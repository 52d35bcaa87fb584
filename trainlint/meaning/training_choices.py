"""Choices that go by the training loss, in runs that measure validation data as they train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.claims import says_held_out, says_training
from trainlint.meaning.decisions import Decision, Kind, place_of
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.monitors import monitors
from trainlint.meaning.purposes import validations
from trainlint.meaning.schedules import is_reinforcement
from trainlint.meaning.syntax import Node, names_in
from trainlint.meaning.trained_losses import trained_losses
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class TrainingChoice:
    """A choice by the training loss, and the evaluation that it does not ask."""

    kind: Kind
    node: Node
    evaluated: Node


def training_choices(program: Program) -> list[TrainingChoice]:
    if is_reinforcement(program):
        return []
    found: dict[int, TrainingChoice] = {}
    measured = validations(program)
    for decision in program.decisions if measured else ():
        beside = [e for e in measured if _is_beside(decision, e)]
        if beside and _is_by_training(program, decision):
            place = place_of(decision, trained_losses(program))
            found.setdefault(id(place), TrainingChoice(decision.kind, place, beside[0].loop_node))
    kept = [c for c in found.values() if c.kind != "stop"] or list(found.values())
    return [*kept, *_by_monitors(program)]


def _is_by_training(program: Program, decision: Decision) -> bool:
    """Whether the training loss decides and nothing else that is measured has a say."""
    reached = set(decision.behind)
    losses = trained_losses(program)
    if losses.isdisjoint(reached) or not _scores(program).isdisjoint(reached) or _speaks_of_others(decision):
        return False
    if decision.is_handed:
        return decision.kind != "keep"
    return decision.is_by_progress(losses)


def _scores(program: Program) -> set[int]:
    evaluated = (*program.evaluations, *program.held_out)
    return {id(e.event.value) for e in evaluated if e.event.value is not None}


def _speaks_of_others(decision: Decision) -> bool:
    """Whether a condition around a choice names held-out data: of one loop that trains and validates by turns."""
    tests = [r.test for r in decision.region.ancestors() if r.kind == "arm" and r.test is not None]
    return any(says_held_out(name.id) for test in tests for name in names_in(test))


def _is_beside(decision: Decision, evaluation: Evaluation) -> bool:
    """Whether one round of a loop around the choice evaluates as well."""
    return any(evaluation.event.region.inside(loop) for loop in enclosing_loops(decision.region))


def _by_monitors(program: Program) -> list[TrainingChoice]:
    """`ModelCheckpoint(monitor="train_loss")` of a Lightning module that validates."""
    return [
        TrainingChoice(monitor.kind, monitor.node, monitor.validated)
        for monitor in monitors(program)
        if monitor.validated is not None and (says_training(monitor.name) or monitor.is_of_training)
    ]
