"""Data sets of a project that fit a transformer to themselves: one that trains, and one that is judged on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.overlaps import served_to
from trainlint.meaning.samples import whole_data
from trainlint.meaning.trace import Region
from trainlint.meaning.values import Class, External, Function, Instance, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.loaders import Loader
    from trainlint.meaning.program import Program


def learnt_by(call: Result) -> Instance | None:
    """The object whose constructor always makes a call."""
    for region in call.region.ancestors():
        function = region.function
        if region.kind == "arm" or (function is not None and function.name.startswith("__getitem")):
            return None
        if function is not None and function.name == "__init__":
            return _self(function, region)
    return None


def is_of_one_sample(call: Result) -> bool:
    """Whether a call is made for each sample anew."""
    named = (region.function.name for region in call.region.ancestors() if region.function is not None)
    return any(name in ("__getitem__", "__iter__", "__next__") for name in named)


def always_made(call: Result) -> bool:
    """Whether the function that makes a call always makes it."""
    kinds = (region.kind for region in call.region.ancestors())
    return next((kind for kind in kinds if kind in ("call", "arm")), None) != "arm"


def is_of_one_file(call: Result) -> bool:
    """Whether an object fits anew in each turn of a loop that it is made with: to one picture or recording of many."""
    looped = False
    for region in call.region.ancestors():
        looped = looped or (region.kind == "loop" and not region.unrolled)
        if region.function is not None and region.function.name == "__init__":
            return looped
    return False


def calls_behind(data: dict[int, Value]) -> set[int]:
    """The identities of the calls that sets of tensors were computed by."""
    return {
        id(v)
        for given in data.values()
        if isinstance(given, Instance) and isinstance(given.cls, External)
        for v in walk(given, limit=400)
        if isinstance(v, Result)
    }


def _self(function: Function, region: Region) -> Instance | None:
    given = function.node.parameters
    found = (region.names or {}).get(given[0].name) if given else None
    owner = one(found) if found is not None else None
    return owner if isinstance(owner, Instance) and isinstance(owner.cls, Class) else None


def sets_trained_on(program: Program) -> dict[int, Value]:
    """By their identities, the data sets that loaders serve to a backward pass."""
    return _by_identity(training.loader for training in program.training_loaders)


def sets_judged_on(program: Program) -> dict[int, Value]:
    """By their identities, the data sets that trained networks are judged on."""
    return _by_identity(loader for e in program.evaluations if e.judged for loader in served_to(e.event))


def _by_identity(served: Iterable[Loader]) -> dict[int, Value]:
    found = (whole_data(loader.dataset) for loader in served)
    return {id(data): data for data in found if data is not None}
