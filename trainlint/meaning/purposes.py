"""What evaluated data is for, by all that the code calls it: the loader, its data set, a parameter, a key, the function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.claims import name_given, says_held_out, says_test, says_training, says_validation
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import drawn_from
from trainlint.meaning.loaders import Loader, loaders_behind
from trainlint.meaning.overlaps import claimed, names_in
from trainlint.meaning.syntax import Call
from trainlint.meaning.values import Argument, Constant, Free, Item, Member, Result, Value, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

VALIDATION, TEST, TRAINING, UNSAID = "validation", "test", "training", ""


def purpose_of(evaluation: Evaluation) -> str:
    """What the data of an evaluation is called, where all of its names agree."""
    if evaluation.of_training:
        return TRAINING
    found = {said(name) for name in names_of(evaluation)} - {UNSAID}
    if not found:
        call = evaluation.event.node
        given = [argument.value for argument in call.arguments] if isinstance(call, Call) else []
        found = {said(name.id) for expression in given for name in names_in(expression)} - {UNSAID}
    if not found:
        function = enclosing_function(evaluation.event)
        found = (
            {said(function.name)} - {UNSAID} if function is not None and function.name != "eval" else set()
        )
    return found.pop() if len(found) == 1 else UNSAID


def said(name: str) -> str:
    if says_training(name):
        return TRAINING
    if says_test(name):
        return TEST
    return VALIDATION if says_validation(name) or says_held_out(name) else UNSAID  # `eval_loader`


def names_of(evaluation: Evaluation) -> Iterator[str]:
    """The names of what an evaluation's batches are drawn from."""
    for source in drawn_from(evaluation.event):
        for option in options(source):
            served = loaders_behind(option)
            for loader in served:
                yield _name_of(loader)
            if not served:
                yield from _named(option)


def _name_of(loader: Loader) -> str:
    own = name_given(loader.node) if loader.node is not None else ""
    return own if said(own) else claimed(loader)


def _named(source: Value) -> Iterator[str]:
    match source:
        case Argument(name=name) | Free(name=name) | Member(name=name):
            yield name
        case Item(key=Constant(value=str(name))):
            yield name
        case Result(callee=Member(name=name)) if said(name):  # `data.val_dataloader()`
            yield name


def named_evaluations(program: Program, purpose: str) -> list[Evaluation]:
    """The measured evaluations of trained networks on data that is called so."""
    return [
        e
        for e in (*program.evaluations, *program.held_out)
        if e.judged and e.trained and not is_in_unit_test(e.event) and purpose_of(e) == purpose
    ]
