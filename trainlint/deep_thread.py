"""Work in this process, on a thread with a deep stack, through items that may hang or raise anything.

Real code nests deeply enough to exhaust Python's usual recursion limit, and the limit alone the main stack.
Trees are many small objects that live long: looking for garbage among them as often as Python does would take
a third of the time. Whoever answers an item leaves no circles behind, so garbage is looked for only between items
and once very much is new, and what lives at the end is handed over as old without looking at it again.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from trainlint.records import dataclass

RECURSION_LIMIT = 20_000
OBJECTS_PER_COLLECTION = 10_000_000  # new ones that are still there: about a gigabyte
STACK_BYTES = 256 * 2**20  # address space only: a page costs memory when it is first touched
FRAME_WORDS = 2**17  # of the lowest frame, a megabyte with as much above it, see `_with_room`

Start = Callable[[Any], Callable[[Any], Any]]
Note = Callable[[int, Any], None]


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer: why there is none."""

    reason: str


def answer_here(start: Start, argument: object, items: Sequence[Any], limit: float, note: Note) -> None:
    """Answer all items, each within the limit, and note what came of them in their order."""
    done = 0
    limit_before, collects = sys.getrecursionlimit(), gc.isenabled()
    gc.disable()
    try:
        while done < len(items):
            done = _answer_until_stuck(start, argument, items, done, limit, note)
    finally:
        sys.setrecursionlimit(limit_before)
        gc.freeze()
        gc.unfreeze()  # into the oldest generation, all at once
        if collects:
            gc.enable()


def _answer_until_stuck(
    start: Start, argument: object, items: Sequence[Any], done: int, limit: float, note: Note
) -> int:
    """A thread that hangs cannot be ended: it is left behind, and a new one with a new state goes on."""
    answers: SimpleQueue[Any] = SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        respond = survivor(start, argument)
        for item in items[done:]:
            if not abandoned.is_set():
                answers.put(respond(item))

    start_deep_thread(work)
    try:
        for index in range(done, len(items)):
            try:
                answer = answers.get(timeout=limit)
            except Empty:
                note(index, gave_up(limit))
                return index + 1
            note(index, answer)
    finally:
        abandoned.set()
    return len(items)


def start_deep_thread(work: Callable[[], None]) -> threading.Thread:
    """Start the work with all the depth that the machine grants."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
    work = _with_room(work)
    before = threading.stack_size()
    for size in (STACK_BYTES, STACK_BYTES // 8):
        threading.stack_size(size)
        thread = threading.Thread(target=work, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # little address space, as under some container limits
            continue
        finally:
            threading.stack_size(before)
        return thread
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _with_room(work: Callable[[], None]) -> Callable[[], None]:
    """The same work on a frame that asks for much room.

    Python takes the memory for its frames in pieces of 16 kilobytes and gives each back as soon as it is empty.
    A deep recursion goes to and fro over the end of a piece hundreds of thousands of times, and asks the system for
    memory each time: a tenth of a run. A frame that does not fit gets a piece of the next power of two, which
    what it calls may fill.
    """

    def run() -> None:
        work()

    run.__code__ = run.__code__.replace(co_stacksize=FRAME_WORDS)
    return run


def survivor(start: Start, argument: object) -> Callable[[Any], Any]:
    """Nothing that is raised may end the worker, SystemExit included."""
    try:
        answer = start(argument)
    except BaseException as error:
        failed = Lost(f"could not start: {describe_error(error)}")
        return lambda item: failed

    def respond(item: Any) -> Any:
        if gc.get_count()[0] > OBJECTS_PER_COLLECTION:
            gc.collect(0)
        try:
            return answer(item)
        except BaseException as error:
            return Lost(describe_error(error))

    return respond


def describe_error(error: BaseException) -> str:
    """The exception's type and the first line of its message."""
    first = next(iter(str(error).strip().splitlines()), "")[:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def gave_up(limit: float) -> Lost:
    return Lost(f"gave up after {limit:g} seconds")
