"""Runs one program once, recorded, and gives its account."""

from __future__ import annotations

import ast
import builtins
import random
import sys
import time
import types
from typing import Any

import torch

from . import (
    clips,
    criteria,
    divisions,
    gradients,
    graphs,
    layers,
    loaders,
    logarithms,
    modules,
    prepared,
    reading,
    schedules,
    seals,
    tables,
)
from .loops import Loop, Loops, instrument
from .record import Record
from .rig import Rig
from .rig.failures import Failures
from .rig.project import features, is_feature
from .skeleton import lay_bare, losses
from .tolerance import sacred, tolerate

SOFT_SHARE = 0.6  # of the time limit: after that, loops end at their next iteration
BARE_SHARE = 0.3
IN_LOOPS = 0.5  # of what is left to loops in a hurry: the rest is evaluation, and what is made before
MOST_LOOKS = 100  # at the graphs alive, per run of a loop


def run_arm(request: dict[str, Any], folder: str, tripped: list[str]) -> dict[str, Any]:
    """Everything that happens to a program, from seeding to its account as JSON-able values."""
    torch.set_num_threads(1)
    seed(int(request["seed"]))
    choices = request.get("choices") or {}
    hurried = bool(choices.get("hurry"))
    share = BARE_SHARE if request.get("bare") and not hurried else SOFT_SHARE
    seconds = share * float(request["seconds"])
    record = Record(
        path=str(request["path"]),
        focus=[(int(first), int(last)) for first, last in request["focus"]],
        spots=[(int(first), int(last)) for first, last in request.get("spots") or ()],
        steps_wanted=int(request["steps"]),
        epochs_wanted=int(request["epochs"]),
        soft_deadline=time.monotonic() + seconds,
        share=IN_LOOPS * seconds / max(1, int(request["epochs"])) if hurried else 0.0,
        bare=bool(request.get("bare")),
        only_order=bool(request.get("order")),
    )
    flow = gradients.install(record)
    modules.install(record, flow)
    flow.listeners.append(layers.install(record).note)
    schedules.install(record)
    criteria.install(record)
    clips.install(record, flow)
    logarithms.install(record)
    tables.install(record, str(request["program"]))
    chosen = choices.get("batches") or request.get("batches")
    served = loaders.install(record, str(chosen or ""))
    rig = Rig(record, request, folder)
    read = reading.install(str(request.get("root") or ""))
    rig.install()
    sealed = seals.seal()
    raised = _execute(request, record, rig)
    served.close()
    return {
        "events": record.events,
        "raised": raised,
        "substituted": record.substituted,
        "choices": rig.choices,
        "late": record.late,
        "tripped": tripped[:20],
        "packages": prepared.imported(),
        "files": sorted(read) if len(read) <= reading.MOST_FILES else None,
        "tampered": seals.broken(sealed),
    }


def _execute(request: dict[str, Any], record: Record, rig: Rig) -> dict[str, Any] | None:
    """Run the program as a script; what it raised, or None if it came to its end."""
    loops = Loops(record, lambda loop: _tick(record, loop), lambda item: isinstance(item, torch.nn.Module))
    try:
        tree = ast.parse(str(request["program"]), record.path)
        rig.project.enter(record.path, tree)
        rig.project.loops = loops
        untouched, lost = sacred(tree, record.spots, record.focus), set[str]()
        if request.get("bare"):
            untouched, lost = list(record.spots), losses(tree) if request["bare"] == "loop" else lost
            rests = [(int(first), int(last)) for first, last in request.get("rests") or ()]
            tree = lay_bare(tree, untouched, ordered=request["bare"] == "loop", rests=rests)
        elif request.get("root"):
            tree = tolerate(tree, untouched)
        divisions.announce(tree, record.focus[len(record.spots) :])
        divisions.announce_statistics(tree, record.spots)
        instrumented = instrument(tree, {first for first, _ in record.spots})
        flags = features(instrumented)
        instrumented.body = [node for node in instrumented.body if not is_feature(node)]
        code = compile(instrumented, record.path, "exec", flags)  # annotations are read by nobody
        rig.globals = names = vars(_module(request))
        names.update(loops.names(), **divisions.names(record), **Failures(rig, untouched, lost).names())
        names.update(__file__=record.path, __builtins__=rig.builtins(vars(builtins)))
        exec(code, names)
    except SystemExit:
        return None
    except BaseException as error:  # a program may raise anything at all, and it is all the same here
        return _account(error, record)
    return None


def _module(request: dict[str, Any]) -> types.ModuleType:
    """The program as a module: a script, which those who import it by its own name find as well."""
    module = types.ModuleType("__main__")
    dotted = str(request.get("module") or "")
    module.__package__ = dotted.rpartition(".")[0]
    if dotted and dotted not in sys.modules:
        sys.modules[dotted] = module
    return module


def _tick(record: Record, loop: Loop) -> None:
    if loop.index > MOST_LOOKS:
        return
    with record.pause():
        nodes, size = graphs.measure_live()
    allocated = torch.cuda.memory_allocated() if torch.cuda.is_initialized() else 0
    record.note(
        "iteration", line=loop.line, run=loop.number, index=loop.index, nodes=nodes, bytes=size, allocated=allocated,
        holds=loop.holds_live,
    )  # fmt: skip


def _account(error: BaseException, record: Record) -> dict[str, Any]:
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == record.path:
            line = trace.tb_lineno
        trace = trace.tb_next
    message = (str(error).strip().splitlines() or [""])[0][:300]
    return {
        "type": type(error).__name__,
        "message": message,
        "line": line,
        "name": getattr(error, "name", None) or "",
    }


def seed(number: int) -> None:
    random.seed(number)
    torch.manual_seed(number)
    try:
        import numpy as np
    except ImportError:
        return
    np.random.seed(number)
