"""Checkpoints: a file that is not there gets a stand-in, and storages can be tagged as saved from a GPU.

A tagged checkpoint behaves as one that was written on a machine with a GPU: without one here, loading it
raises unless the program says where to.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from ..record import Record
from .inert import Inert
from .missing import Missing
from .paths import Paths

MOST_FILES, LONGEST = 50, 200_000


def saved_from(program: str, folder: str, wanted: str, texts: Iterable[str] = ()) -> str:
    """Where files were saved that are not here: as wanted, unless the program writes its own, and these from the CPU.

    `texts` are those of the project: what is saved by a file that trains nothing was trained by others.
    """
    others = texts if "backward" not in program else ()
    if "cuda" not in program and _saves(ast.parse(program)) and not any("cuda" in text for text in others):
        return "any"
    return "any" if any(map(_saves_from_the_cpu, (program, *_beside(folder)))) else wanted


def _saves(tree: ast.AST) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if _calls(node, "save")]


def _saves_from_the_cpu(text: str) -> bool:
    """Whether what saves, or a function named after it, moves something to the CPU."""
    if "save" not in text or ".cpu()" not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    savers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and "save" in node.name]
    return bool(_saves(tree)) and any(
        _calls(part, "cpu") for node in (*_saves(tree), *savers) for part in ast.walk(node)
    )


def _beside(folder: str) -> Iterator[str]:
    """The texts of the other programs in a folder, as many as are soon read."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))[:MOST_FILES]
    except OSError:
        return
    for name in names:
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as stream:
                yield stream.read(LONGEST)
        except OSError:
            continue


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


class State(Inert):
    """What a checkpoint held that we do not have: any key, and models and optimizers take it as theirs.

    `asked` hears that it is put on a GPU.
    """

    def __init__(self, name: str, asked: Callable[[], object] = bool) -> None:
        super().__init__(name)
        object.__setattr__(self, "_inert_asked", asked)

    def __getitem__(self, key: Any) -> Any:
        return State(str(key), self._inert_asked)

    def cuda(self, *arguments: Any, **keywords: Any) -> Any:
        self._inert_asked()
        return self

    def to(self, *arguments: Any, **keywords: Any) -> Any:
        if any(str(where).startswith("cuda") for where in (*arguments, *keywords.values())):
            self._inert_asked()
        return self

    def items(self) -> Any:
        return ()

    keys = values = items


def install(
    record: Record, paths: Paths, tag: str, wholes: Mapping[int, str], network: Callable[[str], Any]
) -> None:
    """`wholes` are lines of the program that load a whole network, with its name; `network` makes one."""
    load, save = torch.load, torch.save
    serialization = torch.serialization
    location = serialization.location_tag
    crafting: list[str] = []  # what the program saves itself it saves from where it runs

    def tagged(storage: Any) -> Any:
        return "cuda:0" if tag == "cuda" and crafting else location(storage)

    def crafted() -> str:
        crafting.append(paths.folder)
        try:
            return _crafted(paths.folder, save)
        finally:
            crafting.pop()

    serialization.location_tag = tagged

    def load_or_stand_in(file: Any, *arguments: Any, **keywords: Any) -> Any:
        file = paths.to_read(file)
        here = _is_here(record, file)
        if not here:
            record.substitute("checkpoint file: a stand-in")
        beside = not here and _is_of_the_code(record, file)
        data = record.note("load", raised="", stand_in=not here, beside=beside, device="")
        source = file if here else crafted()
        try:
            with record.pause():
                loaded = load(source, *arguments, **keywords)
        except Exception as error:
            data["raised"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise
        data["device"] = _device_of(loaded)
        if here:
            return loaded
        frame = sys._getframe(1)
        name = wholes.get(frame.f_lineno) if frame.f_code.co_filename == record.path else None
        return network(name) if name else State("checkpoint", lambda: record.note("gpu"))

    torch.load = load_or_stand_in
    for kind in (
        torch.nn.Module,
        torch.optim.Optimizer,
        getattr(torch.optim.lr_scheduler, "LRScheduler", None),
    ):
        _accept(kind, record)


def _is_here(record: Record, file: Any) -> bool:
    if isinstance(file, Missing) or not isinstance(file, (str, os.PathLike)):
        return hasattr(type(file), "read")
    return os.path.exists(file) and os.fspath(file) not in record.invented


def _is_of_the_code(record: Record, file: Any) -> bool:
    """Whether a file is looked for at the place of the code: `Path(__file__).parent / "weights.pt"`."""
    if not isinstance(file, (str, os.PathLike)) or isinstance(file, Missing):
        return False
    name, home = os.fspath(file), os.path.dirname(os.path.abspath(record.path))
    if name in record.invented:
        return False  # made up: nobody knows where it would be
    return isinstance(name, str) and os.path.isabs(name) and os.path.normpath(name).startswith(home + os.sep)


def _crafted(folder: str, save: Any) -> str:
    path = os.path.join(folder, "checkpoint.pt")
    save({"weight": torch.zeros(2)}, path)
    return path


def _device_of(loaded: Any) -> str:
    waiting, seen = [loaded], 0
    while waiting and seen < 1000:
        value, seen = waiting.pop(), seen + 1
        if isinstance(value, torch.Tensor):
            return str(value.device)
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return ""


def _accept(kind: Any, record: Record) -> None:
    if kind is None:
        return
    take = kind.load_state_dict

    def load_state_dict(self: Any, state: Any, *arguments: Any, **keywords: Any) -> Any:
        if kind is torch.nn.Module and not record.paused:
            record.note("restored")
        return None if isinstance(state, State) else take(self, state, *arguments, **keywords)

    kind.load_state_dict = load_state_dict
