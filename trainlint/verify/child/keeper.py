"""Keeps one experiment: prepares its cell, watches it from outside, ends it, and answers for it.

The keeper is forked from the warm process and forks the experiment, which runs the user's program. It runs
no code of the user's, so its word about time, memory and the end of the experiment can be relied on.
"""

from __future__ import annotations

import contextlib
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
DEEPEST = 24  # lists and objects in each other in an account: ours have five, a parser dies of a few thousand


def keep(request: dict[str, object], cell: dict[str, object], run: object) -> bytes:
    """Run one request in a forked process and return the answer as one line of JSON."""
    began = time.monotonic()
    kernel.control(kernel.DEATH_SIGNAL, signal.SIGKILL)
    kernel.control(kernel.CHILD_SUBREAPER, 1)
    folder = tempfile.mkdtemp(dir=str(cell["scratch"]))
    protections = ["process group", "time limit"]
    if cell["kernel"]:
        protections += _enter_cell(folder)
    cell = {**cell, "private": "private folder" in protections}
    token = os.urandom(16).hex()  # a program that writes an account of its own has to find it first
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        _become_experiment(request, cell, folder, writing, token, run)
    os.close(writing)
    outcome, raw = _watch(process, reading, request)
    detail = _end(process, 0.5 if outcome == "ended" else 0.0)  # closing the pipe is its last act but one
    kernel.call("umount2", folder.encode(), 2)  # MNT_DETACH; refused where nothing was mounted
    remove(folder)
    greeting, _, account = raw.partition(b"\n")
    answer = _read_answer(outcome, account, detail, token)
    answer["protections"] = [*protections, *_gained(greeting)]
    answer["seconds"] = round(time.monotonic() - began, 4)
    return f"{request['id']} {json.dumps(answer)}\n".encode()


def _enter_cell(folder: str) -> list[str]:
    """Own process numbers, and a private folder of limited size, where the kernel grants them."""
    gained = []
    if kernel.leave(kernel.NEW_MOUNTS) and kernel.mount_private_memory(folder, 256):
        gained.append("private folder")
    if kernel.leave(kernel.NEW_PIDS):
        gained.append("process namespace")
    return gained


def _become_experiment(
    request: dict[str, object], cell: dict[str, object], folder: str, writing: int, token: str, run: object
) -> None:
    """Never returns: whatever happens here ends this process and nothing else."""
    leave, code = os._exit, 1  # the program may put something else in its place
    try:
        run(request, cell, folder, writing, token)  # type: ignore[operator]
        code = 0
    finally:
        leave(code)


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
                return "flooded", pieces[0]
        resident, tasks = _appetite(process)
        if resident > memory or tasks > MOST_TASKS:
            return ("out-of-memory" if resident > memory else "too-many-tasks"), b"".join(pieces[:1])
    return "timed-out", b"".join(pieces[:1])


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


def remove(folder: str) -> None:
    """A folder and all in it, also what the program has locked; links are not followed."""
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
        for place, names, _ in os.walk(folder):  # from above: each is opened before it is entered
            for name in names:
                path = os.path.join(place, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _gained(greeting: bytes) -> list[str]:
    """The protections that the experiment took on, which it says before it runs the program."""
    try:
        return [str(name) for name in json.loads(greeting)["protections"]]
    except (ValueError, KeyError, TypeError):
        return []


def _read_answer(outcome: str, account: bytes, detail: str, token: str) -> dict[str, object]:
    """The experiment's own account, if it is one; it may be forged, but it cannot break anything here."""
    if outcome != "ended":
        return {"outcome": outcome}
    if not account:
        return {"outcome": "died", "detail": detail}
    try:
        answer = json.loads(account)
        genuine = isinstance(answer, dict) and answer.pop("token", "") == token and _is_shallow(answer)
    except (ValueError, RecursionError):
        genuine = False
    return {"outcome": "ended", "answer": answer} if genuine else {"outcome": "tampered", "detail": detail}


def _is_shallow(value: object) -> bool:
    """Whether any parser takes what is nested in a value."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False
