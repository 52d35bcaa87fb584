"""argparse, click, typer, the environment: options and their defaults, as values known under their flag."""

from __future__ import annotations

from collections.abc import Mapping

from trainlint.meaning.machine import Machine
from trainlint.meaning.overrides import weaken
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    NONE,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    choice,
    constant,
    one,
)

_PARSED = "*options"
_GROUPS = frozenset("add_argument_group add_mutually_exclusive_group add_subparsers add_parser".split())
_REQUIRED, _OPEN = " has to be given", " has no default"
_NESTED = 6  # groups within groups of a parser


def _is_parser(value: Value) -> bool:
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, External)
        and value.cls.name.endswith("ArgumentParser")
    )


def add_argument(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`parser.add_argument("--lr", type=float, default=0.1)`; groups belong to their parser."""
    parser = _parser_of(callee.receiver)
    if parser is None:
        return None
    flags = [f for f in (constant(a) for a in arguments) if isinstance(f, str)]
    if not flags:
        return None
    long = next((f for f in flags if f.startswith("--")), flags[0])
    destination = constant(keywords["dest"]) if "dest" in keywords else long.lstrip("-").replace("-", "_")
    known = _options(machine, parser)
    if isinstance(destination, str) and ("default" in keywords or destination not in known):
        _declare(callee, known, destination, _default(machine, long, keywords, node))
    return Unknown("option", node)


def _options(machine: Machine, parser: Instance) -> dict[str, Value]:
    """The options of a parser by destination, those of its parents from the start."""
    known = parser.attributes.get(_PARSED)
    if not isinstance(known, Instance):
        known = parser.attributes[_PARSED] = Instance(External("argparse.Namespace"), parser.node)
        known.attributes["*namespace"] = Constant(True)
        known.attributes.update(_inherited(machine, parser.keywords))
    return known.attributes


def _inherited(machine: Machine, keywords: dict[str, Value]) -> dict[str, Value]:
    """What `parents=[shared]` brings."""
    found: dict[str, Value] = {}
    parents = one(keywords.get("parents", NONE))
    for parent in map(one, parents.items) if isinstance(parents, Sequence) else ():
        if isinstance(parent, Instance) and _is_parser(parent):
            found.update(_options(machine, parent))
    return found


def _declare(callee: Member, known: dict[str, Value], name: str, value: Value) -> None:
    """An option gets its default; several commands of one program may have options of one name."""
    if name in known and _is_of_command(callee.receiver):
        value = choice([known[name], value])
    known[name] = value


def _is_of_command(value: Value) -> bool:
    """Whether a parser, or a group of it, is that of one command among several."""
    for _ in range(_NESTED):
        callee = getattr(one(value), "callee", None)
        if not isinstance(callee, Member):
            return False
        if callee.name == "add_parser":
            return True
        value = callee.receiver
    return False


def add_parser(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`commands.add_parser("train", parents=[shared])`."""
    parser = _parser_of(callee.receiver)
    if parser is not None:
        known = _options(machine, parser)
        for name, value in _inherited(machine, keywords).items():
            known[name] = choice([known[name], value]) if name in known else value
    return None


def set_defaults(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`parser.set_defaults(lr=0.1, **settings)`: the defaults of options, and more attributes."""
    parser = _parser_of(callee.receiver)
    if parser is None:
        return None
    known = _options(machine, parser)
    if "**" in keywords:
        weaken(machine, parser.attributes[_PARSED])
    for name, value in keywords.items():
        if name == "**":
            continue
        given = one(value)
        if isinstance(given, Constant) and given.under is None:
            under = getattr(one(known.get(name, NONE)), "under", None)
            given = Constant(given.value, given.node, under or f"--{name.replace('_', '-')}")
        _declare(callee, known, name, given)
    return NONE


def offered_options(parser: Instance) -> Mapping[str, Value]:
    """The options that a command line's parser offers, by destination; nothing for other objects."""
    known = parser.attributes.get(_PARSED) if _is_parser(parser) else None
    return known.attributes if isinstance(known, Instance) else {}


def _parser_of(value: Value) -> Instance | None:
    value = one(value)
    for _ in range(_NESTED):
        if isinstance(value, Instance) and _is_parser(value):
            return value
        callee = getattr(value, "callee", None)
        if isinstance(callee, Member) and callee.name in _GROUPS:
            value = one(callee.receiver)
        else:
            return None
    return None


def _default(machine: Machine, flag: str, keywords: dict[str, Value], node: Node | None) -> Value:
    action = constant(keywords["action"]) if "action" in keywords else None
    if constant(keywords.get("required", NONE)) is True or not (flag.startswith("-") or "nargs" in keywords):
        return Unknown(f"{flag}{_REQUIRED}", node)
    if "default" in keywords:
        default = one(keywords["default"])
        if isinstance(default, Constant):
            if (action, default.value) in (("store_true", True), ("store_false", False)):
                return Constant(default.value, node)  # a flag that changes nothing
            if isinstance(default.value, str) and isinstance(
                one(keywords.get("type", NONE)), (Function, Class)
            ):
                return _converted(machine, keywords["type"], Constant(default.value, node, flag), node)
            return Constant(_typed(default.value, keywords.get("type")), node, flag)
        if isinstance(default, Sequence):
            return default
        return Unknown(f"{flag}'s default", node)
    if action == "store_true":
        return Constant(False, node, flag)
    if action == "store_false":
        return Constant(True, node, flag)
    return Unknown(f"{flag}{_OPEN}", node)


def is_open_option(value: Unknown) -> bool:
    """Whether a value is what an option of argparse holds that has no default."""
    return value.reason.endswith((_REQUIRED, _OPEN))


def _converted(machine: Machine, kind: Value, default: Constant, node: Node | None) -> Value:
    """What the project's own conversion makes of a default that is a string, as argparse would."""
    with machine.unrecorded():
        made = machine.call(machine, one(kind), (default,), {}, node, None)
    if isinstance(made, Constant) and made.under is None:
        return Constant(made.value, node, default.under)
    return made


def _typed(value: object, kind: Value | None) -> object:
    """argparse converts defaults that are strings."""
    if isinstance(value, str) and isinstance(kind, External):
        try:
            types = {"builtins.float": float, "builtins.int": int, "builtins.bool": bool}
            return types.get(kind.name, str)(value)
        except ValueError:
            return value
    return value


def parsed_arguments(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """What a parser makes of the command line: each time an object of its own."""
    parser = _parser_of(callee.receiver)
    if parser is None:
        return None
    known = dict(_options(machine, parser))
    given = one(keywords.get("namespace", NONE))
    if isinstance(given, Instance):
        known.update(given.attributes)
    words = one(arguments[0] if arguments else keywords.get("args", NONE))
    for word in words.items if isinstance(words, Sequence) else ():
        name = str(constant(word)).partition("=")[0].lstrip("-").replace("-", "_")
        if name in known:
            known[name] = Unknown(f"{name} is given", node)
    parsed = Instance(External("argparse.Namespace"), node, attributes=known)
    if callee.name == "parse_known_args":
        return Sequence("tuple", (parsed, Unknown("rest", node)), node)
    return parsed


def declared_default(function: Function, name: str, default: Value | None) -> Value | None:
    """A parameter's default, which click and typer let their options declare."""
    match default:
        case Instance(
            cls=External(name="typer.Option" | "typer.Argument"), arguments=(Constant() as given, *_)
        ):
            return Constant(given.value, given.node, f"--{name.replace('_', '-')}")
        case None:
            declared = (_click_option(option) for option in function.decorators)
            return next((value for names, value in filter(None, declared) if name in names), None)
    return default


def declared_options(function: Function) -> dict[str, Value]:
    """What click passes to a function that takes its options as `**options`."""
    if not function.decorators or not any(p.star == "**" for p in function.node.parameters):
        return {}
    own = {parameter.name for parameter in function.node.parameters}
    found: dict[str, Value] = {}
    for names, value in filter(None, map(_click_option, function.decorators)):
        if own.isdisjoint(names):
            found[names[0]] = value
    return found


def _click_option(option: Value) -> tuple[list[str], Value] | None:
    """The parameter that an option of click is passed as (one of the names), and its default."""
    match option:
        case Result(callee=External(name="click.option"), arguments=spellings, keywords=keywords, node=node):
            pass
        case _:
            return None
    flags = [f for f in (constant(s) for s in spellings) if isinstance(f, str)]
    named = [f for f in flags if not f.startswith("-")]
    long = next((f for f in flags if f.startswith("--")), flags[0] if flags else "")
    default = one(keywords.get("default", NONE))
    if "default" not in keywords and (constant(keywords.get("is_flag", NONE)) is True or "/" in long):
        default = Constant(False)
    if not isinstance(default, Constant) or default.value is None or not flags:
        return None
    if constant(keywords.get("required", NONE)) is True:
        return None  # it has to be given
    name = long.partition("/")[0].lstrip("-").replace("-", "_")
    return named or [name], Constant(_typed(default.value, keywords.get("type")), node, long)


# What starts the processes of one run sets these in each of them: nobody relies on their defaults.
_LAUNCHERS = frozenset(
    "RANK LOCAL_RANK GROUP_RANK ROLE_RANK NODE_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_WORLD_SIZE MASTER_ADDR"
    " MASTER_PORT CUDA_VISIBLE_DEVICES".split()
)


def environment_variable(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`os.environ.get("EPOCHS", 30)`: the default, under the variable's name."""
    name = constant(arguments[0]) if arguments else None
    default = one(arguments[1] if len(arguments) > 1 else keywords.get("default", NONE))
    if not isinstance(name, str) or not isinstance(default, Constant) or default.value is None:
        return None
    if name in _LAUNCHERS or name.startswith(("SLURM_", "OMPI_", "PMI_")):
        return None
    return Constant(default.value, node, f"${name}")
