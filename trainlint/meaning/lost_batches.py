"""Steps that come once in several batches although every batch clears: only the last one's gradients are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.accumulation import (
    Accumulation,
    Turn,
    is_counted_by_an_engine,
    is_plain_mean,
    of_every_batch,
    turns_of_step,
)
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.flow import required
from trainlint.meaning.place import Change, insert_after, remove_statement, text_of
from trainlint.meaning.trace import Event
from trainlint.meaning.updates import Update
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class LostBatches:
    """A clear of every batch, and the step of one batch in several that it leaves little for."""

    clear: Event
    sums: Accumulation  # what it would be without the clear

    @property
    def update(self) -> Update:
        return self.sums.update

    @property
    def kept(self) -> list[Change]:
        """The edit that clears behind the step, and makes the sum of the gradients a mean where it is none yet."""
        step, backward = self.sums.step, self.sums.backward
        divided = self.sums.divided if is_plain_mean(self.update, backward) else []
        if not self.update.movable(self.clear, step) or (
            is_plain_mean(self.update, backward) and not divided
        ):
            return []
        return [
            insert_after(step.node, text_of(self.clear.node)),
            remove_statement(self.clear.node),
            *divided,
        ]


def lost_batches(program: Program) -> list[LostBatches]:
    if is_counted_by_an_engine(program):
        return []
    found: dict[int, LostBatches] = {}
    for update in program.updates:
        if "grad" in update.node.unit.code_words or is_in_unit_test(update.event):
            continue  # the gradients may be kept by hand
        for turn in turns_of_step(update):
            pair = _lost(update, turn)
            if pair is not None:
                sums = Accumulation(update, pair[0], turn.arm, turn.every, turn.under)
                found.setdefault(id(update.node), LostBatches(pair[1], sums))
    return list(found.values())


def _lost(update: Update, turn: Turn) -> tuple[Event, Event] | None:
    """The backward pass of every batch, and the clear of every batch around it."""
    backward = of_every_batch(update, turn)
    if backward is None or not all(required(update.event, e, update.loop) for e in _others(update)):
        return None
    around = [e for e in update.events if e not in update.between(backward, update.event)]
    clears = [e for e in around if e.kind == "zero_grad" and _is_of_every_batch(update, e, backward, turn)]
    return (backward, clears[0]) if clears else None


def _others(update: Update) -> list[Event]:
    """The steps of the same turn that could use what this step leaves."""
    return [e for e in update.events if e.kind == "step" and e is not update.event]


def _is_of_every_batch(update: Update, clear: Event, backward: Event, turn: Turn) -> bool:
    return (
        clear.loop is update.loop
        and not turn.holds(clear)
        and update.owns(clear.target) is True
        and required(clear, backward, update.loop)
    )
