"""Choices that a run makes by the score of its test data: which weights to keep, when to lower the rate, when to stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.best_turns import best_turns, is_of_epochs
from trainlint.meaning.callers import callers, enclosing_function
from trainlint.meaning.claims import says_test, says_validation
from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.datasets import part_of
from trainlint.meaning.decisions import (
    Decision,
    behind,
    given_by,
    place_of,
    searches,
)
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.huggingface import is_trainer
from trainlint.meaning.lineage import origin
from trainlint.meaning.loaders import Loader, is_loader
from trainlint.meaning.masks import outputs_of, test_rows
from trainlint.meaning.monitors import monitors
from trainlint.meaning.overlaps import is_same_object, served_to
from trainlint.meaning.purposes import (
    TEST,
    VALIDATION,
    name_by_lineage,
    name_of,
    named_evaluations,
    names_of,
    purpose_of,
    said,
)
from trainlint.meaning.results import said_of
from trainlint.meaning.syntax import Call, Literal, Node, names_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.trained_losses import trained_losses
from trainlint.meaning.values import Constant, External, Function, Instance, Item, Result, constant, one
from trainlint.meaning.watched_fits import watched_fits
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_SAID = {
    "keep": "keeps the weights that do best on",
    "lower": "lowers the rate by",
    "stop": "stops by",
    "choose": "chooses what does best on",
    "pick": "chooses what does best on",
    "report": "takes the best score of all epochs on",
}


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A choice, and the evaluation of test data whose score it goes by."""

    node: Node  # of the choice
    what: str
    name: str  # of what is evaluated
    data: tuple[str, ...]  # the class of each data set that it may be, "" where one is not seen
    evaluated: Node
    begun: Node | None = None  # the call in the script that leads to a choice in another file


def selections(program: Program) -> list[Selection]:
    found: dict[object, Selection] = {}
    tested = [made for e in named_evaluations(program, TEST) for made in _tested(program, e)]
    outputs = outputs_of(program)
    judging: list[Decision] = []
    if tested or outputs:
        judging = [*program.decisions, *searches(program), *best_turns(program)]
    for decision in judging if tested else ():
        chosen = _by_test(program, decision, tested)
        if chosen is not None:
            found.setdefault(chosen[1].key, chosen[0])
    for decision in judging if outputs else ():
        chosen_rows = _by_rows(program, outputs, decision)
        if chosen_rows is not None:
            found.setdefault(chosen_rows.name, chosen_rows)
    in_place = [made for e in named_evaluations(program, VALIDATION) for made in _in_place(program, e)]
    for judged in (*tested, *in_place):
        for watched in _watched(program, judged):
            found.setdefault(judged.key, watched)
    return [*found.values(), *_by_trainers(program), *_by_fits(program)]


def _by_fits(program: Program) -> Iterator[Selection]:
    """`model.fit(x_train, y_train, eval_set=[(x_test, y_test)])` of boosting, TabNet and Keras, judged by the same rows."""
    for made in watched_fits(program.table_reader):
        yield Selection(made.node, _SAID[made.kind], made.name, (), made.judged)


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """An evaluation of data that is called test."""

    evaluation: Evaluation
    name: str
    data: tuple[str, ...]  # the class of each data set that it may be, "" where one is not seen
    key: object  # one for each set of data


def _tested(program: Program, evaluation: Evaluation) -> Iterator[Tested]:
    served = served_to(evaluation.event)
    named = [name_of(program, loader) for loader in served]
    if served and all(map(says_test, named)):  # several: one for each choice of data
        yield Tested(evaluation, named[0], tuple(map(_kind, served)), id(served[0].value))
    elif not served:
        call, given = evaluation.event.node, evaluation.event.inputs
        written = [argument.value for argument in call.arguments] if isinstance(call, Call) else []
        names = [name.id for expression in written for name in names_in(expression)]
        names += [name_by_lineage(program, given), *names_of(program, evaluation)]
        found = next(filter(says_test, names), "")
        if found:
            yield Tested(evaluation, found, (origin(given),), found)


def _in_place(program: Program, evaluation: Evaluation) -> Iterator[Tested]:
    """`def val_dataloader(self): return DataLoader(self.test_set)`."""
    for loader in served_to(evaluation.event):
        name = name_by_lineage(program, [loader.dataset]) if loader.dataset is not None else ""
        if says_test(name):
            yield Tested(evaluation, name, (_kind(loader),), id(loader.value))


