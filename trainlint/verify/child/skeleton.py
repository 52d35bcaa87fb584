"""Lays a loop bare: what it computes may fail, what it does in which order stays.

As `tolerance`, and inside of loops that train as well. The flagged statements and calls like `backward`, `step` and
`zero_grad` are never left out; conditions on the way to the flagged statements are taken as met, and loops on the way
over what is not here run over stand-ins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Any

from .tolerance import Function, Scope, Span, call, holds, leading, mentions, wrapped

ITEMS, WITHIN, WHILE, GIVEN = "_trainlint_items", "_trainlint_within", "_trainlint_while", "_trainlint_given"
MECHANICS = {"backward", "step", "zero_grad", "clip_grad_norm_", "clip_grad_norm", "clip_grad_value_",
             "train", "eval", "requires_grad_", "set_epoch", "manual_backward", "unscale_", "no_grad"}  # fmt: skip
BINDING = {
    "backward",
    "clip_grad_norm_",
    "clip_grad_norm",
}  # of these in a statement that binds their result as well
MODES = {"train", "eval", "requires_grad_", "no_grad"}  # which hold for what comes after
DECIDING = re.compile(
    r"cuda|device|available|grad|train|eval|mode"
)  # conditions that are part of the question
PASSING = {"enumerate", "tqdm", "zip", "iter", "islice"}


def lay_bare(
    tree: ast.Module, spots: Collection[Span], ordered: bool = True, rests: Collection[Span] = ()
) -> ast.Module:
    """The same program, in which everything may fail but the spots and the mechanics of training; lines stay.

    `ordered`: asked is in which order training does what; else its steps may fail until something flagged runs. `rests`
    is what the finding rests on: conditions around it are taken as met as well.
    """
    leads, trains = leading(tree, spots), _mechanical(tree)
    led = leads | trains
    bare = Bare(led, spots, None if ordered else leads, rests)
    tree.body = list(bare.body(tree.body))
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name in led and node.name != "forward":
            node.body = list(bare.body(node.body))
    return ast.fix_missing_locations(tree)


def _mechanical(tree: ast.Module) -> set[str]:
    """Functions of the program that train: a call of one is as good as what it does."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, Function) and asked(node) & MECHANICS - {"no_grad"}
    } - {"forward", "__init__", "main"}


