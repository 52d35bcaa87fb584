"""Whether a value is a tensor, a tuple, a dictionary or a number, as `isinstance` asks."""

from __future__ import annotations

from collections.abc import Iterable

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import operands, operation
from trainlint.meaning.facts.layers import RECURRENT, WEIGHTED, layer_name
from trainlint.meaning.facts.operations import ACTIVATIONS, MODULE_OPERATIONS, SHAPE_ONLY
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import is_module
from trainlint.meaning.syntax import Node
from trainlint.meaning.truth import may_come_round
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Mapping,
    Result,
    Sequence,
    Value,
    one,
    options,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]


def is_instance(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`isinstance(x, torch.Tensor)`, `isinstance(x, (list, tuple))`, and `hasattr(x, "item")` of what carries a graph."""
    if len(arguments) != 2:
        return None
    known = _is_of_kind(*arguments)
    if known is not None:
        return Constant(known, node)
    kind = one(arguments[1])
    if isinstance(kind, External) and kind.name == "torch.nn.Module" and _are_modules(arguments[0]):
        return Constant(True, node)
    named = isinstance(kind, Constant) and kind.value in ("item", "detach", "cpu", "data")
    asked = _names(kind) == {"Tensor"} or named
    return Constant(True, node) if asked and attached(arguments[0]) is True else None


def is_tensor(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`torch.is_tensor(x)`"""
    known = _is_of_kind(arguments[0], External("torch.Tensor")) if len(arguments) == 1 else None
    return Constant(known, node) if known is not None else None


def type_of(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`type(settings)` of what was written out or read from a file."""
    match one(arguments[0]) if len(arguments) == 1 else None:
        case Mapping(items=items) if are_settings(items.values()):
            return External("builtins.dict")
        case Sequence(kind=found, items=parts) if are_settings(parts):
            return External(f"builtins.{found}")
        case Constant(value=bool() | int() | float() | str() as found):
            return External(f"builtins.{type(found).__name__}")
    return None


def _is_of_kind(value: Value, kind: Value) -> bool | None:
    asked = _names(one(kind))
    if asked is None or may_come_round(value):
        return None
    answers = {_answer(option, asked) for option in options(value)}
    return answers.pop() if len(answers) == 1 else None


def _names(kind: Value) -> set[str] | None:
    """The kinds that are asked for, if all of them are plain."""
    kinds = list(map(one, kind.items)) if isinstance(kind, Sequence) and not kind.open else [kind]
    found = {
        name.name.rpartition(".")[2].replace("Variable", "Tensor")
        for name in kinds
        if isinstance(name, External) and name.name.startswith(_HOMES)
    }
    return found if kinds and len(kinds) == len(found) and found <= _KINDS else None


_HOMES = ("builtins.", "torch.Tensor", "torch.autograd.Variable", "collections.", "typing.")
_DICTIONARIES = {"dict", "OrderedDict", "Mapping", "MutableMapping", "Dict"}
_LISTS = {"list", "tuple", "Sequence", "List", "Tuple"}
_NUMBERS = {"str", "int", "float", "bool"}
_KINDS = _DICTIONARIES | _LISTS | _NUMBERS | {"Tensor"}


def _answer(value: Value, asked: set[str]) -> bool | None:
    match value:
        case Mapping():
            return (
                True
                if asked & {"dict", "Mapping", "MutableMapping", "Dict"}
                else _unless(asked, _DICTIONARIES)
            )
        case Sequence(kind=found, items=items) if found in ("list", "tuple"):
            if found in {name.lower() for name in asked} or "Sequence" in asked or asked >= _LISTS:
                return True
            written = bool(items) and are_settings(items)
            return False if written else _unless(asked, _LISTS)  # a loader makes lists of tuples
        case Instance(cls=External(name=name)) if name.startswith(("torch.", "argparse.")):
            return False if "Tensor" not in asked else None
        case Constant(value=found) if found is not None:
            kinds = {"str": str, "int": int, "float": float, "bool": bool}
            return any(isinstance(found, kinds[name]) for name in asked & _NUMBERS)
        case Result() if _is_tensor(value):
            return "Tensor" in asked
    return None


def _unless(asked: set[str], own: set[str]) -> bool | None:
    """No, unless one of the kinds that are asked for is near the own one."""
    return False if asked.isdisjoint(own) else None


def _is_tensor(value: Value, depth: int = 0) -> bool:
    """Whether an operation on tensors, or a layer that gives one tensor, made a value."""
    value = one(value)
    if not isinstance(value, Result) or depth > 8:
        return False
    match value.callee:
        case Instance(cls=External(name=name)) if (layer := layer_name(name)) is not None:
            return layer in MODULE_OPERATIONS or (layer in WEIGHTED and layer not in _OF_SEVERAL)
        case External(name=name) if name.startswith("torch."):
            return operation(value) in _OF_ONE
    known = operation(value) in _OF_ONE or operation(value) in _ARITHMETIC
    return known and any(_is_tensor(side, depth + 1) for side in operands(value))


_OF_SEVERAL = RECURRENT | {"MultiheadAttention"}
_OF_ONE = (ACTIVATIONS | SHAPE_ONLY | {"mean", "sum", "exp", "log", "matmul", "clamp"}) - frozenset(
    "chunk split unbind identity pad_packed_sequence pack_padded_sequence Variable".split()
)
_ARITHMETIC = frozenset(f"operator.{sign}" for sign in ("+", "-", "*", "/", "@", "**", "unary-"))


def _are_modules(value: Value) -> bool:
    """Whether a value is seen made, and whichever it is a module."""
    return all(isinstance(option, Instance) and is_module(option) for option in options(value))


def are_settings(values: Iterable[Value], depth: int = 0) -> bool:
    """Whether these are constants, and lists and dictionaries of them: not tensors or modules."""
    return all(
        isinstance(value, Constant)
        or (isinstance(value, Mapping) and depth < 5 and are_settings(value.items.values(), depth + 1))
        or (isinstance(value, Sequence) and depth < 5 and are_settings(value.items, depth + 1))
        for value in values
    )