def _by_test(program: Program, decision: Decision, tested: list[Tested]) -> tuple[Selection, Tested] | None:
    reached = set(decision.behind)
    scored = [
        e for e in (*program.evaluations, *program.held_out) if not given_by(e.event).isdisjoint(reached)
    ]
    by_test = [made for made in tested if any(made.evaluation is other for other in scored)]
    if not by_test or not all(
        _is_of_test(program, other, by_test) or _is_compared_with(program, other, by_test, decision)
        for other in scored
    ):
        return None
    if _is_trained_through(program, reached):
        return None
    if decision.kind == "pick":
        by_test = [made for made in by_test if _is_of_a_trial(program, made.evaluation)]
    elif decision.kind == "report":
        by_test = [made for made in by_test if is_of_epochs(program, decision, made.evaluation.event)]
    elif decision.kind != "lower" and not decision.is_handed:
        outputs = set[int]().union(*(given_by(made.evaluation.event) for made in by_test))
        if not decision.is_by_progress(outputs):
            return None
    judged = by_test[0] if by_test else None
    if judged is None or _serves_as_validation(program, decision, judged.evaluation):
        return None
    place = place_of(decision, set[int]().union(*(given_by(made.evaluation.event) for made in by_test)))
    begun = None if place.unit is program.reading.entry else _called_by(program, decision)
    chosen = Selection(
        place, _SAID[decision.kind], judged.name, judged.data, judged.evaluation.loop_node, begun
    )
    return chosen, judged


def _called_by(program: Program, decision: Decision) -> Node | None:
    """The last call of the script itself on the way to a decision."""
    calls = (r.node for r in decision.region.ancestors() if r.kind == "call" and r.node is not None)
    return next((call for call in calls if call.unit is program.reading.entry), None)


def _by_rows(program: Program, outputs: dict[int, Event], decision: Decision) -> Selection | None:
    """The same of one output for all of the data, by the rows of it that are called test."""
    is_report = decision.kind == "report"
    if decision.kind == "pick" or not (is_report or _trains_around(decision)):
        return None
    rows = test_rows(outputs, decision)
    if rows is not None and is_report and not is_of_epochs(program, decision, rows.forward):
        return None
    if rows is None or _is_called_validation(decision, rows.forward):
        return None
    items = {id(item) for item in rows.items}
    if decision.kind not in ("lower", "report") and not decision.is_handed:
        if not decision.is_by_progress(items):
            return None
    place = place_of(decision, items)
    return Selection(place, _SAID[decision.kind], rows.name, (), rows.items[0].node or rows.forward.node)


def _trains_around(decision: Decision) -> bool:
    """Whether a loop around a decision trains."""
    return any(
        e.kind in ("backward", "step") for loop in enclosing_loops(decision.region) for e in loop.events()
    )


def _is_of_a_trial(program: Program, evaluation: Evaluation) -> bool:
    """Whether a loop that trains a network anew in each turn scores all of them on the same data."""
    trials = [made.loop for made in program.optimizers if made.loop is not None]
    data = [served.value.loop for served in served_to(evaluation.event)]
    return any(
        evaluation.event.region.inside(trial)
        and not any(home is not None and home.inside(trial) for home in data)
        for trial in trials
    )


def _watched(program: Program, judged: Tested) -> Iterator[Selection]:
    """`trainer.fit(module, train_loader, test_loader)` with callbacks that go by what `validation_step` logs."""
    if not any(function.name == "validation_step" for function in callers(judged.evaluation.event)):
        return
    started = [e.node for e in program.events("fit")]
    for monitor in monitors(program):
        loop = judged.evaluation.loop
        if "validation_step" in monitor.homes and (not monitor.loops or loop in monitor.loops):
            place = started[0] if started else judged.evaluation.loop_node
            yield Selection(monitor.node, _SAID[monitor.kind], judged.name, judged.data, place)


