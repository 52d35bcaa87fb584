"""Recurrent state that a module keeps in an attribute of its own from one batch to the next, with its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.layers import RECURRENT, layer_name
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unit import words_within
from trainlint.meaning.values import External, Instance, Result

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_CUTTING = frozenset("detach detach_ repackage_hidden".split())
_CELLS = frozenset("LSTMCell GRUCell RNNCell".split())


def kept_attribute(program: Program, call: Result, backward: Event) -> str | None:
    """The attribute that a call reads its state from, where nothing sets it anew between two batches."""
    node, loop = call.node, backward.loop
    if not isinstance(node, s.Call) or not _is_recurrent(call.callee) or len(node.arguments) < 2:
        return None
    turn = _turn(loop)
    if loop is None or turn is None or _is_made_within(call.callee, loop):
        return None
    state = node.arguments[1].value
    first = state.items[0] if isinstance(state, s.Display) and state.items else state
    if not isinstance(first, s.Attribute) or not isinstance(first.value, s.Name):
        return None
    holder = _holding(node)
    stored = holder is not None and any(_stores(each, first.name, node) for each in s.nodes_in(holder.body))
    if holder is None or not stored or _is_set_anew(program, first.name, node, holder, turn):
        return None
    return first.name


def _turn(loop: Region | None) -> s.Block | s.Expression | None:
    """What each turn of a loop does: its body, of a comprehension its element."""
    match loop.node if loop is not None else None:
        case s.For(body=body) | s.While(body=body):
            return body
        case s.Comprehension(element=element):
            return element
    return None


def _is_recurrent(callee: object) -> bool:
    if not isinstance(callee, Instance) or not isinstance(callee.cls, External):
        return False
    kind = layer_name(callee.cls.name)
    return kind in RECURRENT or kind in _CELLS


def _is_made_within(callee: object, loop: Region) -> bool:
    made = callee.loop if isinstance(callee, Instance) else None
    return made is not None and made.inside(loop)


def _holding(call: s.Call) -> s.Define | None:
    """The method whose text holds a call."""
    found = [
        node
        for node in s.nodes_in(call.unit.body)
        if isinstance(node, s.Define) and any(inner is call for inner in s.nodes_in(node.body))
    ]
    return min(found, key=lambda node: len(list(s.nodes_in(node.body)))) if found else None


def _stores(node: object, attribute: str, call: s.Call) -> bool:
    """`y, self.h = self.gru(x, self.h)`, or the name that the call gave it: `self.h = h`."""
    if not isinstance(node, s.Assign) or attribute not in set(_attributes(node)):
        return False
    return node.value is call or isinstance(node.value, s.Name)


def _attributes(assign: s.Assign) -> Iterator[str]:
    for target in assign.targets:
        pending = [target]
        while pending:
            current = pending.pop()
            if isinstance(current, s.Display):
                pending += current.items
            elif isinstance(current, s.Attribute):
                yield current.name


def _is_set_anew(
    program: Program, attribute: str, call: s.Call, holder: s.Define, turn: s.Block | s.Expression
) -> bool:
    """Whether a turn of the loop, or a function that it may call, sets the attribute to something else."""
    called = _called(program, _words(turn) | words_within(holder.body))
    if called & _CUTTING:
        return True
    within = {id(node) for node in s.nodes_in(turn)}
    begun = _guarded(holder, attribute)
    for unit in program.units:
        homes = _homes(unit.body)
        for node in s.nodes_in(unit.body):
            if not isinstance(node, s.Assign) or attribute not in set(_attributes(node)):
                continue
            if _stores(node, attribute, call) or id(node) in begun:
                continue
            if id(node) in within or homes.get(id(node), "") in called or homes.get(id(node)) == holder.name:
                return True
    return False


def _words(turn: s.Block | s.Expression) -> frozenset[str]:
    if isinstance(turn, s.Block):
        return words_within(turn)
    named = (node for node in s.nodes_in(turn) if isinstance(node, (s.Name, s.Attribute)))
    return frozenset(node.id if isinstance(node, s.Name) else node.name for node in named)


def _homes(body: s.Block) -> dict[int, str]:
    """By identity of a node the function that its text is in, the innermost last."""
    found: dict[int, str] = {}
    defined = [node for node in s.nodes_in(body) if isinstance(node, s.Define)]
    for function in sorted(defined, key=lambda node: -len(words_within(node.body))):
        for node in s.nodes_in(function.body):
            found[id(node)] = function.name
    return found


def _guarded(holder: s.Define, attribute: str) -> set[int]:
    """What a method does only where the attribute is still None."""
    return {
        id(inner)
        for node in s.nodes_in(holder.body)
        if isinstance(node, s.If) and _asks_for_none(node.test, attribute)
        for inner in s.nodes_in(node.then)
    }


def _asks_for_none(test: s.Expression, attribute: str) -> bool:
    match test:
        case s.Comparison(left=s.Attribute(name=name), rest=((operator, s.Literal(value=None)),)):
            return name == attribute and operator in ("is", "==")
    return False


def _called(program: Program, words: frozenset[str]) -> set[str]:
    """The names in a text and in the functions that they may call; a model is called without a name."""
    known = {
        node.name: words_within(node.body)
        for unit in program.units
        for node in s.nodes_in(unit.body)
        if isinstance(node, s.Define)
    }
    found, pending = set(words), list(words)
    while pending:
        for word in known.get(pending.pop(), frozenset()):
            if word not in found:
                found.add(word)
                pending.append(word)
    return found
