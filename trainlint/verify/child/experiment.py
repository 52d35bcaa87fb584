"""One experiment's own process: takes on its restrictions, runs the program, writes its account."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

from . import kernel, landlock, seccomp, tripwire

GPU_DEVICES = "nvidia0 nvidia1 nvidia2 nvidia3 nvidia4 nvidia5 nvidia6 nvidia7 nvidiactl nvidia-uvm nvidia-uvm-tools kfd dri"


def run(request: dict[str, object], cell: dict[str, object], folder: str, writing: int) -> None:
    """Called in a fresh fork; the caller ends the process afterwards."""
    _detach(writing)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    _set_environment(folder, str(request["device"]))
    protections = ["resource limits"] if _limit(float(str(request["seconds"]))) else []
    if cell["kernel"]:
        protections += _wall_in(request, cell, folder)
    tripped = tripwire.install(folder)
    _write(writing, {"protections": [*protections, "memory watchdog", "audit hook"]})
    if request.get("probe"):
        _write(writing, {})
        return
    from .arm import run_arm  # imported by the warm process already; this file must not need torch

    _write(writing, run_arm(request, folder, tripped))


def _detach(writing: int) -> None:
    """Own session, nothing inherited but the pipe: no terminal, no other experiment's pipes."""
    kernel.control(kernel.DEATH_SIGNAL, signal.SIGKILL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):
        os.dup2(nothing, handle)
    os.closerange(3, writing)
    os.closerange(writing + 1, 4096)


def _set_environment(folder: str, device: str) -> None:
    os.environ.update(
        HOME=folder, TMPDIR=folder, MPLBACKEND="Agg", XDG_CACHE_HOME=folder, WANDB_MODE="disabled"
    )
    os.environ["CUDA_VISIBLE_DEVICES"] = device.partition(":")[2] or "0" if device.startswith("cuda") else ""


def _limit(seconds: float) -> bool:
    limits = {"CORE": 0, "CPU": int(seconds * 8) + 2, "FSIZE": 256 << 20, "NOFILE": 512}
    for name, value in limits.items():
        kind = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(kind)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lowered, lowered))
    if kernel.linux():
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")  # if memory runs out all the same, this is what has to go
    return True


def _wall_in(request: dict[str, object], cell: dict[str, object], folder: str) -> list[str]:
    """The kernel's walls, those that it has."""
    walls = []
    devices = [f"/dev/{name}" for name in "null zero full random urandom".split()]
    if str(request["device"]).startswith("cuda"):
        devices += [f"/dev/{name}" for name in GPU_DEVICES.split()]
    if cell["network"]:
        walls.append("network namespace")
    kernel.drop_capabilities()
    readable = [*_paths(cell["readable"]), *_paths(request.get("readable"))]
    if landlock.restrict(readable, [folder], devices):
        walls.append("landlock")
    if seccomp.restrict():
        walls.append("system call filter")
    return walls


def _paths(value: object) -> list[str]:
    return [str(path) for path in value] if isinstance(value, list) else []


def _write(handle: int, value: object) -> None:
    view = memoryview(json.dumps(value).encode() + b"\n")
    while view:
        view = view[os.write(handle, view) :]
