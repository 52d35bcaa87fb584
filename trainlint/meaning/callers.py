"""Whose doing an event is: the functions that were under way when it happened."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.syntax import Call
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Function


def enclosing_function(event: Event) -> Function | None:
    """The function whose text holds an event."""
    return next(callers(event), None)


def callers(event: Event) -> Iterator[Function]:
    """The functions that were under way, the one whose text holds the event first."""
    yield from (function for function, _ in _calls(event))


def _calls(event: Event) -> Iterator[tuple[Function, Region]]:
    for region in event.region.ancestors():
        if region.function is not None:
            yield region.function, region


def is_unit_test(event: Event) -> bool:
    """pytest's convention: `test_*` in a file `test_*.py` or `*_test.py` checks code, it evaluates no model; nor does
    what it calls of its own file."""
    calls = list(_calls(event))
    return any(_is_test(*call) and call[0].unit is calls[0][0].unit for call in calls)


def is_in_unit_test(event: Event) -> bool:
    """Whether a unit test does it, itself or through what it calls."""
    return any(_is_test(*call) for call in _calls(event))


def _is_test(function: Function, call: Region) -> bool:
    file = function.unit.path.rpartition("/")[2]
    if not function.name.startswith("test_"):
        return False
    if file.endswith("_test.py") and isinstance(call.node, Call):
        return False  # the script that tests a trained network calls it by itself
    return file.startswith("test_") or file.endswith("_test.py")
