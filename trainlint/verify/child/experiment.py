"""One experiment's own process: takes on its restrictions, runs the program, writes its account."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

from . import kernel, landlock, seccomp, tripwire

GPU_DEVICES = "nvidia0 nvidia1 nvidia2 nvidia3 nvidia4 nvidia5 nvidia6 nvidia7 nvidiactl nvidia-uvm nvidia-uvm-tools kfd dri"
MOST_SPACE = 256 << 30  # of addresses: the tables for more would be memory that the watchdog does not see


def run(request: dict[str, object], cell: dict[str, object], folder: str, writing: int, token: str) -> None:
    """Called in a fresh fork; the caller ends the process afterwards."""
    _detach(writing)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    _set_environment(folder, str(request["device"]))
    protections = ["resource limits"] if _limit(float(str(request["seconds"])), _has_driver(request)) else []
    if cell["kernel"]:
        protections += _wall_in(request, cell, folder)
    tripped = tripwire.install(folder)
    watched = ["memory watchdog"] if kernel.linux() else []
    _write(writing, {"protections": [*protections, *watched, "audit hook"]})
    if request.get("probe"):
        _write(writing, {})
        return
    from .arm import run_arm  # imported by the warm process already; this file must not need torch

    account = run_arm(request, folder, tripped)
    _write(writing, {**account, "token": token})


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


def _limit(seconds: float, driver: bool) -> bool:
    """A core limit of 1 keeps programs that collect crashes away too, which 0 does not; drivers reserve any space."""
    limits = {"CORE": 1, "CPU": int(seconds * 8) + 2, "FSIZE": 256 << 20, "NOFILE": 512, "MSGQUEUE": 0}
    if not driver:
        limits["AS"] = MOST_SPACE
    for name, value in limits.items():
        kind = getattr(resource, "RLIMIT_" + name, None)
        if kind is None:
            continue
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
    if _has_driver(request):
        devices += [f"/dev/{name}" for name in GPU_DEVICES.split()]
    if cell["network"]:
        walls.append("network namespace")
    read_only = bool(cell.get("private")) and kernel.make_read_only(folder)
    if read_only:
        walls.append("read-only file systems")
    kernel.drop_capabilities()
    readable = [*_paths(cell["readable"]), *_paths(request.get("readable"))]
    if landlock.restrict(readable, _paths(request.get("listed")), [folder], devices):
        walls.append("landlock")
    if seccomp.restrict(read_only, _has_driver(request)):
        walls.append("system call filter")
    return walls


def _has_driver(request: dict[str, object]) -> bool:
    return str(request["device"]).startswith("cuda")


def _paths(value: object) -> list[str]:
    return [str(path) for path in value] if isinstance(value, list) else []


def _write(handle: int, value: object) -> None:
    view = memoryview(json.dumps(value).encode() + b"\n")
    while view:
        view = view[os.write(handle, view) :]
