"""The slim syntax that the rest of `meaning` reads.

LibCST keeps every blank and comma; an interpreter needs neither. `lower` turns LibCST nodes into these,
function bodies only when somebody enters them. Each keeps its LibCST node (`cst`) and its file (`unit`),
so that a finding can be located and edited in the author's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

from trainlint.records import dataclass

if TYPE_CHECKING:
    import libcst

    from trainlint.meaning.unit import Unit


@dataclass(slots=True, eq=False)
class Name:
    cst: libcst.CSTNode
    unit: Unit
    id: str


@dataclass(slots=True, eq=False)
class Attribute:
    cst: libcst.CSTNode
    unit: Unit
    value: Expression
    name: str


@dataclass(slots=True, eq=False)
class Argument:
    cst: libcst.CSTNode
    value: Expression
    keyword: str | None
    star: str  # "", "*" or "**"


@dataclass(slots=True, eq=False)
class Call:
    cst: libcst.CSTNode
    unit: Unit
    function: Expression
    arguments: tuple[Argument, ...]


@dataclass(slots=True, eq=False)
class Literal:
    cst: libcst.CSTNode
    unit: Unit
    value: Any


@dataclass(slots=True, eq=False)
class Format:
    """An f-string, or texts side by side. `plain`: it is no more than its parts one after the other."""

    cst: libcst.CSTNode
    unit: Unit
    parts: tuple[Expression, ...]
    plain: bool


@dataclass(slots=True, eq=False)
class Display:
    """A tuple, list or set written out."""

    cst: libcst.CSTNode
    unit: Unit
    kind: str
    items: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class DictDisplay:
    cst: libcst.CSTNode
    unit: Unit
    pairs: tuple[tuple[Expression | None, Expression], ...]  # a key of None is `**value`


@dataclass(slots=True, eq=False)
class Binary:
    cst: libcst.CSTNode
    unit: Unit
    operator: str
    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Boolean:
    cst: libcst.CSTNode
    unit: Unit
    operator: str  # "and" or "or"
    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Unary:
    cst: libcst.CSTNode
    unit: Unit
    operator: str
    operand: Expression


@dataclass(slots=True, eq=False)
class Comparison:
    cst: libcst.CSTNode
    unit: Unit
    left: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(slots=True, eq=False)
class Conditional:
    cst: libcst.CSTNode
    unit: Unit
    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(slots=True, eq=False)
class Slice:
    cst: libcst.CSTNode
    unit: Unit
    lower: Expression | None
    upper: Expression | None
    step: Expression | None


@dataclass(slots=True, eq=False)
class Subscript:
    cst: libcst.CSTNode
    unit: Unit
    value: Expression
    indices: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Parameter:
    name: str
    annotation: Expression | None
    default: Expression | None
    star: str  # "", "*" or "**"
    keyword_only: bool


@dataclass(slots=True, eq=False)
class Lambda:
    cst: libcst.CSTNode
    unit: Unit
    parameters: tuple[Parameter, ...]
    value: Expression


@dataclass(slots=True, eq=False)
class Generator:
    """One `for target in iterable if test` of a comprehension."""

    target: Expression
    iterable: Expression
    tests: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Comprehension:
    cst: libcst.CSTNode
    unit: Unit
    kind: str  # "list", "set", "dict" or "generator"
    key: Expression | None
    element: Expression
    generators: tuple[Generator, ...]


@dataclass(slots=True, eq=False)
class Star:
    cst: libcst.CSTNode
    unit: Unit
    value: Expression


@dataclass(slots=True, eq=False)
class Wait:
    """`await value`, `yield value`, `yield from value`."""

    cst: libcst.CSTNode
    unit: Unit
    kind: str
    value: Expression | None


@dataclass(slots=True, eq=False)
class Walrus:
    cst: libcst.CSTNode
    unit: Unit
    target: Expression
    value: Expression


@dataclass(slots=True, eq=False)
class Opaque:
    """Syntax that says nothing about training."""

    cst: libcst.CSTNode
    unit: Unit


Expression: TypeAlias = Name | Attribute | Call | Literal | Format | Display | DictDisplay | Binary | Boolean | Unary | Comparison | Conditional | Slice | Subscript | Lambda | Comprehension | Star | Wait | Walrus | Opaque  # fmt: skip


@dataclass(slots=True, eq=False)
class Assign:
    cst: libcst.CSTNode
    unit: Unit
    targets: tuple[Expression, ...]
    value: Expression | None  # None: a bare annotation
    annotation: Expression | None = None


@dataclass(slots=True, eq=False)
class Augment:
    """`target += value`."""

    cst: libcst.CSTNode
    unit: Unit
    target: Expression
    operator: str
    value: Expression


@dataclass(slots=True, eq=False)
class Evaluate:
    """An expression as a statement."""

    cst: libcst.CSTNode
    unit: Unit
    value: Expression


@dataclass(slots=True, eq=False)
class For:
    cst: libcst.CSTNode
    unit: Unit
    target: Expression
    iterable: Expression
    body: Block
    otherwise: Block


@dataclass(slots=True, eq=False)
class While:
    cst: libcst.CSTNode
    unit: Unit
    test: Expression
    body: Block
    otherwise: Block


@dataclass(slots=True, eq=False)
class If:
    cst: libcst.CSTNode
    unit: Unit
    test: Expression
    then: Block
    otherwise: Block


@dataclass(slots=True, eq=False)
class With:
    cst: libcst.CSTNode
    unit: Unit
    items: tuple[tuple[Expression, Expression | None], ...]
    body: Block


@dataclass(slots=True, eq=False)
class Try:
    cst: libcst.CSTNode
    unit: Unit
    body: Block
    handlers: tuple[tuple[str | None, Block], ...]
    otherwise: Block
    final: Block


@dataclass(slots=True, eq=False)
class Match:
    cst: libcst.CSTNode
    unit: Unit
    subject: Expression
    cases: tuple[Block, ...]
    exhaustive: bool


@dataclass(slots=True, eq=False)
class Return:
    cst: libcst.CSTNode
    unit: Unit
    value: Expression | None


@dataclass(slots=True, eq=False)
class Jump:
    """`break`, `continue` or `raise`."""

    cst: libcst.CSTNode
    unit: Unit
    kind: str


@dataclass(slots=True, eq=False)
class Delete:
    cst: libcst.CSTNode
    unit: Unit
    targets: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Declare:
    """`global` or `nonlocal`."""

    cst: libcst.CSTNode
    unit: Unit
    kind: str
    names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Import:
    cst: libcst.CSTNode
    unit: Unit
    names: tuple[tuple[str, str | None], ...]  # (dotted name, alias)


@dataclass(slots=True, eq=False)
class ImportFrom:
    cst: libcst.CSTNode
    unit: Unit
    module: str
    level: int
    names: tuple[tuple[str, str | None], ...] | None  # None: star


@dataclass(slots=True, eq=False)
class Define:
    """A function; its parameters and body are lowered on first use."""

    cst: libcst.CSTNode
    unit: Unit
    name: str
    lower_parameters: Callable[[], tuple[Parameter, ...]]
    decorators: tuple[Expression, ...]
    lower_body: Callable[[], Block]
    asynchronous: bool
    lowered: Block | None = field(default=None)
    known_parameters: tuple[Parameter, ...] | None = field(default=None)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        if self.known_parameters is None:
            self.known_parameters = self.lower_parameters()
        return self.known_parameters

    @property
    def body(self) -> Block:
        if self.lowered is None:
            self.lowered = self.lower_body()
        return self.lowered


@dataclass(slots=True, eq=False)
class DefineClass:
    cst: libcst.CSTNode
    unit: Unit
    name: str
    bases: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...]
    decorators: tuple[Expression, ...]
    body: Block


Statement: TypeAlias = Assign | Augment | Evaluate | For | While | If | With | Try | Match | Return | Jump | Delete | Declare | Import | ImportFrom | Define | DefineClass  # fmt: skip
Node: TypeAlias = Expression | Statement


@dataclass(slots=True, eq=False)
class Block:
    """Statements in order, with the names that they assign and all the words in them."""

    statements: tuple[Statement, ...]
    assigned: frozenset[str]
    words: frozenset[str]
    own: frozenset[str] | None = None  # memo of objects.own_attributes
    all_words: frozenset[str] | None = None  # memo of unit.words_within


def nodes_in(whole: Block | Node) -> Iterator[Any]:
    """All statements and expressions of a block or a node, those of the functions defined in it too, in no set order."""
    pending: list[Any] = [whole]
    while pending:
        node = pending.pop()
        if type(node) is tuple:
            pending += node
            continue
        fields = _PARTS.get(type(node))
        if fields is not None:
            yield node
            pending += [getattr(node, name) for name in fields]


def names_in(whole: Block | Node) -> Iterator[Name]:
    return (node for node in nodes_in(whole) if type(node) is Name)


_PARTS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind.__slots__ if name not in ("cst", "unit", "known_parameters", "lowered"))
    for kind in (
        Name, Attribute, Argument, Call, Literal, Format, Display, DictDisplay, Binary, Boolean, Unary, Comparison,
        Conditional, Slice, Subscript, Parameter, Lambda, Generator, Comprehension, Star, Wait, Walrus, Opaque,
        Assign, Augment, Evaluate, For, While, If, With, Try, Match, Return, Jump, Delete, Declare, Import,
        ImportFrom, DefineClass, Block,
    )
}  # fmt: skip
_PARTS[Define] = ("parameters", "decorators", "body")
