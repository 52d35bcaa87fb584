"""Objects and classes: lineage, attributes, methods, items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainlint.meaning import syntax as s
from trainlint.meaning.conditions import conditions_of
from trainlint.meaning.facts.layers import is_module_class, is_wrapper
from trainlint.meaning.facts.names import canonical
from trainlint.meaning.facts.operations import ACTIVATIONS
from trainlint.meaning.facts.optimizers import is_optimizer_class, is_schedule_class
from trainlint.meaning.imports import look_up, scope_of, submodule
from trainlint.meaning.machine import Machine
from trainlint.meaning.values import (
    MOST_ALTERNATIVES,
    Argument,
    Bound,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Module,
    Result,
    Sequence,
    Super,
    Unknown,
    Value,
    choice,
    constant,
    one,
    options,
)

CLOSED = "*closed"  # attribute key of a module whose constructor was not run
_BUILDERS = "*builders"  # attribute key under which a class's attribute-building methods have been run


def fields_of(instance: Instance, node: s.Node | None, depth: int = 0) -> Mapping | None:
    """The fields of an object of settings as a dictionary, those of the objects in it as well."""
    if not isinstance(instance.cls, Class) or instance.symbolic:
        return None
    found: dict[Any, Value] = {}
    for base in reversed(lineage(instance.cls)):
        names = base.names if isinstance(base, Class) else {}
        found.update((k, v) for k, v in names.items() if k[0] not in "_*" and not isinstance(v, Function))
    found.update((key, value) for key, value in instance.attributes.items() if key[0] not in "_*")
    for key, value in found.items():
        inner = one(value)
        if isinstance(inner, Instance) and not is_module(inner) and depth < 4:
            found[key] = fields_of(inner, node, depth + 1) or value
    return Mapping(found, node)


SERVED = "*loader"  # the library's loader that an object of the project's own class is


def lineage(cls: Class) -> tuple[Class | External | Unknown, ...]:
    """The class, its bases and theirs, depth first; what is not known stays in as Unknown."""
    if cls.lineage is None:
        cls.lineage = (cls,)  # stops a class that inherits from itself
        found: list[Class | External | Unknown] = [cls]
        for base in cls.bases:
            for option in map(_unsubscripted, options(base)):
                if isinstance(option, Class):
                    found += [c for c in lineage(option) if not any(c is f for f in found)]
                elif not isinstance(option, External):
                    found.append(Unknown("base class"))
                elif not option.name.startswith("typing"):  # Generic[T] says nothing
                    found.append(option)
        cls.lineage = tuple(found)
    return cls.lineage


def _unsubscripted(base: Value) -> Value:
    """The class behind `Base[T]`."""
    return base.source if isinstance(base, Item) else base


def external_bases(cls: Class) -> list[str]:
    return [base.name for base in lineage(cls) if isinstance(base, External)]


def has_unknown_base(cls: Class) -> bool:
    return any(isinstance(base, Unknown) for base in lineage(cls))


def is_of_project_alone(cls: Class) -> bool:
    """Whether a class inherits nothing from a library or from what is not known."""
    return all(
        isinstance(base, Class) or (isinstance(base, External) and base.name == "builtins.object")
        for base in lineage(cls)
    )


def is_module(value: Value) -> bool:
    """Whether a value is (for sure) a torch module, of the project or of a library."""
    if not isinstance(value, Instance):
        return False
    cls = value.cls
    if isinstance(cls, External):
        return is_module_class(cls.name)
    if cls.is_module is None:
        cls.is_module = any(map(is_module_class, external_bases(cls)))
    return cls.is_module


def listed(value: Value) -> Value:
    """What stands in a list of layers, in their order: of `nn.ModuleList` and `nn.Sequential` the layers, else the value."""
    match one(value):
        case Instance(
            cls=External(name="torch.nn.ModuleList" | "torch.nn.Sequential"), attributes=attributes
        ):
            return attributes.get("*layers", value)
    return one(value)


def find_member(cls: Class, name: str, after: Class | None = None) -> tuple[Value, Class] | None:
    """A class attribute or method by the lineage, optionally only behind one class (for super)."""
    started = after is None
    for base in lineage(cls):
        if started and isinstance(base, Class) and name in base.names:
            return base.names[name], base
        if base is after:
            started = True
    return None


_OF_DICTIONARIES = frozenset("items keys values get update".split())


def get_attribute(machine: Machine, holder: Value, name: str, node: s.Node | None) -> Value:
    match holder:
        case External(name=home):
            if home == "absl.flags.FLAGS" and ("flag", name) in machine.declared:
                return machine.declared["flag", name]
            return External(canonical(f"{home}.{name}"))
        case Instance(cls=Class()):
            return _instance_attribute(machine, holder, name, node)
        case Instance():
            return _library_attribute(holder, name, node)
        case Module() if name == "__dict__":
            return holder
        case Module(unit=unit):
            scope = scope_of(machine, unit)
            held = look_up(scope, name) if scope is not None else None
            if held is None and name in _OF_DICTIONARIES:
                return Member(holder, name, node)  # of `globals()`, `module.__dict__`
            return held or submodule(machine, holder, name) or Unknown(f"{name} of {unit.path}", node)
        case Class():
            return _class_attribute(holder, name, node)
        case Super(receiver=receiver, cls=cls):
            return _super_attribute(receiver, cls, name, node)
        case Choice():
            held_by = options(holder, MOST_ALTERNATIVES)
            found = [get_attribute(machine, option, name, node) for option in held_by]
            if all(isinstance(f, Member) for f in found):
                return Member(holder, name, node)  # a loop may still add to what it can be
            under = [conditions_of(holder, option) for option in held_by]
            return choice(found, None, under) if found else Unknown(name, node)
        case Function() if name == "__name__":
            return Constant(holder.name)
        case Argument(default=Instance() as default):
            return get_attribute(machine, default, name, node)
        case Item(source=Result(callee=External(name=home), arguments=[whole, *_])) if (
            name == "dataset" and home == "torch.utils.data.random_split"
        ):
            return whole  # both parts have it, and what is set on it holds for both
        case Argument(name="self") | Free(name="self") if node is not None:
            return _left_out(holder, name, node) or Member(holder, name, node)
        case Free() | Argument() if node is not None:
            return _setting(holder, name, node) or Member(holder, name, node)
        case Mapping(items=items) if name in items and name not in _OF_DICTIONARIES:
            return items[name]  # attribute dictionaries (EasyDict, Box)
    return Member(holder, name, node)


def _instance_attribute(machine: Machine, holder: Instance, name: str, node: s.Node | None) -> Value:
    if name in holder.attributes:
        return holder.attributes[name]
    if name == "__dict__":
        return Mapping(holder.attributes, node, True)  # the same: what is put in is an attribute
    assert isinstance(holder.cls, Class)
    found = find_member(holder.cls, name)
    if found is not None:
        return _bind(machine, holder, found[0], found[1], node)
    if name == "__class__":
        return holder.cls
    built = (
        _built_later(machine, holder, name)
        or by_method(machine, holder, "__getattr__", Constant(name), node)
        or _unwrapped(holder, name)
    )
    if built is None and SERVED in holder.attributes:
        return get_attribute(machine, holder.attributes[SERVED], name, node)
    if built is None and node is not None:
        built = _left_out(holder, name, node)
    if built is None and name in ACTIVATIONS and _is_without(holder):
        return Unknown(name, node)
    return built or Member(holder, name, node)


def _is_without(holder: Instance) -> bool:
    """Whether a network that shows its constructor cannot have what nothing in there sets, as a tensor would."""
    assert isinstance(holder.cls, Class)
    return (
        is_module(holder)
        and CLOSED not in holder.attributes
        and find_member(holder.cls, "__init__") is not None
    )


def _left_out(holder: Instance | Argument | Free, name: str, node: s.Node) -> Value | None:
    from trainlint.meaning.fragments import left_out

    return left_out(holder, name, node)


def _setting(holder: Free | Argument, name: str, node: s.Node) -> Value | None:
    from trainlint.meaning.fragments import setting

    return setting(holder, name, node)


def _unwrapped(holder: Instance, name: str) -> Value | None:
    """`model.module`: DataParallel and its like hand their module on as if it were themselves."""
    return holder if name == "module" and is_module(holder) else None


def _bind(machine: Machine, holder: Instance, member: Value, cls: Class, node: s.Node | None) -> Value:
    if not isinstance(member, Function):
        return member
    names = decorator_names(member)
    if "staticmethod" in names:
        return member
    if "classmethod" in names:
        return Bound(member, holder.cls, cls)
    if names & {"property", "cached_property"}:
        return machine.call(machine, Bound(member, holder, cls), (), {}, node, None)
    return Bound(member, holder, cls)


def decorator_names(function: Function) -> set[str]:
    """The last words of a function's decorators (`property`, `setter`, `no_grad`)."""
    found = set()
    for value in function.decorators:
        match value:
            case External(name=name):
                found.add(name.rpartition(".")[2])
            case Instance(cls=External(name=name)) | Result(callee=External(name=name)):
                found.add(name.rpartition(".")[2])
            case Member(name=name) | Function(name=name):
                found.add(name)
    return found


def leave_closed(instance: Instance) -> None:
    """Say that nobody has looked into a module: its constructor was not run, and will not be."""
    instance.attributes[CLOSED] = Constant(True)
    instance.attributes[_BUILDERS] = Constant(frozenset({"__init__"}))


def _built_later(machine: Machine, holder: Instance, name: str) -> Value | None:
    """An attribute that some other method sets (`setup`, `build_model`): that method is run, unheard."""
    assert isinstance(holder.cls, Class)
    done = holder.attributes.get(_BUILDERS)
    tried = set(done.value) if isinstance(done, Constant) else set()
    for base in lineage(holder.cls):
        if not isinstance(base, Class):
            continue
        for method_name, method in base.names.items():
            if not isinstance(method, Function) or method_name in tried or method_name == "forward":
                continue
            if not isinstance(method.node, s.Define) or name not in own_attributes(method.node.body):
                continue
            if any(running is method for running in machine.stack) or len(machine.stack) > 10:
                continue
            tried.add(method_name)
            holder.attributes[_BUILDERS] = Constant(frozenset(tried))
            with machine.unrecorded():
                machine.call(machine, Bound(method, holder, base), (), {"**": Unknown("caller")}, None, None)
            if name in holder.attributes:
                return holder.attributes[name]
    return None


