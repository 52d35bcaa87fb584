"""What the hooks write down while the program runs: events as numbers, and where in the program they fell."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from .fitted_values import FittedValues

MOST_EVENTS = 4000


@dataclass
class Record:
    """The state that all hooks share. `spots` holds the lines of the flagged statement, `focus`
    those of the loop or function around it."""

    path: str
    focus: list[tuple[int, int]]
    spots: list[tuple[int, int]]
    steps_wanted: int
    epochs_wanted: int
    soft_deadline: float
    bare: bool = False  # what the program computes may be made up, so that nothing need run to its end
    only_order: bool = False  # asked is in which order things happen, and nothing about what a network gives
    share: float = 0.0  # in a hurry: seconds after which a loop over batches leaves the time to later epochs
    events: list[dict[str, Any]] = field(default_factory=list)
    substituted: list[str] = field(default_factory=list)
    invented: set[str] = field(default_factory=set)  # paths of files that stand in for ones we do not have
    loops: list[Any] = field(default_factory=list)  # the loops that are running, outermost first
    steps: int = 0  # optimizer steps so far
    backwards: int = 0
    forwards: int = 0
    batches: int = 0
    paused: int = 0  # above 0: the recorder itself is computing
    numbers: dict[int, int] = field(default_factory=dict)
    fitted: FittedValues = field(default_factory=FittedValues)
    reached: bool = False  # whether a flagged statement has run, or is about to
    held: list[Any] = field(
        default_factory=list
    )  # numbered objects stay alive, so that a number stays theirs

    def note(self, kind: str, /, **data: Any) -> dict[str, Any]:
        """Write an event down, and return its data, which a hook may complete later."""
        lines = self.lines()
        data.setdefault("line", lines[0] if lines else 0)
        data["at"], data["focus"] = _meet(lines, self.spots), _meet(lines, self.focus)
        if len(self.events) < MOST_EVENTS:
            self.events.append({"kind": kind, "step": self.steps, "data": data})
        return data

    def lines(self) -> list[int]:
        """Lines of the program on the stack, innermost first."""
        return [frame.f_lineno for frame in self.frames()]

    def frames(self) -> Iterator[FrameType]:
        """Frames of the program on the stack, innermost first."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == self.path:
                yield frame
            frame = frame.f_back

    def number(self, thing: object) -> int:
        """A small number for an object, in order of appearance."""
        known = self.numbers.get(id(thing))
        if known is None:
            known = self.numbers[id(thing)] = len(self.numbers)
            self.held.append(thing)
        return known

    def substitute(self, what: str) -> None:
        if what not in self.substituted:
            self.substituted.append(what)

    @property
    def moment(self) -> tuple[int, int]:
        """Which iteration of which loop is running; (-1, 0) outside of all."""
        return (self.loops[-1].number, self.loops[-1].index) if self.loops else (-1, 0)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.soft_deadline

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Nothing that happens inside is recorded."""
        self.paused += 1
        try:
            yield
        finally:
            self.paused -= 1


def _meet(lines: list[int], ranges: list[tuple[int, int]]) -> bool:
    return any(first <= line <= last for line in lines for first, last in ranges)
