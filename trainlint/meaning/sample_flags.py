"""Whether what a data set's constructor is given decides which samples it has, or only what is done to each of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from trainlint.meaning.facts.transforms import TRANSFORMING
from trainlint.meaning.objects import find_member, lineage
from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Block,
    Call,
    Conditional,
    Define,
    Display,
    Expression,
    If,
    Jump,
    Name,
    Node,
    names_in,
    nodes_in,
)
from trainlint.meaning.values import Class, Function, Instance, Unpacked, Value

_READ_BY = "__getitem__"
_MADE_BY = "__init__"


def by_parameter(made: Instance) -> dict[str, Value] | None:
    """What the constructor of an object of the project is given, by the names of its parameters."""
    init = _method(made.cls, _MADE_BY) if isinstance(made.cls, Class) else None
    if init is None or any(isinstance(v, Unpacked) for v in made.arguments) or "**" in made.keywords:
        return None
    names = [p.name for p in init.parameters[1:] if not p.star and not p.keyword_only]
    if len(names) < len(made.arguments):
        return None
    return {**dict(zip(names, made.arguments, strict=False)), **made.keywords}


def decides_only_how(cls: Class, parameter: str) -> bool:
    """Whether a parameter is kept as it is, and asked where a sample is made for what is done to it."""
    init = _method(cls, _MADE_BY)
    if init is None or _method(cls, _READ_BY) is None:
        return False
    kept = [name for statement in nodes_in(init.body) for name in _kept(statement, parameter)]
    read = [name for name in names_in(init.body) if name.id == parameter]
    return len(kept) == len(read) > 0 and all(_is_how(cls, name) for name in kept)


def _kept(statement: Node, parameter: str) -> Iterator[str]:
    """`self.files, self.augment = files, augment` keeps `augment`."""
    if not isinstance(statement, Assign) or statement.value is None:
        return
    for target in statement.targets:
        pairs: list[tuple[Expression, Expression]] = [(target, statement.value)]
        if isinstance(target, Display) and isinstance(statement.value, Display):
            pairs = list(zip(target.items, statement.value.items, strict=False))
        for where, what in pairs:
            if _own(where) and isinstance(what, Name) and what.id == parameter:
                assert isinstance(where, Attribute)
                yield where.name


def _is_how(cls: Class, attribute: str) -> bool:
    """Whether no method reads an attribute but to ask it, or to call it, on the way to a sample."""
    bodies = [
        (name, found.node)
        for base in lineage(cls)
        if isinstance(base, Class)
        for name, found in base.names.items()
        if isinstance(found, Function) and isinstance(found.node, Define)
    ]
    making = _behind_the_constructor(bodies)
    for name, method in bodies:
        read = [n for n in nodes_in(method.body) if _own(n) and n.name == attribute]
        if name == _MADE_BY:
            if len(read) != 1:
                return False  # read again to make something of it
        elif read and (name in making or not _is_asked(method, attribute, len(read))):
            return False
    return True


def _behind_the_constructor(bodies: list[tuple[str, Define]]) -> set[str]:
    """The methods that say which samples there are: `__len__`, and those that the constructor gets to."""
    found, waiting = {"__len__"}, [_MADE_BY]
    while waiting:
        asked = waiting.pop()
        for name, method in bodies:
            calls = (n for n in nodes_in(method.body) if name == asked and isinstance(n, Call))
            reached = {
                n.function.name for n in calls if isinstance(n.function, Attribute) and _own(n.function)
            }
            waiting += reached - found
            found |= reached
    return found


def _is_asked(method: Define, attribute: str, count: int) -> bool:
    """Whether all that a method does with an attribute is to call it, or to choose what is done to a sample."""
    index = next((after.name for before, after in pairwise(method.parameters) if before.name == "self"), "")
    fine = 0
    for node in nodes_in(method.body):
        match node:
            case Call(function=function, arguments=given) if _is(function, attribute):
                if any(isinstance(a.value, Name) and a.value.id == index for a in given):
                    return False  # `self.take(index)` may say which one
                fine += 1
            case (
                If(test=test, then=then, otherwise=otherwise)
                | Conditional(test=test, then=then, otherwise=otherwise)
            ):
                asked = sum(_is(inner, attribute) for inner in nodes_in(test))
                if asked and not all(_is_only_done(arm, index) for arm in (then, otherwise)):
                    return False
                fine += asked
    return fine == count


def _is_only_done(arm: Block | Node, index: str) -> bool:
    """Whether an arm takes nothing else that the data set holds, by its attributes or by the index, but transforms.

    One that ends a loop, or skips the rest of a turn, takes or leaves what that loop looks at.
    """
    called = {id(n.function) for n in nodes_in(arm) if isinstance(n, Call)}
    return not any(
        (isinstance(node, Jump) and node.kind != "raise")
        or (_own(node) and id(node) not in called and node.name not in TRANSFORMING)
        or (isinstance(node, Name) and node.id == index)
        for node in nodes_in(arm)
    )


def _is(node: object, attribute: str) -> bool:
    return isinstance(node, Attribute) and _own(node) and node.name == attribute


def _own(node: object) -> bool:
    return isinstance(node, Attribute) and isinstance(node.value, Name) and node.value.id == "self"


def _method(cls: object, name: str) -> Define | None:
    found = find_member(cls, name) if isinstance(cls, Class) else None
    if found is None or not isinstance(found[0], Function) or not isinstance(found[0].node, Define):
        return None
    return found[0].node
