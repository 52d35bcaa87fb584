"""Tables that decorators fill: `@MODELS.register("net")` on a class in a file that nobody imports by name.

Running every file that registers something costs more than all the rest in a zoo of models. So a table is
filled when it is asked: a key that is missing in an empty table is looked for among the decorated definitions
of the project's texts, and only those that it may stand for are read and entered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trainlint.meaning import syntax as s
from trainlint.meaning.imports import look_up, scope_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.values import (
    MISSING,
    NONE,
    Bound,
    Class,
    External,
    Function,
    Instance,
    Mapping,
    Member,
    Result,
    Unpacked,
    Value,
    choice,
    constant,
    one,
)

MOST_CANDIDATES = (
    6  # definitions of one name that are tried, or of a table that is asked for a name nobody knows
)
MOST_GROUPS = 12  # decorators that are tried for one table


def find_registered(machine: Machine, table: Mapping, key: object) -> bool:
    """Enter what the project registers under a key; whether it is in the table now."""
    if not isinstance(key, str) or not _was_empty(table) or (id(table), key) in machine.asked:
        return False
    machine.asked.add((id(table), key))
    candidates = machine.decorated(key)
    for file, name in candidates if len(candidates) <= MOST_CANDIDATES else ():
        _enter(machine, file, name)
        if key in table.items:
            return True
    return False


def find_all_registered(machine: Machine, table: Mapping) -> None:
    """Enter all that the project registers in a table, if that is not much: somebody asks for an unknown key."""
    if not _was_empty(table) or (id(table), None) in machine.asked:
        return
    machine.asked.add((id(table), None))
    for group in list(machine.registered())[:MOST_GROUPS]:
        if len(group) <= MOST_CANDIDATES:
            known = len(table.items)
            _enter(machine, *group[0])
            for file, name in group[1:] if len(table.items) > known else ():
                _enter(machine, file, name)


def is_table(mapping: Mapping) -> bool:
    """Whether a dictionary was filled by decorators of the project: it holds what these give it, and no more."""
    return bool(mapping.items) and not mapping.open and _was_empty(mapping)


def _was_empty(table: Mapping) -> bool:
    """Whether a table is written as an empty one: `{}`, `dict()`, `OrderedDict()`."""
    match table.node:
        case s.DictDisplay(pairs=pairs):
            return not pairs
        case s.Call(arguments=arguments):
            return not arguments
    return False


def _defined(machine: Machine, file: Path, name: str) -> Function | Class | None:
    unit = machine.load_unit(file)
    scope = scope_of(machine, unit) if unit is not None else None
    made = look_up(scope, name) if scope is not None else None
    return made if isinstance(made, (Function, Class)) else None


def _enter(machine: Machine, file: Path, name: str) -> None:
    """Apply the decorators of a definition that register it."""
    made = _defined(machine, file, name)
    if made is None:
        return
    for decorator in made.decorators:
        function = decorator.function if isinstance(decorator, Bound) else decorator
        if isinstance(function, Function) and isinstance(function.node, s.Define) and _fills(function):
            _apply(machine, decorator, made)


def _apply(machine: Machine, decorator: Value, made: Value) -> None:
    """As when the file was imported: before anything else, whichever branch asks now."""
    writes, machine.writes = machine.writes, []
    try:
        with machine.unrecorded(), machine.apart():
            machine.call(machine, decorator, (made,), {}, None, None)
    finally:
        machine.writes = writes


def _fills(function: Function, depth: int = 0) -> bool:
    """Whether a function, or a method of its object that it calls, stores something under a key."""
    if not isinstance(function.node, s.Define):
        return False
    if _stores(function.node.body):
        return True
    owner = function.owner or getattr(function.scope, "cls", None)  # a function within a method: `wrap`
    if not isinstance(owner, Class) or depth > 1:
        return False
    called = (owner.names.get(word) for word in function.node.body.words)
    return any(isinstance(c, Function) and c is not function and _fills(c, depth + 1) for c in called)


def _stores(block: s.Block) -> bool:
    for statement in block.statements:
        match statement:
            case s.Assign(targets=targets) if any(isinstance(target, s.Subscript) for target in targets):
                return True
            case s.If(then=a, otherwise=b) | s.For(body=a, otherwise=b):
                if _stores(a) or _stores(b):
                    return True
            case s.With(body=a):
                if _stores(a):
                    return True
    return False


# Registries of libraries: fvcore's, mmcv's, mmengine's

_LIBRARIES = frozenset(
    "fvcore.common.registry.Registry detectron2.utils.registry.Registry mmcv.Registry mmcv.utils.Registry"
    " mmcv.utils.registry.Registry mmengine.Registry mmengine.registry.Registry mmengine.registry.registry.Registry"
    " iopath.common.registry.Registry".split()
)


def is_registry(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in _LIBRARIES


def registered_in(machine: Machine, registry: Instance, key: Value) -> Value | None:
    """What `MODELS.get("Net")` gives: the class of that name, or any of a few where nobody knows the name."""
    name = constant(key)
    if isinstance(name, str):
        wanted = machine.decorated(name)
        found = [
            made
            for file, defined in (wanted if len(wanted) <= MOST_CANDIDATES else ())
            if (made := _defined(machine, file, defined)) is not None and name in _names(registry, made)
        ]
        return found[0] if len(found) == 1 else None
    return _any_of(machine, registry) if name is MISSING else None


def _any_of(machine: Machine, registry: Instance) -> Value | None:
    for group in list(machine.registered())[:MOST_GROUPS]:
        first = _defined(machine, *group[0]) if len(group) <= MOST_CANDIDATES else None
        if first is None or not any(_names(registry, first)):
            continue
        made = [_defined(machine, *definition) for definition in group]
        known = [each for each in made if each is not None]
        return choice([*known]) if len(known) == len(group) else None
    return None


def _names(registry: Instance, made: Function | Class) -> Iterator[str]:
    """The names under which a definition's decorators enter it in a registry."""
    for decorator in made.decorators:
        arguments: tuple[Value, ...] = ()
        keywords: dict[str, Value] = {}
        called = decorator
        if isinstance(decorator, Result):
            called, arguments, keywords = decorator.callee, decorator.arguments, decorator.keywords
        if not isinstance(called, Member) or one(called.receiver) is not registry:
            continue
        given = constant(arguments[0] if arguments else keywords.get("name", NONE))
        if called.name in ("register", "register_module"):
            yield given if isinstance(given, str) else made.node.name  # type: ignore[union-attr]


def build_registered(
    machine: Machine,
    registry: Value,
    settings: Value,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node | None,
) -> Value | None:
    """`MODELS.build(dict(type="Net", depth=18))`: the class that `type` names is made with the rest."""
    table, given = one(registry), one(settings)
    if not is_registry(table) or not isinstance(given, Mapping) or "type" not in given.items:
        return None
    assert isinstance(table, Instance)
    kind = one(given.items["type"])
    chosen = kind if isinstance(kind, Class) else registered_in(machine, table, kind)
    if chosen is None:
        return None
    own: dict[str, Value] = {str(k): v for k, v in given.items.items() if k != "type"}
    if given.open:
        own["**"] = Unpacked(given)
    return machine.call(machine, chosen, arguments, {**keywords, **own}, node, None)
