"""`if score > best: ...`: where a program keeps what did better than all before it, and what else it keeps with it."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning import syntax as s
from trainlint.meaning.flow import key

_COMPARING = ("<", ">", "<=", ">=")
_WHOLE = (s.Display, s.DictDisplay, s.Call)


def keeps_the_better(node: s.If) -> bool:
    """Whether one side of a comparison becomes the other, and something else is kept: `best, chosen = score, settings`.

    What is kept may be one table of both: `if score > best[0]: best = (score, settings)`.
    """
    if not any(type(comparison) is s.Comparison for comparison in _alternatives(node.test)):
        return False
    kept = [*stored(node.then)]
    for test in _alternatives(node.test):
        match test:
            case s.Comparison(left=s.Name(id=one), rest=((operator, s.Name(id=other)),)) if (
                operator in _COMPARING
                and len(node.then.assigned) > 1
                and len({one, other} & node.then.assigned) == 1
            ):
                return True
        match test:
            case s.Comparison(left=left, rest=((operator, right),)) if operator in _COMPARING:
                for score, best in ((left, right), (right, left)):
                    if _becomes(key(score), {*bases(best)}, kept):
                        return True
    return False


def _alternatives(test: s.Expression) -> Iterator[s.Expression]:
    """`best is None or score > best`"""
    if isinstance(test, s.Boolean):
        yield from _alternatives(test.left)
        yield from _alternatives(test.right)
    else:
        yield test


def bases(side: s.Expression) -> Iterator[str]:
    """What an expression is, and what it is a part of: `best["score"]`, `best`; an object itself is no part of its method's."""
    while True:
        yield key(side)
        if not isinstance(side, (s.Subscript, s.Attribute)):
            return
        side = side.value
        if isinstance(side, s.Name) and side.id == "self":
            return


def stored(block: s.Block) -> Iterator[tuple[s.Expression, s.Expression]]:
    """Each target and what is stored there; of `best.update(score=score)` the table, and each entry."""
    for node in s.nodes_in(block):
        match node:
            case s.Assign(targets=targets, value=value) if value is not None:
                for target in targets:
                    yield from _pairs(target, value)
            case s.Call(function=s.Attribute(value=table, name="update"), arguments=arguments):
                for argument in arguments:
                    yield table, argument.value


def _pairs(target: s.Expression, value: s.Expression) -> Iterator[tuple[s.Expression, s.Expression]]:
    if (
        isinstance(target, s.Display)
        and isinstance(value, s.Display)
        and len(target.items) == len(value.items)
    ):
        yield from zip(target.items, value.items, strict=True)
    elif isinstance(target, s.Display):
        for item in target.items:
            yield item, value
    else:
        yield target, value


def _becomes(score: str, best: set[str], kept: list[tuple[s.Expression, s.Expression]]) -> bool:
    """Whether a block stores the one as the other, or in a table that the other is of, with something beside it."""
    if any(key(target) == score for target, _ in kept):
        return False
    into = [value for target, value in kept if not best.isdisjoint(bases(target))]
    beside = len(kept) > 1
    return any(key(value) == score and beside for value in into) or any(
        isinstance(value, _WHOLE) and score in {key(part) for part in _entries(value)} for value in into
    )


def _entries(whole: s.Expression) -> list[s.Expression]:
    """The parts of a table that is written out, where there are several."""
    match whole:
        case s.Display(items=items):
            parts = [*items]
        case s.DictDisplay():
            parts = [value for _, value in whole.pairs]
        case s.Call(arguments=arguments):
            parts = [argument.value for argument in arguments]
        case _:
            return []
    return parts if len(parts) > 1 else []
