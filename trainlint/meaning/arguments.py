"""argparse: options and their defaults, as values known under their flag."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Member,
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
        known.attributes[destination] = _default(long, keywords, node)
    return Unknown("option", node)


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


def _default(flag: str, keywords: dict[str, Value], node: Node | None) -> Value:
    action = constant(keywords["action"]) if "action" in keywords else None
    if "default" in keywords:
        default = one(keywords["default"])
        if isinstance(default, Constant):
            return Constant(_typed(default.value, keywords.get("type")), node, flag)
        if isinstance(default, Sequence):
            return default
        return Unknown(f"{flag}'s default", node)
    if action == "store_true":
        return Constant(False, node, flag)
    if action == "store_false":
        return Constant(True, node, flag)
    return Unknown(f"{flag} has no default", node)


def _typed(value: object, kind: Value | None) -> object:
    """argparse converts defaults that are strings."""
    if isinstance(value, str) and isinstance(kind, External):
        try:
            return {"builtins.float": float, "builtins.int": int}.get(kind.name, str)(value)
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
