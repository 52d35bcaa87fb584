"""The best of several by a number of each: `max(scores, key=scores.get)`."""

from __future__ import annotations

from trainlint.meaning.iteration import element_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import Sequence, Value, constant, one

ALL_AT_ONCE = "all at once"  # what is recorded of a choice that no comparison of its own makes
BEST_TURN = "best turn"  # what is recorded of the best of several numbers, of which nothing else is kept


def pick(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """Note by which number `max` or `min` chooses; what it gives is followed no further.

    Of pairs it is the first of each: `max(results)` of `(score, settings)`.
    """
    key = keywords.get("key")
    if len(arguments) == 1 and key is None and node is not None:
        pair = one(element_of(machine, arguments[0], node))
        if isinstance(pair, Sequence) and pair.kind == "tuple" and len(pair.items) > 1:
            machine.record("choose", node, pair.items[0], detail=ALL_AT_ONCE)
            return None
    if key is None and 0 < len(arguments) < 3 and node is not None:
        machine.record("choose", node, Sequence("tuple", arguments, node), detail=BEST_TURN)
    if len(arguments) == 1 and key is not None and constant(key) is not None and node is not None:
        element = element_of(machine, arguments[0], node)
        number = machine.call(machine, key, (element,), {}, node, None)
        machine.record("choose", node, number, detail=ALL_AT_ONCE)
    return None
