"""What evaluated data is for, by all that the code calls it: the loader, its data set, a parameter, a key, the function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.claims import name_given, says_held_out, says_test, says_training, says_validation
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import drawn_from
from trainlint.meaning.lineage import names_along
from trainlint.meaning.loaders import Loader, is_loader, loaders_behind
from trainlint.meaning.overlaps import claimed, is_same_object
from trainlint.meaning.results import said_of
from trainlint.meaning.syntax import Call, names_in
from trainlint.meaning.values import (
    Argument,
    Class,
    Constant,
    Free,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

VALIDATION, TEST, TRAINING, UNSAID = "validation", "test", "training", ""


def purpose_of(program: Program, evaluation: Evaluation) -> str:
    """What the data of an evaluation is called, where all of its names agree."""
    found = _purposes(program, evaluation)
    return found.pop() if len(found) == 1 else UNSAID


def _purposes(program: Program, evaluation: Evaluation) -> set[str]:
    """All that the data of an evaluation is called: two things, where one of two sets is served as an option says."""
    if evaluation.of_training:
        return {TRAINING}
    found = {said(name) for name in names_of(program, evaluation)} - {UNSAID}
    if not found:
        call = evaluation.event.node
        given = [argument.value for argument in call.arguments] if isinstance(call, Call) else []
        found = {said(name.id) for expression in given for name in names_in(expression)} - {UNSAID}
    if not found:
        found = {said(name) for name in (name_by_lineage(program, evaluation.event.inputs),)} - {UNSAID}
    if not found and any(said(said_of(call)) == VALIDATION for call in _calls_to(program, evaluation)):
        return {VALIDATION}
    if not found:
        function = enclosing_function(evaluation.event)
        found = (
            {said(function.name)} - {UNSAID} if function is not None and function.name != "eval" else set()
        )
    return found


def _calls_to(program: Program, evaluation: Evaluation) -> Iterator[Call]:
    """The calls that lead to an evaluation and to no training: `dev_loss = run(model, batches)`."""
    for region in evaluation.event.region.ancestors():
        if any(backward.region.inside(region) for backward in program.backwards):
            return
        if region.kind == "call" and isinstance(region.node, Call):
            yield region.node


def said(name: str) -> str:
    if says_training(name):
        return TRAINING
    if says_test(name):
        return TEST
    return VALIDATION if says_validation(name) or says_held_out(name) else UNSAID  # `eval_loader`


def names_of(program: Program, evaluation: Evaluation) -> Iterator[str]:
    """The names of what an evaluation's batches are drawn from."""
    for source in drawn_from(evaluation.event):
        for option in options(source):
            served = loaders_behind(option)
            for loader in served:
                yield name_of(program, loader)
            if not served:
                yield from _named(option)


def name_of(program: Program, loader: Loader) -> str:
    """What a loader is called where it is made, or else its data set, or else wherever it goes by a name that says something."""
    own = name_given(loader.node) if loader.node is not None else ""
    if said(own):
        return own
    key = program.loader_keys.get(id(loader.value), "")
    if said(key):
        return key
    if any(is_same_object(training.loader, loader) for training in program.training_loaders):
        return ""  # what trains is called so as well
    agreed = _agreed(program, loader.value)
    data = _agreed(program, one(loader.dataset)) if loader.dataset is not None else ""
    held = [loader.dataset] if loader.dataset is not None else []
    holder = program.loader_holders.get(id(loader.value), "")
    return claimed(loader) or agreed or data or name_by_lineage(program, held) or holder


def _agreed(program: Program, value: Value) -> str:
    """A name of a value that says what it is for, where all that do say the same."""
    names = [name for name in program.loader_names.get(id(value), ()) if said(name)]
    return names[0] if len({said(name) for name in names}) == 1 else ""


