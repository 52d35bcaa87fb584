"""absl's flags: what `DEFINE_float("lr", 0.1, ...)` declares, `FLAGS.lr` holds wherever it is read."""

from __future__ import annotations

from trainlint.meaning.configured import find_file
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import get_attribute
from trainlint.meaning.overrides import entries, under_setting
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Function,
    Instance,
    Module,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]
DEFINITIONS = tuple(
    f"absl.flags.DEFINE_{kind}"
    for kind in "string float integer bool boolean enum list multi_integer multi_string".split()
)
CONFIGURATIONS = ("ml_collections.config_flags.", "ml_collections.config_flags.config_flags.")


def define_flag(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`_LR = flags.DEFINE_float("lr", 0.1, "the rate")`, read as `FLAGS.lr` or `_LR.value`."""
    name = constant(arguments[0] if arguments else keywords.get("name", NONE))
    if not isinstance(name, str):
        return None
    default = one(arguments[1] if len(arguments) > 1 else keywords.get("default", NONE))
    value: Value = Unknown(f"--{name} has no default", node)
    if isinstance(default, Sequence):
        value = default
    elif isinstance(default, Constant) and default.value is not None:
        value = Constant(default.value, node, f"--{name}")
    if constant(keywords.get("required", NONE)) is True:
        value = Unknown(f"--{name} has to be given", node)
    return _declare(machine, name, value, node)


def set_flag_default(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value:
    """`FLAGS.set_default("lr", 0.1)`."""
    name = constant(arguments[0]) if len(arguments) == 2 else None
    if isinstance(name, str):
        given = one(arguments[1])
        known = isinstance(given, Constant)
        _declare(machine, name, Constant(given.value, node, f"--{name}") if known else given, node)  # type: ignore[union-attr]
    return NONE


def _declare(machine: Machine, name: str, value: Value, node: Node | None) -> Value:
    machine.write(machine.declared, ("flag", name), value)
    return Instance(External("absl.flags.FlagHolder"), node, attributes={"value": value})


def define_settings(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`config_flags.DEFINE_config_file("config", "configs/default.py")`: what `get_config()` there gives."""
    name = constant(arguments[0]) if arguments else None
    default = arguments[1] if len(arguments) > 1 else keywords.get("default", NONE)
    if not isinstance(name, str):
        return None
    path = constant(default)
    value = _made_in(machine, path, node) if isinstance(path, str) and node is not None else one(default)
    if value is None or entries(value) is None:
        value = Unknown(f"--{name}", node)
    return _declare(machine, name, under_setting(value, name), node)


def _made_in(machine: Machine, path: str, node: Node) -> Value | None:
    file = find_file(machine, node.unit, path.partition(":")[0])
    unit = machine.load_unit(file) if file is not None and file.suffix == ".py" else None
    if unit is None:
        return None
    maker = get_attribute(machine, Module(unit), "get_config", node)
    return machine.call(machine, maker, (), {}, node, None) if isinstance(maker, Function) else None
