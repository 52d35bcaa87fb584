"""What a name can hold: the values that the interpreter computes with.

Results of calls that are not followed stay as `Result`, so that values form a data-flow graph: the loss
remembers the criterion, the criterion's input the layers, the layers the batch. A `Choice` stands
where paths or loop iterations meet; a rule may speak only if its options agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.syntax import Define, DefineClass, Expression, Lambda, Node
    from trainlint.meaning.unit import Unit


@dataclass(slots=True, eq=False)
class Unknown:
    """Nothing is known, not even by a name."""

    reason: str = ""
    node: Node | None = None


@dataclass(slots=True, eq=False)
class Constant:
    """A Python constant. `under` names the flag or setting that can change it (`--lr`), if any."""

    value: Any
    node: Node | None = None
    under: str | None = None
    asked: tuple[str, Any] | None = None  # of a comparison of that setting: the operator and the other side
    # Of a product or quotient: the operator, and what stood on both sides of it.
    sides: tuple[str, Constant, Constant] | None = None


@dataclass(slots=True, eq=False)
class Sequence:
    """A tuple, list or set; `open` where it may hold more than is listed."""

    kind: str
    items: tuple[Value, ...]
    node: Node | None = None
    open: bool = False
    element: Value | None = None  # what a comprehension or unrolled builder puts in, however often
    region: Any = None  # where in the trace a display was evaluated


@dataclass(slots=True, eq=False)
class Mapping:
    """A dictionary by constant keys; `open` where it may hold more."""

    items: dict[Any, Value]
    node: Node | None = None
    open: bool = False
    element: Value | None = None
    region: Any = None  # where in the trace a display was evaluated
    made_by: Value | None = None  # what a `defaultdict` calls for a new key


@dataclass(slots=True, eq=False)
class External:
    """A module, class, function or constant of a library, by its dotted name (`torch.nn.Linear`)."""

    name: str


@dataclass(slots=True, eq=False)
class Module:
    """A file of the project, imported."""

    unit: Unit


@dataclass(slots=True, eq=False)
class Deferred:
    """A name imported from a file of the project that nobody has asked for yet."""

    resolve: Callable[[], Value]
    file: Path | None = None


@dataclass(slots=True, eq=False)
class Free:
    """A name that nothing in the file defines: a fragment's `model` or `loader`."""

    name: str
    node: Node


@dataclass(slots=True, eq=False)
class Argument:
    """A parameter of a function that nobody is seen to call."""

    name: str
    function: Function
    default: Value | None = None
    annotation: Value | None = None


@dataclass(slots=True, eq=False)
class Function:
    node: Define | Lambda
    unit: Unit
    scope: Any  # the frame it was defined in
    owner: Class | None = None  # the class whose body holds it
    decorators: tuple[Value, ...] = ()
    defaults: tuple[Value | None, ...] | None = (
        None  # evaluated when it is first called, see calls.defaults_of
    )
    decorated: Any = None  # what decorators of the project made of it, see calls.decorated
    setter: Function | None = None  # of a property: what an assignment to it runs

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "<lambda>")


@dataclass(slots=True, eq=False)
class Class:
    node: DefineClass
    unit: Unit
    bases: tuple[Value, ...]
    names: dict[str, Value] = field(default_factory=dict)
    keywords: dict[str, Value] = field(default_factory=dict)
    decorators: tuple[Value, ...] = ()
    lineage: tuple[Class | External | Unknown, ...] | None = None  # this class first, see objects.lineage
    is_module: bool | None = None  # memo of objects.is_module
    counters: frozenset[str] | None = None  # see objects.counters
    used: dict[str | None, tuple[frozenset[str] | None]] = field(
        default_factory=dict
    )  # see members.used_names


@dataclass(slots=True, eq=False)
class Instance:
    """An object made here: of a class of the project or of a library.

    `arguments` are the constructor's, by name where the class or the tables tell it, else by position.
    `symbolic`: nobody is seen to make it; it stands for `self` in a class looked at on its own.
    """

    cls: Class | External
    node: Node | None
    arguments: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    symbolic: bool = False
    loop: Any = None  # the innermost loop region it was made in
    places: dict[str, Node] = field(default_factory=dict)  # where each attribute was last assigned


@dataclass(slots=True, eq=False)
class Bound:
    """A method of the project bound to its object."""

    function: Function
    receiver: Value
    cls: Class | None = None  # where it was found: `super()` goes on from there


@dataclass(slots=True, eq=False)
class Member:
    """An attribute that was not resolved: of a library object, a tensor or something unknown."""

    receiver: Value
    name: str
    node: Node | None = None


@dataclass(slots=True, eq=False)
class Super:
    receiver: Value
    cls: Class


@dataclass(slots=True, eq=False)
class Partial:
    function: Value
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]


@dataclass(slots=True, eq=False)
class Result:
    """What a call or operator gave that is not followed inside: `callee` applied to its arguments.

    Operators are calls of `External("operator.+")` and the like. `grad` is the grad mode it ran under
    (None: not known).
    """

    callee: Value
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]
    node: Node | None
    grad: bool | None = True
    attached: Any = None  # memo of dataflow.attached
    region: Any = None  # where in the trace it was computed
    at: int = 0  # the interpreter's step by then; 0: not noted


@dataclass(slots=True, eq=False)
class Item:
    """An element of something: what a loop over `source` binds, or `source[key]`."""

    source: Value
    key: Value | None = None  # None: any element, in turn
    node: Node | None = None
    at: int = 0  # the interpreter's step by then; 0: not noted


