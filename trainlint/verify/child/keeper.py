"""Keeps one experiment: prepares its cell, watches it from outside, ends it, and answers for it.

The keeper is forked from the warm process and forks the experiment, which runs the user's program. It runs
no code of the user's, so its word about time, memory and the end of the experiment can be relied on.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import time

from . import kernel

LARGEST_ANSWER = 16 << 20
GLANCE = 0.02  # seconds between two looks at the memory of the experiment
MOST_TASKS = 512


def keep(request: dict[str, object], cell: dict[str, object], run: object) -> bytes:
    """Run one request in a forked process and return the answer as one line of JSON."""
    began = time.monotonic()
    kernel.control(kernel.DEATH_SIGNAL, signal.SIGKILL)
    kernel.control(kernel.CHILD_SUBREAPER, 1)
    folder = tempfile.mkdtemp(dir=str(cell["scratch"]))
    protections = ["process group", "time limit"]
    if cell["kernel"]:
        protections += _enter_cell(folder)
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        _become_experiment(request, cell, folder, writing, run)
    os.close(writing)
    outcome, raw = _watch(process, reading, request)
    detail = _end(process, 0.5 if outcome == "ended" else 0.0)  # closing the pipe is its last act but one
    kernel.call("umount2", folder.encode(), 2)  # MNT_DETACH; refused where nothing was mounted
    shutil.rmtree(folder, ignore_errors=True)
    answer = _read_answer(outcome, raw, detail)
    gained = answer.get("protections")
    answer["protections"] = [*protections, *gained] if isinstance(gained, list) else protections
    answer.update(id=request.get("id"), seconds=round(time.monotonic() - began, 4))
    return json.dumps(answer).encode() + b"\n"


def _enter_cell(folder: str) -> list[str]:
    """Own process numbers, and a private folder of limited size, where the kernel grants them."""
    gained = []
    if kernel.leave(kernel.NEW_MOUNTS) and kernel.mount_private_memory(folder, 256):
        gained.append("private folder")
    if kernel.leave(kernel.NEW_PIDS):
        gained.append("process namespace")
    return gained


def _become_experiment(
    request: dict[str, object], cell: dict[str, object], folder: str, writing: int, run: object
) -> None:
    """Never returns: whatever happens here ends this process and nothing else."""
    code = 1
    try:
        run(request, cell, folder, writing)  # type: ignore[operator]
        code = 0
    finally:
        os._exit(code)


def _watch(process: int, reading: int, request: dict[str, object]) -> tuple[str, bytes]:
    """Collect what the experiment writes until it ends, or until it takes too much of something."""
    deadline = time.monotonic() + float(str(request["seconds"]))
    memory = int(str(request["memory"]))
    pieces: list[bytes] = []
    size = 0
    while time.monotonic() < deadline:
        if select.select([reading], [], [], GLANCE)[0]:
            piece = os.read(reading, 1 << 16)
            if not piece:
                return "ended", b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                return "flooded", b""
        resident, tasks = _appetite(process)
        if resident > memory or tasks > MOST_TASKS:
            return ("out-of-memory" if resident > memory else "too-many-tasks"), b""
    return "timed-out", b""


def _appetite(process: int) -> tuple[int, int]:
    """Resident bytes and threads of the experiment and of all it started."""
    total, tasks = 0, 0
    for number in (process, *descendants(process)):
        try:
            with open(f"/proc/{number}/statm") as stream:
                total += int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            tasks += len(os.listdir(f"/proc/{number}/task"))
        except (OSError, IndexError, ValueError):
            continue
    return total, tasks


def descendants(process: int) -> list[int]:
    """Children of all generations, from the kernel's own list; empty where there is none."""
    found: list[int] = []
    waiting = [process]
    while waiting and len(found) < 10_000:
        parent = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{parent}/task/{thread}/children") as stream:
                    children = [int(word) for word in stream.read().split()]
            except (OSError, ValueError):
                continue
            found += children
            waiting += children
    return found


def _end(process: int, patience: float) -> str:
    """Kill what is left, all generations, and say how the experiment itself ended."""
    deadline = time.monotonic() + patience
    finished, status = os.waitpid(process, os.WNOHANG)
    while not finished and time.monotonic() < deadline:
        time.sleep(0.001)
        finished, status = os.waitpid(process, os.WNOHANG)
    if not finished:
        _kill(process)
        _, status = os.waitpid(process, 0)
    _end_orphans()
    return (
        f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
    )


def _end_orphans() -> None:
    """What outlived the experiment was handed to this process, its nearest subreaper."""
    for _ in range(1000):
        orphans = descendants(os.getpid())
        if not orphans:
            return
        for orphan in orphans:
            _kill(orphan)
        _reap()


def _kill(process: int) -> None:
    for end in (os.killpg, os.kill):
        try:
            end(process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _read_answer(outcome: str, raw: bytes, detail: str) -> dict[str, object]:
    """The experiment's own account, if it is one; it may be forged, but it cannot break anything here."""
    if outcome != "ended":
        return {"outcome": outcome}
    try:
        first, _, rest = raw.partition(b"\n")
        answer: dict[str, object] = {"protections": json.loads(first)["protections"]}
        if not rest:
            return {**answer, "outcome": "died", "detail": detail}
        return {**answer, "outcome": "ended", "answer": json.loads(rest)}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"outcome": "died" if not raw else "tampered", "detail": detail}
