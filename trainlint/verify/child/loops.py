"""Loops of the program under a limit: an iterator around what a `for` runs over, a test beside a `while`'s.

The text of the program stays as it is; its tree is changed between parsing and compiling. Only loops that train
or evaluate are cut short: those whose iterations run a backward pass, fetch a batch from a loader, or hold such a
loop. A loop over layers or time steps does none of these.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .record import Record

LOOP, ENTER, TEST, REACHED = "_trainlint_loop", "_trainlint_enter", "_trainlint_test", "_trainlint_reached"
PATIENCE = 8  # a training loop may take this many times the wanted iterations to make the wanted steps


def instrument(tree: ast.Module, spots: Collection[int] = (), offset: int = 0) -> ast.Module:
    """The same program with its loops, and reaching the lines in `spots`, announced; line numbers stay.

    Loops are known by their line plus `offset`, which tells those of several files apart.
    """
    bodies = [node for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)]
    for node in bodies:
        for name in ("body", "orelse", "finalbody", "handlers"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [new for old in statements for new in _announced(old, spots, offset)])
    return ast.fix_missing_locations(tree)


def _announced(statement: Any, spots: Collection[int], offset: int = 0) -> list[Any]:
    if getattr(statement, "lineno", 0) in spots and not isinstance(
        statement, (ast.ImportFrom, ast.ExceptHandler)
    ):
        reached = ast.copy_location(ast.Expr(value=_call(REACHED, None, statement, 0)), statement)
        return [reached, *_announced(statement, ())]
    if isinstance(statement, ast.For):
        statement.iter = _call(LOOP, statement.iter, statement, offset)
    if isinstance(statement, ast.While):
        test = ast.BoolOp(op=ast.And(), values=[_call(TEST, None, statement, offset), statement.test])
        statement.test = ast.copy_location(test, statement.test)
        return [
            ast.copy_location(ast.Expr(value=_call(ENTER, None, statement, offset)), statement),
            statement,
        ]
    return [statement]


def _call(name: str, argument: ast.expr | None, loop: ast.stmt, offset: int) -> ast.expr:
    line = ast.Constant(value=loop.lineno + offset)
    arguments: list[ast.expr] = [line] if argument is None else [argument, line]
    call = ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=arguments, keywords=[])
    return ast.copy_location(call, argument or loop)


@dataclass(eq=False)
class Loop:
    """One run of a loop, and what its iterations have shown themselves to be."""

    number: int
    line: int
    index: int = 0  # of the iteration that is running
    first_step: int = 0
    first_backward: int = 0
    first_forward: int = 0
    loads: int = 0  # batches fetched for this loop, not for one inside it
    holds_live: bool = False  # a training or evaluation loop ran to its end inside
    layers: bool = False
    began: float = field(default_factory=time.monotonic)

    def trains(self, record: Record) -> bool:
        return record.backwards > self.first_backward

    def live(self, record: Record) -> bool:
        return not self.layers and (self.trains(record) or self.loads > 0 or self.holds_live)

    def worth_a_look(self, record: Record) -> bool:
        """Whether a model was called in it, so that memory may grow from one iteration to the next."""
        return self.live(record) or record.forwards > self.first_forward


@dataclass
class Loops:
    """Runs the loops of one program: starts, counts and ends them."""

    record: Record
    on_tick: Callable[[Loop], None]
    is_layer: Callable[[object], bool]
    started: int = 0
    whiles: dict[tuple[int, int], Loop] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def names(self) -> dict[str, Any]:
        return {LOOP: self.over, ENTER: self.enter, TEST: self.test, REACHED: self.reached}

    def reached(self, line: int) -> None:
        """The flagged statement is about to run; once is enough to know."""
        if line not in self.seen:
            self.seen.add(line)
            self.record.reached = True
            self.record.note("reached", line=line)

    def over(self, items: Iterable[Any], line: int) -> Iterator[Any]:
        """Yield the items of a `for` until the loop has done enough."""
        loop = self._start(line)
        iterator = iter(items)
        try:
            while not self._enough(loop):
                batches = self.record.batches
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                loop.loads += self.record.batches - batches
                loop.layers = loop.layers or self.is_layer(item)
                self._tick(loop)
                yield item
                loop.index += 1
        finally:
            self._finish(loop)

    def enter(self, line: int) -> None:
        """A `while` is reached; the frame tells two runs of one function apart."""
        key = self._key(line)
        if key in self.whiles:
            self._finish(self.whiles.pop(key))
        self.whiles[key] = self._start(line)

    def test(self, line: int) -> bool:
        loop = self.whiles.get(self._key(line))
        if loop is None:
            return True
        if loop.index and self._enough(loop):
            self._finish(self.whiles.pop(self._key(line)))
            return False
        if loop not in self.record.loops:
            self.record.loops.append(loop)
        self._tick(loop)
        loop.index += 1
        return True

    def _key(self, line: int) -> tuple[int, int]:
        return line, id(sys._getframe(2))  # of the program's own code, which enters or tests the loop

    def _start(self, line: int) -> Loop:
        self.started += 1
        loop = Loop(self.started, line, first_step=self.record.steps, first_backward=self.record.backwards)
        loop.first_forward = self.record.forwards
        self.record.loops.append(loop)
        return loop

    def _tick(self, loop: Loop) -> None:
        self._leave_inside(loop)
        if loop.worth_a_look(self.record):
            self.on_tick(loop)

    def _leave_inside(self, loop: Loop) -> None:
        """Loops that were left by a break or their condition are over once an outer one goes on."""
        running = self.record.loops
        while loop in running and running[-1] is not loop:
            inner = running.pop()
            running[-1].holds_live = running[-1].holds_live or inner.live(self.record)

    def _finish(self, loop: Loop) -> None:
        if loop not in self.record.loops:
            return
        self._leave_inside(loop)
        self.record.loops.pop()
        if loop.worth_a_look(self.record):
            self.on_tick(loop)
        for outer in self.record.loops[-1:]:
            outer.holds_live = outer.holds_live or loop.live(self.record)

    def _enough(self, loop: Loop) -> bool:
        record = self.record
        if not loop.live(record):
            return record.bare and record.late
        if record.late or self._has_had_its_share(loop):
            return True
        wanted = record.epochs_wanted if loop.holds_live and not loop.loads else record.steps_wanted
        if loop.trains(record):
            stepped = record.steps - loop.first_step >= record.steps_wanted
            return loop.index >= wanted and (stepped or loop.index >= PATIENCE * record.steps_wanted)
        return loop.index >= wanted

    def _has_had_its_share(self, loop: Loop) -> bool:
        """Whether, in a hurry, a loop in another one has taken as much time as each of its epochs may."""
        share = self.record.share
        inside = bool(self.record.loops) and self.record.loops[0] is not loop
        return bool(share and loop.index and inside and not loop.holds_live) and (
            time.monotonic() - loop.began > share
        )