def own_attributes(block: s.Block) -> frozenset[str]:
    """The names of all `self.name = ...` in a block."""
    if block.own is None:
        block.own = frozenset(_assigned_in(block)) if "self" in block.words else frozenset()
    return block.own


def _assigned_in(block: s.Block) -> Iterator[str]:
    for statement in _nested(block):
        if isinstance(statement, s.Assign):
            yield from _attributes_of_self(statement.targets)


def _nested(block: s.Block) -> Iterator[s.Statement]:
    """The statements of a function's body, also those in its branches, loops and contexts."""
    for statement in block.statements:
        yield statement
        match statement:
            case (
                s.If(then=a, otherwise=b)
                | s.For(body=a, otherwise=b)
                | s.While(body=a, otherwise=b)
                | s.Try(body=a, otherwise=b)
            ):
                yield from _nested(a)
                yield from _nested(b)
            case s.With(body=a):
                yield from _nested(a)


def _attributes_of_self(targets: tuple[s.Expression, ...]) -> Iterator[str]:
    for target in targets:
        match target:
            case s.Attribute(value=s.Name(id="self"), name=name):
                yield name
            case s.Display(items=items):
                yield from _attributes_of_self(items)


def counters(cls: Class) -> frozenset[str]:
    """The attributes that methods count up (`self.step += 1`): what they start from says nothing later on.

    Neither does it of what else such a method keeps, where it trains nothing: the best score of an early stop.
    """
    if cls.counters is None:
        bodies = [
            member.node.body
            for base in lineage(cls)
            if isinstance(base, Class)
            for member in base.names.values()
            if isinstance(member, Function) and isinstance(member.node, s.Define)
        ]
        counting = [(body, frozenset(_counted(body))) for body in bodies]
        kept = (
            name
            for body, names in counting
            if names and body.words.isdisjoint(("backward", "zero_grad", "forward"))
            for name in own_attributes(body)
        )
        cls.counters = frozenset((*kept, *(name for _, names in counting for name in names)))
    return cls.counters


def _counted(block: s.Block) -> Iterator[str]:
    for statement in _nested(block):
        match statement:
            case s.Augment(target=s.Attribute(value=s.Name(id="self"), name=name)):
                yield name


