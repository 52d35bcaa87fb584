"""Pastes in which nothing switches the mode of a network: it is evaluated in the mode in which it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import same
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.modesets import Mode
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Value, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_SWITCHING = ("eval", "requires_grad_", "freeze", "evaluate", "test_mode", "eval_mode")


def is_unswitched(program: Program, event: Event, modes: frozenset[Mode]) -> bool:
    """Whether a paste trains a network that it does not show, evaluates it, and switches nothing in between.

    A function that it does not show either, and that gets the network, may switch it.
    """
    if not modes or any(mode.training is not None or mode.event is not None for mode in modes):
        return False
    if not has_no_imports(event.node.unit) or program.events("mode") or program.uses(*_SWITCHING):
        return False
    learned = (e for e in program.trained_by if e.kind == "forward" and e is not event)
    if not any(same(e.target, event.target) is True for e in learned):
        return False
    return not any(
        _is_given(event.target, value)
        for other in program.events("forward", "unresolved", "asked")
        for value in other.inputs
    )


def _is_given(network: Value, value: Value) -> bool:
    return any(same(network, option) is True for option in options(value))
