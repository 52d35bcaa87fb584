"""Whether the order of samples may be wanted, as of windows of a series, or of batches that a state is carried through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.datasets import part
from trainlint.meaning.facts.columns import PICTURES, READING
from trainlint.meaning.facts.layers import RECURRENT, layer_name
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.loaders import TrainingLoader
from trainlint.meaning.objects import external_bases
from trainlint.meaning.syntax import Attribute, Call, Define, Expression, Name, nodes_in
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Choice,
    Class,
    External,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

# What code speaks of that carries a state through its batches, that reads a series by time, that has sequences at all.
_OF_STATE = ("bptt", "batchify", "repackage_hidden", "detach_hidden")
_OF_TIME = ("TimeSeriesSplit", "lookback", "look_back", "parse_dates", "to_datetime", "date_range")
_OF_WINDOWS = "window_size"
# Windows of a picture (the similarity of two, attention within parts), and of a meter that smooths a log.
_OTHER_WINDOWS = frozenset("ssim SSIM _ssim window_partition relative_position_bias_table".split())
_METER = re.compile(r"\bmaxlen *= *(?:self\.)?window_size\b")
_TO_METER = re.compile(r"\bwindow_size *= *\d+ *[,)]")
_OF_SEQUENCES = ("seq_len", "sequence_length", "hidden_state")


def may_be_series(program: Program, training: TrainingLoader) -> bool:
    """Whether the order of the samples may be wanted: silent then, a missed report costs less.

    Pictures that are read one by one are no series, nor are texts. Sequences that each have a label are none either,
    where every recurrent layer is seen to start anew.
    """
    if program.mentions(*_OF_STATE) or program.uses(
        "stateful"
    ):  # a word of prose as well, so that only code counts
        return True
    pictures = _are_pictures(training) or _are_read_by_transformers(training)
    if not pictures and (
        program.mentions(*_OF_TIME) or program.uses("rolling") or _speaks_of_windows(program)
    ):
        return True
    layers = [i for i in program.instances if _is_recurrent(i)]
    if layers and not _start_anew(layers, training):
        return program.mentions("h0", "init_hidden", "series", "hidden", *_OF_SEQUENCES)
    if pictures:
        return False
    if layers and program.mentions("series"):
        return True
    return program.mentions(*_OF_SEQUENCES) and not _tells_classes(training)


def _speaks_of_windows(program: Program) -> bool:
    """Whether a file cuts something into windows, which are of a series unless it says otherwise."""
    units = [
        u for u in program.units if _OF_WINDOWS in (words := program.words(u)) and not words & _OTHER_WINDOWS
    ]
    texts = [unit.source.text for unit in units]
    if not any(map(_METER.search, texts)):
        return bool(texts)
    return any(_OF_WINDOWS in _TO_METER.sub("", text) for text in texts if _METER.search(text) is None)


def _are_read_by_transformers(training: TrainingLoader) -> bool:
    """Whether a published network of transformers reads the batches, which are texts or pictures then."""
    loss = training.backward.value
    for value in walk(loss) if loss is not None else ():
        if isinstance(value, Result) and isinstance(value.callee, Instance):
            cls = value.callee.cls
            if isinstance(cls, External) and cls.name.startswith("transformers."):
                return _OF_SERIES.search(cls.name) is None
    return False


_OF_SERIES = re.compile("TimeSeries|Informer|Autoformer|PatchTS|TimesFm")


def _is_recurrent(made: Value) -> bool:
    return (
        isinstance(made, Instance)
        and isinstance(made.cls, External)
        and layer_name(made.cls.name) in RECURRENT
    )


def _tells_classes(training: TrainingLoader) -> bool:
    """Whether a criterion holds what the network says against classes: of words, pictures, sentences."""
    assert training.backward.value is not None
    for value in walk(training.backward.value):
        if isinstance(value, Result):
            callee = one(value.callee)
            made = callee.cls if isinstance(callee, Instance) else callee
            name = made.name if isinstance(made, External) else ""
            found = criterion(name)
            if (found is not None and found.target == "class") or name.endswith(("CTCLoss", ".ctc_loss")):
                return True
    return False


# The states of recurrent layers


def _start_anew(layers: list[Instance], training: TrainingLoader) -> bool:
    """Whether every recurrent layer is seen applied without a state, or with one that is made for the batch.

    Layers that the same line makes, of a second network or in a list, are applied alike.
    """
    loss = training.backward.value
    within = {id(layer) for layer in layers}
    found = walk(loss) if loss is not None else ()
    applied = [v for v in found if isinstance(v, Result) and id(v.callee) in within]
    written = {id(v.callee.node) for v in applied if isinstance(v.callee, Instance)}
    return all(id(layer.node) in written for layer in layers) and all(
        _starts_anew(v, training.loop) for v in applied
    )


def _starts_anew(applied: Result, loop: Region) -> bool:
    states = [*applied.arguments[1:], *(v for k, v in applied.keywords.items() if k != "input")]
    return all(is_made_within(state, loop) for state in states)


def is_made_within(state: Value, loop: Region) -> bool:
    """Whether a state is seen made in a turn of a loop, and goes on to no other."""
    if any(isinstance(v, Choice) and v.loop and _outlives(v, loop) for v in walk(state)):
        return False
    return all(is_none(v) or _is_computed_within(v, loop) for v in _origins(state))


def _outlives(carried: Choice, loop: Region) -> bool:
    """Whether what goes from turn to turn goes from batch to batch, not from one step of a sequence to the next."""
    home = carried.home
    return not isinstance(home, Region) or home is loop or not home.inside(loop)


def _is_computed_within(value: Value, loop: Region) -> bool:
    return isinstance(value, Result) and value.region is not None and bool(value.region.inside(loop))


def _origins(state: Value) -> Iterator[Value]:
    """What a state was made as, behind methods such as `to` and in each place of a tuple."""
    pending, seen = [state], set[int]()
    while pending and len(seen) < 60:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        match current:
            case Choice():
                pending += options(current)
            case Sequence(items=items, open=False):
                pending += items
            case Item(source=inner) | Result(callee=Member(receiver=inner)):
                pending.append(inner)
            case _:
                yield current


# Pictures


def _are_pictures(training: TrainingLoader) -> bool:
    """Whether every sample is known to be a picture, or to be read with one."""
    served = training.loader.dataset
    found = options(part(served).data) if served is not None else []
    return bool(found) and all(map(_holds_pictures, found))


def _holds_pictures(dataset: Value) -> bool:
    match dataset:
        case Instance(cls=External(name=name)):
            return _is_of_pictures(name)
        case Instance(cls=Class() as cls):
            return any(map(_is_of_pictures, external_bases(cls))) or any(
                _reads_pictures(member) for name, member in cls.names.items() if name != "__init__"
            )
    return False


def _is_of_pictures(name: str) -> bool:
    home, _, last = name.rpartition(".")
    return home.startswith("torchvision.datasets") and last in PICTURES


def _reads_pictures(member: Value, depth: int = 0) -> bool:
    """Whether a function opens a picture, or a function of the project that it calls does."""
    if not isinstance(member, Function) or not isinstance(member.node, Define) or member.unit.scope is None:
        return False
    names = member.unit.scope.names
    for node in nodes_in(member.node.body):
        if isinstance(node, Call):
            found = _known(node.function, names)
            if isinstance(found, str) and found in READING:
                return True
            if depth < 2 and isinstance(found, Function) and _reads_pictures(found, depth + 1):
                return True
    return False


def _known(function: Expression, names: dict[str, Value]) -> str | Function | None:
    """A function of a library by its dotted name, or one of the project."""
    path: list[str] = []
    while isinstance(function, Attribute):
        path.append(function.name)
        function = function.value
    found = one(names[function.id]) if isinstance(function, Name) and function.id in names else None
    if isinstance(found, External):
        return ".".join((found.name, *reversed(path)))
    return found if isinstance(found, Function) and not path else None