def asked(node: ast.AST) -> set[str]:
    """The names of all calls in it."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


class Bare:
    """One program on its way; `led` are the functions that lead to the spots or train.

    `leads` are those that lead to the spots, where the others may fail before they do.
    """

    def __init__(
        self,
        led: set[str],
        spots: Collection[Span],
        leads: set[str] | None = None,
        rests: Collection[Span] = (),
    ) -> None:
        self.led, self.spots, self.leads, self.rests = led, spots, leads, rests
        self.loops = 0  # around what is laid bare just now

    def body(self, statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for place, statement in enumerate(statements):
            if self._leaves(statement) and any(map(self._led_to, statements[place + 1 :])):
                yield ast.copy_location(ast.Pass(), statement)
            elif isinstance(
                statement, (*Scope, ast.Global, ast.Nonlocal, ast.Pass, ast.Return, ast.Break, ast.Continue)
            ) or (
                isinstance(statement, ast.ImportFrom)
                and (statement.module == "__future__" or statement.names[0].name == "*")
            ):
                yield statement
            elif not self._matters(statement):
                yield wrapped(statement)
            elif self._only_trains(statement):
                yield wrapped(statement, trains=True)
            else:
                yield self._opened(statement)

    def _leaves(self, statement: ast.stmt) -> bool:
        """Whether it only ends the program or the function, as where a file is not there; of training nothing does."""
        if self.leads is None or not isinstance(statement, ast.If) or statement.orelse:
            return False
        last = statement.body[-1]
        ends = isinstance(last, (ast.Raise, ast.Return)) or (
            isinstance(last, ast.Expr) and bool(asked(last) & {"exit", "quit", "_exit"})
        )
        return ends and not self._matters(statement) and not DECIDING.search(ast.unparse(statement.test))

    def _led_to(self, statement: ast.stmt) -> bool:
        return holds(statement, self.spots) or mentions(statement, self.leads or set())

    def _matters(self, statement: ast.stmt) -> bool:
        if holds(statement, self.spots) or mentions(statement, self.led):
            return True
        if isinstance(statement, ast.If) and self._makes(statement):
            return True
        binds = isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))
        return bool(asked(statement) & (BINDING if binds else MECHANICS))

    def _only_trains(self, statement: ast.stmt) -> bool:
        """Whether it is a simple statement of training that nobody asks about, unless it sets a mode."""
        if self.leads is None or hasattr(statement, "body") or asked(statement) & MODES:
            return False
        return not holds(statement, self.spots) and not mentions(statement, self.leads)

    def _opened(self, statement: Any) -> Any:
        """A statement that matters: as it is, if it is a simple one; else its blocks, laid bare as well."""
        if not hasattr(statement, "body"):
            return self._given(statement) if holds(statement, self.spots) else statement
        repeats = isinstance(statement, (ast.For, ast.AsyncFor, ast.While))
        self.loops += repeats
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(statement, name, None)
            if inner:
                setattr(statement, name, list(self.body(inner)))
        self.loops -= repeats
        if isinstance(statement, ast.If):
            statement.test = self._decided(statement)
        elif isinstance(statement, ast.For):
            statement.iter = _served(statement.iter, statement)
        elif isinstance(statement, ast.While):
            statement.test = call(WHILE, _later(statement.test), _line(statement))
        elif isinstance(statement, ast.With):
            for item in statement.items:
                item.context_expr = call(WITHIN, _later(item.context_expr), _line(statement))
        return statement

    def _given(self, statement: ast.stmt) -> ast.stmt:
        """A flagged statement, in which what is computed for its calls may be missing."""
        for part in ast.walk(statement):
            if isinstance(part, ast.Call) and not isinstance(part.func, ast.Lambda):
                part.args = [
                    call(GIVEN, _later(value), _line(statement)) if _computed(value) else value
                    for value in part.args
                ]
        return statement

    def _decided(self, statement: ast.If) -> ast.expr:
        """The condition, if the spots lie in neither of its branches or in both; else that it is met, or not."""
        met = _branch(statement, self.spots)
        if met is None and self._makes(statement):
            met = _branch(statement, self.rests)
        return statement.test if met is None else ast.copy_location(ast.Constant(value=met), statement.test)

    def _makes(self, statement: ast.If) -> bool:
        """Whether it decides if something is made that the finding rests on, and nothing else: no modes, no training."""
        return (
            not self.loops
            and holds(statement, self.rests)
            and not holds(statement, self.spots)
            and not asked(statement) & MECHANICS
            and not DECIDING.search(ast.unparse(statement.test))
        )


def _branch(statement: ast.If, places: Collection[Span]) -> bool | None:
    """Which branch of a condition some places lie in; None where they lie in neither or in both."""
    here, there = (
        any(holds(part, places) for part in part_of) for part_of in (statement.body, statement.orelse)
    )
    return here if here != there else None


def _computed(value: ast.expr) -> bool:
    """Whether it is the value of a call, and no part of how training goes on."""
    awaits = any(
        isinstance(part, (ast.Await, ast.Yield, ast.NamedExpr, ast.Starred)) for part in ast.walk(value)
    )
    return isinstance(value, (ast.Call, ast.Subscript)) and not awaits and not asked(value) & MECHANICS


def _served(items: ast.expr, loop: ast.For) -> ast.expr:
    """What a loop runs over, with stand-ins where it fails or is empty: innermost, so that counting it goes on."""
    if (
        isinstance(items, ast.Call)
        and isinstance(items.func, ast.Name)
        and items.func.id in PASSING
        and items.args
    ):
        items.args = [_served(argument, loop) for argument in items.args]
        return items
    if isinstance(items, (ast.List, ast.Tuple, ast.Constant)):
        return items
    names = [part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)]
    counts = isinstance(items, ast.Call) and getattr(items.func, "id", "") == "range"
    target = ast.Constant(value=names[0] if len(names) == 1 else "")
    return call(ITEMS, _later(items), _line(loop), target, ast.Constant(value=counts))


def _later(value: ast.expr) -> ast.expr:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.copy_location(ast.Lambda(args=nothing, body=value), value)


def _line(statement: ast.stmt) -> ast.expr:
    return ast.Constant(value=statement.lineno)


def losses(tree: ast.Module) -> set[str]:
    """Names of what a backward pass starts from: numbers with a graph, then, whatever they were computed from."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and "backward" in node.func.attr
        ):
            start: ast.AST = node.func.value
            while isinstance(start, ast.Call) and start.args:
                start = start.args[0]  # `scaler.scale(loss).backward()`
            found |= {part.id for part in (start, *node.args) if isinstance(part, ast.Name)}
    return found
