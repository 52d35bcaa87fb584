"""What the code that calls a function names the loaders that it makes: `train_loader, val_loader = loaders(data)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.claims import says_held_out, says_training
from trainlint.meaning.loaders import Loader, is_loader
from trainlint.meaning.syntax import Assign, Call, Display, Expression, Name, Node, nodes_in
from trainlint.meaning.values import Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def names_outside(program: Program) -> dict[int, set[str]]:
    """By the identity of a loader, the names of variables that stand for it: what a parameter is called says what a function
    is for, not what it is given."""
    found: dict[int, set[str]] = {}
    for name, value in _variables(program):
        made = one(value)
        if is_loader(made):
            found.setdefault(id(made), set()).add(name)
    return found


def _variables(program: Program) -> Iterator[tuple[str, Value]]:
    for unit in program.units:
        if unit.scope is not None:
            yield from unit.scope.names.items()
    for call in (region for root in program.roots for region in root.calls()):
        given = {p.name for p in call.function.node.parameters} if call.function is not None else set[str]()
        yield from ((name, value) for name, value in (call.names or {}).items() if name not in given)


def claim_outside(program: Program, loader: Loader) -> str:
    """The name that says that what a loader serves is held out, where no other one says that it trains."""
    file = loader.node.unit.file if loader.node is not None else None
    if file is None or program.reading.project.is_test(file):
        return ""  # a test only sees whether everything runs
    names = sorted(program.names_outside.get(id(loader.value), ()))
    if any(map(says_training, names)):
        return ""
    return next(filter(says_held_out, names), "")


def call_named(program: Program, name: str) -> Node | None:
    """The one call whose result, or a part of it, gets a name."""
    found = [
        node.value
        for unit in program.units
        for node in nodes_in(unit.body)
        if isinstance(node, Assign)
        and isinstance(node.value, Call)
        and any(_binds(t, name) for t in node.targets)
    ]
    return found[0] if len(found) == 1 else None


def _binds(target: Expression, name: str) -> bool:
    match target:
        case Name(id=bound):
            return bound == name
        case Display(items=items):
            return any(_binds(item, name) for item in items)
    return False
