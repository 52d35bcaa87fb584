"""Imports: files of the project are run once, everything else is a library's dotted name."""

from __future__ import annotations

from pathlib import Path

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.names import canonical, is_exported
from trainlint.meaning.machine import Machine
from trainlint.meaning.trace import Region
from trainlint.meaning.unit import Frame, Unit
from trainlint.meaning.values import Constant, Deferred, External, Instance, Module, Sequence, Unknown, Value


def import_module(machine: Machine, node: s.Import, frame: Frame) -> bool:
    for dotted, alias in node.names:
        if alias is not None:
            frame.names[alias] = _module(machine, frame.unit, dotted, 0)
        else:
            top = dotted.partition(".")[0]
            value = _module(machine, frame.unit, top, 0)
            if top != dotted:
                part = _module(machine, frame.unit, dotted, 0)
                if isinstance(part, Module) and isinstance(value, External):
                    value = _folder_with(frame.names.get(top), dotted, part)
            frame.names[top] = value
    return True


def _folder_with(known: Value | Deferred | None, dotted: str, part: Module) -> Instance:
    """`import parts.nets` of a folder that has no `__init__.py`: the name stands for the folder, whose parts are known."""
    *between, last = dotted.split(".")[1:]
    folder = known if isinstance(known, Instance) and known.cls == _FOLDER else Instance(_FOLDER, None)
    inner = folder
    for name in between:
        held = inner.attributes.get(name)
        if isinstance(held, Module):
            return folder  # a package within, which finds its own parts
        if not isinstance(held, Instance):
            inner.attributes[name] = held = Instance(_FOLDER, None)
        inner = held
    inner.attributes[last] = part
    return folder


_FOLDER = External("types.ModuleType")


def import_from(machine: Machine, node: s.ImportFrom, frame: Frame) -> bool:
    unit = frame.unit
    if node.names is None:
        _star(machine, _module(machine, unit, node.module, node.level), frame)
        return True
    file = _resolve(machine, unit, node.module, node.level)
    for name, alias in node.names:
        if file is None:
            own = _own_submodule(machine, unit, node, name) or _in_folder(machine, unit, node, name)
            home = _module(machine, unit, node.module, node.level)
            frame.names[alias or name] = own or _member(machine, unit, node, home, name)
        else:
            frame.names[alias or name] = _deferred(machine, unit, node, name, file)
    return True


def _own_submodule(machine: Machine, unit: Unit, node: s.ImportFrom, name: str) -> Value | None:
    """`from package import part` inside the `__init__.py` of `package`, which does not find itself."""
    if node.level or not unit.source.is_package or unit.file is None:
        return None
    if node.module.rpartition(".")[2] != unit.file.parent.name:
        return None
    file = _resolve(machine, unit, f"{node.module}.{name}", 0)
    if file is None or unit.file.parent not in file.parents:
        return None
    return Deferred(lambda: _run(machine, file) or Unknown(f"{name} could not be read", node))


def _in_folder(machine: Machine, unit: Unit, node: s.ImportFrom, name: str) -> Value | None:
    """`from parts import nets` where `parts` is a folder that has no `__init__.py`."""
    if node.level or not node.module:
        return None
    dotted = f"{node.module}.{name}"
    file = _resolve(machine, unit, dotted, 0)
    if file is None:
        return None
    parts = dotted.split(".")
    written = (file.parent if file.stem == "__init__" else file.with_suffix("")).parts[-len(parts) :]
    if list(written) != parts:
        return None  # a file of the same name elsewhere
    return Deferred(lambda: _run(machine, file) or Unknown(f"{name} could not be read", node), file)


def _deferred(machine: Machine, unit: Unit, node: s.ImportFrom, name: str, file: Path) -> Deferred:
    def resolve() -> Value:
        return _member(machine, unit, node, _module(machine, unit, node.module, node.level), name)

    return Deferred(resolve, file)


def look_up(scope: Frame, name: str) -> Value | None:
    """A name of a scope; what was imported is looked for now."""
    value = scope.names.get(name)
    if type(value) is Deferred:
        scope.names[name] = Unknown(
            f"{name} imports itself"
        )  # stops two files that import each other's names
        value = value.resolve()
        scope.names[name] = value
    return value


def scope_of(machine: Machine, unit: Unit) -> Frame | None:
    """The module scope of a file, which is run on first use."""
    if unit.state == "new":
        run_module(machine, unit)
    return unit.scope


def _member(machine: Machine, unit: Unit, node: s.ImportFrom, home: Value, name: str) -> Value:
    if isinstance(home, Module):
        scope = scope_of(machine, home.unit)
        found = look_up(scope, name) if scope is not None else None
        if found is not None:
            return found
        dotted = f"{node.module}.{name}" if node.module else name
        file = machine.resolve(unit, dotted, node.level)
        if file is not None:
            return _run(machine, file) or Unknown(f"{name} could not be read", node)
        star = star_member(scope, name) if scope is not None else None
        if star is not None or node.level:
            return star or Unknown(f"{name} of {home.unit.path}", node)
        return _elsewhere(machine, unit, node.module, home.unit, name) or Unknown(
            f"{name} of {home.unit.path}", node
        )
    if isinstance(home, External):
        return External(canonical(f"{home.name}.{name}"))
    if node.level:
        file = machine.resolve(unit, f"{node.module}.{name}" if node.module else name, node.level)
        if file is not None:
            return _run(machine, file) or Unknown(name, node)
    return Unknown(name, node)


