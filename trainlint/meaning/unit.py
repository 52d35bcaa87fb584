"""A file as the interpreter sees it: its statements, its module scope, its project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.meaning.syntax import Block, Define, DefineClass, For, If, Statement, Try, While, With
from trainlint.meaning.values import Condition, Value
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.source import Source


@dataclass(slots=True, eq=False)
class Unit:
    """One file of the project, lowered on first use."""

    file: Path | None
    source: Source
    lowered: Block | None = None
    scope: Frame | None = None
    words: frozenset[str] | None = None
    state: str = "new"  # "running" while its module body is being run (import cycles), then "done"

    @property
    def body(self) -> Block:
        if self.lowered is None:
            from trainlint.meaning.lower import lower_module

            self.lowered = lower_module(self)
        return self.lowered

    @property
    def code_words(self) -> frozenset[str]:
        """The names and attributes that the code uses, in all of its functions; not what it only imports."""
        if self.words is None:
            self.words = words_within(self.body)
        return self.words

    @property
    def path(self) -> str:
        return self.source.path


def words_within(block: Block) -> frozenset[str]:
    """The names and attributes of a block and of the functions that are defined in it."""
    if block.all_words is None:
        block.all_words = block.words.union(*map(_inner_words, block.statements))
    return block.all_words


def _inner_words(statement: Statement) -> frozenset[str]:
    match statement:
        case Define() | DefineClass() | With():
            return words_within(statement.body)
        case If(then=first, otherwise=second):
            return words_within(first) | words_within(second)
        case For(body=first, otherwise=second) | While(body=first, otherwise=second):
            return words_within(first) | words_within(second)
        case Try(body=first, otherwise=second, handlers=handlers):
            blocks = (first, second, *(block for _, block in handlers))
            return frozenset[str]().union(*map(words_within, blocks))
    return frozenset()


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one running function (or module), and where its results go."""

    unit: Unit
    names: dict[str, Value]
    outer: Frame | None = None  # the enclosing scope for look-ups
    function: object = None  # the Function value, None for modules and class bodies
    receiver: Value | None = None
    cls: object = None  # the class that holds the running method
    returned: list[Value] = field(default_factory=list)
    returned_under: list[tuple[Condition, ...]] = field(default_factory=list)
    yielded: list[Value] = field(default_factory=list)
    shared: dict[str, Frame] = field(default_factory=dict)  # names declared global or nonlocal
    breaks: list[dict[str, Value]] = field(default_factory=list)
    continues: list[dict[str, Value]] = field(default_factory=list)
    is_class: bool = False
    at_yield: Callable[[Value], None] | None = None  # of a context manager: the body of its `with`

    @property
    def module(self) -> Frame:
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame
