"""What one sample of a project's own data set is, and one batch: `__getitem__` and `collate_fn`, run once and unheard for a loader."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import find_member
from trainlint.meaning.values import (
    Bound,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Item,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    options,
    passed,
)

SAMPLE = "*sample"
SAMPLES = "*samples"  # where a setting chooses the data set: what each of those of the project gives
_MOST = 4
BATCH = "*batch"  # what a function of the project's own makes of a list of samples


def note_sample(machine: Machine, loader: Instance) -> None:
    """Keep with a loader what `dataset[i]` gives, and what batches its own function makes of that."""
    given = passed(loader, 0, "dataset")
    _note_own_sample(machine, loader, given)
    collate = passed(loader, 6, "collate_fn")
    if given is None or not isinstance(one(collate) if collate is not None else None, (Function, Bound)):
        return
    sample = loader.attributes.get(SAMPLE) or Item(given, Unknown("index"))
    with machine.unrecorded(), machine.apart():
        rows = Sequence("list", (), None, True, sample)
        loader.attributes[BATCH] = machine.call(machine, collate, (rows,), {}, loader.node, None)


def _note_own_sample(machine: Machine, loader: Instance, given: Value | None) -> None:
    dataset = whole_data(given)
    if isinstance(dataset, Choice):
        each = [_sample_of(machine, option, loader) for option in alternatives(dataset)[:_MOST]]
        loader.attributes[SAMPLES] = Sequence("tuple", tuple(sample for sample in each if sample is not None))
        return
    sample = _sample_of(machine, dataset, loader) if dataset is not None else None
    if sample is not None:
        loader.attributes[SAMPLE] = sample


def alternatives(dataset: Choice) -> list[Value]:
    """The data sets among which a setting chooses, whole ones where it may be a part of them."""
    whole = [v for option in options(dataset) for v in options(whole_data(option) or option)]
    return list({id(value): value for value in whole}.values())


def _sample_of(machine: Machine, dataset: Value, loader: Instance) -> Value | None:
    if not isinstance(dataset, Instance) or not isinstance(dataset.cls, Class):
        return None
    found = find_member(dataset.cls, "__getitem__")
    if found is None or not isinstance(found[0], Function):
        return None
    with machine.unrecorded(), machine.apart():
        method = Bound(found[0], dataset, found[1])
        return machine.call(machine, method, (Unknown("index"),), {}, loader.node, None)


def whole_data(value: Value | None) -> Value | None:
    """The data set that a subset or a random split was taken from."""
    for _ in range(4):
        value = one(value) if value is not None else None
        match value:
            case Instance(cls=External(name="torch.utils.data.Subset"), arguments=[inner, *_]):
                value = inner
            case Item(
                source=Result(callee=External(name="torch.utils.data.random_split"), arguments=[inner, *_])
            ):
                value = inner
            case _:
                return value
    return value
