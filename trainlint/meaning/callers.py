"""Whose doing an event is: the functions that were under way when it happened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from trainlint.meaning.trace import Event
from trainlint.meaning.values import Bound, Function


def enclosing_function(event: Event) -> Function | None:
    """The function whose text holds an event."""
    return next(callers(event), None)


def callers(event: Event) -> Iterator[Function]:
    """The functions that were under way, the one whose text holds the event first."""
    for region in event.region.ancestors():
        if region.kind == "call":
            function = region.function.function if isinstance(region.function, Bound) else region.function
            if isinstance(function, Function):
                yield function


def is_unit_test(event: Event) -> bool:
    """pytest's convention: `test_*` in a file `test_*.py` or `*_test.py` checks code, it evaluates no model."""
    return any(map(_is_test, islice(callers(event), 1)))


def is_in_unit_test(event: Event) -> bool:
    """Whether a unit test does it, itself or through what it calls."""
    return any(map(_is_test, callers(event)))


def _is_test(function: Function) -> bool:
    file = function.unit.path.rpartition("/")[2]
    return function.name.startswith("test_") and (file.startswith("test_") or file.endswith("_test.py"))
