"""Inputs that fit a model: read off its first layer, then tried, then adapted to what it complains about."""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import re
import signal
import time
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import nn

from .complaints import Shape, adapted, rows_of

Sides = tuple[int, int]
USUAL = 4  # of the following, before those that the program speaks of
IMAGE_SIDES = (28, 32, 64, 224, 96, 48, 16, 128, 299, 8)
DEFAULT: Shape = {"kind": "float", "shape": [16]}
LENGTHS = re.compile(r"(^|_)(len|lens|lengths?)(_|$)")  # of sequences
ONE_EACH: Shape = {"kind": "whole", "shape": [], "high": 2}
PATIENCE = 4.0  # seconds for one model
MOST_TRIED, MOST_CHANGES = 100, 14  # shapes in all, and changes of one after what was complained about
LONGEST = 2.0  # for one shape


def fit_input(model: Any, sides: Collection[Sides] = ()) -> tuple[Shape, Any] | None:
    """The first shape that the model takes, with its output for a small batch; None if none was found.

    `sides` are heights and widths of pictures that the program speaks of.
    """
    began = time.process_time()  # which other programs on the machine do not shorten
    tried: list[Shape] = []
    waiting = [(0, shape) for shape in candidates(model, sides)]
    twin, names = _twin(model), _taken(model)
    while waiting and len(tried) < MOST_TRIED and time.process_time() - began < PATIENCE:
        changes, shape = waiting.pop(0)
        if shape in tried or changes > MOST_CHANGES:
            continue
        tried.append(shape)
        slots = [ONE_EACH if LENGTHS.search(name) else shape for name in names]
        rows = rows_of(shape)
        output, complaint = _attempt(twin, [_rows_for(model, slot, rows) for slot in slots], {})
        if not complaint:
            return shape, output
        waiting = [*((changes + 1, other) for other in adapted(shape, complaint)), *waiting]
    return None


def likely_shape(model: Any) -> Shape:
    """What the model's first layer would take; a row of numbers where none says."""
    taken = next((shape for layer in model.modules() for shape in _taken_by(layer)), DEFAULT)
    return {**taken, "shape": [*taken["shape"][:1], 64, 64]} if len(taken["shape"]) == 3 else taken


def fit_call(
    model: Any, slots: list[str], positional: int, names: list[str], others: dict[str, Any], seconds: float
) -> list[Shape] | None:
    """A shape for each argument that is to be made up, so that the model takes them all; None if none were found."""
    began = time.process_time()
    waiting = [
        (0, [_slot(name, place, shape) for place, name in enumerate(slots)]) for shape in candidates(model)
    ]
    tried: list[list[Shape]] = []
    twin = _twin(model)
    while waiting and len(tried) < MOST_TRIED and time.process_time() - began < seconds:
        changes, shapes = waiting.pop(0)
        if shapes in tried or changes > MOST_CHANGES:
            continue
        tried.append(shapes)
        values = {**others, **{name: _rows_for(model, shape) for name, shape in zip(slots, shapes)}}
        keywords = {name: value for name, value in values.items() if name not in names}
        _, complaint = _attempt(twin, [values[name] for name in names], keywords)
        if not complaint:
            return shapes
        waiting = [*((changes + 1, other) for other in _changed(shapes, complaint)), *waiting]
    return None


def _changed(shapes: list[Shape], complaint: str) -> Iterator[list[Shape]]:
    """The shapes of several arguments with those that are alike changed alike, then with one of them changed."""
    for shape in [shape for place, shape in enumerate(shapes) if shape not in shapes[:place]]:
        for other in adapted(shape, complaint):
            yield [other if one == shape else one for one in shapes]
    for place, shape in enumerate(shapes):
        if shapes.count(shape) > 1:
            yield from ([*shapes[:place], other, *shapes[place + 1 :]] for other in adapted(shape, complaint))


def _slot(name: str, place: int, shape: Shape) -> Shape:
    """What an argument is likely to be, if the first one has this shape."""
    if re.search(r"mask", name):
        return {"kind": "whole", "shape": shape["shape"], "high": 2}
    if LENGTHS.search(name):
        return ONE_EACH
    if place and re.search(r"^(t|time|timesteps?|step|labels?|class_?labels?|y)$", name):
        return {"kind": "whole", "shape": [], "high": 2}
    return shape


