"""Gradients that are unscaled for each batch, while the scaler is only brought up to date where the optimizer steps.

`unscale_` raises where it is called twice before the next `update()`; so the first batch of a round goes well, and the
second one ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.accumulation import Turn, turns_of_step
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import exclusive, required
from trainlint.meaning.rhythm import is_index
from trainlint.meaning.trace import Event
from trainlint.meaning.updates import Update
from trainlint.meaning.values import Value

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def unscaled_again(program: Program) -> Iterator[tuple[Event, Update]]:
    """Each `unscale_` of every batch with the update whose scaler is told of one batch in several."""
    for update in program.updates:
        if not isinstance(update.event.detail, tuple) or update.event.detail[0] != "scaler":
            continue
        updated = [e for e in update.events if e.kind == "update" and not exclusive(e, update.event)]
        for turn in turns_of_step(update):
            if not updated or not all(map(turn.holds, updated)):
                continue
            yield from ((e, update) for e in update.before() if _comes_each_turn(e, update, turn))


def _comes_each_turn(event: Event, update: Update, turn: Turn) -> bool:
    """Whether an `unscale_` of what is stepped happens in the turns that do not step too."""
    if event.kind != "unscale" or event.loop is not update.loop or turn.holds(event):
        return False
    stepped = update.optimizer.value
    if event.target is not stepped and same(event.target, stepped) is not True:
        return False
    if required(update.event, event, update.loop):
        return False
    # `if last_of_round: scaler.unscale_(optimizer)` asks for its turn in another way
    return not any(arm.truth is None or _counts(arm.truth) for arm in event.guards(update.loop))


def _counts(test: Value) -> bool:
    return any(map(is_index, walk(test)))
