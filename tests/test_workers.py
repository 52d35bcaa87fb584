"""Workers answer everything that can be answered, in order, whatever happens to them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from trainlint import workers
from trainlint.deep_thread import Lost, start_deep_thread
from trainlint.workers import answer_each

TWICE = [2 * number for number in range(20)]
DIES = pytest.mark.skipif(sys.platform == "win32", reason="signals end no process there")


def doubling(argument: object) -> Callable[[Any], Any]:
    return lambda item: 2 * item


def telling_the_process(argument: object) -> Callable[[Any], Any]:
    return lambda item: os.getpid()


def troubled(argument: object) -> Callable[[Any], Any]:
    def answer(item: int) -> Any:
        match item:
            case 3:
                signal.raise_signal(signal.SIGKILL)
            case 5:
                time.sleep(60)
            case 7:
                raise SystemExit("enough")
            case 9:
                return lambda: item
        return 2 * item

    return answer


def broken(argument: object) -> Callable[[Any], Any]:
    raise ImportError("no such book")


def descending(argument: object) -> Callable[[Any], Any]:
    def depth(number: int) -> int:
        return 0 if number == 0 else 1 + depth(number - 1)

    return depth


@pytest.mark.parametrize("jobs", [0, 1, 3, 50])
def test_answers_come_in_the_order_of_the_items(jobs: int) -> None:
    assert answer_each(doubling, None, range(20), jobs=jobs) == TWICE
    assert answer_each(doubling, None, (), jobs=jobs) == []


def test_where_forking_is_unsafe_processes_are_started_afresh() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not workers.forks()
        assert answer_each(doubling, None, range(20), jobs=2) == TWICE
    finally:
        stop.set()
        thread.join()


@DIES
def test_what_goes_wrong_costs_one_answer_each() -> None:
    answers = answer_each(troubled, None, range(20), jobs=2, limit=2.0)
    lost = {number: answer.reason for number, answer in enumerate(answers) if isinstance(answer, Lost)}
    assert [answer for answer in answers if not isinstance(answer, Lost)] == [
        2 * number for number in range(20) if number not in lost
    ]
    assert sorted(lost) == [3, 5, 7, 9]
    assert "SIGKILL" in lost[3] and "memory" in lost[3]
    assert lost[5] == "gave up after 2 seconds"
    assert lost[7] == "SystemExit: enough"
    assert "cannot travel" in lost[9]


@pytest.mark.parametrize("jobs", [0, 2])
def test_workers_that_cannot_start_say_so(jobs: int) -> None:
    assert (
        answer_each(broken, None, [1, 2], jobs=jobs)
        == [Lost("could not start: ImportError: no such book")] * 2
    )


@pytest.mark.parametrize("jobs", [0, 1])
def test_there_is_room_for_deep_recursion_and_it_ends_there(jobs: int) -> None:
    before = sys.getrecursionlimit(), gc.isenabled()
    deep, deeper = answer_each(descending, None, [12_000, 10**6], jobs=jobs)
    assert deep == 12_000
    assert isinstance(deeper, Lost) and "RecursionError" in deeper.reason
    assert (sys.getrecursionlimit(), gc.isenabled()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only forked workers see the limit set here")
def test_a_worker_whose_memory_is_full_is_relieved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MEMORY_BYTES", -(10**15))
    monkeypatch.setattr(workers, "forks", lambda: True)  # what is set here reaches no process started afresh
    answers = answer_each(telling_the_process, None, range(6), jobs=2)
    assert len(set(answers)) == 6


def test_progress_is_told_for_every_item() -> None:
    seen: list[tuple[int, int]] = []
    answer_each(doubling, None, range(5), jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 5) for number in range(1, 6)]


def test_no_process_is_left_behind() -> None:
    import multiprocessing

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer_each(doubling, None, range(50), jobs=2, progress=interrupt)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux says of one thread")
def test_a_recursion_that_goes_to_and_fro_asks_for_no_new_memory() -> None:
    import resource

    found = []

    def descend(levels: int) -> int:
        return levels and 1 + descend(levels - 1)

    def work() -> None:
        descend(1000)  # touches what it needs
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for _ in range(1000):
            descend(1000)
        found.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

    start_deep_thread(work).join()
    assert found[0] < 1000  # one page for each turn and more, where every piece of the stack is given back
