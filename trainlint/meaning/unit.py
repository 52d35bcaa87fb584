"""A file as the interpreter sees it: its statements, its module scope, its project."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.meaning.syntax import Block
from trainlint.meaning.values import Value

if TYPE_CHECKING:
    from trainlint.source import Source


@dataclass(slots=True, eq=False)
class Unit:
    """One file of the project, lowered on first use."""

    file: Path | None
    source: Source
    lowered: Block | None = None
    scope: Frame | None = None
    state: str = "new"  # "running" while its module body is being run (import cycles), then "done"

    @property
    def body(self) -> Block:
        if self.lowered is None:
            from trainlint.meaning.lower import lower_module

            self.lowered = lower_module(self, self.source.tree)
        return self.lowered

    @property
    def path(self) -> str:
        return self.source.path


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
    yielded: list[Value] = field(default_factory=list)
    shared: dict[str, Frame] = field(default_factory=dict)  # names declared global or nonlocal
    breaks: list[dict[str, Value]] = field(default_factory=list)
    continues: list[dict[str, Value]] = field(default_factory=list)
    is_class: bool = False

    @property
    def module(self) -> Frame:
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame
