"""Whether what a data set draws while it makes a sample decides which one that is, or only what is done to it."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Augment,
    Binary,
    Block,
    Call,
    Comprehension,
    Conditional,
    Define,
    Display,
    Expression,
    For,
    Generator,
    If,
    Literal,
    Name,
    Node,
    Return,
    Subscript,
    Try,
    Unary,
    Walrus,
    names_in,
    nodes_in,
)
from trainlint.records import dataclass

_PICKING = frozenset("choice choices sample permutation shuffle".split())  # from what they are given
_DRAWING = frozenset("randint randrange integers randperm".split()) | _PICKING
_OF_NUMBERS = frozenset("int float abs round min max len list tuple sorted set range enumerate".split())
_SAME = frozenset("item tolist numpy cpu astype long copy".split())
_LISTING = frozenset("list tuple sorted set".split())


def draws_the_sample(method: Define) -> bool:
    """Whether a `__getitem__` that uses its index draws samples beside: another index, one of all that its object has.

    A place to cut, a caption of this picture, an angle: these change the sample that the index names. So does
    what stands in for a sample that cannot be read.
    """
    nodes = list(_regular(method))
    holder, index = (parameter.name for parameter in method.parameters[:2])
    parts = _Parts(holder, index, {index}, set(), set())
    pairs = [pair for node in nodes for pair in _bindings(node)]
    for _ in range(3):  # what a name is known by may be read further up in a loop
        for target, value in pairs:
            parts.note(target, value)
        parts.drawn.update(name for node in nodes for name in _shuffled(node))
    return any(parts.is_index(t) and parts.has_drawn(v) for t, v in pairs) or any(map(parts.selects, nodes))


def _regular(method: Define) -> Iterator[Node]:
    """The nodes of a method, without what is done where something failed.

    Nor with another sample of the same method that an `if` asks for: it is for some samples only, or had no end.
    """
    nodes = list(nodes_in(method.body))
    rescues: list[Block | Node] = [
        block for node in nodes if isinstance(node, Try) for _, block in node.handlers
    ]
    arms = (block for node in nodes if isinstance(node, If) for block in (node.then, node.otherwise))
    rescues += [last for arm in arms for last in arm.statements[-1:] if _asks_again(last, method)]
    apart = {id(node) for block in rescues for node in nodes_in(block)}
    return (node for node in nodes if id(node) not in apart)


def _asks_again(last: Node, method: Define) -> bool:
    """`return self.__getitem__(other)`, `return self[other]`"""
    holder = method.parameters[0].name
    match last:
        case Return(value=Subscript(value=Name(id=name))):
            return name == holder
        case Return(value=Call(function=Attribute(value=Name(id=name), name=called))):
            return name == holder and called == method.name
    return False


def _bindings(node: object) -> Iterator[tuple[Expression, Expression]]:
    match node:
        case Assign(targets=targets, value=value) if value is not None:
            yield from ((target, value) for target in targets)
        case Augment(target=target, value=value) | Walrus(target=target, value=value):
            yield target, value
        case For(target=target, iterable=iterable) | Generator(target=target, iterable=iterable):
            yield target, iterable


def _shuffled(node: object) -> Iterator[str]:
    """`random.shuffle(order)` leaves drawn numbers in `order`."""
    match node:
        case Call(arguments=[given, *_]) if _called(node) == "shuffle" and isinstance(given.value, Name):
            yield given.value.id


def _called(call: Call) -> str:
    match call.function:
        case Name(id=name) | Attribute(name=name):
            return name
    return ""


def _bound(target: Expression) -> Iterator[str]:
    match target:
        case Name(id=name):
            yield name
        case Display(items=items):
            for item in items:
                yield from _bound(item)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the names of a method stand for: its index and what is read by it, drawn numbers, what the object has."""

    holder: str
    index: str
    by_index: set[str]
    drawn: set[str]
    own: set[str]

    def note(self, target: Expression, value: Expression) -> None:
        names = set(_bound(target))
        if self.has_index(value):
            self.by_index.update(names)
        elif self.is_drawn(value):
            self.drawn.update(names)
        elif self.owns(value):
            self.own.update(names)

    def is_index(self, target: Expression) -> bool:
        return self.index in _bound(target)

    def has_index(self, whole: Node) -> bool:
        return any(name.id in self.by_index for name in names_in(whole))

    def has_drawn(self, whole: Node) -> bool:
        return any(self.is_drawn(node) for node in nodes_in(whole))

    def is_drawn(self, value: object) -> bool:
        """Whether a value is a drawn number, or some of them."""
        match value:
            case Name(id=name):
                return name in self.drawn
            case Call(function=Attribute(value=inner, name=name)) if name in _SAME:
                return self.is_drawn(inner)
            case Call(arguments=arguments):
                name = _called(value)
                return name in _DRAWING or (
                    name in _OF_NUMBERS and any(self.is_drawn(a.value) for a in arguments)
                )
            case Subscript(value=inner) | Unary(operand=inner) | Comprehension(element=inner):
                return self.is_drawn(inner)
            case Binary(left=first, right=second) | Conditional(then=first, otherwise=second):
                return self.is_drawn(first) or self.is_drawn(second)
            case Display(items=items):
                return any(map(self.is_drawn, items))
        return False

    def owns(self, value: Expression) -> bool:
        """Whether a value is something that the object has whatever the index: `self.files`, `list(self.files)`."""
        return not self.has_index(value) and self._is_of_object(value)

    def _is_of_object(self, value: Expression) -> bool:
        match value:
            case Name(id=name):
                return name == self.holder or name in self.own
            case Attribute(value=inner) | Subscript(value=inner) | Call(function=Attribute(value=inner)):
                return self._is_of_object(inner)
            case Call(function=Name(id=name), arguments=[given, *_]) if name in _LISTING:
                return self._is_of_object(given.value)
        return False

    def selects(self, node: object) -> bool:
        """Whether a sample is taken by drawn numbers, or drawn from those that there are."""
        match node:
            case Subscript(value=whole, indices=indices):
                return self.owns(whole) and any(map(self.has_drawn, indices))
            case Call(function=function, arguments=arguments):
                return self._picks(node) or (
                    isinstance(function, Attribute)
                    and self.owns(function.value)
                    and any(self.is_drawn(a.value) for a in arguments)
                    and all(self.is_drawn(a.value) or isinstance(a.value, Literal) for a in arguments)
                )
        return False

    def _picks(self, call: Call) -> bool:
        """`random.choice(self.files)`, `self.frame.sample()`"""
        name = _called(call)
        if name == "sample" and isinstance(call.function, Attribute) and self.owns(call.function.value):
            return True
        return name in _PICKING and any(self.owns(a.value) for a in call.arguments[:1])
