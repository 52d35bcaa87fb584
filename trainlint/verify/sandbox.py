"""The parent's side of the sandbox: one warm child, requests and answers as lines of JSON.

The child is another interpreter that runs the files in `child/` and never imports trainlint. Whatever happens
to an experiment, `ask` returns an answer; whatever happens to the child, `close` leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainlint.verify.interpreter import VerifyError

if TYPE_CHECKING:
    from typing_extensions import Self

KERNEL_WALLS = ("network namespace", "landlock", "system call filter", "process namespace")
PASSED_ON = (
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "CUDA_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
)
QUIET = {"JOBLIB_MULTIPROCESSING": "0"}  # asked when it is imported: experiments start no processes
START_SECONDS = 180.0
GRACE_SECONDS = 120.0  # beyond a run's own time: other requests may make the child import something first
Answer = Mapping[str, Any]


class Sandbox:
    """A warm child and the threads that listen to it. Use as a context manager.

    Where `versions` of its Python and torch are known it starts with the first request only.
    """

    def __init__(
        self,
        python: str,
        *,
        kernel: bool = True,
        unsafe: bool = False,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.python, self.kernel, self.unsafe = python, kernel, unsafe
        self.protections: tuple[str, ...] = ()
        self.versions: Mapping[str, str] = versions or {}
        self.started = self._closed = False
        self._starting = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Answer]] = {}
        self._asked = 0
        self._packages: frozenset[str] = frozenset()  # installed ones that programs of this run have imported
        self._child: subprocess.Popen[bytes] | None = None
        self._scratch = ""

    def __enter__(self) -> Self:
        if not self.versions:
            self._begin()
        return self

    def _begin(self) -> None:
        """Start, unless that is done or all is over."""
        with self._starting:
            if self.started or self._closed:
                return
            try:
                self._start()
                self.started = True
            finally:
                if self._closed or not self.started:  # closed by somebody else, or it did not start
                    self.close()

    def __exit__(self, *problem: object) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """How many experiments to run at a time: they share the memory of one machine."""
        return max(1, min(4, os.cpu_count() or 1))

    @property
    def has_gpu(self) -> bool:
        """Whether the child's torch can use a GPU of this machine."""
        drivers = ("/dev/nvidiactl", "/dev/dxg")
        return bool(self.versions.get("cuda")) and any(os.path.exists(driver) for driver in drivers)

    def ask(self, request: Mapping[str, object], until: float = float("inf")) -> Answer:
        """Run one request; its answer, whatever became of it. Safe to call from several threads.

        Nobody waits beyond `until` on the monotonic clock: what is not answered then is out of budget, whatever it does.
        """
        if time.monotonic() >= until:
            return {"outcome": "out-of-budget"}
        self._begin()
        with self._lock:
            self._asked += 1
            number = self._asked
            waiting = self._waiting[number] = Future()
            try:
                self._send({**request, "id": number, "packages": sorted(self._packages)})
            except (OSError, ValueError):
                self._waiting.pop(number, None)
                return {"outcome": "sandbox-lost"}
        patience = float(str(request["seconds"])) + GRACE_SECONDS
        try:
            answer = waiting.result(min(patience, until - time.monotonic()))
        except WaitedTooLong:
            if time.monotonic() >= until:
                return {"outcome": "out-of-budget"}
            self._kill()  # the keeper keeps time itself: if it does not answer, something is very wrong
            return {"outcome": "sandbox-lost"}
        self._packages |= _packages(answer)
        return answer

    def close(self) -> None:
        """End the child, and with it everything that it started; remove its folder."""
        self._closed = True
        child, self._child = self._child, None
        try:
            if child is not None:
                _end(child)
        finally:  # also where somebody interrupts once more
            if self._scratch:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def _start(self) -> None:
        if not hasattr(os, "fork"):
            raise VerifyError("verify needs an operating system that can fork: Linux or macOS")
        self._scratch = tempfile.mkdtemp(prefix="trainlint-")
        with open(os.path.join(self._scratch, "errors"), "w+b") as errors:
            self._child = subprocess.Popen(
                [self.python, "-E", str(Path(__file__).parent / "child")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(self._scratch),
                cwd=self._scratch,
                start_new_session=True,
            )
            with contextlib.suppress(OSError):  # it may have ended already: what it said tells why
                self._send({"scratch": self._scratch, "kernel": self.kernel})
            self._check_walls(self._read_line(errors))
            self._check_torch(self._read_line(errors))
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def _read_line(self, errors: Any) -> Mapping[str, Any]:
        child = self._child
        assert child is not None and child.stdout is not None
        alarm = threading.Timer(START_SECONDS, lambda: _end_group(child))
        alarm.daemon = True
        alarm.start()
        line = child.stdout.readline()
        alarm.cancel()
        try:
            return dict(json.loads(line))
        except ValueError:
            errors.seek(0)
            last = errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise VerifyError(
                f"the sandbox did not start with {self.python}: {''.join(last) or 'no answer'}"
            ) from None

    def _check_walls(self, greeting: Mapping[str, Any]) -> None:
        self.protections = tuple(str(name) for name in greeting["protections"])
        if not self.unsafe and not any(wall in self.protections for wall in KERNEL_WALLS):
            raise VerifyError(
                "this system offers no way to keep the programs from the network and other files (see "
                "docs/verification.md); --unsafe-no-sandbox runs them all the same"
            )

    def _check_torch(self, greeting: Mapping[str, Any]) -> None:
        if "error" in greeting:
            raise VerifyError(f"torch cannot be imported by {self.python}: {greeting['error']}")
        self.versions = {name: str(greeting[name]) for name in ("torch", "python", "cuda")}

    def _send(self, message: Mapping[str, object]) -> None:
        if self._child is None or self._child.stdin is None:
            raise ValueError("closed")
        self._child.stdin.write(json.dumps(message).encode() + b"\n")
        self._child.stdin.flush()

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """Hand answers to those who wait for them until the child is gone."""
        assert child.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in child.stdout:
                number, _, answer = line.partition(b" ")
                waiting = self._waiting.pop(int(number), None)
                if waiting is not None:
                    waiting.set_result({**_read_answer(answer), "versions": self.versions})
        for waiting in list(self._waiting.values()):
            with contextlib.suppress(Exception):
                waiting.set_result({"outcome": "sandbox-lost"})

    def _kill(self) -> None:
        if self._child is not None:
            _end_group(self._child)


def _read_answer(text: bytes) -> Answer:
    """What a program wrote is in it: whatever does not parse here is that program's doing, and hurts no other."""
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError, MemoryError):
        return {"outcome": "tampered"}


def _packages(answer: Answer) -> frozenset[str]:
    account = answer.get("answer")
    names = account.get("packages") if isinstance(account, dict) else None
    return (
        frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    )


def _environment(scratch: str) -> dict[str, str]:
    """Nothing of the user's environment but where libraries are."""
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    at_home = {
        "HOME": scratch,
        "TMPDIR": scratch,
        "TORCHINDUCTOR_CACHE_DIR": os.path.join(scratch, "inductor"),
    }
    return {**own, **at_home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", **QUIET}


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        with contextlib.suppress(OSError, ValueError):
            if child.stdin:
                child.stdin.close()  # to the child this says that no more will come
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(2)
    finally:
        _end_group(child)
        child.wait()
        if child.stdout:
            child.stdout.close()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the child; its keepers end with it, and the experiments with them."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
