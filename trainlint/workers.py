"""Work through many items with processes that may die: a lost item costs one answer, never the run.

Knows nothing of linting. `start` is called once in every worker and returns the function that answers one item;
both must be importable by name where processes cannot be forked. Items next to each other go to the same
worker, because neighbours share what has to be read for them.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from trainlint.deep_thread import (
    Lost,
    answer_here,
    describe_error,
    gave_up,
    start_deep_thread,
    survivor,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

Argument = TypeVar("Argument")
Item = TypeVar("Item")
Answer = TypeVar("Answer")
Start = Callable[[Argument], Callable[[Item], Answer]]
Progress = Callable[[int, int], None]

LIMIT_SECONDS = 60.0
MEMORY_BYTES = 768 * 2**20  # that a worker may take before a fresh one relieves it


def answer_each(
    start: Start[Argument, Item, Answer],
    argument: Argument,
    items: Sequence[Item],
    *,
    jobs: int,
    limit: float = LIMIT_SECONDS,
    progress: Progress | None = None,
) -> list[Answer | Lost]:
    """The answers in the order of the items. No job means in this process, which a crash would end."""
    answers: dict[int, Answer | Lost] = {}

    def note(index: int, answer: Answer | Lost) -> None:
        answers[index] = answer
        if progress is not None:
            progress(len(answers), len(items))

    if jobs == 0:
        answer_here(start, argument, items, limit, note)
    elif items:
        _Pool(start, argument, items, limit, note).run(min(jobs, len(items)))
    return [answers[index] for index in range(len(items))]


def usable_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Tired:
    """In place of an answer: what this worker remembers has filled its memory."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    share: deque[int]
    item: int
    since: float


class _Pool:
    """One item is with each worker at a time, so that it is known on which one a worker died."""

    __slots__ = ("argument", "context", "items", "limit", "note", "start", "workers")

    def __init__(
        self,
        start: Start[Any, Any, Any],
        argument: object,
        items: Sequence[Any],
        limit: float,
        note: Callable[[int, Any], None],
    ) -> None:
        self.start = start
        self.argument = argument
        self.items = items
        self.limit = limit
        self.note = note
        self.context = _context()
        self.workers: list[_Worker] = []

    def run(self, jobs: int) -> None:
        try:
            for share in _shares(len(self.items), jobs):
                self.hire(deque(share))
            while self.workers:
                self.attend()
        finally:
            for worker in self.workers:
                _dismiss(worker)

    def hire(self, share: deque[int]) -> None:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(  # type: ignore[attr-defined]  # every concrete context has it
            target=_serve, args=(theirs, self.start, self.argument), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours, share, -1, 0.0)
        self.workers.append(worker)
        self.give(worker)

    def give(self, worker: _Worker) -> None:
        if not worker.share:
            worker.share = self.steal()
        if not worker.share:
            self.workers.remove(worker)
            _dismiss(worker)
            return
        worker.item = worker.share.popleft()
        worker.since = time.monotonic()
        with suppress(OSError):  # one that died meanwhile shows when it is attended to
            worker.connection.send(self.items[worker.item])

    def steal(self) -> deque[int]:
        """The second half of what the busiest worker has before it."""
        richest = max((w.share for w in self.workers), key=len)
        return deque(reversed([richest.pop() for _ in range((len(richest) + 1) // 2)]))

    def attend(self) -> None:
        from multiprocessing.connection import wait

        overdue = min(w.since for w in self.workers) + self.limit - time.monotonic()
        ready = set(wait([w.connection for w in self.workers], max(0.0, overdue)))
        for worker in tuple(self.workers):
            if worker.connection in ready:
                self.receive(worker)
            elif time.monotonic() - worker.since >= self.limit:
                self.replace(worker, gave_up(self.limit))

    def receive(self, worker: _Worker) -> None:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(5.0)
            self.replace(worker, Lost(_cause_of_death(worker.process.exitcode)))
            return
        if isinstance(answer, _Tired):
            worker.share.appendleft(worker.item)
            self.relieve(worker)
            return
        self.note(worker.item, answer)
        self.give(worker)

    def replace(self, worker: _Worker, lost: Lost) -> None:
        self.note(worker.item, lost)
        self.relieve(worker)

    def relieve(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        _dismiss(worker)
        if worker.share:
            self.hire(worker.share)


def _serve(connection: Connection, start: Start[Any, Any, Any], argument: object) -> None:
    """A worker's life: answer what comes until the pipe closes."""
    from pickle import PicklingError  # where there are processes only

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and says it once
    gc.disable()
    full = _memory() + MEMORY_BYTES

    def work() -> None:
        respond = survivor(start, argument)
        with suppress(EOFError, OSError):
            item = connection.recv()
            while True:
                answer = respond(item)
                try:
                    connection.send(answer)
                except (PicklingError, TypeError, ValueError, AttributeError, RecursionError) as error:
                    connection.send(Lost(f"the answer cannot travel: {describe_error(error)}"))
                item = connection.recv()
                if _memory() > full:
                    connection.send(_Tired())
                    return

    start_deep_thread(work).join()


def _memory() -> int:
    """The most memory that this process has used so far, in bytes; 0 where that cannot be known."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _dismiss(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.kill()
    worker.process.join(5.0)


def _cause_of_death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the worker process ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", perhaps out of memory" if name == "SIGKILL" else ""
    return f"the worker process died of {name}{hint}"


def _shares(count: int, jobs: int) -> list[range]:
    """Contiguous shares of nearly equal size."""
    bounds = [count * job // jobs for job in range(jobs + 1)]
    return [range(low, high) for low, high in pairwise(bounds)]


def _context() -> BaseContext:
    """Fork where it is safe: nothing is imported or read twice. Threads of the caller make it unsafe."""
    import multiprocessing

    return multiprocessing.get_context("fork" if forks() else "spawn")


def forks() -> bool:
    """Whether workers inherit what this process has read and imported."""
    try:
        return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False
