"""Objects of settings by their fields: dataclasses, attrs, pydantic's models, named tuples; and command lines made of them."""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member, is_module, lineage
from trainlint.meaning.overrides import overwrite, weaken
from trainlint.meaning.places import PLACES
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    NONE,
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Mapping,
    Member,
    Result,
    Sequence,
    Unpacked,
    Value,
    constant,
    one,
)

_FIELDS = frozenset("dataclasses.field attr.ib attr.field attrs.field pydantic.Field".split())
_AFTERWARDS = ("__post_init__", "__attrs_post_init__")  # methods that a made constructor calls at its end


def fill_fields(
    machine: Machine,
    cls: Class,
    instance: Instance,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> None:
    """A dataclass or named tuple: arguments become the fields in order, the others get what a factory makes."""
    own = [base for base in reversed(lineage(cls)) if isinstance(base, Class)]
    fields = {
        name: value
        for base in own
        for name, value in base.names.items()
        if not isinstance(value, Function) and name[0] not in "_*"
    }
    for name, value in zip(fields, arguments):  # noqa: B905 - a call may give fewer than there are
        instance.attributes[name] = value
    for name, value in fields.items():
        if name not in instance.attributes and isinstance(value, (Result, Instance)):
            default = _declared(machine, value, f"{cls.node.name}.{name}")
            if default is not None:
                instance.attributes[name] = default
    if "**" in keywords:
        weaken(machine, instance)  # `Settings(**unknown)`
    for name, value in keywords.items():
        if name != "**":
            instance.attributes[name] = value
    for name in _AFTERWARDS:
        found = find_member(cls, name)
        if found is not None and isinstance(found[0], Function) and not is_module(instance):
            machine.call(machine, Bound(found[0], instance, found[1]), (), {}, node, None)


def _declared(machine: Machine, field: Result | Instance, name: str) -> Value | None:
    """The default in `field(default_factory=list)`, `Field(0.1)`, `attr.ib(default=3)`."""
    callee = field.callee if isinstance(field, Result) else field.cls
    if not isinstance(callee, External) or callee.name not in _FIELDS:
        return None
    factory = field.keywords.get("default_factory", field.keywords.get("factory"))
    if factory is not None:
        return machine.call(machine, factory, (), {}, field.node, None)
    default = field.keywords.get("default", field.arguments[0] if field.arguments else None)
    return Constant(default.value, default.node, name) if isinstance(default, Constant) else default


def replaced(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`dataclasses.replace(settings, epochs=2)`: a copy with other values."""
    given = one(arguments[0]) if arguments else None
    if not isinstance(given, Instance) or is_module(given):
        return None
    copied = Instance(given.cls, node, given.arguments, given.keywords, dict(given.attributes))
    if "**" in keywords:
        weaken(machine, copied)
    copied.attributes.update((name, value) for name, value in keywords.items() if name != "**")
    return copied


def from_dictionary(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`dacite.from_dict(Settings, entries)`."""
    cls = one(arguments[0] if arguments else keywords.get("data_class", NONE))
    entries = one(arguments[1] if len(arguments) > 1 else keywords.get("data", NONE))
    return _made_of(machine, cls, entries, node)


def validated(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`Settings.model_validate(entries)`."""
    return _made_of(machine, one(callee.receiver), one(arguments[0]), node) if arguments else None


def _made_of(machine: Machine, cls: Value, entries: Value, node: Node | None) -> Value | None:
    if not isinstance(cls, Class) or not isinstance(entries, Mapping) or entries.open:
        return None
    given = {key: value for key, value in entries.items.items() if isinstance(key, str)}
    return machine.call(machine, cls, (), given, node, None)


def copied_model(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`settings.model_copy(update={"epochs": 2})` of pydantic, `settings._replace(epochs=2)` of a named tuple."""
    holder = one(callee.receiver)
    if not isinstance(holder, Instance) or not isinstance(holder.cls, Class):
        return None
    if callee.name == "_replace":
        return replaced(machine, (holder,), keywords, node)
    if not any(name.startswith("pydantic") for name in external_bases(holder.cls)):
        return None
    copied = replaced(machine, (holder,), {}, node)
    if copied is not None and "update" in keywords:
        overwrite(machine, copied, keywords["update"])
    return copied


def named_tuple(callee: Value, arguments: tuple[Value, ...], keywords: dict[str, Value]) -> Value | None:
    """`Settings(0.1, epochs=3)` of a `namedtuple("Settings", "lr epochs")`, where all that it holds is known."""
    match callee:
        case Result(callee=External(name="collections.namedtuple"), arguments=(_, names)) as made:
            fields = _names(one(names))
        case _:
            return None
    found = dict(zip(fields, arguments)) | keywords  # noqa: B905 - defaults may fill the rest
    defaults = one(made.keywords.get("defaults", NONE))
    if isinstance(defaults, Sequence) and defaults.items:
        for name, value in zip(fields[-len(defaults.items) :], defaults.items):  # noqa: B905
            found.setdefault(name, value)
    if not found or "**" in found or any(isinstance(value, Unpacked) for value in found.values()):
        return None
    space = External("types.SimpleNamespace")
    if all(isinstance(one(value), Constant) for value in found.values()):
        return Instance(space, made.node, attributes=found)
    if set(found) != set(fields):
        return None
    kept = tuple(found[name] for name in fields)
    return Instance(space, made.node, kept, attributes={**found, PLACES: Sequence("tuple", kept, made.node)})


def _names(given: Value) -> list[str]:
    if isinstance(given, Constant) and isinstance(given.value, str):
        return given.value.replace(",", " ").split()
    if isinstance(given, Sequence):
        return [str(constant(item)) for item in given.items]
    return []


# Command lines made of classes and functions


def run_by_command_line(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: Node | None
) -> Value | None:
    """`tyro.cli(Settings)`, `simple_parsing.parse(Settings)`: the fields, or parameters, are the options."""
    given = one(arguments[0] if arguments else keywords.get("config_class", NONE))
    return machine.call(machine, given, (), {}, node, None) if isinstance(given, (Class, Function)) else None


def parsed_into_fields(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`HfArgumentParser((ModelArguments, DataArguments)).parse_args_into_dataclasses()`."""
    parser = one(callee.receiver)
    if not isinstance(parser, Instance) or not isinstance(parser.cls, External):
        return None
    if not parser.cls.name.endswith(".HfArgumentParser"):
        return None
    first = one(parser.arguments[0] if parser.arguments else parser.keywords.get("dataclass_types", NONE))
    classes = list(map(one, first.items)) if isinstance(first, Sequence) else [first]
    if not classes or not all(isinstance(cls, Class) for cls in classes):
        return None
    made = tuple(machine.call(machine, cls, (), {}, node, None) for cls in classes)
    return Sequence("tuple", made, node)
