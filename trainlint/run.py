"""What an experiment recorded, and the effect a rule sees in it: numbers only, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from itertools import pairwise

from trainlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in the sandbox, as numbers: `kind` and its measured fields.

    `step` is how many optimizer steps had been taken. docs/verification.md lists kinds and fields.
    """

    kind: str
    step: int
    data: Mapping[str, object] = field(default_factory=dict)

    @property
    def nearness(self) -> int:
        """2 for what the flagged statement itself did, 1 for the loop or function around it, else 0."""
        return 2 if self.data.get("at") else 1 if self.data.get("focus") else 0

    def number(self, name: str) -> float:
        """A measured number; 0 where nothing was measured."""
        value = self.data.get(name)
        return float(value) if isinstance(value, (int, float)) else 0.0

    def flag(self, name: str) -> bool:
        return bool(self.data.get(name))

    def word(self, name: str) -> str:
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def numbers(self, name: str) -> tuple[float, ...]:
        """A measured list of numbers; empty where nothing was measured."""
        value = self.data.get(name)
        items = value if isinstance(value, (list, tuple)) else ()
        return tuple(float(item) for item in items if isinstance(item, (int, float)))


@dataclass(frozen=True, slots=True)
class Run:
    """One arm under one seed: its events in order, and how it ended."""

    seed: int
    events: tuple[Event, ...] = ()
    raised: str | None = None  # the exception's type and first line, where the program raised
    substituted: tuple[str, ...] = ()  # what the rig put in place of what was missing
    nearest: Mapping[str, int] = field(
        default_factory=dict
    )  # by kind, how near what it is compared with came

    def stands_in(self, what: str) -> bool:
        """Whether the rig made the program's `model`, `data` or the like up, so that the program shows nothing about it."""
        return self.has_instead(f"{what}: stand-in")

    def has_instead(self, *what: str) -> bool:
        """Whether the rig put something in place of what was missing, by the first words of what it says of that."""
        return any(said.startswith(what) for said in self.substituted)

    def all(self, kind: str) -> tuple[Event, ...]:
        """Events of one kind in order."""
        return tuple(event for event in self.events if event.kind == kind)

    def near(self, kind: str) -> tuple[Event, ...]:
        """Events of one kind, those nearest to the finding: of its statement, else of its loop or function, else all."""
        found = self.all(kind)
        nearest = max((event.nearness for event in found), default=0)
        nearest = max(nearest, self.nearest.get(kind, 0))
        return tuple(event for event in found if event.nearness >= nearest)

    def growth(self, name: str) -> float:
        """How much a number that is taken once per iteration grows from one to the next, in the loop where most.

        The median over the iterations of one run of a loop, so that a single large allocation is not growth.
        """
        from statistics import median  # brings fractions and decimals along, and only experiments need it

        loops: dict[float, list[float]] = {}
        for event in self.near("iteration"):
            loops.setdefault(event.number("run"), []).append(event.number(name))
        rises = ([b - a for a, b in pairwise(values[1:])] for values in loops.values())
        return max((median(steps) for steps in rises if len(steps) >= 3), default=0.0)

    def losses(self) -> tuple[float, ...]:
        """The values of the loss functions that train, in order."""
        return tuple(call.number("value") for call in self.all("criterion") if call.flag("gradients"))

    def rates(self) -> tuple[float, ...]:
        """The learning rate of each step, of the first group of parameters."""
        return tuple(rate for step in self.all("step") for rate in step.numbers("rates")[:1])

    def moved(self) -> float:
        """How far the weights have come by the last step, by the length that they had at first; 0 without a step."""
        return max((step.number("moved") for step in self.all("step")[-1:]), default=0.0)

    def orders(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each loader whose batches train: the order of its samples, one tuple of indices per epoch."""
        batches = [event for event in self.all("batch") if event.flag("trained")]
        flagged = [event for event in batches if event.flag("built_in_focus")]
        found: dict[float, dict[float, list[int]]] = {}
        for event in flagged or batches:
            epochs = found.setdefault(event.number("loader"), {})
            epochs.setdefault(event.number("passed"), []).extend(
                int(index) for index in event.numbers("indices")
            )
        return tuple(tuple(tuple(order) for order in epochs.values()) for epochs in found.values())


Runs = tuple[Run, ...]


def gradient_norm(runs: Runs) -> float:
    """Mean norm of the gradient at the criterion's first input, over the calls that train; 0 without one."""
    calls = [call for run in runs for call in run.near("criterion") if call.flag("gradients")]
    return sum(call.number("gradient_norm") for call in calls) / max(1, len(calls))


def gradient_ratio(runs: Runs) -> float | None:
    """The length of the first layer's gradient in the first backward pass by that of the last layer's, over the seeds."""
    first = [run.all("layers")[0].numbers("gradients") for run in runs if run.all("layers")]
    found = [sizes[0] / sizes[-1] for sizes in first if len(sizes) > 1 and sizes[-1]]
    return sum(found) / len(found) if found else None


def last_losses(runs: Runs, count: int = 10) -> list[float]:
    """The mean of the last training losses of each run that has some."""
    ends = [run.losses()[-count:] for run in runs]
    return [sum(end) / len(end) for end in ends if end]


@dataclass(frozen=True, slots=True)
class Effect:
    """A symptom that was measured: one sentence with its numbers, and the numbers."""

    sentence: str
    measurements: Mapping[str, object] = field(default_factory=dict)
    structure_only: bool = False  # restates the syntax: the verdict reads "structure confirmed"
