"""Data that is not here: a data set of the program's own whose files are missing serves stand-in samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils import data as utils_data
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, default_collate

from .handed import form_of
from .inert import Inert
from .missing import Missing
from .pictures import Pictures
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
            if isinstance(keywords.get("collate_fn"), Missing):
                del keywords["collate_fn"]  # samples that stand in for others need none
                self.rig.record.substitute("batches: put together as stand-in samples are")
            dataset = self._served(dataset)
            if "collate_fn" in keywords and keywords["collate_fn"] is not None:
                keywords["collate_fn"] = self._collating(dataset, keywords["collate_fn"])
            build(loader, dataset, *arguments, **keywords)

        DataLoader.__init__ = functools.wraps(build)(load)
        divide, tensors = utils_data.random_split, utils_data.TensorDataset.__init__

        def split(dataset: Any, lengths: Any, *arguments: Any, **keywords: Any) -> Any:
            whole, lengths = self._divided(dataset, lengths)
            return divide(whole, lengths, *arguments, **keywords)

        def hold(data: Any, *given: Any) -> None:
            if any(isinstance(one, (Missing, Inert)) for one in given):
                self._lose(data, "its tensors are not here")
                given = (torch.zeros(len(self.samples)),)
            tensors(data, *given)

        for name in ("from_numpy", "tensor", "as_tensor", "asarray"):
            setattr(torch, name, _passing(getattr(torch, name)))
        utils_data.random_split = functools.wraps(divide)(split)
        utils_data.TensorDataset.__init__ = functools.wraps(tensors)(hold)
        self._watch(utils_data.TensorDataset, sized=False)

    def _collating(self, data: Any, collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """How samples are put together; where the program's way does not take those that stand in for its own, as usual."""

        def collated(samples: Any) -> Any:
            try:
                return collate(samples)
            except (TypeError, ValueError, LookupError, AttributeError, RuntimeError):
                if not is_made_up(data):
                    raise
            self.rig.record.substitute("batches: put together as stand-in samples are")
            return default_collate(samples)

        return collated

    def _divided(self, data: Any, lengths: Any) -> tuple[Any, Any]:
        """What is divided, and into how many: a stand-in has fewer samples than what it stands for."""
        if data is None or isinstance(data, Missing):
            data = self._served(data)
        if data is not self.samples and not isinstance(data, Pictures) and not is_lost(data):
            return data, lengths
        if not isinstance(lengths, (list, tuple)):
            lengths = [1] * int((self.rig.request.get("unpacked") or {}).get("random_split", 2))
        if sum(lengths) in (1, len(data)):
            return data, lengths
        shares = [length * len(data) // max(1, sum(lengths)) for length in lengths]
        return data, [len(data) - sum(shares[1:]), *shares[1:]]

    def _watch(self, kind: Any, sized: bool = True) -> None:
        for name, watched in (
            ("__init__", self._built),
            ("__len__", self._sized),
            ("__getitem__", self._given),
        ):
            if name in vars(kind) and (sized or name == "__getitem__"):
                setattr(kind, name, watched(vars(kind)[name]))

        if not hasattr(kind, "__getattr__"):
            kind.__getattr__ = self._asking()

    def _asking(self) -> Callable[[Any, str], Any]:
        """What gives data an attribute that it would have got from its files."""

        def ask(data: Any, name: str) -> Any:
            if is_lost(data):
                return getattr(self.samples, name)
            raise AttributeError(f"{type(data).__name__!r} object has no attribute {name!r}")

        return ask

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
                    sample = give(data, index)
                    absent = absent_in(sample)
                    if absent is None:
                        return sample
                    self._lose(data, absent._error())
                except ABSENT as error:
                    self._lose(data, error)
            return self.samples[int(index) % len(self.samples)]

        return given

    def _lose(self, data: Any, why: object) -> int:
        """From now on the data set is a stand-in; its length."""
        setattr(data, MARK, True)
        world = self.rig.world
        if world.form.get("supposed") and "input" not in world.choices:
            texts = [world.text, *self.rig.project.texts]
            world.choices["form"] = world.form = form_of(type(data).__name__, texts) or world.form
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
        if (
            data is not None
            and not isinstance(data, Missing)
            and not isinstance(whole, Missing)
            and not (_is_empty(data) if whole is data else not len(data))
        ):
            return data
        self.rig.record.substitute("data: stand-in samples, for the program's are not here")
        return self.samples


def _is_empty(data: Any) -> bool:
    """Whether it holds nothing that the program has made itself, as tensors of lists that nobody filled."""
    return isinstance(data, (list, utils_data.TensorDataset)) and not len(data)


def _passing(make: Callable[..., Any]) -> Callable[..., Any]:
    """What makes a tensor, and passes on what is not here: a data set of such tensors serves stand-ins."""

    @functools.wraps(make)
    def passing(data: Any = None, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(data, Missing):
            return data._of(data._name)
        if make.__name__ == "from_numpy" and isinstance(data, torch.Tensor):
            return data  # a stand-in for an array
        return make(data, *arguments, **keywords)

    return passing


def absent_in(sample: Any) -> Missing | None:
    """What is missing in a sample, if something is."""
    parts = (
        sample.values()
        if isinstance(sample, dict)
        else sample
        if isinstance(sample, (tuple, list))
        else (sample,)
    )
    return next((part for part in list(parts)[:8] if isinstance(part, Missing)), None)


def is_lost(data: Any) -> bool:
    return bool(getattr(data, "__dict__", {}).get(MARK))


def is_made_up(data: Any) -> bool:
    """Whether what is served has nothing to do with what the program has read or computed."""
    while isinstance(data, Subset):
        data = data.dataset
    return is_lost(data) or isinstance(data, (Samples, Pictures))
