"""Evaluating expressions to values."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from trainlint.meaning import syntax as s
from trainlint.meaning.definitions import define
from trainlint.meaning.fragments import meant, stand_in
from trainlint.meaning.growing import is_growing
from trainlint.meaning.imports import look_up, star_member
from trainlint.meaning.items import get_item
from trainlint.meaning.iteration import element_of
from trainlint.meaning.left_out_options import command_line
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import get_attribute, is_enum_member, key_of, listed
from trainlint.meaning.overrides import entries, is_dictionary, overwrite, weaken
from trainlint.meaning.stores import fold, store
from trainlint.meaning.strings import joined
from trainlint.meaning.tensor_tests import as_number, no_tensor_where
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import decided_by, is_none, negated, truth
from trainlint.meaning.unit import Frame
from trainlint.meaning.unrolling import LAYERS, listed_items, listed_sizes, phase_turns
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    Deferred,
    External,
    Free,
    Mapping,
    Module,
    Result,
    Sequence,
    Super,
    Unknown,
    Unpacked,
    Value,
    choice,
    constant,
    one,
    options,
)
from trainlint.meaning.world import is_of_world

_BUILTINS = frozenset(dir(builtins))
_OLD_BUILTINS = {
    "xrange": "range",
    "unicode": "str",
    "basestring": "str",
    "long": "int",
    "raw_input": "input",
}  # Python 2
LONGEST_TABLE = 1000  # items of one list or dictionary that are looked at; what is longer is data


def evaluate(machine: Machine, node: s.Expression, frame: Frame) -> Value:
    machine.steps += 1
    if machine.steps > machine.limit:
        machine.overrun()
    run = _EXPRESSIONS.get(type(node))
    return run(machine, node, frame) if run is not None else Unknown("", node)


def _name(machine: Machine, node: s.Name, frame: Frame) -> Value:
    name = node.id
    if name in frame.shared:
        value = look_up(frame.shared[name], name)
        return value if value is not None else Free(name, node)
    scope: Frame | None = frame
    while scope is not None:
        value = scope.names.get(name)
        if value is not None and (scope is frame or not scope.is_class):
            return look_up(scope, name) or value if type(value) is Deferred else value
        scope = scope.outer
    starred = star_member(frame.module, name)
    if starred is not None:
        return starred
    if name in _BUILTINS or name in ("get_ipython", "display"):
        return External(f"builtins.{name}")
    if name in _OLD_BUILTINS:
        return External(f"builtins.{_OLD_BUILTINS[name]}")
    return (
        meant(frame, name)
        or stand_in(machine, frame, name)
        or command_line(machine, frame, name, node)
        or Free(name, node)
    )


def _attribute(machine: Machine, node: s.Attribute, frame: Frame) -> Value:
    holder = evaluate(machine, node.value, frame)
    return get_attribute(machine, holder, node.name, node)


def _literal(machine: Machine, node: s.Literal, frame: Frame) -> Value:
    return Constant(node.value, node)


def _format(machine: Machine, node: s.Format, frame: Frame) -> Value:
    parts = [evaluate(machine, part, frame) for part in node.parts]
    text = joined(parts) if node.plain else None
    return text or Result(External("builtins.str"), (), {}, node, machine.grad)


def _display(machine: Machine, node: s.Display, frame: Frame) -> Value:
    items: list[Value] = []
    opened = len(node.items) > LONGEST_TABLE
    for item in node.items[:LONGEST_TABLE]:
        if isinstance(item, s.Star):
            inner = one(evaluate(machine, item.value, frame))
            if isinstance(inner, Sequence) and not inner.open:
                items += inner.items
            else:
                opened = True
                items.append(element_of(machine, inner, item))
        else:
            items.append(evaluate(machine, item, frame))
    return Sequence(node.kind, tuple(items), node, opened, region=machine.region)


def _dict(machine: Machine, node: s.DictDisplay, frame: Frame) -> Value:
    mapping = Mapping({}, node, len(node.pairs) > LONGEST_TABLE, region=machine.region)
    for key_node, value_node in node.pairs[:LONGEST_TABLE]:
        value = evaluate(machine, value_node, frame)
        if key_node is None:
            overwrite(machine, mapping, value)
            continue
        key = key_of(evaluate(machine, key_node, frame))
        if isinstance(key, (str, int, float, bool, type(None))):
            mapping.items[key] = value
        else:
            mapping.open, mapping.element = True, value
    return mapping


def _binary(machine: Machine, node: s.Binary, frame: Frame) -> Value:
    left, right = evaluate(machine, node.left, frame), evaluate(machine, node.right, frame)
    if isinstance(left, Constant) and isinstance(right, Constant):
        folded = fold(node.operator, left, right)
        if folded is not None:
            return folded
    first, second = one(left), one(right)
    if node.operator == "+" and isinstance(first, Sequence) and isinstance(second, Sequence):
        opened = first.open or second.open
        return Sequence(first.kind, first.items + second.items, node, opened, first.element or second.element)
    if node.operator == "*" and not isinstance(first, Sequence):
        first, second = second, first  # `3 * [layer]`
    if node.operator == "*" and isinstance(first, Sequence) and first.items:
        repeated = _repeated(first, second, node)
        if repeated is not None:
            return repeated
        return Sequence(first.kind, (), node, True, choice(list(first.items)))
    if node.operator == "*":
        _note_devices(machine, node, first, second)
    return _result(machine, f"operator.{node.operator}", (left, right), node)


def _note_devices(machine: Machine, node: s.Binary, first: Value, second: Value) -> None:
    """Keep in mind what is multiplied by the number of devices: `print(batch_size * dist.get_world_size())`."""
    for number, devices in ((first, second), (second, first)):
        if isinstance(number, Constant) and is_of_world(devices):
            machine.record("multiply", node, number, devices)


_MOST_REPEATED = 64


def _repeated(listed: Sequence, times: Value, node: s.Node) -> Sequence | None:
    """`[width] * layers` of numbers above zero: sizes, not places that a loop fills."""
    count = times.value if isinstance(times, Constant) else None
    if type(count) is not int or not 0 < count * len(listed.items) <= _MOST_REPEATED or listed.open:
        return None
    numbers = [item.value if isinstance(item, Constant) else None for item in map(one, listed.items)]
    if listed.element is not None or not all(type(n) is int and n > 1 for n in numbers):
        return None
    return Sequence(listed.kind, listed.items * count, node)


def _result(machine: Machine, name: str, arguments: tuple[Value, ...], node: s.Node) -> Result:
    result = Result(External(name), arguments, {}, node, machine.grad)
    result.region = machine.region
    result.at = machine.steps
    return result


def _boolean(machine: Machine, node: s.Boolean, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    known = truth(left)
    if known is None and machine.settled and isinstance(left, Constant):
        known = bool(left.value)
    if known is not None and known == (node.operator == "or"):
        return left
    right = evaluate(machine, node.right, frame)
    if known is not None:
        return right
    if node.operator == "and" and truth(right) is False:
        return right
    if node.operator == "or" and truth(right) is True and isinstance(right, Constant):
        return right if right.value is True else Choice([left, right])
    return (
        Choice([left, right])
        if node.operator == "or"
        else _result(machine, "operator.and", (left, right), node)
    )


def _unary(machine: Machine, node: s.Unary, frame: Frame) -> Value:
    operand = evaluate(machine, node.operand, frame)
    if node.operator == "not":
        decided = decided_by(operand, truth)
        if decided is not None or isinstance(operand, Constant) or truth(operand) is not None:
            return negated(operand if decided is None else decided, node)
    if node.operator == "-" and isinstance(operand, Constant) and isinstance(operand.value, (int, float)):
        return Constant(-operand.value, node, operand.under)
    return _result(machine, f"operator.unary{node.operator}", (operand,), node)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "is": lambda a, b: a is b,
    "is not": lambda a, b: a is not b,
}


def _comparison(machine: Machine, node: s.Comparison, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    rights = [(operator, evaluate(machine, right, frame)) for operator, right in node.rest]
    if len(rights) == 1:
        decided = _decided(left, *rights[0])
        if decided is None and machine.copying:
            decided = _is_put_in(left, *rights[0])
        if decided is not None:
            return decided
    arguments = (left, *(right for _, right in rights))
    return _result(machine, f"operator.{rights[0][0]}", arguments, node)


def _decided(left: Value, operator: str, right: Value) -> Value | None:
    if isinstance(right, Constant) and right.value is None and operator in ("is", "is not", "==", "!="):
        known = is_none(left)
        if known is not None:
            return Constant(known == (operator in ("is", "==")))
        test = decided_by(left, is_none)
        if test is not None:
            return test if operator in ("is", "==") else negated(test)
    if operator in ("==", "is", "!=", "is not") and is_enum_member(left) and is_enum_member(right):
        return Constant((left is right) == (operator in ("==", "is")))
    if operator in _ALIKE and _is_plain_type(left) and _is_plain_type(right):
        return Constant((left.name == right.name) == (operator in ("==", "is")))  # type: ignore[union-attr]
    if operator in ("in", "not in") and isinstance(left, Constant) and isinstance(right, Sequence):
        if not right.open and all(isinstance(i, Constant) for i in right.items):
            found = any(isinstance(i, Constant) and i.value == left.value for i in right.items)
            values = tuple(i.value for i in right.items if isinstance(i, Constant))
            return Constant(found == (operator == "in"), None, left.under, (operator, values))
    if isinstance(left, Constant) and isinstance(right, Constant) and operator in _COMPARE:
        try:
            asked = (operator, right.value) if left.under and not right.under else None
            answer = bool(_COMPARE[operator](left.value, right.value))
            under = None if _are_names_of_one_list(left, right) else left.under or right.under
            return Constant(answer, None, under, asked)
        except TypeError:
            return None
    return None


def _are_names_of_one_list(left: Constant, right: Constant) -> bool:
    """`Split.test == Split.train`: what a class lists as names is not set otherwise from outside."""
    first, second = (c.under.rpartition(".")[0] if c.under else "" for c in (left, right))
    return first == second != "" and isinstance(left.value, str) and isinstance(right.value, str)


def _is_put_in(left: Value, operator: str, right: Value) -> Value | None:
    """`key in settings`, while these are filled entry by entry."""
    held = one(right)
    key = constant(left)
    if operator not in ("in", "not in") or not isinstance(key, str) or not is_dictionary(held):
        return None
    known = entries(held)
    if known is None or isinstance(held, Module) or (isinstance(held, Mapping) and held.open):
        return None
    return Constant((key in known) == (operator == "in"))


def _is_plain_type(value: Value) -> bool:
    """`dict`, as `type(settings)` gives it."""
    return isinstance(value, External) and value.name in _PLAIN_TYPES


_PLAIN_TYPES = frozenset(
    f"builtins.{name}" for name in ("dict", "list", "tuple", "str", "int", "float", "bool")
)
_ALIKE = frozenset(("==", "is", "!=", "is not"))


def _conditional(machine: Machine, node: s.Conditional, frame: Frame) -> Value:
    test = evaluate(machine, node.test, frame)
    test = decided_by(test, truth) or test
    known = truth(test)
    if known is not None:
        return evaluate(machine, node.then if known else node.otherwise, frame)
    values = []
    with machine.within("branch", node):
        for part, holds in ((node.then, True), (node.otherwise, False)):
            given = ((test, holds),)
            with machine.within("arm", node, test=node.test, holds=holds, truth=test, given=given):
                values.append(evaluate(machine, part, frame))
    for i, holds in enumerate((True, False)):
        if values[i] is no_tensor_where(test, holds):
            values[i] = as_number(values[i], node)
    return choice(values, node.test, [((test, True),), ((test, False),)])


def _subscript(machine: Machine, node: s.Subscript, frame: Frame) -> Value:
    holder = evaluate(machine, node.value, frame)
    indices = [evaluate(machine, index, frame) for index in node.indices]
    key = indices[0] if len(indices) == 1 else Sequence("tuple", tuple(indices), node)
    return get_item(machine, holder, key, node)


def _slice(machine: Machine, node: s.Slice, frame: Frame) -> Value:
    given = (node.lower, node.upper, node.step)
    bounds = tuple(Constant(None) if bound is None else evaluate(machine, bound, frame) for bound in given)
    return Result(External("builtins.slice"), bounds, {}, node, machine.grad)


def _call(machine: Machine, node: s.Call, frame: Frame) -> Value:
    if isinstance(node.function, s.Name) and node.function.id == "super" and "super" not in frame.names:
        return _super(node, frame)
    callee = evaluate(machine, node.function, frame)
    arguments, keywords = arguments_of(machine, node, frame)
    if type(callee) is External and callee.name == "builtins.eval" and len(arguments) == 1:
        return _meant_by(machine, constant(arguments[0]), node, frame) or Unknown("eval", node)
    if type(callee) is External and callee.name == "builtins.exec" and not isinstance(arguments[0], Constant):
        weaken(machine, Module(frame.unit))  # what it runs may set any name
    return machine.call(machine, callee, arguments, keywords, node, frame)


def arguments_of(machine: Machine, node: s.Call, frame: Frame) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """The arguments of a call, what `*` and `**` pass on included."""
    arguments: list[Value] = []
    keywords: dict[str, Value] = {}
    for argument in node.arguments:
        value = evaluate(machine, argument.value, frame)
        if argument.star == "*":
            arguments += _spread(value)
        elif argument.star == "**":
            _spread_keywords(value, keywords)
        elif argument.keyword is not None:
            keywords[argument.keyword] = value
        else:
            arguments.append(value)
    return tuple(arguments), keywords


def _meant_by(machine: Machine, text: object, node: s.Call, frame: Frame) -> Value | None:
    """`eval("models.Net")`, and `eval("models.Net(10)")`, with what nobody looks into as arguments."""
    path, opening, inside = text.partition("(") if isinstance(text, str) else ("", "", "")
    found = _named(machine, path.strip(), node, frame)
    if found is None or not opening:
        return found
    if not inside.endswith(")") or "(" in inside:
        return None
    given = {} if inside == ")" else {"**": Unpacked(Unknown("arguments in a text", node))}
    return machine.call(machine, found, (), given, node, frame)


def _named(machine: Machine, path: object, node: s.Call, frame: Frame) -> Value | None:
    """`eval("models.Net")`: what the path stands for here."""
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
        return None
    first, *rest = path.split(".")
    value = evaluate(machine, s.Name(node.cst, node.unit, first), frame)
    for name in rest:
        value = get_attribute(machine, value, name, node)
    return value


def _spread(value: Value) -> list[Value]:
    inner = listed(value)
    if isinstance(inner, Sequence) and not inner.open and inner.element is None:
        return list(inner.items)
    return [Unpacked(value)]


def _spread_keywords(value: Value, keywords: dict[str, Value]) -> None:
    found = options(value)
    for inner in found:
        if isinstance(inner, Mapping):
            keywords.update({k: v for k, v in inner.items.items() if isinstance(k, str)})
    if not all(isinstance(inner, Mapping) and not inner.open for inner in found):
        keywords["**"] = Unpacked(value)


def _super(node: s.Call, frame: Frame) -> Value:
    method: Frame | None = frame
    while method is not None and method.receiver is None:
        method = method.outer
    if method is None or not isinstance(method.cls, Class):
        return Unknown("super", node)
    return Super(method.receiver or Unknown("self"), method.cls)


def _lambda(machine: Machine, node: s.Lambda, frame: Frame) -> Value:
    return define(machine, node, frame)


_MOST_PHASES = 4


def _around(region: Region, node: s.Comprehension) -> Region:
    """Where a comprehension is evaluated: around its own loops."""
    while region.node is node and region.parent is not None:
        region = region.parent
    return region


def _comprehension(machine: Machine, node: s.Comprehension, frame: Frame) -> Value:
    names = frame.names
    frame.names = dict(names)
    try:
        return _comprehended(machine, node, frame, 0)
    finally:
        frame.names = names


def _comprehended(machine: Machine, node: s.Comprehension, frame: Frame, depth: int) -> Value:
    if depth == len(node.generators):
        if node.key is not None:
            key = constant(evaluate(machine, node.key, frame))
            value = evaluate(machine, node.element, frame)
            items = {key: value} if isinstance(key, str) else {}
            return Mapping(items, node, True, value)
        element = evaluate(machine, node.element, frame)
        made = Sequence(node.kind, (), node, True, element, _around(machine.region, node))
        if node.kind == "list":
            machine.record("keep", node, made, element, detail="comprehension")
        return made
    generator = node.generators[depth]
    iterable = evaluate(machine, generator.iterable, frame)
    alone = len(node.generators) == 1
    known = _listed(machine, iterable, node) if alone and not generator.tests else None
    if known is not None and node.key is not None:
        return _unrolled(machine, node, generator, list(known), frame)
    if known is not None:
        return _each(machine, node, generator, known, frame)
    phases = phase_turns(iterable, _MOST_PHASES) if alone else None
    if phases is not None and node.kind == "dict":
        return _unrolled(machine, node, generator, phases, frame)
    if phases is None and alone and _makes_layers(node):
        phases = listed_sizes(iterable)
    if phases is not None and not generator.tests:
        return _each(machine, node, generator, tuple(phases), frame)
    with machine.within("loop", node, iterable=iterable):
        element = element_of(machine, iterable, generator.iterable)
        store(machine, generator.target, element, frame, s.Evaluate(node.cst, node.unit, node))
        for test in generator.tests:
            evaluate(machine, test, frame)
        return _comprehended(machine, node, frame, depth + 1)


def _listed(machine: Machine, iterable: Value, node: s.Comprehension) -> tuple[Value, ...] | None:
    """The items of a short list that was written out, each with what a loop around is going to put in its place."""
    known = listed_items(iterable)
    if known is None or not is_growing(iterable):
        return known
    return tuple(get_item(machine, iterable, Constant(index), node) for index in range(len(known)))


def _makes_layers(node: s.Comprehension) -> bool:
    """`[nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]`"""
    match node.element:
        case s.Call(function=s.Attribute(name=name) | s.Name(id=name)):
            return name in LAYERS or name == "Sequential"
    return False


def _each(
    machine: Machine, node: s.Comprehension, generator: s.Generator, items: tuple[Value, ...], frame: Frame
) -> Value:
    """`[tensor(part) for part in (x_train, x_test, y_train, y_test)]`: each by itself."""
    made = []
    for item in items:
        store(machine, generator.target, item, frame, s.Evaluate(node.cst, node.unit, node))
        made.append(evaluate(machine, node.element, frame))
    return Sequence(node.kind, tuple(made), node)


def _unrolled(
    machine: Machine, node: s.Comprehension, generator: s.Generator, phases: list[Value], frame: Frame
) -> Value:
    """`{phase: loader(phase) for phase in ["train", "val"]}` with each phase on its own."""
    mapping = Mapping({}, node)
    for phase in phases:
        store(machine, generator.target, phase, frame, s.Evaluate(node.cst, node.unit, node))
        wanted = [truth(evaluate(machine, test, frame)) for test in generator.tests]
        if False in wanted:
            continue
        mapping.open = mapping.open or None in wanted
        key = constant(evaluate(machine, node.key, frame)) if node.key is not None else None
        value = evaluate(machine, node.element, frame)
        if isinstance(key, (str, bool)):
            mapping.items[key] = value
        else:
            mapping.open, mapping.element = True, value
    return mapping


def _star(machine: Machine, node: s.Star, frame: Frame) -> Value:
    return Unpacked(evaluate(machine, node.value, frame))


def _wait(machine: Machine, node: s.Wait, frame: Frame) -> Value:
    value = Constant(None, node) if node.value is None else evaluate(machine, node.value, frame)
    if node.kind == "await":
        return value
    if node.kind == "yield from":
        value = element_of(machine, value, node)
    frame.yielded.append(value)
    if machine.region.yields is None:
        machine.region.yields = len(machine.region.items)
    if frame.at_yield is not None:
        run, frame.at_yield = frame.at_yield, None
        run(value)
    return Unknown("sent", node)


def _walrus(machine: Machine, node: s.Walrus, frame: Frame) -> Value:
    value = evaluate(machine, node.value, frame)
    store(machine, node.target, value, frame, s.Evaluate(node.cst, node.unit, node))
    return value


_EXPRESSIONS: dict[type, Callable[[Machine, Any, Frame], Value]] = {
    s.Name: _name,
    s.Attribute: _attribute,
    s.Literal: _literal,
    s.Format: _format,
    s.Display: _display,
    s.DictDisplay: _dict,
    s.Binary: _binary,
    s.Boolean: _boolean,
    s.Unary: _unary,
    s.Comparison: _comparison,
    s.Conditional: _conditional,
    s.Subscript: _subscript,
    s.Slice: _slice,
    s.Call: _call,
    s.Lambda: _lambda,
    s.Comprehension: _comprehension,
    s.Star: _star,
    s.Wait: _wait,
    s.Walrus: _walrus,
}
