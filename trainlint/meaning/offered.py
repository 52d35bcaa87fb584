"""What a name that nobody knows may stand for in a file of the project: `getattr(models, args.arch)`.

It is one of the networks, or functions, that the file offers. A few of them stand together for what is asked;
of many nobody knows what they have in common.
"""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.conditions import conditions_of
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.imports import look_up, scope_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member, get_attribute, lineage
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import (
    NONE,
    Choice,
    Class,
    Constant,
    Deferred,
    External,
    Function,
    Mapping,
    Member,
    Module,
    Result,
    Sequence,
    Value,
    choice,
    one,
    options,
)

MOST_OFFERED = 6
MOST_NAMES = 60  # of a file; what is imported into it is looked up for this


def by_names(machine: Machine, home: Value, names: Choice, node: s.Node | None) -> Value | None:
    """`getattr(models, name)` where the name is one of a few."""
    known = options(names)
    if not 1 < len(known) <= MOST_OFFERED or not all(_is_name(name) for name in known):
        return None
    found = [get_attribute(machine, home, name.value, node) for name in known if isinstance(name, Constant)]
    return choice(found, None, [conditions_of(names, name) for name in known])


def _is_name(value: Value) -> bool:
    return isinstance(value, Constant) and isinstance(value.value, str)


def offered(machine: Machine, home: Value) -> Value | None:
    """What a file of the project defines or hands on that could be asked for by a name from outside."""
    scope = scope_of(machine, home.unit) if isinstance(home, Module) else None
    if scope is None or len(scope.names) > MOST_NAMES:
        return None
    found: list[Value] = []
    for name in list(scope.names):
        if name[0] in "_*" or _is_of_library(scope.names[name]):
            continue
        held = look_up(scope, name)
        if isinstance(held, External) or (isinstance(held, (Class, Function)) and not _is_unfinished(held)):
            found.append(held)
        elif held is None or isinstance(held, (Choice, Deferred)):
            return None
    apart = list({id(value): value for value in found}.values())
    return choice(apart) if 0 < len(apart) <= MOST_OFFERED else None


def _is_of_library(value: Value) -> bool:
    """A package or a function of a library, which no setting names."""
    return isinstance(value, External) and not is_module_class(value.name) and criterion(value.name) is None


def _is_unfinished(value: Class | Function) -> bool:
    """A class that says what others have to do: a network whose forward only raises, one without any."""
    if isinstance(value, Function):
        return False
    if "abc.ABC" in external_bases(value) and not any(isinstance(v, Function) for v in value.names.values()):
        return True
    if not any(map(is_module_class, external_bases(value))):
        return False
    found = find_member(value, "forward")
    return found is None or (isinstance(found[0], Function) and _only_raises(found[0]))


def _only_raises(function: Function) -> bool:
    if not isinstance(function.node, s.Define):
        return False
    *before, last = function.node.body.statements or (None,)
    plain = all(isinstance(statement, s.Evaluate) for statement in before)
    return plain and (last is None or (isinstance(last, s.Jump) and last.kind == "raise"))


# What a module holds, name by name


def entries_of_module(machine: Machine, iterable: Value) -> list[Value] | None:
    """What each turn of `for name, cls in module.__dict__.items()` binds."""
    match one(iterable):
        case Result(callee=Member(receiver=Module(unit=unit), name="items"), arguments=()):
            return _pairs(machine, unit)
    return None


def members(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`inspect.getmembers(models, inspect.isclass)`."""
    home = one(arguments[0]) if arguments else None
    pairs = _pairs(machine, home.unit) if isinstance(home, Module) else None
    wanted = one(arguments[1] if len(arguments) > 1 else keywords.get("predicate", NONE))
    kind = {"inspect.isclass": Class, "inspect.isfunction": Function}.get(getattr(wanted, "name", ""))
    if pairs is None or kind is None:
        return None
    kept = [pair for pair in pairs if isinstance(pair, Sequence) and isinstance(pair.items[1], kind)]
    return Sequence("list", tuple(kept), node, open=True)  # what was imported may be of the kind


def _pairs(machine: Machine, unit: Unit) -> list[Value] | None:
    scope = scope_of(machine, unit)
    if scope is None or len(scope.names) > MOST_NAMES:
        return None
    found: list[Value] = []
    for name in list(scope.names):
        held = look_up(scope, name)
        if held is not None and name[0] != "*":
            found.append(Sequence("tuple", (Constant(name), held)))
    return found


def is_class(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`inspect.isclass(Net)`."""
    match one(arguments[0]) if arguments else None:
        case Class():
            return Constant(True, node)
        case Function() | Module() | Constant() | Mapping() | Sequence():
            return Constant(False, node)
    return None


def is_subclass(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`issubclass(Net, nn.Module)`, of a class whose bases are known."""
    cls, other = map(one, arguments) if len(arguments) == 2 else (None, None)
    if not isinstance(cls, Class):
        return None
    if isinstance(other, External) and is_module_class(other.name) and other.name.endswith(".Module"):
        known = any(map(is_module_class, external_bases(cls)))
        return Constant(True, node) if known else None
    if not isinstance(other, Class):
        return None
    return Constant(any(base is other for base in lineage(cls)), node)
