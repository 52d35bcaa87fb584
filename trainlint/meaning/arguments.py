"""argparse, click and typer: options and their defaults, as values known under their flag."""

from __future__ import annotations

from collections.abc import Mapping

from trainlint.meaning.machine import Machine
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
    constant,
    one,
)

_PARSED = "*options"


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
    known = parser.attributes.setdefault(_PARSED, Instance(External("argparse.Namespace"), node))
    assert isinstance(known, Instance)
    known.attributes["*namespace"] = Constant(True)
    if isinstance(destination, str):
        known.attributes[destination] = _default(machine, long, keywords, node)
    return Unknown("option", node)


def offered_options(parser: Instance) -> Mapping[str, Value]:
    """The options that a command line's parser offers, by destination; nothing for other objects."""
    known = parser.attributes.get(_PARSED) if _is_parser(parser) else None
    return known.attributes if isinstance(known, Instance) else {}


def _parser_of(value: Value) -> Instance | None:
    value = one(value)
    for _ in range(4):
        if isinstance(value, Instance) and _is_parser(value):
            return value
        callee = getattr(value, "callee", None)
        if isinstance(callee, Member) and callee.name in (
            "add_argument_group",
            "add_mutually_exclusive_group",
        ):
            value = one(callee.receiver)
        else:
            return None
    return None


def _default(machine: Machine, flag: str, keywords: dict[str, Value], node: Node | None) -> Value:
    action = constant(keywords["action"]) if "action" in keywords else None
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
    return Unknown(f"{flag} has no default", node)


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
    parser = _parser_of(callee.receiver)
    if parser is None:
        return None
    known = parser.attributes.setdefault(_PARSED, Instance(External("argparse.Namespace"), node))
    assert isinstance(known, Instance)
    known.attributes["*namespace"] = Constant(True)
    if callee.name == "parse_known_args":
        return Sequence("tuple", (known, Unknown("rest", node)), node)
    return known


def declared_default(function: Function, name: str, default: Value | None) -> Value | None:
    """A parameter's default, which click and typer let their options declare."""
    match default:
        case Instance(
            cls=External(name="typer.Option" | "typer.Argument"), arguments=(Constant() as given, *_)
        ):
            return Constant(given.value, given.node, f"--{name.replace('_', '-')}")
        case None:
            return next(
                (d for d in (_click_default(o, name) for o in function.decorators) if d is not None), None
            )
    return default


def _click_default(option: Value, name: str) -> Value | None:
    match option:
        case Result(
            callee=External(name="click.option"),
            arguments=spellings,
            keywords={"default": Constant() as given},
        ):
            pass
        case _:
            return None
    flags = [f for f in (constant(s) for s in spellings) if isinstance(f, str)]
    named = [f for f in flags if not f.startswith("-")]
    long = next((f for f in flags if f.startswith("--")), "")
    if name in named or (not named and long.partition("/")[0].lstrip("-").replace("-", "_") == name):
        return Constant(given.value, given.node, long or flags[0])
    return None
