"""Networks that stay in train mode in an evaluation whose first network was switched, or needs no switch: an encoder, and
not its decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import same
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import reaches
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modules import shown_mode_dependence
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.trace import Event

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def left_behind(program: Program) -> list[Evaluation]:
    """The passes of such networks, one for each network, in the loops that evaluate."""
    found: list[Evaluation] = []
    for evaluation in program.evaluations:
        if not evaluation.judged or evaluation.trains_too:
            continue
        needless = evaluation.in_train_mode and evaluation.mode_dependent is False
        if needless or not evaluation.in_train_mode:
            known: list[Event] = [evaluation.event]
            for event in _further(program, evaluation, needless):
                if all(same(event.target, other.target) is False for other in known):
                    known.append(event)
                    modes = program.modes_of(event.region.root).at(event)
                    found.append(replace(evaluation, event=event, modes=modes, as_asked=False))
    return found


def _further(program: Program, evaluation: Evaluation, needless: bool) -> Iterator[Event]:
    """The passes of a loop by networks that are trained as well, and were last switched to train mode.

    Where the first one needs no switch, nobody may have switched anything: then what depends on the mode is to be seen.
    """
    for event in of_kind(evaluation.loop, "forward"):
        if event.detail or event.value is None or is_part_of_network(program, event.region):
            continue
        modes = program.modes_of(event.region.root).at(event)
        switched = all(mode.training and (needless or mode.event is not None) for mode in modes)
        if not modes or not switched or not _learns(program, event):
            continue
        depends = shown_mode_dependence(event.target)
        if depends or (depends is None and not needless):
            yield event


def _learns(program: Program, event: Event) -> bool:
    """Whether a backward pass goes through a network, and through none of what it gives here."""
    if event.value is None or reaches(event.value, program.used_by_backwards):
        return False
    trained = (e for e in program.trained_by if e.kind == "forward" and e is not event)
    return any(same(other.target, event.target) is True for other in trained)
