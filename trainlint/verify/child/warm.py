"""The warm process: imports torch once, takes one tiny step, then forks a keeper per request.

It runs no code of the user's. One intra-op thread until after the fork (OpenMP's threads do not survive
one), no backward pass and no CUDA before it (the autograd engine's device threads and a CUDA context do not
either).
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from dataclasses import dataclass, field

from . import kernel
from .experiment import run
from .keeper import keep, remove


@dataclass
class Keeper:
    """A keeper at work: its process, the request it answers, and what it has said so far."""

    process: int
    request: int
    pieces: list[bytes] = field(default_factory=list)


def serve() -> None:
    """Read the settings, say what protects, get warm, say so, then answer requests until the parent closes its end."""
    settings = json.loads(_read_line(0))
    cell = {"scratch": settings["scratch"], "kernel": settings.get("kernel", True), "readable": []}
    keepers: dict[int, Keeper] = {}
    try:
        _get_ready(cell)
        greeting = warm_up()
        _write(1, json.dumps(greeting).encode() + b"\n")
        if "error" not in greeting:
            _loop(cell, keepers)
    finally:  # the parent may be gone: nobody else cleans up
        _end_keepers(keepers)
        remove(str(cell["scratch"]))


def _get_ready(cell: dict[str, object]) -> None:
    """Into namespaces, and say which protections hold here."""
    cell["network"] = bool(cell["kernel"]) and _enter_namespaces()
    cell["readable"] = readable_paths(sys.path)
    _write(1, json.dumps({"protections": _probe(cell)}).encode() + b"\n")


def _enter_namespaces() -> bool:
    """A network of our own with nothing in it but the loopback; before any thread exists."""
    kernel.become_own_user()
    if not kernel.leave(kernel.NEW_NETWORK):
        return False
    kernel.leave(kernel.NEW_IPC)
    kernel.raise_loopback()
    return True


def warm_up() -> dict[str, object]:
    """Import torch and what the first step imports."""
    try:
        import torch

        from . import arm  # noqa: F401 - so that no experiment has to load it
    except Exception as error:  # whatever a broken installation raises, the answer is the same
        return {"error": f"{type(error).__name__}: {error}", "python": sys.version.split()[0]}
    torch.set_num_threads(1)
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    torch.nn.functional.cross_entropy(layer(torch.ones(2, 4)), torch.zeros(2, dtype=torch.long))
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    gc.collect()
    gc.freeze()  # so that an experiment's garbage collections see its own objects only
    return {"torch": torch.__version__, "python": sys.version.split()[0], "cuda": torch.version.cuda or ""}


def readable_paths(search: list[str]) -> list[str]:
    """What a program needs to read to run at all: the interpreter, its packages and the system's libraries."""
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.abspath(__file__))]
    system = "/usr /lib /lib64 /lib32 /bin /opt/cuda /opt/rocm /sys /nix/store".split()
    settings = "ld.so.cache localtime os-release nsswitch.conf passwd group hosts mime.types timezone ssl fonts alternatives"
    process = "self cpuinfo meminfo stat sys version filesystems devices driver"
    return [
        *(path for path in (*own, *search) if path and os.path.abspath(path) != "/"),
        *system,
        *(f"/etc/{name}" for name in settings.split()),
        *(f"/proc/{name}" for name in process.split()),
    ]


def _probe(cell: dict[str, object]) -> object:
    """Keep an experiment that runs nothing: its answer tells which protections hold here."""
    request = {"id": 0, "seconds": 10.0, "memory": 8 << 30, "device": "cpu", "probe": True}
    handle, keeper = _fork_keeper(dict(request), cell)
    while piece := os.read(handle, 1 << 16):
        keeper.pieces.append(piece)
    os.close(handle)
    os.waitpid(keeper.process, 0)
    return json.loads(b"".join(keeper.pieces).partition(b" ")[2] or b"{}").get("protections", [])


def _loop(cell: dict[str, object], keepers: dict[int, Keeper]) -> None:
    """One keeper per request, several at a time if the parent asks; answers leave as whole lines."""
    from .prepared import prepare, wishes  # knows torch

    prepared: set[str] = set()
    pending = b""
    while True:
        for handle in select.select([0, *keepers], [], [])[0]:
            if handle:
                _forward(handle, keepers)
                continue
            received = os.read(0, 1 << 16)
            if not received:
                return
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                request = json.loads(line)
                if prepare(wishes(request), prepared):
                    gc.freeze()
                answers, keeper = _fork_keeper(request, cell)
                keepers[answers] = keeper


def _end_keepers(keepers: dict[int, Keeper]) -> None:
    """Their experiments end with them."""
    for keeper in keepers.values():
        os.kill(keeper.process, signal.SIGKILL)
        os.waitpid(keeper.process, 0)


def _fork_keeper(request: dict[str, object], cell: dict[str, object]) -> tuple[int, Keeper]:
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return reading, Keeper(process, int(str(request["id"])))
    code = 1
    try:
        os.setpgid(0, 0)
        os.close(reading)
        _write(writing, keep(request, cell, run))
        code = 0
    finally:
        os._exit(code)


def _forward(handle: int, keepers: dict[int, Keeper]) -> None:
    """Pass a keeper's line on when it is whole."""
    keeper = keepers[handle]
    piece = os.read(handle, 1 << 16)
    if piece:
        keeper.pieces.append(piece)
        return
    os.close(handle)
    os.waitpid(keeper.process, 0)
    del keepers[handle]
    whole = b"".join(keeper.pieces)
    _write(1, whole if whole.endswith(b"\n") else b'%d {"outcome": "keeper-lost"}\n' % keeper.request)


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def _read_line(handle: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(handle, 1)
        if not byte:
            raise SystemExit(0)
        line += byte
    return line