def _taken(model: Any) -> list[str]:
    """What inputs the model cannot do without; all of one shape, as pictures of two cameras are, unless they say else."""
    try:
        taken = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return ["input"]
    needed = [p.name for p in taken if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return needed or ["input"]


def _twin(model: Any) -> Any:
    """A copy to try things on; a model that cannot be copied is called itself."""
    try:
        return copy.deepcopy(model)
    except Exception:
        return model


def _attempt(twin: Any, arguments: list[Any], keywords: dict[str, Any]) -> tuple[Any, str]:
    """Call a copy of the model once; its output, or what it complained about."""
    state = torch.get_rng_state()
    try:
        with torch.no_grad(), _limited(LONGEST):
            return twin(*arguments, **keywords), ""
    except Exception as error:
        return None, str(error) or type(error).__name__
    finally:
        torch.set_rng_state(state)


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside after so much time of the processor; without a limit outside of the main thread."""

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"takes more than {seconds:g} seconds")

    try:
        before = signal.signal(signal.SIGPROF, stop)
    except ValueError:
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _rows_for(model: Any, shape: Shape, rows: int = 0) -> Any:
    return sample(shape, rows or rows_of(shape), 0).to(device_of(model))


def size_of(model: Any) -> int:
    """How many weights a model has by now: lazy layers have theirs from their first batch on."""
    return sum(p.numel() for p in model.parameters() if not nn.parameter.is_lazy(p))


def device_of(model: Any) -> Any:
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def sample(shape: Shape, rows: int, seed: int) -> Any:
    """A batch of independent random inputs of that shape."""
    generator = torch.Generator().manual_seed(seed)
    size = (rows, *shape["shape"])
    if shape["kind"] == "whole":
        return torch.randint(0, max(2, int(shape["high"])), size, generator=generator)
    return torch.randn(size, generator=generator)


def candidates(model: Any, sides: Collection[Sides] = ()) -> Iterator[Shape]:
    """What the first layers that say so would take, likeliest first: of each kind the first layer, then the others."""
    layers = list(model.modules())[:200]
    first = {type(layer): layer for layer in reversed(layers)}
    for layer in layers:
        if layer is first[type(layer)]:
            taken = list(_taken_by(layer))
            if isinstance(layer, nn.Conv2d):
                taken[USUAL:USUAL] = [
                    {"kind": "float", "shape": [layer.in_channels, *size]} for size in sides
                ]
            yield from taken
    yield DEFAULT
    yield {"kind": "float", "shape": [3, 32, 32]}
    yield {"kind": "float", "shape": [1, 28, 28]}
    yield {"kind": "float", "shape": []}
    for layer in layers:
        if layer is not first[type(layer)]:
            yield from _taken_by(layer)


def _taken_by(layer: Any) -> Iterator[Shape]:
    if isinstance(layer, nn.Embedding):
        yield {"kind": "whole", "shape": [12], "high": layer.num_embeddings}
        yield {"kind": "whole", "shape": [], "high": layer.num_embeddings}
    elif isinstance(layer, nn.Linear):
        yield {"kind": "float", "shape": [layer.in_features]}
        yield from _images_of(layer.in_features)
        yield {"kind": "float", "shape": [7, layer.in_features]}
    elif isinstance(layer, nn.Conv2d):
        for side in IMAGE_SIDES:
            yield {"kind": "float", "shape": [layer.in_channels, side, side]}
    elif isinstance(layer, nn.Conv1d):
        for length in (32, 128, 16, 64, 100):
            yield {"kind": "float", "shape": [layer.in_channels, length]}
        yield {"kind": "float", "shape": [32, layer.in_channels]}
    elif isinstance(layer, nn.Conv3d):
        yield {"kind": "float", "shape": [layer.in_channels, 16, 16, 16]}
    elif isinstance(layer, nn.RNNBase):
        yield {"kind": "float", "shape": [7, layer.input_size]}
    elif isinstance(layer, (nn.TransformerEncoderLayer, nn.LayerNorm)):
        width = (
            layer.self_attn.embed_dim
            if isinstance(layer, nn.TransformerEncoderLayer)
            else layer.normalized_shape[-1]
        )
        yield {"kind": "float", "shape": [7, width]}
    elif isinstance(layer, nn.BatchNorm1d):
        yield {"kind": "float", "shape": [layer.num_features]}
    elif isinstance(layer, (nn.BatchNorm2d, nn.ConvTranspose2d)):
        channels = layer.num_features if isinstance(layer, nn.BatchNorm2d) else layer.in_channels
        side = 1 if isinstance(layer, nn.ConvTranspose2d) else 32
        yield {"kind": "float", "shape": [channels, side, side]}


def _images_of(size: int) -> Iterator[Shape]:
    """Images that flatten to this many numbers."""
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if side > 3 and side * side * channels == size:
            yield {"kind": "float", "shape": [channels, side, side]}