@dataclass(slots=True, eq=False)
class Choice:
    """One of several, by path or (for `loop`) by iteration; options are added when the loop closes.

    `each` is the list or dictionary that a loop takes its elements from: all of them have their turn.
    """

    options: list[Value]
    loop: bool = False
    test: Expression | None = None
    under: dict[int, tuple[Condition, ...]] | None = None  # on which conditions an option (by id) is there
    each: Sequence | Mapping | None = None
    apart: tuple[int, list[Value]] | None = None  # memo of `options`, and of how many it was made
    home: Any = None  # of a loop's: its region
    parts: Any = None  # what was taken out of it while its loop is open, see `growing`


@dataclass(slots=True, eq=False)
class Unpacked:
    """What `**options` or `*args` of unknown content passes."""

    source: Value


Value: TypeAlias = Unknown | Constant | Sequence | Mapping | External | Module | Deferred | Free | Argument | Function | Class | Instance | Bound | Member | Super | Partial | Result | Item | Choice | Unpacked  # fmt: skip

Condition: TypeAlias = tuple[Value, bool]  # the value of a test, and whether it holds

NONE = Constant(None)
MOST_ALTERNATIVES = 6  # of what is called or asked for a part


_MOST_OPTIONS = 8


def options(value: Value, limit: int = _MOST_OPTIONS) -> list[Value]:
    """The distinct alternatives of a value, choices opened, at most `limit` of them."""
    if type(value) is not Choice:
        return [value]
    count = len(value.options)
    if value.apart is not None and value.apart[0] == count <= limit:
        return value.apart[1][:]
    if count <= limit and Choice not in map(type, value.options):  # as nearly always
        distinct = _distinct(value.options)
        value.apart = count, distinct
        return distinct[:]
    found: list[Value] = []
    seen: set[int] = set()
    pending: list[Value] = [value]
    while pending and len(found) < limit:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if type(current) is Choice:
            pending.extend(reversed(current.options))
        else:
            found.append(current)
    return found if len(found) == 1 else _distinct(found)


def _distinct(values: list[Value]) -> list[Value]:
    seen: dict[Any, Value] = {}
    for value in values:
        key: Any = id(value)
        if type(value) is Constant:
            try:
                hash(value.value)
                key = (type(value.value), value.value, value.under)
            except TypeError:
                key = id(value)
        elif type(value) is External:
            key = value.name
        seen.setdefault(key, value)
    return list(seen.values())


def one(value: Value) -> Value:
    """The value itself where a choice has just one alternative, else the choice."""
    if type(value) is not Choice:
        return value
    first: Value | None = None
    seen: set[int] = set()
    found = 0
    pending: list[Value] = [value]
    while pending and found < _MOST_OPTIONS:  # as `options` goes through them, up to the first that differs
        current = pending.pop()
        if type(current) is Choice:
            if id(current) not in seen:
                seen.add(id(current))
                pending += current.options[::-1]
        elif current is not first and id(current) not in seen:
            seen.add(id(current))
            found += 1
            if first is None:
                first = current
            elif not _are_alike(first, current):
                return value
    return value if first is None else first


def _are_alike(one: Value, other: Value) -> bool:
    """Whether two alternatives are no alternatives: equal constants, one name of a library."""
    if type(one) is Constant and type(other) is Constant:
        return one.under == other.under and type(one.value) is type(other.value) and one.value == other.value
    return type(one) is External and type(other) is External and one.name == other.name


def is_slice(key: Value) -> bool:
    """`[a:b]`, as the key of an item."""
    match one(key):
        case Result(callee=External(name="builtins.slice")):
            return True
    return False


def passed(made: Instance | Result, position: int, *names: str) -> Value | None:
    """The argument that a call or constructor was given for a parameter, by one of its names or its place."""
    for name in names:
        if name in made.keywords:
            return made.keywords[name]
    return made.arguments[position] if position < len(made.arguments) else None


def called(value: Value) -> str:
    """The name of the function or method that gave a result: `sort` of `torch.sort(x)` and `x.sort()`; "" for all else."""
    match value:
        case Result(callee=External(name=name) | Member(name=name)):
            return name.rpartition(".")[2]
    return ""


def choice(
    values: list[Value],
    test: Expression | None = None,
    under: list[tuple[Condition, ...]] | None = None,
) -> Value:
    """The one value that all agree on, or a choice; `under` says on which conditions each is there."""
    flat = list({id(value): value for value in values}.values())
    if len(flat) == 1 and type(flat[0]) is not Deferred:
        return flat[0]
    if Deferred in map(type, flat):  # each branch imports the name from elsewhere
        return Deferred(lambda: choice([f.resolve() if type(f) is Deferred else f for f in flat], test))
    distinct = _distinct(flat)
    if len(distinct) == 1:
        return distinct[0]
    found = Choice(distinct, False, test)
    if under is not None and len(distinct) == len(values) == len(under):
        found.under = {id(value): conditions for value, conditions in zip(values, under, strict=True)}
    return found


def constant(value: Value) -> Any:
    """The Python value where all alternatives are one hard or soft constant, else `MISSING`."""
    if type(value) is Constant:
        return value.value
    if type(value) is Choice:
        found = one(value)
        if type(found) is Constant:
            return found.value
    return MISSING


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Any = _Missing()
