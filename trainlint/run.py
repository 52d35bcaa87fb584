"""What an experiment recorded, and the effect a rule sees in it: numbers only, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in the sandbox, as numbers: `kind` and its measured fields."""

    kind: str
    step: int
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One arm under one seed: its events in order, and how it ended."""

    seed: int
    events: tuple[Event, ...] = ()
    raised: str | None = None  # the exception's type and first line, where the program raised
    substituted: tuple[str, ...] = ()  # what the rig put in place of what was missing


Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """A symptom that was measured: one sentence with its numbers, and the numbers."""

    sentence: str
    measurements: Mapping[str, object] = field(default_factory=dict)
    structure_only: bool = False  # restates the syntax: the verdict reads "structure confirmed"
