"""How the weights of layers are filled before training: which layers each filling reaches, with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trainlint.meaning.conditions import is_usual
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.matrices import matrices_in, matrix_of
from trainlint.meaning.modules import parts
from trainlint.meaning.schedules import amount
from trainlint.meaning.selected import selects
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Event
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_ALIKE = {"fill_": "constant", "zero_": "zeros", "zeros": "zeros", "ones": "ones"}
_DEFAULTS = {"zeros": 0.0, "ones": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """One filling of a layer's tensor. `how`: constant, normal, uniform, xavier_uniform, ...; `number`: the constant,
    or the spread of a normal distribution; `sure`: it is done whatever the settings."""

    event: Event
    layer: Instance
    tensor: str  # "weight" or "bias"
    how: str
    number: float | None
    under: str | None
    sure: bool

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def constant(self) -> float | None:
        return self.number if self.how == "constant" else None


def fillings(program: Program) -> dict[tuple[int, str], Filling]:
    """For each layer (by identity) and tensor the last filling."""
    found: dict[tuple[int, str], Filling] = {}
    for event in program.events("initialise"):
        for filling in _of(event):
            found[id(filling.layer), filling.tensor] = filling
    return found


def may_fill_alike(event: Event) -> bool:
    """Whether a filling may give all weights of a layer one number: asked before the layers are looked for."""
    name, keywords = event.detail
    how, number, _ = _read(_plain(name), event, keywords)
    target = _bare(event.target)
    if how != "constant" or number is None:
        return False
    return not isinstance(target, Member) or target.name == "weight" or matrix_of(target) is not None


def _plain(name: str) -> str:
    return _ALIKE.get(name, name.removesuffix("_"))


def _of(event: Event) -> Iterator[Filling]:
    name, keywords = event.detail
    how, number, under = _read(_plain(name), event, keywords)
    for layer, tensor, sure in reached(event):
        yield Filling(event, layer, tensor, how, number, under, sure and is_usual(event.given))


def _read(how: str, event: Event, keywords: dict[str, Value]) -> tuple[str, float | None, str | None]:
    if how in _DEFAULTS:
        return "constant", _DEFAULTS[how], None
    if how == "constant":
        return "constant", *_number(event, keywords, 0, ("val", "value"), None)
    if how in ("normal", "trunc_normal"):
        return "normal", *_number(event, keywords, 1, ("std",), 1.0)
    return how, None, None


def _number(
    event: Event, keywords: dict[str, Value], position: int, names: tuple[str, ...], default: float | None
) -> tuple[float | None, str | None]:
    given = next((keywords[name] for name in names if name in keywords), None)
    if given is None and len(event.inputs) > position:
        given = event.inputs[position]
    if given is None:
        return default, None
    return amount(given) or (None, None)


def reached(event: Event) -> Iterator[tuple[Instance, str, bool]]:
    """The layers that a filling reaches, which tensor of each, and whether that is sure."""
    target = _bare(event.target)
    matrix = matrix_of(target)
    if matrix is not None:
        yield matrix, "weight", True
    match target:
        case Member(receiver=receiver, name="weight" | "bias" as tensor):
            for layer in _layers(receiver):
                holds = selects(event.given, layer, tensor)
                if holds is not False and _has(layer, tensor):
                    yield layer, tensor, holds is True
        case Item(source=Result(callee=Member(receiver=model, name="parameters" | "named_parameters"))):
            for layer in _within(model):
                for tensor in ("weight", "bias"):
                    holds = selects(event.given, layer, tensor)
                    if holds is not False and _has(layer, tensor):
                        yield layer, tensor, holds is True
            for layer in matrices_in(model):
                yield layer, "weight", False  # written by hand: which of them the loop takes is not followed


def _bare(tensor: Value) -> Value:
    inner = one(tensor)
    return _bare(inner.receiver) if isinstance(inner, Member) and inner.name == "data" else inner


def _layers(value: Value) -> Iterator[Instance]:
    for option in options(value, 64):
        match option:
            case Instance():
                yield option
            case Item(source=Result(callee=Member(receiver=model, name=name))) if name in _EVERY:
                yield from _within(model)


_EVERY = ("modules", "children", "named_modules", "named_children")


def _within(model: Value) -> Iterator[Instance]:
    for option in options(model):
        for part in parts(option) if isinstance(option, Instance) else ():
            if isinstance(part, Instance) and isinstance(part.cls, External):
                yield part


def _has(layer: Instance, tensor: str) -> bool:
    """Whether a layer has the tensor at all: no bias where it was switched off."""
    kind = layer_name(layer.cls.name) if isinstance(layer.cls, External) else None
    if kind not in WEIGHTED:
        return False
    return tensor == "weight" or not is_off(layer, "bias")


def is_off(layer: Instance, keyword: str) -> bool:
    given: Any = layer.keywords.get(keyword)
    found = one(given) if given is not None else None
    return isinstance(found, Constant) and not found.value
