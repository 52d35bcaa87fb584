"""Data that is not here: a data set of the program's own whose files are missing serves stand-in samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from .missing import Missing
from .roles import Samples

ABSENT = (OSError, ImportError)  # of files, and of what would have read them
WITHOUT_FILES = (
    *ABSENT,
    LookupError,
    ValueError,
    AttributeError,
    ZeroDivisionError,
)  # of lists of files that are empty
MARK = "_trainlint_lost"


def install(rig: Any) -> None:
    """Watch the data sets that the program defines from now on, and the loaders that it builds."""
    Lost(rig).install()


class Lost:
    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.samples = Samples(rig)

    def install(self) -> None:
        follow = Dataset.__init_subclass__.__func__

        def defined(kind: type, *arguments: Any, **keywords: Any) -> None:
            follow(kind, *arguments, **keywords)
            if self.rig.project.owns(kind) and not issubclass(kind, IterableDataset):
                self._watch(kind)

        Dataset.__init_subclass__ = classmethod(defined)
        build = DataLoader.__init__

        def load(loader: Any, dataset: Any, *arguments: Any, **keywords: Any) -> None:
            build(loader, self._served(dataset), *arguments, **keywords)

        DataLoader.__init__ = functools.wraps(build)(load)

    def _watch(self, kind: Any) -> None:
        for name, watched in (
            ("__init__", self._built),
            ("__len__", self._sized),
            ("__getitem__", self._given),
        ):
            if name in vars(kind):
                setattr(kind, name, watched(vars(kind)[name]))

    def _built(self, build: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(build)
        def built(data: Any, *arguments: Any, **keywords: Any) -> None:
            try:
                build(data, *arguments, **keywords)
            except WITHOUT_FILES as error:
                self._lose(data, error)

        return built

    def _sized(self, size: Callable[[Any], int]) -> Callable[[Any], int]:
        @functools.wraps(size)
        def sized(data: Any) -> int:
            if not is_lost(data):
                try:
                    return size(data) or self._lose(data, "it is empty")
                except ABSENT as error:
                    self._lose(data, error)
            return len(self.samples)

        return sized

    def _given(self, give: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        @functools.wraps(give)
        def given(data: Any, index: Any) -> Any:
            if not is_lost(data):
                try:
                    return give(data, index)
                except ABSENT as error:
                    self._lose(data, error)
            return self.samples[int(index) % len(self.samples)]

        return given

    def _lose(self, data: Any, why: object) -> int:
        """From now on the data set is a stand-in; its length."""
        setattr(data, MARK, True)
        said = (str(why).splitlines() or [""])[0][:120]
        self.rig.record.substitute(
            f"{type(data).__name__}: stand-in samples, for its data is not here ({said})"
        )
        return len(self.samples)

    def _served(self, data: Any) -> Any:
        """What a loader is to serve: stand-ins for data that is missing or that holds nothing."""
        whole = data
        while isinstance(whole, Subset):
            whole = whole.dataset
        if not isinstance(data, Missing) and not isinstance(whole, Missing) and (whole is data or len(data)):
            return data
        self.rig.record.substitute("data: stand-in samples, for the program's are not here")
        return self.samples


def is_lost(data: Any) -> bool:
    return bool(vars(data).get(MARK))
