"""Layers written by hand: a parameter of two dimensions that a product applies, and a bias that is added behind it."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.dataflow import operation
from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
    options,
    passed,
)

_PARAMETER = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")
_LAYER = "*matrix"  # attribute of a parameter: the linear layer that it stands for
_FILLED = {"zeros": 0.0, "ones": 1.0}
_PRODUCTS = frozenset("operator.@ matmul mm".split())
_KEEPING = frozenset("float double requires_grad_ to cuda type clone".split())


def note_matrix(machine: Machine, made: Instance, node: Node | None) -> None:
    """Keep with `nn.Parameter(torch.randn(20, 50) * 0.1)` the layer that it stands for, and how it starts."""
    given = made.arguments[0] if made.arguments else made.keywords.get("data")
    started = _started(given) if given is not None else None
    if started is None or node is None:
        return
    tensor, scale = started
    name, shape = _last(tensor), _shape(tensor)
    if len(shape) != 2:
        return
    layer = Instance(External("torch.nn.Linear"), node, shape, {"bias": Constant(False)}, loop=made.loop)
    made.attributes[_LAYER] = layer
    start = _start(tensor, name, scale) if id(tensor) not in machine.drawn_into else None
    if start is not None:
        how, inputs = start
        machine.record("initialise", node, Member(layer, "weight", node), None, inputs, detail=(how, {}))


def note_start(machine: Machine, tensor: Value, given: Value, node: Node) -> None:
    """`layer.weight.copy_(torch.ones_like(layer.weight) * 0.1)`, `layer.weight.data = torch.randn(50, 20)`."""
    started = _started(given)
    start = _start(started[0], _last(started[0]).removesuffix("_like"), started[1]) if started else None
    if start is not None:
        machine.record("initialise", node, tensor, None, start[1], detail=(start[0], {}))


def _start(tensor: Result, name: str, scale: float) -> tuple[str, tuple[Value, ...]] | None:
    if name in _FILLED:
        return "constant_", (Constant(_FILLED[name] * scale),)
    if name == "full":
        given = one(passed(tensor, 1, "fill_value") or Unknown())
        number = constant(given)
        if not isinstance(given, Constant) or not isinstance(number, (int, float)):
            return None
        return "constant_", (Constant(number * scale, under=given.under),)
    if name == "randn":
        return "normal_", (Constant(0.0), Constant(scale))
    return None


def _started(given: Value) -> tuple[Result, float] | None:
    """The tensor that a parameter starts as, and the number that it is multiplied with."""
    scale = 1.0
    for _ in range(6):
        found = one(given)
        match found:
            case Result(callee=External(name="operator.*" | "operator./" as sign), arguments=[left, right]):
                if sign == "operator.*" and isinstance(constant(left), (int, float)):
                    left, right = right, left
                number = constant(right)
                if type(number) not in (int, float) or number == 0:
                    return None
                scale, given = (scale * number if sign == "operator.*" else scale / number), left
            case Result(callee=Member(receiver=inner, name=name)) if name in _KEEPING:
                given = inner
            case Result(callee=External(name=name)) if name.startswith("torch."):
                return found, scale
            case _:
                return None
    return None


def _last(value: Result) -> str:
    return value.callee.name.rpartition(".")[2] if isinstance(value.callee, External) else ""


def _shape(value: Result) -> tuple[Value, ...]:
    """The sizes that a tensor is made with: `torch.ones(3, 4)`, `torch.full((3, 4), 0.1)`."""
    given = value.arguments or tuple(v for k, v in value.keywords.items() if k == "size")
    first = one(given[0]) if given else None
    if isinstance(first, Sequence):
        return first.items if not first.open and first.element is None else ()
    return given if _last(value) in ("zeros", "ones", "randn", "rand", "empty") else ()


def matrix_of(value: Value) -> Instance | None:
    """The layer that a parameter stands for."""
    found = one(value)
    layer = found.attributes.get(_LAYER) if isinstance(found, Instance) and is_parameter(found) else None
    return layer if isinstance(layer, Instance) else None


def matrices_in(model: Value, depth: int = 0) -> Iterator[Instance]:
    """The layers that the parameters of a network and of its parts stand for."""
    for option in options(model):
        for value in option.attributes.values() if isinstance(option, Instance) and depth < 4 else ():
            layer = matrix_of(value)
            if layer is not None:
                yield layer
            elif isinstance(one(value), Instance):
                yield from matrices_in(value, depth + 1)


def product(value: Result) -> tuple[Value, Instance] | None:
    """What goes into `x @ self.weight`, and the layer that the weight stands for."""
    name = operation(value)
    given = (
        [value.callee.receiver, *value.arguments] if isinstance(value.callee, Member) else [*value.arguments]
    )
    if name == "linear" and len(given) > 1 and isinstance(value.callee, External):
        layer = _layer(given[1], True)
        bias = given[2] if len(given) > 2 else value.keywords.get("bias", Constant(None))
        return (given[0], layer) if layer is not None and (constant(bias) is None or is_even(bias)) else None
    if name in _PRODUCTS and len(given) == 2:
        layer = _layer(given[1], False)
        return (given[0], layer) if layer is not None and not is_parameter(given[0]) else None
    return None


def added(value: Result) -> Value | None:
    """What a bias is added to behind a product, where the bias starts as one constant."""
    if operation(value) != "operator.+" or len(value.arguments) != 2:
        return None
    for inner, bias in (value.arguments, value.arguments[::-1]):
        found = one(inner)
        if isinstance(found, Result) and product(found) is not None and is_even(bias):
            return inner
    return None


def is_parameter(value: Value) -> bool:
    found = one(value)
    return isinstance(found, Instance) and isinstance(found.cls, External) and found.cls.name in _PARAMETER


def is_even(bias: Value) -> bool:
    """Whether a bias is a parameter all of whose entries start alike."""
    found = one(bias)
    if not isinstance(found, Instance) or not is_parameter(found):
        return False
    started = _started(found.arguments[0]) if found.arguments else None
    return started is not None and (_last(started[0]) in _FILLED or _last(started[0]) == "full")


def _layer(weight: Value, turned: bool) -> Instance | None:
    """The layer of a parameter; `turned`: its rows are the outputs, as in `x @ weight.t()`."""
    found = one(weight)
    match found:
        case (
            Result(callee=Member(receiver=inner, name="t" | "transpose"))
            | Member(receiver=inner, name="T" | "mT")
        ):
            return _layer(inner, not turned)
        case Result(callee=External(name="torch.t" | "torch.transpose"), arguments=[inner, *_]):
            return _layer(inner, not turned)
    if not isinstance(found, Instance) or not is_parameter(found):
        return None
    layer = matrix_of(found)
    if layer is None:
        return None
    if turned and "*turned" not in layer.attributes:
        layer.arguments = layer.arguments[::-1]
        layer.attributes["*turned"] = Constant(True)
    return layer if turned == ("*turned" in layer.attributes) else None
