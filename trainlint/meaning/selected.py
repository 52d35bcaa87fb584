"""Which layers a loop over modules or parameters means: `isinstance(m, nn.Linear)`, `"weight" in name`, `p.dim() > 1`."""

from __future__ import annotations

from collections.abc import Iterable
from operator import eq, ge, gt, le, lt, ne

from trainlint.meaning.facts.layers import INSTANCE_NORM, NORMALISING, layer_name
from trainlint.meaning.values import (
    Choice,
    Condition,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    called,
    constant,
    one,
    passed,
)

_FLAT = NORMALISING | INSTANCE_NORM  # their weights have one dimension


def selects(given: Iterable[Condition], layer: Instance, tensor: str) -> bool | None:
    """Whether a layer meets all conditions; None where one of them is not understood."""
    answers = {_agree(_holds(test, layer, tensor), wanted) for test, wanted in given}
    return False if False in answers else (None if None in answers else True)


def _agree(found: bool | None, wanted: bool) -> bool | None:
    return None if found is None else found is wanted


def _holds(test: Value, layer: Instance, tensor: str) -> bool | None:
    match test:
        case Constant():
            return bool(test.value)
        case Choice(options=[first, second], loop=False):  # `a or b`
            either = {_holds(first, layer, tensor), _holds(second, layer, tensor)}
            return True if True in either else (None if None in either else False)
        case Result(callee=External(name="operator.and"), arguments=parts):
            both = {_holds(part, layer, tensor) for part in parts}
            return False if False in both else (None if None in both else True)
        case Result(callee=External(name="operator.unarynot"), arguments=[inner]):
            found = _holds(inner, layer, tensor)
            return None if found is None else not found
        case Result(callee=External(name="builtins.isinstance"), arguments=[_, classes]):
            return _is_one_of(layer, classes)
        case Result(callee=External(name="builtins.hasattr"), arguments=[_, name]):
            return constant(name) in ("weight", "bias", "data") or None
        case Result(callee=Member(name="endswith"), arguments=[ends]):
            return _ends(ends, tensor)
        case Result(callee=External(name=name), arguments=[left, right]):
            return _compared(name.removeprefix("operator."), one(left), one(right), layer, tensor)
        case Member(name="requires_grad"):
            return True
    return None


def _is_one_of(layer: Instance, classes: Value) -> bool | None:
    wanted = one(classes)
    listed = [one(item) for item in wanted.items] if isinstance(wanted, Sequence) else [wanted]
    if not isinstance(layer.cls, External) or not all(isinstance(cls, External) for cls in listed):
        return None
    return any(isinstance(cls, External) and _is_kind(layer.cls.name, cls.name) for cls in listed)


def _is_kind(name: str, asked: str) -> bool:
    """A layer of torch is an instance of its class; of bases only those that hold any are told."""
    base = asked.rpartition(".")[2]
    if base == "Module":
        return True
    if base in ("_BatchNorm", "_NormBase"):
        return "BatchNorm" in name
    return (base == "_ConvNd" and "Conv" in name) or name == asked


def _compared(operator: str, left: Value, right: Value, layer: Instance, tensor: str) -> bool | None:
    match operator, left, right:
        case (("is not" | "!="), Member(name="weight" | "bias"), Constant(value=None)):
            return True
        case "in", Constant(value=str(word)), _:
            return {"weight": tensor == "weight", "bias": tensor == "bias"}.get(word.strip("."))
        case "not in", Constant(value=str(word)), _:
            return {"weight": tensor != "weight", "bias": tensor != "bias"}.get(word.strip("."))
        case "==", name, Constant(value=str(word)) if _is_last_part(name):
            return _ends(right, tensor)
        case "in", name, Sequence(items=items, open=False, element=None) if _is_last_part(name):
            return _ends(Sequence("tuple", items), tensor)
        case (("==" | "is"), Result(callee=External(name="builtins.type")), External()):
            return _is_one_of(layer, right)
        case (("==" | "is"), Member(name="__class__"), External()):
            return _is_one_of(layer, right)
        case "in", Result(callee=External(name="builtins.type")), Sequence():
            return _is_one_of(layer, right)
        case (
            ("!=" | ">" | ">="),
            Result(callee=Member(name="find"), arguments=[Constant(value=str(word)), *_]),
            _,
        ):
            return _named(layer, word)
        case ((">" | ">="), dimensions, Constant(value=int(least))) if _counts_dimensions(dimensions):
            return _dimensions(layer, tensor) > (1 if operator == ">" and least else least - 1)
        case asked, Member(name=name), Constant(value=int() | float() as number) if asked in _COMPARING:
            size = _size(layer, name)
            return None if size is None else bool(_COMPARING[asked](size, number))
    return None


_COMPARING = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def _size(layer: Instance, name: str) -> float | None:
    """What a layer was told under the name of its attribute: `m.out_features`, `m.in_channels`."""
    if name not in _SIZES:
        return None
    given = passed(layer, _SIZES[name], name)
    found = constant(given) if given is not None else None
    return found if isinstance(found, (int, float)) else None


_SIZES = {"in_features": 0, "out_features": 1, "in_channels": 0, "out_channels": 1, "num_features": 0}


def _is_last_part(name: Value) -> bool:
    """`name.split(".")[-1]`, `name.rpartition(".")[2]`"""
    match name:
        case Item(source=source, key=key) if key is not None:
            return called(one(source)) in ("split", "rsplit", "rpartition") and constant(key) in (-1, 2)
    return False


def _ends(ends: Value, tensor: str) -> bool | None:
    """`name.endswith("weight")`, of a parameter's name."""
    found = one(ends)
    words = found.items if isinstance(found, Sequence) else (found,)
    known = [{"weight": tensor == "weight", "bias": tensor == "bias"}.get(_word(word)) for word in words]
    return True if True in known else (None if None in known else False)


def _word(value: Value) -> str:
    found = constant(value)
    return found.removeprefix(".") if isinstance(found, str) else ""


def _named(layer: Instance, word: str) -> bool | None:
    """`classname.find("Conv") != -1`."""
    return word in layer.cls.name.rpartition(".")[2] if isinstance(layer.cls, External) else None


def _counts_dimensions(value: Value) -> bool:
    """`p.dim()`, `p.ndim`, `len(p.shape)`."""
    match value:
        case Result(callee=Member(name="dim" | "ndimension")) | Member(name="ndim"):
            return True
        case Result(callee=External(name="builtins.len"), arguments=[Member(name="shape") | Result()]):
            return True
    return False


def _dimensions(layer: Instance, tensor: str) -> int:
    return 1 if is_flat(layer, tensor) else 2


def is_flat(layer: Instance, tensor: str) -> bool:
    """Whether a tensor of a layer has one dimension: biases, and the scales of normalisations."""
    kind = layer_name(layer.cls.name) if isinstance(layer.cls, External) else None
    return tensor == "bias" or kind in _FLAT