def name_by_lineage(program: Program, values: Iterable[Value]) -> str:
    """The name nearest to the network that says what data is for; "" where there is none, or several disagree."""
    for value in values:
        found = [_nearest_name(program, option) for option in options(value)]
        if any(name is not None for name in found):
            return found[0] or "" if len({said(name or "") for name in found}) == 1 else ""
    return ""


def _nearest_name(program: Program, value: Value) -> str | None:
    """The same of one alternative; None where nothing on its way says so."""
    for names in names_along(program, value):
        spoken = [name for name in names if said(name)]
        if spoken:
            return spoken[0] if len({said(name) for name in spoken}) == 1 else ""
    return None


def loader_names(program: Program) -> dict[int, list[str]]:
    """By the identity of a loader, or of the data that one serves, the names that files and functions know it by.

    What an object keeps it as (`self.test_loader`), where that says something, comes before what a function is given it as.
    """
    made = [instance for instance in program.instances if is_loader(instance)]
    data = [given for i in made if (given := Loader(i).dataset) is not None]
    known = {id(i) for i in made} | {id(one(given)) for given in data}
    objects = [i.attributes for i in program.instances if isinstance(i.cls, Class)]
    kept = _names_in(objects, known)
    spoken = {key: names for key, names in kept.items() if any(map(said, names))}
    return _names_in(program.namings, known) | spoken


def _names_in(namings: Iterable[dict[str, Value]], known: set[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for names in namings:
        for name, value in names.items():
            bound = one(value)
            if id(bound) in known:
                found.setdefault(id(bound), []).append(name)
    return found


def loader_keys(program: Program) -> dict[int, str]:
    """By the identity of a loader, the key that it has in a dictionary that the code has a name for."""
    found: dict[int, str] = {}
    objects = [made.attributes for made in program.instances if isinstance(made.cls, Class)]
    for names in (*program.namings, *objects):
        for value in names.values():
            table = one(value)
            for key, entry in table.items.items() if isinstance(table, Mapping) else ():
                made = one(entry)
                if is_loader(made):
                    known = found.setdefault(id(made), str(key))
                    found[id(made)] = known if known == key else ""  # one loader under several keys
    return found


def loader_holders(program: Program) -> dict[int, str]:
    """By the identity of a loader, the name of the dictionary or list that holds it: `test_loaders["night"]`."""
    found: dict[int, set[str]] = {}
    objects = [made.attributes for made in program.instances if isinstance(made.cls, Class)]
    for names in (*program.namings, *objects):
        for name, value in names.items():
            for entry in _held(one(value)) if said(name) else ():
                made = one(entry)
                if is_loader(made):
                    found.setdefault(id(made), set()).add(name)
    return {key: min(names) for key, names in found.items() if len({said(name) for name in names}) == 1}


def _held(holder: Value) -> Iterator[Value]:
    match holder:
        case Mapping(items=items, element=element):
            yield from items.values()
        case Sequence(items=listed, element=element):
            yield from listed
        case _:
            return
    if element is not None:
        yield element


def _named(source: Value) -> Iterator[str]:
    match source:
        case Argument(function=function) if function.unit.source.notebook:
            return  # no cell calls it, and nothing else can
        case Argument(name=name) | Free(name=name) | Member(name=name):
            yield name
        case Item(key=Constant(value=str(name))):
            yield name
        case Result(callee=Member(name=name)) if said(name):  # `data.val_dataloader()`
            yield name


def named_evaluations(program: Program, purpose: str) -> list[Evaluation]:
    """The measured evaluations of trained networks on data that is called so."""
    return [e for e in _measured(program) if purpose_of(program, e) == purpose]


def validations(program: Program) -> list[Evaluation]:
    """The measured evaluations on data that is called validation, or that or test, as an option says."""
    named = ((e, _purposes(program, e)) for e in _measured(program))
    return [e for e, found in named if VALIDATION in found <= {VALIDATION, TEST}]


def _measured(program: Program) -> Iterator[Evaluation]:
    for e in (*program.evaluations, *program.held_out):
        if e.judged and e.trained and not is_in_unit_test(e.event):
            yield e
