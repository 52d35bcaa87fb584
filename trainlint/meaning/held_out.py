"""Held-out data that a program evaluates in one piece: `model(x_test)` beside or behind the loop that trains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_unit_test
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import drawn_from, reaches
from trainlint.meaning.flow import enclosing_loops, is_seen_whole, of_kind
from trainlint.meaning.graphs import has_no_use_for_no_grad
from trainlint.meaning.inferences import answers_to_itself
from trainlint.meaning.loaders import loaders_behind
from trainlint.meaning.modesets import Mode
from trainlint.meaning.modules import mode_dependent
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.other_rows import is_of_other_rows
from trainlint.meaning.place import text_of
from trainlint.meaning.schedules import is_reinforcement
from trainlint.meaning.syntax import Block, Define, Evaluate, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unread import is_unread
from trainlint.meaning.unswitched import is_unswitched
from trainlint.meaning.values import Constant, Value, one, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_MADE_UP = frozenset("randn rand randn_like rand_like normal zeros zeros_like ones ones_like empty".split())
_BLANK = frozenset("zeros zeros_like ones ones_like empty".split())
_DECIDING = frozenset("argmax topk".split())
_SCORES = frozenset(
    "accuracy_score f1_score r2_score roc_auc_score confusion_matrix classification_report mean_squared_error"
    " mean_absolute_error".split()
)
_ACCURACY = frozenset("accuracy acc correct predicted preds".split())


def held_out(program: Program) -> list[Evaluation]:
    """Such forward passes of networks that the same run trains on other data, judged and used by no backward pass."""
    if not program.backwards or is_reinforcement(program):
        return []
    known = {id(e.event) for e in program.evaluations}
    trained = {id(e) for e in program.trained_by if e.kind == "forward"}
    found: dict[int, Evaluation] = {}
    outputs: set[int] = set()
    for root in program.roots:
        forwards = list(of_kind(root, "forward"))
        training = [e for e in forwards if id(e) in trained]
        for event in forwards if training else ():
            if id(event) in known or (outputs and _takes_one_of(event, outputs)):
                continue  # said already, of this module or of the one before it
            if _is_held_out(program, event, training) and (
                _is_judged(root, event) or _predicts(program, event)
            ):
                outputs.add(id(event.value))
                found.setdefault(id(event.node.cst), _evaluation(program, root, event))
    return list(found.values())


def _takes_one_of(event: Event, outputs: set[int]) -> bool:
    return any(id(v) in outputs for given in event.inputs for v in walk(given))


def _evaluation(program: Program, root: Region, event: Event) -> Evaluation:
    modes = program.modes_of(root).at(event)
    around = enclosing_loops(event.region)
    home = next(r for r in event.region.ancestors() if r.kind in ("call", "closure", "root"))
    loop, wanted = around[0] if around else home, has_no_use_for_no_grad(program, event)
    unswitched = is_unswitched(program, event, modes)
    asked = _is_between_switches(event, modes)
    return Evaluation(
        event, loop, modes, True, True, False, wanted, at_once=True, as_asked=asked, unswitched=unswitched
    )


def _is_between_switches(event: Event, modes: frozenset[Mode]) -> bool:
    """Whether the statements around put a network in eval mode into train mode for this pass, and back behind it."""
    switches = {id(mode.event): mode.event for mode in modes if mode.event is not None}
    if len(switches) != 1:
        return False
    (switch,) = switches.values()
    own = switch.region
    if switch.detail is not True or not event.region.inside(own):
        return False
    events = [e for e in own.events() if e.kind in ("mode", "backward", "step")]
    around = [e for e in events if e.kind != "mode" or same(e.target, event.target) is not False]
    here = next(index for index, other in enumerate(around) if other is switch)
    beside = (*around[max(here - 1, 0) : here], *around[here + 1 : here + 2])
    return len(beside) == 2 and all(
        e.kind == "mode" and e.detail is False and e.region is own for e in beside
    )


def _is_held_out(program: Program, event: Event, training: list[Event]) -> bool:
    if event.detail or event.value is None or not event.inputs or is_unit_test(event):
        return False
    if mode_dependent(event.target) is None and not any(
        m.event for m in program.modes_of(event.region.root).at(event)
    ):
        return False
    around = enclosing_loops(event.region)
    if around and not (is_seen_whole(around[0]) and any(e.kind == "backward" for e in around[0].events())):
        if not answers_to_itself(program, event):
            return False  # a loop of its own: over batches, or over draws for one batch
    if reaches(event.value, program.used_by_backwards):
        return False
    if is_part_of_network(program, event.region) or _is_made_up(program, event):
        return False
    trained = [e for e in training if same(e.target, event.target) is True]
    if not any(comes_first(e, event) for e in trained):
        return False
    if any(_is_given_the_same(e, event) for e in training):
        return is_of_other_rows(program, event, trained)
    return event.grad is False or _is_set_aside(program, event)


def comes_first(trained: Event, event: Event) -> bool:
    """Whether a network has been trained by the time of another event: before it, or in a loop around it."""
    around = enclosing_loops(event.region)
    if around and trained.region.inside(around[0]):
        return True
    for happened in event.region.root.events():
        if happened is trained or happened is event:
            return happened is trained
    return False


def _is_set_aside(program: Program, event: Event) -> bool:
    """Whether eval mode, or at least the input's name, says that a pass with gradients is none for training.

    Code that is not seen may go backward through it; a name that says nothing keeps silent.
    """
    modes = program.modes_of(event.region.root).at(event)
    if modes and all(m.training is False and m.event is not None for m in modes):
        return True
    if _is_from_another_loader(program, event):
        return True
    return re.search(r"val|test|dev|held|eval", text_of(event.node).lower()) is not None


def _is_from_another_loader(program: Program, event: Event) -> bool:
    """Whether a batch was drawn by hand from loaders that are seen being made, and none of them trains."""
    served = [loader.value for source in drawn_from(event) for loader in loaders_behind(source)]
    training = {id(training.loader.value) for training in program.training_loaders}
    return bool(served and training) and training.isdisjoint(map(id, served))


def _is_given_the_same(trained: Event, event: Event) -> bool:
    """Whether an input may be what the network is trained on, whole or in parts: its training accuracy."""
    learned = [v for given in trained.inputs for v in walk(given)]
    mine = [v for given in event.inputs for v in options(given) if not isinstance(v, Constant)]
    ids = {id(v) for v in learned}
    return any(id(v) in ids or any(same(v, w) is True for w in learned) for v in mine)


def _is_made_up(program: Program, event: Event) -> bool:
    """Whether the network is given noise or an empty example: a generator at work, or a trial of the code.

    What goes on from its own answers may well begin with a blank: the first token of a text.
    """
    made = {operation(v) for given in event.inputs for v in walk(given)} & _MADE_UP
    return bool(made - _BLANK if answers_to_itself(program, event) else made)


def _is_judged(root: Region, event: Event) -> bool:
    """Whether a criterion takes the output, or the code around it decides by the largest entry, or scores."""
    if is_unread(event):
        return False
    outputs = {id(o) for o in options(event.value)} | {id(event.value)} if event.value is not None else set()
    for other in of_kind(root, "criterion"):
        if other.inputs and any(id(v) in outputs for v in walk(other.inputs[0])):
            return True
    for other in of_kind(root, "forward"):
        if other is not event and other.detail == "unknown" and len(other.inputs) > 1:
            if _is_direct(other.inputs[0], outputs):
                return True
    words = _words_around(event)
    return not words.isdisjoint(_DECIDING | _SCORES) or ("max" in words and not words.isdisjoint(_ACCURACY))


def _predicts(program: Program, event: Event) -> bool:
    """Whether a trained network is asked about one piece of data and somebody wants the answer: nothing but a prediction.

    In a loop it may be a label for what trains there, or one of several draws.
    """
    if enclosing_loops(event.region) or mode_dependent(event.target) is not True:
        return False
    if event.grad is not False and not _is_from_another_loader(program, event):
        return False
    asked = _body_around(event)
    return not any(isinstance(n, Evaluate) and n.value.cst is event.node.cst for n in nodes_in(asked))


def _body_around(event: Event) -> Block:
    for region in event.region.ancestors():
        if region.function is not None and isinstance(region.function.node, Define):
            return region.function.node.body
    return event.node.unit.body


def _is_direct(given: Value, outputs: set[int]) -> bool:
    return id(given) in outputs or id(one(given)) in outputs


def _words_around(event: Event) -> frozenset[str]:
    return _body_around(event).words
