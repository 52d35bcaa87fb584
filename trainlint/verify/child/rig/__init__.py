"""The rig: everything that the program leaves free gets a stand-in, and each is written down."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from torch import nn

from .. import tables
from ..record import Record
from . import (
    absent,
    arguments,
    arrays,
    checkpoints,
    devices,
    frames,
    lost,
    obliging,
    older,
    paths,
    project,
    quiet,
    ranks,
    trainer,
)
from .fitting import size_of
from .looked_up import lookup
from .missing import Missing
from .roles import Settings, stand_in
from .wholes import whole_networks
from .world import World
from .written import settings_of, texts_of

MODEL_NAMES = ("model", "net", "network", "classifier", "encoder", "module")


class Names(dict):  # type: ignore[type-arg]
    """The program's builtins, with the free names behind them: a name is built when it is first looked up."""

    rig: Any = None

    def __missing__(self, name: str) -> Any:
        return self.rig.resolve(name)


class Rig:
    """Holds what was chosen for one program."""

    def __init__(self, record: Record, request: dict[str, Any], folder: str) -> None:
        self.record, self.request, self.folder = record, request, folder
        self.place = folder + "/file"  # what a parameter gets that is a path
        record.invented.add(self.place)
        self.free: Mapping[str, str] = request.get("free") or {}
        self.missing = frozenset(request.get("missing") or ()) if request.get("root") else frozenset()
        self.words: Mapping[str, str] = request.get("words") or {}
        self.globals: dict[str, Any] = {}
        self.project = project.install(
            record, str(request.get("root") or ""), request.get("search") or (), request.get("overlay") or {}
        )
        self.world = World(
            record,
            text=str(request["program"]),
            seed=int(request["seed"]),
            targets=str(request.get("targets", "any")),
            order=str(request.get("data", "any")),
            form=request.get("batch") or {},
            choices=dict(request.get("choices") or {}),
            asked=str(request.get("criterion") or ""),
        )

    @functools.cached_property
    def written(self) -> dict[str, Any]:
        """Settings as the project's own files have them."""
        return settings_of(str(self.request.get("root") or ""))

    @property
    def choices(self) -> dict[str, Any]:
        return self.world.choices

    def install(self) -> None:
        """Prepare the interpreter for the program; after the recorder, so that stand-ins are recorded as well."""
        arguments.install(
            self.record,
            str(self.request["path"]),
            self.folder,
            self.world.text,
            self.request.get("wanted") or (),
        )
        absent.install(self.record, self.world, self.project, lambda name: Settings(self, name))
        lost.install(self)
        older.install()
        self.project.entering = self._entering
        self._entering(self.world.text)
        bare = bool(self.request.get("bare"))
        places = paths.install(self.record, self.folder, str(self.request.get("home") or ""), bare)
        wanted = str(self.request.get("checkpoints", "any"))
        program, folder = str(self.request["program"]), str(self.request.get("home") or "")
        if wanted != "any":
            others = texts_of(str(self.request.get("root") or ""))
            wanted = checkpoints.saved_from(program, folder, wanted, others)
        checkpoints.install(
            self.record, places, wanted, whole_networks(program), lambda name: stand_in(self, name, "model")
        )
        ranks.install(self.record)
        quiet.install(self.record, bool(self.request.get("root")) or "yaml" in self.world.text)
        if self.request.get("bare"):
            obliging.install(self)

    def _entering(self, text: str) -> None:
        """A text of the project is about to run."""
        tables.install(self.record, text)
        older.enter(text)
        ranks.enter(text)
        if str(self.request["device"]) == "cpu":
            devices.enter(self.record, text)
        if self.request.get("root") and "pandas" in text:
            frames.install(self)
        if self.request.get("root") and re.search(r"\b(loadtxt|genfromtxt)\b", text):
            arrays.install(self)

    def builtins(self, builtins: dict[str, Any]) -> Names:
        names = Names(builtins)
        names.rig = self
        names["getattr"] = lookup(self)
        return names

    def role(self, name: str) -> str:
        """What a name of the program stands for, by what it is called; empty where that is not known."""
        known = self.words.get(name)
        if known is not None:
            return known
        patterns = self.request.get("patterns") or {}
        return next((role for role, pattern in patterns.items() if re.fullmatch(pattern, name)), "")

    def chosen(self, name: str) -> str:
        """What the program compares an entry of settings with first: `"adam"` of `if args.kind == "adam"`."""
        said = rf"(?:\.|\[[\"']){name}(?:[\"']\])?"
        texts = [self.world.text, *self.project.texts]
        kept = [again for text in texts for again in re.findall(rf"(?m)(\w+) *= *\w+{said} *$", text)]
        names = "|".join([said, *(rf"\b{again}\b" for again in dict.fromkeys(kept))])
        compared = re.compile(
            rf"(?:{names})(?:\.(?:lower|upper)\(\))? *(?:==|in) *[\[({{]*([\"'])(\w[^\"'\n]*)\1"
        )
        return next((found[2] for text in texts for found in compared.finditer(text)), "")

    def resolve(self, name: str) -> Any:
        """The stand-in of a free name; raises KeyError, which the program sees as a NameError."""
        role = self.free.get(name)
        if role is None and name in self.missing:
            return Missing(name, "nothing says what it is")
        if role is None:
            raise KeyError(name)
        if name not in self.globals:
            self.globals[name] = stand_in(self, name, role)
        return self.globals[name]

    def settle(self) -> None:
        """Choose the data, by the program's model, or by the one that stands in for it."""
        models = list(self.models())
        free = next((name for name, role in self.free.items() if role == "model"), None)
        if not models and free is not None and free not in self.globals:
            self.resolve(free)
            models = list(self.models())
        self.world.settle(models, [self.world.text, *self.project.texts])

    def things(self) -> Iterator[Any]:
        """What the program holds by now, innermost first."""
        yield from (thing for _, thing in self._named())

    def _named(self) -> Iterator[tuple[str, Any]]:
        for scope in [*self._scopes(), self.globals]:
            for name, value in list(scope.items()):
                yield name, value
                if self.project.owns(type(value)) and hasattr(value, "__dict__"):
                    yield from list(vars(value).items())

    def _scopes(self) -> Iterator[Mapping[str, Any]]:
        """What functions of the program hold that run by now, those of the project's other files and trainers behind them."""
        yield from (frame.f_locals for frame in self.record.frames())
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file != self.record.path and (file in self.project.guarded or file == trainer.__file__):
                yield frame.f_locals
            frame = frame.f_back

    def named(self, name: str) -> Iterator[Any]:
        """What the program holds by now under a name."""
        yield from (thing for known, thing in self._named() if known == name)

    def models(self) -> Iterator[Any]:
        """Models that the program has by now, likeliest first."""
        found: list[tuple[int, int, Any]] = []
        for name, thing in self._named():
            if isinstance(thing, nn.Module) and any(True for _ in thing.parameters()):
                rank = next(
                    (i for i, word in enumerate(MODEL_NAMES) if word in name.lower()), len(MODEL_NAMES)
                )
                found.append((rank, -size_of(thing), thing))
        yield from (thing for _, _, thing in sorted(found, key=lambda entry: entry[:2]))
