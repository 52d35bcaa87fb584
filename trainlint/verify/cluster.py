"""Experiments on the workers of a Ray cluster: a request goes out as JSON, its answer comes back as JSON.

Each worker holds a sandbox of its own. Ray places the workers, starts those anew that are lost, and runs once more
what they were at; nothing of that is done here. Workers need trainlint, PyTorch and the project at the same path.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainlint.verify.interpreter import VerifyError, find_python
from trainlint.verify.sandbox import GRACE_SECONDS, START_SECONDS, Answer, Sandbox

if TYPE_CHECKING:
    from typing_extensions import Self

NO_RAY = '--executor ray needs Ray: pip install "trainlint[ray]", here and on the workers'
RESTARTS, RETRIES = 8, 3  # of one worker, and of one experiment whose worker was lost
CLOSING_SECONDS = 3.0


class Worker:
    """What runs at a worker of the cluster: one sandbox, one experiment at a time."""

    def __init__(self, python: str | None, unsafe: bool) -> None:
        self.problem = ""
        try:
            self.sandbox = Sandbox(find_python(python), unsafe=unsafe).__enter__()
        except VerifyError as error:
            self.problem = f"{platform.node()}: {error}"

    def greet(self) -> str:
        """What holds here, or why nothing can run."""
        if self.problem:
            return json.dumps({"problem": self.problem})
        return json.dumps({"protections": self.sandbox.protections, "versions": dict(self.sandbox.versions)})

    def ask(self, request: str) -> str:
        """Run a request; where the sandbox is lost, so is the worker, and Ray starts both anew."""
        asked: dict[str, Any] = json.loads(request)
        root = str(asked.get("root") or "")
        if root and not os.path.isdir(root):
            return json.dumps(
                {"outcome": "sandbox-lost", "detail": f"{platform.node()} has no folder {root}"}
            )
        answer = self.sandbox.ask({**asked, "device": _own_device(str(asked["device"]))})
        if answer.get("outcome") == "sandbox-lost":
            self.sandbox.close()
            os._exit(1)
        return json.dumps(answer)

    def close(self) -> None:
        self.sandbox.close()


class Cluster:
    """The workers of a cluster behind the face of a sandbox. Use as a context manager."""

    def __init__(self, python: str | None, *, unsafe: bool, device: str, most: int) -> None:
        self._python, self._unsafe, self._device, self._most = python, unsafe, device, most
        self.protections: tuple[str, ...] = ()
        self.versions: Mapping[str, str] = {}
        self.workers, self.started = 0, True
        self.has_gpu = False
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._started: list[Any] = []
        self._ray: Any = None
        self._owned = False
        self._lock, self._left = threading.Lock(), 0

    def __enter__(self) -> Self:
        try:
            self._connect()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def ask(self, request: Mapping[str, object], until: float = float("inf")) -> Answer:
        """Run one request on a worker that has nothing to do. Safe to call from several threads."""
        worker = self._idle.get()
        patience = (RETRIES + 1) * (float(str(request["seconds"])) + GRACE_SECONDS + START_SECONDS)
        left = until - time.monotonic()
        errors, alive = self._ray.exceptions, True
        try:
            answer = worker.ask.remote(json.dumps(request))
            return dict(json.loads(self._ray.get(answer, timeout=max(0.0, min(patience, left)))))
        except errors.GetTimeoutError:
            return {"outcome": "out-of-budget" if left < patience else "sandbox-lost"}
        except errors.RayError as error:
            alive = not isinstance(error, errors.RayActorError)
            return {"outcome": "sandbox-lost", "detail": " ".join(str(error).split())[:200]}
        finally:
            if alive or self._was_last():
                self._idle.put(worker)

    def _was_last(self) -> bool:
        """One worker less: what nobody starts anew would only make others wait for nothing."""
        with self._lock:
            self._left -= 1
            return self._left < 1

    def close(self) -> None:
        """End the workers, and the cluster if it was started for this."""
        if self._ray is None or not self._ray.is_initialized():
            return
        with contextlib.suppress(self._ray.exceptions.RayError):
            ends = [worker.close.remote() for worker in self._started]
            self._ray.wait(ends, num_returns=len(ends), timeout=CLOSING_SECONDS) if ends else None
            for worker in self._started:
                self._ray.kill(worker)
        self._started = []
        if self._owned:
            self._ray.shutdown()

    def _connect(self) -> None:
        """Join the cluster that is there (RAY_ADDRESS, or one on this machine), else start one here."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours tells nobody about us
        try:
            import ray
        except ImportError:
            raise VerifyError(NO_RAY) from None
        self._ray = ray
        if ray.is_initialized():
            return
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise VerifyError(f"the Ray cluster cannot be reached: {' '.join(str(error).split())}") from None
        self._owned = True

    def _start(self) -> None:
        """As many workers as the cluster has room for, spread over it; those that are ready in time are used."""
        room = self._ray.cluster_resources()
        gpus = room.get("GPU", 0) if self._device != "cpu" else 0
        kind = self._ray.remote(
            num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=RESTARTS, max_task_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )(Worker)  # fmt: skip
        number = max(1, min(self._most, int(gpus or room.get("CPU", 1))))
        self._started = [kind.remote(self._python, self._unsafe) for _ in range(number)]
        greetings = {worker.greet.remote(): worker for worker in self._started}
        ready, _ = self._ray.wait(list(greetings), num_returns=number, timeout=START_SECONDS)
        told = {greeting: self._hear(greeting) for greeting in ready}
        willing = [greeting for greeting, heard in told.items() if "problem" not in heard]
        if not willing:
            problems = [str(heard["problem"]) for heard in told.values()]
            raise VerifyError(next(iter(problems), "no worker of the Ray cluster got ready"))
        for greeting in willing:
            self._idle.put(greetings[greeting])
        self.workers = self._left = len(willing)
        self.protections = tuple(told[willing[0]]["protections"])
        self.versions = told[willing[0]]["versions"]
        self.has_gpu = bool(gpus and self.versions.get("cuda"))

    def _hear(self, greeting: Any) -> Mapping[str, Any]:
        try:
            return dict(json.loads(self._ray.get(greeting)))
        except self._ray.exceptions.RayError as error:
            return {"problem": f"a worker of the Ray cluster was lost: {' '.join(str(error).split())[:200]}"}


def _own_device(device: str) -> str:
    """The GPU that Ray gave to this worker, where the experiment wants one."""
    if not device.startswith("cuda"):
        return device
    import ray

    given = ray.get_gpu_ids()
    return f"cuda:{given[0]}" if given else device
