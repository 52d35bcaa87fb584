"""Settings that are files of Python: `Config.fromfile("configs/net.py")` of mmcv, modules loaded by their path."""

from __future__ import annotations

from pathlib import Path

from trainlint.meaning.configured import find_file, load_file, path_of
from trainlint.meaning.imports import look_up, scope_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.overrides import copied, overwrite
from trainlint.meaning.syntax import Node
from trainlint.meaning.unit import Unit
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Mapping,
    Module,
    Result,
    Sequence,
    Value,
    constant,
    one,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]
_BASE = "_base_"
_DEEPEST = 6  # files that settings are based on, settings within settings


def from_file(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`Config.fromfile("configs/net.py")`: the names of the file, over those of the files that it is based on."""
    given = arguments[0] if arguments else keywords.get("filename")
    unit = _unit_of(machine, given, node)
    if unit is None:
        return load_file(machine, given, node)
    return _settings_of(machine, unit, node, 0)


def _settings_of(machine: Machine, unit: Unit, node: Node | None, depth: int) -> Mapping | None:
    scope = scope_of(machine, unit)
    if scope is None or unit.file is None or depth > _DEEPEST:
        return None
    whole = Mapping({}, node)
    own = {name: look_up(scope, name) for name in list(scope.names) if name[0] not in "_*" or name == _BASE}
    base = one(own.pop(_BASE, None) or NONE)
    for path in map(constant, base.items if isinstance(base, Sequence) else (base,)):
        if path is None:
            continue
        file = unit.file.parent / path if isinstance(path, str) else None
        other = machine.load_unit(file.resolve()) if file is not None and file.is_file() else None
        inherited = _settings_of(machine, other, node, depth + 1) if other is not None else None
        if inherited is None:
            whole.open = True
        else:
            overwrite(machine, whole, inherited, deep=True)
    kept = {
        k: v for k, v in own.items() if v is not None and isinstance(one(v), (Constant, Sequence, Mapping))
    }
    labelled = _labelled(copied(machine, Mapping(kept), node), "", unit.file)
    overwrite(machine, whole, labelled, deep=True)
    return whole


def _labelled(value: Value, key: str, file: Path, depth: int = 0) -> Value:
    """Settings under their names and file: another file makes another program."""
    match one(value):
        case Constant(value=found, node=node, under=None):
            return Constant(found, node, f"{key} in {file.name}")
        case Mapping() as inner if depth < _DEEPEST:
            for name, part in inner.items.items():
                inner.items[name] = _labelled(part, f"{key}.{name}" if key else str(name), file, depth + 1)
    return value


def _unit_of(machine: Machine, given: Value | None, node: Node | None) -> Unit | None:
    path = path_of(given) if given is not None else None
    if path is None or node is None or not path.endswith(".py"):
        return None
    file = find_file(machine, node.unit, path)
    return machine.load_unit(file) if file is not None else None


def module_of(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`imp.load_source("config", "configs/base.py")`, `SourceFileLoader("config", path).load_module()`."""
    unit = _unit_of(machine, arguments[1] if len(arguments) > 1 else keywords.get("path"), node)
    return Module(unit) if unit is not None else None


def module_from_spec(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`importlib.util.module_from_spec(spec_from_file_location("config", "configs/base.py"))`."""
    match one(arguments[0] if arguments else keywords.get("spec", NONE)):
        case Result(callee=External(name="importlib.util.spec_from_file_location")) as spec:
            given = {"path": spec.keywords["location"]} if "location" in spec.keywords else {}
            return module_of(machine, spec.arguments, given, node)
    return None


CONFIGURATIONS = tuple(
    f"{home}.fromfile"
    for home in ("mmcv.Config", "mmcv.utils.Config", "mmengine.Config", "mmengine.config.Config")
)
