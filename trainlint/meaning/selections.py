"""Choices that a run makes by the score of its test data: which weights to keep, when to lower the rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.claims import name_given, says_test, says_validation
from trainlint.meaning.dataflow import walk
from trainlint.meaning.datasets import part_of
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.loaders import Loader
from trainlint.meaning.overlaps import names_in, served_to
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import External, Instance, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A choice, and the evaluation of test data whose score it goes by."""

    node: Node  # of the choice
    what: str
    name: str  # of what is evaluated
    data: str  # the class of the data set, "" where it is not seen
    evaluated: Node


def selections(program: Program) -> list[Selection]:
    found: dict[int, Selection] = {}
    tested = [(e, loader) for e in program.evaluations for loader in _tested(program, e)]
    for event, what, values in _choices(program) if tested else ():
        reached = {id(inner) for value in values for inner in walk(value)}
        behind = [
            e for e in program.evaluations if e.event.value is not None and id(e.event.value) in reached
        ]
        by_test = [(e, loader) for e, loader in tested if any(e is b for b in behind)]
        if not by_test or len(by_test) < len(behind) or _is_trained_through(program, reached):
            continue
        evaluation, loader = by_test[0]
        if _serves_as_validation(event, evaluation):
            continue
        name = name_given(loader.node) if loader.node is not None else ""
        chosen = Selection(event.node, what, name, _kind(loader), evaluation.loop_node)
        found.setdefault(id(loader.value), chosen)
    return list(found.values())


def _tested(program: Program, evaluation: Evaluation) -> Iterator[Loader]:
    """The loader of an evaluation, where all that it is called says test, and no training goes on with it."""
    if (
        not evaluation.judged
        or not evaluation.trained
        or evaluation.of_training
        or is_in_unit_test(evaluation.event)
    ):
        return
    served = served_to(evaluation.event)
    if len(served) == 1 and served[0].node is not None and says_test(name_given(served[0].node)):
        yield served[0]


def _serves_as_validation(event: Event, evaluation: Evaluation) -> bool:
    """Whether the code that evaluates, or that decides, calls it validation: the fold of a cross-validation."""
    function = enclosing_function(evaluation.event)
    if function is not None and says_validation(function.name):
        return True
    tests = [
        region.test for region in event.region.ancestors() if region.kind == "arm" and region.test is not None
    ]
    given = [a.value for a in event.node.arguments] if isinstance(event.node, Call) else []
    return any(says_validation(name.id) for test in (*tests, *given) for name in names_in(test))


def _choices(program: Program) -> Iterator[tuple[Event, str, list[Value]]]:
    """What is chosen in training, and the values that decide."""
    for root in program.roots:
        for event in root.events():
            if event.kind == "schedule" and event.inputs:
                yield event, "lowers the rate by", list(event.inputs)
            elif event.kind == "save" and event.loop is not None:
                tests = [arm.truth for arm in event.guards(root) if arm.truth is not None]
                if tests:
                    yield event, "keeps the weights that do best on", tests


def _is_trained_through(program: Program, reached: set[int]) -> bool:
    """Whether the value that decides is (also) the training loss."""
    return any(b.value is not None and id(b.value) in reached for b in program.backwards)


def _kind(loader: Loader) -> str:
    found = part_of(loader)
    made = one(found.data) if found is not None else None
    if isinstance(made, Instance) and isinstance(made.cls, External):
        return made.cls.name.rpartition(".")[2]
    return ""