def _elsewhere(machine: Machine, unit: Unit, dotted: str, lacking: Unit, name: str) -> Value | None:
    """What a name is that a module's likeliest file lacks: of another file of that name, else of a library that is
    called like a part of the project."""
    other = machine.rival(unit, dotted, name)
    home = _run(machine, other) if other is not None else None
    scope = scope_of(machine, home.unit) if home is not None else None
    found = look_up(scope, name) if scope is not None else None
    if found is not None:
        return found
    made = (
        lacking.scope is None
        or "*" in lacking.scope.names
        or not _MAKING_NAMES.isdisjoint(lacking.code_words)
    )
    if made or name in lacking.source.text or not _stands_in_the_way(lacking, dotted):
        return None
    return External(canonical(f"{dotted}.{name}"))


_MAKING_NAMES = frozenset("globals exec setattr __getattr__ __import__ import_module vars locals".split())


def _stands_in_the_way(found: Unit, dotted: str) -> bool:
    """Whether a file was only taken for a module: it has another name, or is a part of a package, whose parts nobody
    imports like that."""
    if found.file is None:
        return False
    written = (found.file.parent if found.source.is_package else found.file.with_suffix("")).parts
    parts = dotted.split(".")
    return list(written[-len(parts) :]) != parts or Path(*written[: -len(parts)], "__init__.py").is_file()


# Libraries whose meaning is in the tables: they are taken from there even in their own repositories.
_KNOWN_LIBRARIES = frozenset(
    "torch torchvision torchaudio accelerate transformers pytorch_lightning lightning ignite skorch torch_geometric timm"
    " diffusers peft trl monai fairseq gpytorch botorch kornia torchmetrics opacus detectron2 mmcv mmdet".split()
)


def _resolve(machine: Machine, unit: Unit, dotted: str, level: int) -> Path | None:
    top = dotted.partition(".")[0]
    if level == 0 and top in _KNOWN_LIBRARIES and unit.file is not None and top not in unit.file.parts[-8:]:
        return None
    return machine.resolve(unit, dotted, level)


def _module(machine: Machine, unit: Unit, dotted: str, level: int) -> Value:
    file = _resolve(machine, unit, dotted, level)
    if file is not None:
        return _run(machine, file) or Unknown(f"{dotted} could not be read")
    return External(canonical(dotted)) if level == 0 else Unknown(f"relative import of {dotted}")


def imported(machine: Machine, unit: Unit, dotted: str) -> Value | None:
    """`importlib.import_module("models.net")`."""
    if not all(part.isidentifier() for part in dotted.split(".")):
        return None
    found = _module(machine, unit, dotted, 0)
    if isinstance(found, External) and "sys.path" in unit.source.text:
        file = machine.named(dotted)
        return (_run(machine, file) if file is not None else None) or found
    return found


def submodule(machine: Machine, module: Module, name: str) -> Value | None:
    """`package.name` where `name` is a file of the package."""
    if not module.unit.source.is_package:
        return None
    file = machine.resolve(module.unit, name, 1)
    return _run(machine, file) if file is not None and file != module.unit.file else None


def _run(machine: Machine, file: Path) -> Module | None:
    unit = machine.load_unit(file)
    return Module(unit) if unit is not None else None


def run_module(machine: Machine, unit: Unit) -> None:
    """Run an imported file's module body: definitions count, what it does is nobody's training loop."""
    unit.state = "running"
    unit.scope = Frame(
        unit, {"__name__": Constant(Path(unit.path).stem)}
    )  # what a script runs alone stays out
    region, grad, stack, forwarding = machine.region, machine.grad, machine.stack, machine.forwarding
    machine.region, machine.stack, machine.grad, machine.forwarding = (
        Region("import", None, None),
        [],
        True,
        0,
    )
    machine.silent += 1
    machine.knots.append(machine.region)
    started = machine.steps
    writes, machine.writes = machine.writes, []
    try:
        machine.execute(machine, unit.body, unit.scope)
    finally:
        unit.state = "done"
        machine.silent -= 1
        machine.region, machine.stack, machine.grad, machine.forwarding = region, stack, grad, forwarding
        machine.writes = writes
        machine.refund(machine.steps - started)


def _star(machine: Machine, home: Value, frame: Frame) -> None:
    scope = scope_of(machine, home.unit) if isinstance(home, Module) else None
    if scope is not None:
        for name, value in scope.names.items():
            if not name.startswith("_") or name == "*":
                frame.names.setdefault(name, value)
    elif isinstance(home, External):
        known = frame.names.get("*")
        before = known.items if isinstance(known, Sequence) else ()
        frame.names["*"] = Sequence("tuple", (*before, home))


def star_member(frame: Frame, name: str) -> Value | None:
    """A name that only a library's star import can have brought."""
    stars = frame.names.get("*")
    if stars is None:
        return None
    for home in stars.items if isinstance(stars, Sequence) else ():
        if isinstance(home, External) and is_exported(home.name, name):
            return External(canonical(f"{home.name}.{name}"))
    return None
