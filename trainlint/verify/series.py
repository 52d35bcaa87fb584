"""What both programs did, step by step: the few numbers of a run that a plot needs, bounded and rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from trainlint.diagnostic import Number, Series
from trainlint.run import Event, Run

MOST_POINTS, MOST_SERIES = 40, 4
MEGABYTE = float(1 << 20)
EPOCHS = 2
Values = tuple[float, ...]
Readers = tuple[tuple[str, str, Callable[[Run], Values]], ...]


def series_of(written: Run, control: Run) -> tuple[Series, ...]:
    """The series in which the programs differ, those first that are about memory and loss."""
    found = [*_levels(written, control), *_courses(LOSS_AND_RATE, written, control)]
    found += [*_orders(written, control), *_courses(GRADIENTS, written, control)]
    return tuple(series for series in found if series.written != series.control)[:MOST_SERIES]


def _courses(readers: Readers, written: Run, control: Run) -> Iterator[Series]:
    for name, along, read in readers:
        yield _series(name, along, read(written), read(control))


def _levels(written: Run, control: Run) -> Iterator[Series]:
    """What one program keeps or has and the other does not, or what changes: a mere shift says nothing."""
    for name, along, read in LEVELS:
        here, there = read(written), read(control)
        if any(here) != any(there) or _changes(here) or _changes(there):
            yield _series(name, along, here, there)


def _changes(values: Values) -> bool:
    return len(set(values[1:])) > 1


def _series(name: str, along: str, written: Values, control: Values, line: bool = True) -> Series:
    stride = max(1, math.ceil(max(len(written), len(control)) / MOST_POINTS))
    return Series(name, along, _rounded(written[::stride]), _rounded(control[::stride]), stride, line)


def _rounded(values: Iterable[float]) -> tuple[Number, ...]:
    """Four digits are more than a plot shows; what is no number is None, as JSON has no other word for it."""
    return tuple(float(f"{value:.4g}") if math.isfinite(value) else None for value in values)


def _orders(written: Run, control: Run) -> Iterator[Series]:
    """The samples of the first loader that trains in the order in which they came, if any epoch's differs."""
    here, there = (next(iter(run.orders()), ())[:EPOCHS] for run in (written, control))
    for epoch, (ours, theirs) in enumerate(zip(here, there, strict=False) if here != there else (), 1):
        name = f"order of samples, epoch {epoch}"
        yield _series(name, "place in the epoch", ours[:MOST_POINTS], theirs[:MOST_POINTS], line=False)


def _iterations(field: str, unit: float = 1.0) -> Callable[[Run], Values]:
    def read(run: Run) -> Values:
        loops: dict[float, list[float]] = {}
        for event in run.near("iteration"):
            loops.setdefault(event.number("run"), []).append(event.number(field) / unit)
        longest = max(loops, key=lambda number: len(loops[number]), default=None)
        return () if longest is None else tuple(loops[longest])

    return read


def _forwards(field: str, unit: float = 1.0) -> Callable[[Run], Values]:
    return lambda run: tuple(event.number(field) / unit for event in run.near("forward"))


def _steps(read: Callable[[Event], float]) -> Callable[[Run], Values]:
    """A number of every step of the optimizer that steps first."""

    def values(run: Run) -> Values:
        steps = run.all("step")
        return tuple(read(step) for step in steps if step.number("optimizer") == steps[0].number("optimizer"))

    return values


def _rate(step: Event) -> float:
    return next(iter(step.numbers("rates")), math.nan)


LEVELS: Readers = (
    ("graph nodes alive", "iteration", _iterations("nodes")),
    ("saved tensors alive, MiB", "iteration", _iterations("bytes", MEGABYTE)),
    ("memory allocated, MiB", "iteration", _iterations("allocated", MEGABYTE)),
    ("saved for a backward, MiB", "forward pass", _forwards("bytes", MEGABYTE)),
    ("dropout and BatchNorm layers that train", "forward pass", _forwards("active")),
)
LOSS_AND_RATE: Readers = (
    ("loss", "call of the loss function", Run.losses),
    ("learning rate", "step", _steps(_rate)),
)
GRADIENTS: Readers = (("gradient norm", "step", _steps(lambda step: step.number("gradient_norm"))),)
