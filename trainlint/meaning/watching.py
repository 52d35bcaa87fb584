"""Ignite's handlers that go by a score: `Checkpoint(..., score_function=f)` and `EarlyStopping(patience, f, trainer)`."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.values import (
    Bound,
    External,
    Function,
    Instance,
    Mapping,
    Partial,
    Result,
    Value,
    called,
    one,
    passed,
)

_HOME = "ignite.handlers."
_WATCHING = {"EarlyStopping": ("stop", 1), "Checkpoint": ("keep", 3), "ModelCheckpoint": ("keep", 3)}


def note_metrics(state: Instance, output: Value) -> None:
    """What the metrics of an engine have counted by the end of a pass: numbers of what its step gave."""
    counted = Result(External("builtins.float"), (output,), {}, state.node)
    state.attributes.setdefault("metrics", Mapping({}, state.node, True, counted))


def watch(machine: Machine, engine: Instance, handler: Value) -> None:
    """A handler asks for the score at the end of a pass."""
    if not isinstance(handler, Instance) or not isinstance(handler.cls, External) or handler.node is None:
        return
    name = handler.cls.name.rpartition(".")[2]
    if not handler.cls.name.startswith(_HOME) or name not in _WATCHING:
        return
    kind, place = _WATCHING[name]
    function = passed(handler, place, "score_function")
    score = _score(machine, engine, function) if function is not None else None
    if score is not None:
        machine.record("watch", handler.node, handler, None, (score,), detail=kind)


def _score(machine: Machine, engine: Instance, function: Value) -> Value | None:
    state = one(engine.attributes["state"]) if "state" in engine.attributes else None
    match one(function):
        case Result() as made if called(made) == "get_default_score_fn":
            return state.attributes.get("metrics") if isinstance(state, Instance) else None
        case Function() | Bound() | Partial() as own:
            return machine.call(machine, own, (engine,), {}, None, None)
    return None