def _by_trainers(program: Program) -> Iterator[Selection]:
    """`Trainer(eval_dataset=data["test"])` of transformers, with `load_best_model_at_end=True` or an early stop."""
    best = [
        made
        for made in program.instances
        if constant(made.keywords.get("load_best_model_at_end", Constant(False))) is True
    ]
    for made in program.instances if best else ():
        judged, call = made.keywords.get("eval_dataset"), made.node
        if not is_trainer(made) or judged is None or not isinstance(call, Call):
            continue
        written = next((a.value for a in call.arguments if a.keyword == "eval_dataset"), None)
        match one(judged):
            case Item(source=source, key=Constant(value=str(key))) if says_test(key):
                homes = [v for v in walk(source) if isinstance(v, Result)]
            case _:
                continue
        if written is None or any(operation(v) == "train_test_split" for v in homes):
            continue  # the method calls the part so, whatever it is for
        loaded = next(
            (v for v in homes if isinstance(v.callee, External) and v.callee.name == "datasets.load_dataset"),
            None,
        )
        data = constant(loaded.arguments[0]) if loaded is not None and loaded.arguments else ""
        yield Selection(
            written,
            "keeps the weights that do best on",
            key,
            (data,) if isinstance(data, str) else (),
            best[0].node or call,
        )


def _is_of_test(program: Program, other: Evaluation, by_test: list[Tested]) -> bool:
    """Whether an evaluation is one of test data, or a pass of the same function that a few given samples go through first."""
    if any(made.evaluation is other for made in by_test):
        return True
    functions = [enclosing_function(made.evaluation.event) for made in by_test]
    beside = any(f is not None and f is enclosing_function(other.event) for f in functions)
    return beside and not served_to(other.event) and purpose_of(program, other) == TEST


def _is_compared_with(program: Program, other: Evaluation, by_test: list[Tested], decision: Decision) -> bool:
    """Whether what a network gives for other data only helps to judge each batch of test data: a bank of known features."""
    outputs, loops = given_by(other.event), [made.evaluation.loop for made in by_test]
    if any(other.loop is loop for loop in loops) or purpose_of(program, other) == VALIDATION:
        return False
    return any(
        type(value) is Result
        and isinstance(value.region, Region)
        and any(value.region.inside(loop) for loop in loops)
        and not outputs.isdisjoint(behind((value,), decision.gathered))
        for value in decision.behind.values()
    )


def _serves_as_validation(program: Program, decision: Decision, evaluation: Evaluation) -> bool:
    """Whether the code that evaluates, or that decides, calls it validation: the fold of a cross-validation.

    Where the same file makes a loader of validation data as well, the one of test data was handed over in its stead.
    """
    if any(_has_validation_beside(program, served) for served in served_to(evaluation.event)):
        return False
    return _is_called_validation(decision, evaluation.event)


def _has_validation_beside(program: Program, tested: Loader) -> bool:
    """Whether the file that makes a loader makes one of validation data too, which is another set."""
    return any(
        says_validation(name_of(program, other)) and not is_same_object(other, tested)
        for other in map(Loader, filter(is_loader, program.instances))
        if other.value is not tested.value
        and other.node is not None
        and tested.node is not None
        and other.node.unit is tested.node.unit
    )


def _is_called_validation(decision: Decision, forward: Event) -> bool:
    function = enclosing_function(forward)
    if function is not None and says_validation(function.name) and not _is_told_as_test(forward, function):
        return True
    tests = [r.test for r in decision.region.ancestors() if r.kind == "arm" and r.test is not None]
    given = [a.value for a in decision.node.arguments] if isinstance(decision.node, Call) else []
    return any(says_validation(name.id) for test in (*tests, *given) for name in names_in(test))


def _is_told_as_test(forward: Event, function: Function) -> bool:
    """Whether who calls a function has it give a test score: `test_accuracy = validate(...)`, `validate(..., mode="test")`."""
    call = next(
        (r.node for r in forward.region.ancestors() if r.function is function),
        None,
    )
    if not isinstance(call, Call):
        return False
    words = (a.value.value for a in call.arguments if isinstance(a.value, Literal))
    return any(said(word) == TEST for word in (said_of(call), *words) if isinstance(word, str))


def _is_trained_through(program: Program, reached: set[int]) -> bool:
    """Whether the value that decides is (also) the training loss."""
    return not reached.isdisjoint(trained_losses(program))


def _kind(loader: Loader) -> str:
    found = part_of(loader)
    made = one(found.data) if found is not None else None
    if isinstance(made, Instance) and isinstance(made.cls, External):
        return made.cls.name.rpartition(".")[2]
    return ""
