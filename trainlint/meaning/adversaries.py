"""Networks that learn against each other: what one of them makes, another one is to tell from real samples."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.architectures import Architecture
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.trace import Event
from trainlint.meaning.values import options


def learns_against_another(architecture: Architecture) -> bool:
    """Whether a network takes what another one makes, or makes what it takes, and another optimizer steps that one.

    The one that judges also sees samples that nobody made: an encoder and its decoder are no adversaries.
    """
    program, mine = architecture.program, architecture.network
    if len({id(update.optimizer.value) for update in program.updates}) < 2:
        return False
    return any(
        other.network is not mine
        and other.trains
        and _are_stepped_apart(architecture, other)
        and (_judges(architecture, other) or _judges(other, architecture))
        for other in program.architectures
    )


def _are_stepped_apart(first: Architecture, second: Architecture) -> bool:
    """Whether some optimizer is given the one network, and some the other, but none is given both."""
    given = [update.optimizer.models for update in first.program.updates]
    sides = [
        tuple(any(same(model, a.network) is True for model in models) for a in (first, second))
        for models in given
    ]
    return (True, False) in sides and (False, True) in sides and (True, True) not in sides


def _judges(judge: Architecture, maker: Architecture) -> bool:
    """Whether a network is given what another one makes, and real samples as well."""
    made = {id(v) for e in _forwards(maker) if e.value is not None for v in (e.value, *options(e.value))}
    kinds = {any(id(v) in made for given in e.inputs for v in walk(given)) for e in _forwards(judge)}
    return kinds == {True, False}


def _forwards(architecture: Architecture) -> Iterator[Event]:
    return (
        event
        for event in architecture.program.events("forward")
        if any(option is architecture.network for option in options(event.target))
    )
