"""Cuts a program down to what a finding needs: the user's own statements, at their own lines.

A top-level statement stays if it is about the finding, depends on something that is, or is needed by
something that stays. What goes is blanked, so that line numbers hold.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from trainlint.verify.child.unread import readable
from trainlint.verify.driver import call_for, direct_call
from trainlint.verify.lines import Lines, Span
from trainlint.verify.statements import Statement, read_statements

Extent = Literal["program", "function", "statement"]


class NotCut(Exception):
    """The program cannot be cut; the text says why."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A program that runs by itself, and the line ranges in it that the finding is about."""

    text: str
    focus: tuple[Span, ...]
    spots: tuple[Span, ...] = ()  # the statements that are flagged
    guards: tuple[
        str, ...
    ] = ()  # attributes that conditions around them ask for: `resume` of `if args.resume:`


def cut(text: str, where: Sequence[Span], also: Sequence[Span] = (), extent: Extent = "program") -> Cut:
    """The part of a text that the places in it need; `where` is the finding, `also` what it rests on.

    Of a `function` the definitions stay as well, and what the program does on the way there is left free; of a
    `statement` nothing but what is imported and defined.
    """
    lines = Lines(text)
    spots = [lines.of(span) for span in where]
    wanted = [*spots, *(lines.of(span) for span in also)]
    text, tree = _parsed(text, wanted)
    lines = Lines(text)
    statements = read_statements(tree)
    kept = _kept(statements, wanted) if extent == "program" else _defined(statements, spots, extent)
    focus = tuple(_surroundings(tree, spot) for spot in spots) + tuple(wanted[len(spots) :])
    blanked = lines.without(statement.lines for statement in statements if statement not in kept)
    flagged = tuple(_statement(tree, spot) for spot in spots)
    if extent == "statement":
        return Cut(lines.with_statement(blanked, _lone(tree, flagged)), flagged, flagged)
    call = call_for(tree, spots, kept) if extent == "program" else direct_call(tree, spots)
    return Cut(blanked + call, focus, flagged, tuple(_guards(tree, spots)))


def _parsed(text: str, wanted: Sequence[Span]) -> tuple[str, ast.Module]:
    """The text and its tree, without lines that this Python does not read, if the finding does not need them."""
    try:
        return readable(text, wanted)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise NotCut(f"the program does not parse: {error}") from None


def _kept(statements: Sequence[Statement], spots: Sequence[Span]) -> list[Statement]:
    """What is about the finding, what hangs on that, and what all of these need."""
    chosen = [s for s in statements if s.always or any(_overlap(s.lines, spot) for spot in spots)]
    names = {name for s in chosen if not s.imports for name in (*s.binds, *s.changes)}
    grown = True
    while grown:
        grown = False
        for statement in statements:
            if statement in chosen or statement.shows or not (statement.reads & names):
                continue
            chosen.append(statement)
            names |= statement.binds
            grown = True
    return _with_needs(statements, chosen)


def _defined(statements: Sequence[Statement], spots: Sequence[Span], extent: Extent) -> list[Statement]:
    """What only defines or names something; what the finding is about as well, unless that is to stand alone.

    Of what runs before it stays in which mode the networks are that it reads: else these would begin in another one.
    """
    flagged = [s for s in statements if any(_overlap(s.lines, spot) for spot in spots)]
    running = [
        s for s in flagged if not isinstance(s.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    read = {name for s in running for name in s.reads}
    last = max((s.lines[0] for s in running), default=0)
    return [
        s
        for s in statements
        if (s in flagged and extent == "function")
        or (s not in flagged and (s.always or s.defines))
        or (s.switches in read and s.lines[1] < last)
    ]


def _with_needs(statements: Sequence[Statement], chosen: list[Statement]) -> list[Statement]:
    """Add, from what is read backwards, everything that binds or changes it."""
    needed = {name for statement in chosen for name in (*statement.reads, *statement.changes)}
    grown = True
    while grown:
        grown = False
        for statement in statements:
            if statement in chosen or statement.shows or not ((statement.binds | statement.changes) & needed):
                continue
            chosen.append(statement)
            needed |= statement.reads
            grown = True
    return chosen


def _surroundings(tree: ast.Module, spot: Span) -> Span:
    """The smallest loop or function around a place, or else its statement."""
    best: Span | None = None
    statement = spot
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not _overlap(
            (node.lineno, node.end_lineno or node.lineno), spot
        ):
            continue
        span = (node.lineno, node.end_lineno or node.lineno)
        holds = span[0] <= spot[0] and spot[1] <= span[1]
        if isinstance(node, (ast.For, ast.While, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef)):
            if holds and (best is None or _smaller(span, best)):
                best = span
        elif holds and not isinstance(node, (ast.ClassDef, ast.If, ast.With, ast.Try)):
            statement = span
    return best or statement


def _guards(tree: ast.Module, spots: Sequence[Span]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and any(_overlap(_body_lines(node), spot) for spot in spots):
            yield from (part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute))


def _body_lines(node: ast.If) -> Span:
    last = node.body[-1]
    return node.body[0].lineno, last.end_lineno or last.lineno


def _statement(tree: ast.Module, spot: Span) -> Span:
    """The lines of the simple statement at a place; the place's own where it is no simple one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            span = (node.lineno, node.end_lineno or node.lineno)
            if span[0] <= spot[0] and spot[1] <= span[1]:
                return span
    return spot


def _lone(tree: ast.Module, flagged: Sequence[Span]) -> Span:
    """The flagged statement's lines, if it can run outside of what it stands in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and (node.lineno, node.end_lineno) == flagged[0]:
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)):
                return flagged[0]
            break
    raise NotCut("the flagged statement does not stand by itself")


def _smaller(one: Span, other: Span) -> bool:
    return one[1] - one[0] < other[1] - other[0]


def _overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
