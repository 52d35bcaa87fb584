"""Functions that other processes and threads run: who starts them, and with which arguments.

Each is read as a trace of its own, after the program that starts it: a worker has its own grad mode, and
a loop that starts workers is no loop around what they do.
"""

from __future__ import annotations

from trainlint.meaning.machine import TRAINING_WORDS, Machine, Started
from trainlint.meaning.syntax import Define, Node
from trainlint.meaning.values import (
    Bound,
    Constant,
    Function,
    Mapping,
    Member,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    one,
)
from trainlint.records import dataclass

MOST = 8  # functions started in one reading


@dataclass(frozen=True, slots=True)
class Launcher:
    """Where a launcher takes its function and its arguments; `ranked`: the function gets its rank first."""

    function: str
    position: int
    arguments: int
    ranked: bool


_WORKER = Launcher("target", 1, 3, ranked=False)
_SPAWN = Launcher("fn", 0, 1, ranked=True)
LAUNCHERS = {
    "torch.multiprocessing.spawn": _SPAWN,
    "torch.multiprocessing.start_processes": _SPAWN,
    "torch_xla.distributed.xla_multiprocessing.spawn": _SPAWN,
    "torch_xla.launch": _SPAWN,
    "accelerate.notebook_launcher": Launcher("function", 0, 1, ranked=False),
    "detectron2.engine.launch": Launcher("main_func", 0, 5, ranked=False),
    "torch.multiprocessing.Process": _WORKER,
    "multiprocessing.Process": _WORKER,
    "threading.Thread": _WORKER,
}


def note_start(
    machine: Machine, name: str, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> None:
    """A call of a launcher: what it starts is read later."""
    launcher = LAUNCHERS.get(name)
    if launcher is not None:
        _note(machine, launcher, arguments, keywords, node)


def note_handed(machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value]) -> None:
    """A library gets a function that only the one at hand knows, and that trains: it will call it."""
    handed: list[Function] = []
    for value in (*arguments, *keywords.values()):
        if type(value) is Function:
            handed.append(value)
        elif type(value) is Sequence:
            handed += [item for item in value.items if type(item) is Function]
    for value in handed:
        if not _trains_within(value) or machine.starts >= MOST:
            continue
        if value.node in machine.entered or any(value is one.function for one in machine.started):
            continue
        machine.starts += 1
        machine.started.append(Started(value, (), {"**": Unknown("given by a library")}, unless_entered=True))


def _trains_within(function: Function) -> bool:
    """Whether a function is defined within another, and its body speaks of training."""
    if not isinstance(function.node, Define) or getattr(function.scope, "function", None) is None:
        return False
    return not TRAINING_WORDS.isdisjoint(function.node.body.words)


def start_by_method(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`multiprocessing.get_context("spawn").Process(target=...)`."""
    _note(machine, _WORKER, arguments, keywords, node)
    return None


def _note(
    machine: Machine,
    launcher: Launcher,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> None:
    function = one(_given(launcher.function, launcher.position, arguments, keywords))
    if not isinstance(function, (Function, Bound)) or machine.starts >= MOST:
        return  # a worker may start itself again
    machine.starts += 1
    given = _spread(_given("args", launcher.arguments, arguments, keywords))
    if launcher.ranked:
        given = (Unknown("rank", node), *given)
    named = one(keywords.get("kwargs", Mapping({})))
    by_name = {str(k): v for k, v in named.items.items()} if isinstance(named, Mapping) else {}
    if not isinstance(named, Mapping) or named.open:
        by_name["**"] = Unknown("keyword arguments", node)
    machine.started.append(Started(function, given, by_name))


def _given(name: str, position: int, arguments: tuple[Value, ...], keywords: dict[str, Value]) -> Value:
    if name in keywords:
        return keywords[name]
    return arguments[position] if position < len(arguments) else Constant(None)


def _spread(packed: Value) -> tuple[Value, ...]:
    """What `args=(...)` hands on one by one."""
    packed = one(packed)
    if isinstance(packed, Constant) and packed.value is None:
        return ()
    if isinstance(packed, Sequence) and not packed.open and packed.element is None:
        return packed.items
    return (Unpacked(packed),)
