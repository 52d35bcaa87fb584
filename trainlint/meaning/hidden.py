"""Modules that a plain list, tuple or dictionary hides from the module that keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.members import used_names
from trainlint.meaning.modules import has_weights
from trainlint.meaning.objects import (
    find_member,
    is_module,
    lineage,
)
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Call,
    Define,
    Display,
    Evaluate,
    For,
    Literal,
    Name,
    Node,
    Subscript,
    nodes_in,
)
from trainlint.meaning.values import (
    Class,
    External,
    Function,
    Instance,
    Mapping,
    Result,
    Sequence,
    Value,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class HiddenModules:
    """Modules with weights that a module keeps in a plain list, tuple or dictionary."""

    owner: Instance
    attribute: str
    container: Sequence | Mapping
    modules: tuple[Instance, ...]
    node: Node

    @property
    def kind(self) -> str:
        return "dict" if isinstance(self.container, Mapping) else self.container.kind

    @property
    def container_class(self) -> str:
        return "ModuleDict" if isinstance(self.container, Mapping) else "ModuleList"

    @property
    def registered(self) -> list[Change]:
        """The edit that puts the container into a registering one."""
        scope = self.node.unit.scope
        names = scope.names if scope is not None else {}
        nn = "nn" if isinstance(names.get("nn"), External) else ("torch.nn" if "torch" in names else "nn")
        node = self.node.value if isinstance(self.node, Assign) and self.node.value is not None else self.node
        if isinstance(node, Display) and node is not self.container.node:  # several values are bound at once
            own = [item for item in node.items if item is self.container.node]
            return [replace(own[0], f"{nn}.{self.container_class}({text_of(own[0])})")] if own else []
        if not self._is_plain or isinstance(node, Assign):
            return []
        return [replace(node, f"{nn}.{self.container_class}({text_of(node)})")]

    @property
    def _is_plain(self) -> bool:
        if isinstance(self.container, Mapping):
            return bool(self.container.items) and all(isinstance(k, str) for k in self.container.items)
        return True


def hidden_modules(program: Program) -> list[HiddenModules]:
    """Plain containers of modules on module objects, each place once."""
    kept = list(_kept(program))
    if not kept:
        return []  # most programs: what is registered need not be asked
    found: dict[int, HiddenModules] = {}
    registered = {id(v) for i in program.instances for v in _registered(i)} | _optimised(program)
    asked = {id(container) for _, _, container, _ in kept}
    apart = {id(o) for i in program.instances for o in _handled_apart(i, asked)}
    for instance, name, container, every in kept:
        modules = tuple(m for m in every if id(m) not in registered)
        if id(container) in apart or (len(modules) < len(every) and not _is_called(program, modules)):
            continue  # a table of alternatives: the one that was chosen is registered
        place = instance.places.get(name, container.node)
        assert place is not None
        if modules and not _is_used(program, instance, name, modules):
            continue  # an alternative that was tried once
        if modules and not (place.unit.source.notebook and _is_shown(program, instance)):
            found.setdefault(id(place.cst), HiddenModules(instance, name, container, modules, place))
    return list(found.values())


def _kept(program: Program) -> Iterator[tuple[Instance, str, Sequence | Mapping, list[Instance]]]:
    """The plain containers that modules have as attributes, each with the trainable modules in it."""
    for instance in program.instances:
        if not is_module(instance) or not isinstance(instance.cls, Class) or _lists_parameters(instance.cls):
            continue
        if _is_unfinished(instance.cls) or "*dynamic" in instance.attributes:
            continue
        for name, value in instance.attributes.items():
            for option in options(value):
                if name.startswith("*") or not isinstance(option, (Sequence, Mapping)) or option.node is None:
                    continue
                if isinstance(option, Sequence) and option.kind == "generator":
                    continue
                every = [m for m in _modules_in(option) if _is_trainable(m)]
                if every and not (instance.symbolic and _is_base(program, instance.cls)):
                    yield instance, name, option, every


def _handled_apart(instance: Instance, asked: set[int]) -> Iterator[Value]:
    """Those of the containers whose items the class's own methods hand on one by one (`new_optimizer(self.heads[-1])`),
    save or load."""
    if not isinstance(instance.cls, Class):
        return
    for name, value in instance.attributes.items():
        plain = [option for option in options(value) if id(option) in asked]
        if plain and any(_hands_on(base, name) for base in lineage(instance.cls) if isinstance(base, Class)):
            yield from plain


def _hands_on(cls: Class, attribute: str) -> bool:
    for member in cls.names.values():
        node = member.node if isinstance(member, Function) else None
        if not isinstance(node, Define) or node.name == "__init__" or attribute not in node.body.words:
            continue
        within = list(nodes_in(node.body))
        if any(_goes_through(n, attribute) for n in within):
            return True
        if node.name not in ("forward", "__call__") and any(_takes_one_of(n, attribute) for n in within):
            return True
    return False


def _goes_through(node: Node, attribute: str) -> bool:
    """`for name, head in self.heads.items(): groups.append({"params": head.parameters()})`."""
    if not isinstance(node, For):
        return False
    source = node.iterable
    if isinstance(source, Call) and isinstance(source.function, Attribute) and not source.arguments:
        source = source.function.value
    if not _is_of_self(source, attribute):
        return False
    within = list(nodes_in(node.body))
    gone_through = {id(inner.iterable) for inner in within if isinstance(inner, For)}  # they are initialised
    return any(
        isinstance(n, Call)
        and isinstance(n.function, Attribute)
        and n.function.name in _BY_HAND
        and id(n) not in gone_through
        for n in within
    )


_BY_HAND = frozenset("parameters named_parameters state_dict load_state_dict".split())


def _is_of_self(node: Node, attribute: str) -> bool:
    return isinstance(node, Attribute) and node.name == attribute and isinstance(node.value, Name)


def _takes_one_of(node: Node, attribute: str) -> bool:
    match node:
        case Call(arguments=arguments):
            return any(_is_one_of(argument.value, attribute) for argument in arguments)
        case Attribute(value=inner, name="parameters" | "named_parameters" | "state_dict"):
            return _is_one_of(inner, attribute)
    return False


def _is_one_of(node: Node | None, attribute: str) -> bool:
    """`self.heads[-1]`, `self.heads[-1][1]`."""
    if not isinstance(node, Subscript):
        return False
    while isinstance(node, Subscript):
        node = node.value
    return isinstance(node, Attribute) and node.name == attribute


def _is_used(program: Program, instance: Instance, name: str, modules: tuple[Instance, ...]) -> bool:
    used = used_names(instance.cls) if isinstance(instance.cls, Class) else None
    return used is None or name in used or _is_called(program, modules) or _is_cut_short(instance.cls)


def _is_cut_short(cls: Value) -> bool:
    """A class that a fragment shows without its `forward`: what is left out may use all that is made here."""
    return isinstance(cls, Class) and has_no_imports(cls.unit) and find_member(cls, "forward") is None


def _is_called(program: Program, modules: tuple[Instance, ...]) -> bool:
    called = {id(o) for e in program.events("forward") if e.target is not None for o in options(e.target)}
    return any(id(module) in called for module in modules)


def _is_shown(program: Program, module: Instance) -> bool:
    """Whether a module is made and nothing trains it: in a notebook a lesson on what is registered."""
    passes = [b.value for b in program.backwards if b.value is not None]
    given = [v for i in program.optimizers for v in (*i.arguments, *i.keywords.values())]
    return not any(
        v is module or (isinstance(v, Result) and v.callee is module)
        for value in (*passes, *given)
        for v in walk(value)
    )


def _is_unfinished(cls: Class) -> bool:
    """Whether `forward` has no body yet."""
    found = find_member(cls, "forward")
    node = found[0].node if found is not None and isinstance(found[0], Function) else None
    if not isinstance(node, Define):
        return False
    return all(isinstance(s, Evaluate) and isinstance(s.value, Literal) for s in node.body.statements)


def _is_base(program: Program, cls: Class) -> bool:
    """Whether other classes are made of one that nobody makes itself: what is kept at last is read from them."""
    project, file = program.reading.project, cls.unit.file
    if file is None:
        return False
    name = cls.node.name
    named = re.compile(rf"\bclass\s+\w+\s*\([^)]*\b{name}\b")
    readers = (each for each in {file, *project.dependents([file])} if name in project.words(each))
    return any(named.search(project.text(each) or "") for each in readers)


def _lists_parameters(cls: Class) -> bool:
    """Whether a class says by itself what its parameters are, or registers those of its parts one by one."""
    own = [base for base in lineage(cls) if isinstance(base, Class)]
    if any(name in base.names for base in own for name in ("parameters", "named_parameters")):
        return True
    members = [v for base in own for v in base.names.values() if isinstance(v, Function)]
    words = {word for v in members if isinstance(v.node, Define) for word in v.node.body.words}
    return {"ParameterList", "parameters"} <= words


def _is_trainable(module: Instance) -> bool:
    return has_weights(module) is True and "*frozen" not in module.attributes


def _optimised(program: Program) -> set[int]:
    """Modules whose parameters some optimizer is given by hand."""
    given = [v for made in program.optimizers for v in (*made.arguments[:1], *made.keywords.values())]
    return {id(v) for value in given for v in walk(value) if isinstance(v, Instance)}


def _modules_in(container: Sequence | Mapping) -> Iterator[Instance]:
    values = container.items if isinstance(container, Sequence) else tuple(container.items.values())
    pending: list[Value] = [*values, *([container.element] if container.element is not None else [])]
    for _ in range(40):
        if not pending:
            return
        value = pending.pop()
        for option in options(value):
            if isinstance(option, Instance) and is_module(option):
                yield option
            elif isinstance(option, (Sequence, Mapping)):
                inner = option.items if isinstance(option, Sequence) else tuple(option.items.values())
                pending += [*inner, *([option.element] if option.element is not None else [])]


def _registered(instance: Instance) -> Iterator[Value]:
    """The modules that an object registers: set as attributes, in ModuleLists and Sequentials, by name."""
    if isinstance(instance.cls, Class) and not is_module(instance):
        return
    if isinstance(instance.cls, External) and "*layers" not in instance.attributes:
        return
    for name, value in instance.attributes.items():
        for option in options(value):
            container = isinstance(option, Instance) and isinstance(option.cls, External)
            if container or name in ("*layers", "*registered"):
                # also `self.parts[key]`, `nn.Sequential(*list(net.children()))`: whichever of them it is
                yield from (v for v in walk(option) if isinstance(v, Instance) and is_module(v))
            elif isinstance(option, Instance) and is_module(option):
                yield option