ENUM = "*enum"  # the attribute that marks a member of an Enum


def _class_attribute(cls: Class, name: str, node: s.Node | None) -> Value:
    found = find_member(cls, name)
    if found is None:
        return Constant(cls.node.name) if name == "__name__" else Member(cls, name, node)
    member, home = found
    if isinstance(member, Function) and "classmethod" in decorator_names(member):
        return Bound(member, cls, home)
    if not isinstance(member, (Function, Class)) and "enum.Enum" in external_bases(home):
        return _enum_member(home, name, member)
    return member


def _enum_member(cls: Class, name: str, value: Value) -> Value:
    """The one object that a member of an `Enum` is, whatever its value."""
    key = f"*member {name}"
    if key not in cls.names:
        facts: dict[str, Value] = {"name": Constant(name), "value": value, ENUM: Constant(True)}
        cls.names[key] = Instance(cls, None, attributes=facts)
    return cls.names[key]


def is_enum_member(value: Value) -> bool:
    return isinstance(value, Instance) and ENUM in value.attributes


class MemberKey(str):
    """What a dictionary has the entry of an enumeration's member under: a text that remembers the member."""

    __slots__ = ("member",)
    member: Instance


def key_of(value: Value) -> Any:
    """What a dictionary has an entry under: a constant's value, `Phase.TRAIN` for a member of an enumeration, else MISSING."""
    found = one(value)
    if not isinstance(found, Instance) or ENUM not in found.attributes:
        return constant(value)
    owner = found.cls.node.name if isinstance(found.cls, Class) else found.cls.name
    key = MemberKey(f"{owner}.{constant(found.attributes['name'])}")
    key.member = found
    return key


def of_key(key: Any) -> Value:
    """The value that such a key stands for."""
    return key.member if isinstance(key, MemberKey) else Constant(key)


def _super_attribute(receiver: Value, cls: Class, name: str, node: s.Node | None) -> Value:
    own = receiver.cls if isinstance(receiver, Instance) and isinstance(receiver.cls, Class) else cls
    found = find_member(own, name, after=cls)
    if found is None:
        return Member(Super(receiver, cls), name, node)
    member, home = found
    if isinstance(member, Function) and "staticmethod" not in decorator_names(member):
        return Bound(member, receiver, home)
    return member


def _library_attribute(holder: Instance, name: str, node: s.Node | None) -> Value:
    if name in holder.attributes:
        return holder.attributes[name]
    assert isinstance(holder.cls, External)
    if name == "__dict__" and "*namespace" in holder.attributes:
        return Mapping(holder.attributes, node, True)
    if name == "module" and is_wrapper(holder.cls.name) and holder.arguments:
        return holder.arguments[0]
    if name in ("dataset", "sampler", "batch_sampler", "optimizer", "batch_size") and name in holder.keywords:
        return holder.keywords[name]
    if name == "dataset" and holder.arguments:
        return holder.arguments[0]
    if name == "optimizer" and is_optimizer_class(holder.cls.name):
        return holder  # asked of what Lightning or accelerate has wrapped around it
    if name == "optimizer" and is_schedule_class(holder.cls.name) and holder.arguments:
        return holder.arguments[0]
    return _unwrapped(holder, name) or Member(holder, name, node)


def register_unnamed(machine: Machine, holder: Instance, value: Value) -> None:
    """A module set under a name that is only known at run time."""
    holder.attributes["*dynamic"] = Constant(True)
    known = holder.attributes.setdefault("*registered", Sequence("list", ()))
    assert isinstance(known, Sequence)
    machine.extend(known, (*known.items, value))


def by_method(
    machine: Machine, holder: Instance, method: str, key: Value, node: s.Node | None
) -> Value | None:
    """What a class answers for a key or an unknown attribute; None where that stays open."""
    assert isinstance(holder.cls, Class)
    found = find_member(holder.cls, method)
    if found is None or not isinstance(found[0], Function) or is_module(holder):
        return None
    with machine.unrecorded():
        made = machine.call(machine, Bound(found[0], holder, found[1]), (key,), {}, node, None)
    if isinstance(made, Member) and made.receiver is not holder and is_module(made.receiver):
        return made  # `wrapper.eval()` is a method of the network inside
    return None if isinstance(made, (Unknown, Member, Item, Result)) else made
