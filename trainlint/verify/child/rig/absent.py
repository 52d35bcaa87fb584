"""Modules that are not installed: those that only watch a run become inert, torchvision a small double.

Anything else can be imported by the program, and the verdict names it where something of it is needed.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..record import Record
from .configuring import PACKAGES
from .inert import Inert
from .missing import MissingModule
from .project import Project

WATCHERS = {
    "wandb", "tensorboard", "tensorboardX", "tensorboard_logger", "mlflow", "comet_ml", "neptune", "visdom", "clearml",
    "aim", "matplotlib", "seaborn", "plotly", "bokeh", "IPython", "google", "ipywidgets", "torchsummary", "torchinfo",
    "torchviz", "torchstat", "thop", "ptflops", "fvcore", "colorama", "termcolor", "rich", "loguru", "coloredlogs",
    "prettytable", "tabulate", "progress", "progressbar", "alive_progress", "fastprogress", "livelossplot", "dotenv",
    "graphviz", "pydot", "hiddenlayer", "tkinter", "psutil", "GPUtil", "pynvml", "nvidia_smi", "line_profiler",
    "memory_profiler", "sacred", "tqdm",
}  # fmt: skip


HOMES = {"lightning", "pytorch_lightning"}
ROOMS = {  # where the double of a package is
    "accelerate": "accelerating",
    "einops": "rearranging",
    "optuna": "searching",
    "pydantic": "declared",
    "ray": "remote",
    "pydantic_settings": "declared",
    "torchmetrics": "metrics",
    **dict.fromkeys(PACKAGES, "configuring"),
}
NOTED = {
    "transformers": "pretrained",
    "timm": "backbones",
    "torch_geometric": "graphs",
    "torch_scatter": "graphs",
    "torch_sparse": "graphs",
}  # the same, which note what they stand in for
GAMES = {"gym", "gymnasium"}
IN_PLACE = {
    "ray"
}  # what starts processes, which an experiment does not: doubled where it is installed as well
DOUBLES = {"torchvision", "hydra", "fire", *GAMES, *ROOMS, *NOTED, *HOMES}
DOUBLED = WATCHERS | DOUBLES
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class InertModule(types.ModuleType):
    """A module whose every name is inert."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Inert(name)


class Finder:
    """The last of the import system's finders: asked only for what nobody else has."""

    def __init__(self, record: Record, world: Any, project: Project, settings: Callable[[str], Any]) -> None:
        self.record, self.world, self.project, self.settings = record, world, project, settings

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if name.startswith("torchvision") and name.rpartition(".")[2][:1].isupper():
            return None  # a class that the double has not
        if name.partition(".")[0] in DOUBLED or self._is_missing(name):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]
        return None

    def _is_missing(self, name: str) -> bool:
        """Whether the program itself asks for it, and asks for a module of which nothing is there."""
        owner = name.rpartition(".")[0]
        return bool(self.project.importer()) and (
            not owner or isinstance(sys.modules.get(owner), MissingModule)
        )

    def create_module(self, spec: Any) -> Any:
        top = spec.name.partition(".")[0]
        if top not in DOUBLED:
            return MissingModule(spec.name)
        why = "its processes are not started" if top in IN_PLACE else "not installed"
        self.record.substitute(f"{top}: {why}, " + ("a small double" if top in DOUBLES else "inert"))
        if top == "tqdm":
            return progress_module(spec.name)
        if top == "torchvision":
            from .vision import module

            return module(spec.name, self.world)
        if top in HOMES:
            from . import lightning

            return lightning.module(spec.name, lambda: self.project.loops)
        if top in NOTED:
            return _room(NOTED[top]).module(spec.name, self.record.substitute)
        if top in ROOMS:
            return _room(ROOMS[top]).module(spec.name)
        if top in GAMES:
            return _room("playing").module(spec.name, [self.world.text, *self.project.texts])
        if top == "hydra":
            return self._configuring(spec.name)
        if top == "fire":
            return self._firing(spec.name)
        return InertModule(spec.name)

    def _configuring(self, name: str) -> types.ModuleType:
        """Hydra calls what it decorates with the settings that it has read."""

        def main(*arguments: Any, **keywords: Any) -> Any:
            def decorate(function: Any) -> Any:
                return lambda *given: function(*(given or [self.settings("cfg")]))

            return decorate

        module = MissingModule(name)
        vars(module).update(main=main)
        return module

    def _firing(self, name: str) -> types.ModuleType:
        """Fire calls what it is given with what the command line says, and this says what cannot be left out."""

        def fire(component: Any = None, *arguments: Any, **keywords: Any) -> Any:
            if not inspect.isfunction(component):
                return None  # a class or a table, of which the command line would choose a part
            taken = inspect.signature(component).parameters.values()
            needed = [p.name for p in taken if p.default is p.empty and p.kind in NAMED]
            said = self.settings("arguments")
            return component(**{name: said[name] for name in needed})

        module = MissingModule(name)
        vars(module).update(Fire=fire)
        return module

    def exec_module(self, module: Any) -> None:
        return None


def _room(name: str) -> Any:
    return importlib.import_module(f"..{name}", __name__)


class Sooner:
    """The first of the import system's finders, for what is doubled although it may be here."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        return self.finder.find_spec(name, path, target) if name.partition(".")[0] in IN_PLACE else None


class Progress:
    """A progress bar that shows nothing and passes its items through."""

    def __init__(self, items: Iterable[Any] = (), *arguments: Any, **keywords: Any) -> None:
        self.items = items

    def __iter__(self) -> Any:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *problem: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return Inert(name)


def progress_module(name: str) -> types.ModuleType:
    module = InertModule(name)
    write = staticmethod(lambda *arguments, **keywords: None)
    bar = type("tqdm", (Progress,), {"write": write})
    vars(module).update(tqdm=bar, trange=lambda *a, **k: Progress(range(*a)), tqdm_notebook=bar, auto=module)
    return module


def install(record: Record, world: Any, project: Project, settings: Callable[[str], Any]) -> None:
    """`settings` makes what a configuration of a name holds."""
    has_tensorboard = importlib.util.find_spec("tensorboard") is not None
    finder: Any = Finder(record, world, project, settings)
    sys.meta_path.append(finder)
    sys.meta_path.insert(0, Sooner(finder))
    if not has_tensorboard:
        board = "torch.utils.tensorboard"  # torch's own bridge asks for tensorboard's version
        sys.modules[board] = InertModule(board)
