"""What a loop binds: the elements of ranges, sequences, loaders, and of the wrappers around them."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.growing import is_growing, part_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import SERVED, of_key
from trainlint.meaning.places import by_places
from trainlint.meaning.values import (
    Choice,
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    choice,
    one,
    options,
)

TRANSPARENT = {
    "tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "tqdm.notebook.tqdm_notebook", "tqdm.tqdm_notebook",
    "tqdm.autonotebook.tqdm", "tqdm.trange", "builtins.iter", "builtins.list", "builtins.tuple", "builtins.sorted",
    "builtins.reversed", "builtins.set", "itertools.cycle", "itertools.islice", "rich.progress.track",
    "fastprogress.progress_bar", "fastprogress.master_bar", "progressbar.progressbar", "alive_progress.alive_it",
    "copy.copy", "copy.deepcopy", "random.sample",
}  # fmt: skip


NO_ENTRY = Unknown("no entry")  # of a dictionary that is empty


def underlying(iterable: Value) -> Value:
    """What is really iterated over, behind tqdm, iter, enumerate's argument and the like."""
    for _ in range(12):
        iterable = one(iterable)
        match iterable:
            case Instance(cls=External(name=name), arguments=[first, *_]) if name in TRANSPARENT:
                iterable = first
            case Result(callee=External(name=name), arguments=[first, *_]) if (
                name in TRANSPARENT or name == "builtins.enumerate"
            ):
                iterable = first
            case Instance(cls=External(name=name), keywords={"iterable": inner}) if name in TRANSPARENT:
                iterable = inner
            case Result(callee=Member(name="log_every"), arguments=[first, *_]):
                iterable = first
            case Instance(attributes=kept) if SERVED in kept:
                iterable = kept[SERVED]
            case _:
                return iterable
    return iterable


def is_dictionary(iterable: Value) -> bool:
    """Whether a loop goes through the entries of a dictionary: parts of something, not batches of data."""
    found = underlying(iterable)
    return (
        isinstance(found, Result)
        and isinstance(found.callee, Member)
        and found.callee.name in ("items", "values", "keys")
    )


def element_of(machine: Machine, iterable: Value, node: s.Node | None, depth: int = 0) -> Value:
    """What one turn of a loop over `iterable` binds."""
    if depth > _DEEPEST:
        return Item(iterable, None, node)  # `batches = track(batches)` in a loop: it wraps itself
    if is_growing(iterable):
        return part_of(machine, iterable, lambda whole: element_of(machine, whole, node, depth + 1))
    found = [_element(machine, option, node, depth + 1) for option in options(iterable)]
    return found[0] if len(found) == 1 else choice(found)


_DEEPEST = 5  # wrappers around what is iterated over


def _element(machine: Machine, iterable: Value, node: s.Node | None, depth: int) -> Value:
    source = iterable = by_places(iterable)
    match iterable:
        case Result(callee=External(name="builtins.enumerate"), arguments=[first, *_]):
            return Sequence("tuple", (Unknown("index", node), element_of(machine, first, node, depth)), node)
        case Result(callee=External(name="builtins.zip" | "itertools.zip_longest"), arguments=parts):
            if iterable.callee.name == "builtins.zip":  # type: ignore[union-attr]  # the pattern says so
                parts = _cut(parts)
            return Sequence("tuple", tuple(element_of(machine, part, node, depth) for part in parts), node)
        case Result(callee=External(name="builtins.range"), arguments=_):
            return Item(iterable, None, node)
        case Instance(cls=External(name=name), arguments=[first, *_]) if name in TRANSPARENT:
            return element_of(machine, first, node, depth)
        case Instance(cls=External(name=name), keywords={"iterable": first}) if name in TRANSPARENT:
            return element_of(machine, first, node, depth)
        case Result(callee=External(name=name), arguments=[first, *_]) if name in TRANSPARENT:
            return element_of(machine, first, node, depth)
        case Sequence(items=items, element=element):
            values = [*items, *([element] if element is not None else [])]
            return _each(values, iterable) if values else Item(iterable, None, node)
        case Mapping(items=items, element=element):
            keys: list[Value] = [of_key(key) for key in items]
            return choice(keys) if keys and element is None and len(keys) <= 6 else Unknown("key", node)
        case Instance(
            cls=External(name="torch.nn.ModuleList" | "torch.nn.Sequential"), attributes=attributes
        ):
            layers = attributes.get("*layers")
            if isinstance(layers, Sequence):
                return element_of(machine, layers, node, depth)
        case Result(callee=Member(receiver=receiver, name=name), arguments=arguments):
            return _method_element(machine, iterable, receiver, name, arguments, node, depth)
        case Instance(attributes=kept) if SERVED in kept:
            return element_of(machine, kept[SERVED], node, depth)
        case Instance():
            yielded = machine.iterate(machine, iterable, node)
            if yielded is not None:
                return (
                    element_of(machine, yielded, node, depth)
                    if isinstance(yielded, Sequence)
                    else Item(yielded, None, node)
                )
    return Item(source, None, node)


def _cut(parts: tuple[Value, ...]) -> tuple[Value, ...]:
    """`zip(sizes, sizes[1:])`: the last entries of the longer lists have no turn."""
    lists = [found for found in map(one, parts) if isinstance(found, Sequence)]
    closed = [found for found in lists if not found.open and found.element is None]
    if len(closed) < len(parts) or len({len(found.items) for found in closed}) < 2:
        return parts
    least = min(len(found.items) for found in closed)
    return tuple(Sequence(found.kind, found.items[:least], found.node) for found in closed)


def _each(values: list[Value], source: Sequence | Mapping) -> Value:
    """Any of the elements, one after the other."""
    found = choice(values)
    if type(found) is Choice and all(found is not value for value in values):
        found.each = source
    return found


def _method_element(
    machine: Machine,
    whole: Value,
    receiver: Value,
    name: str,
    arguments: tuple[Value, ...],
    node: s.Node | None,
    depth: int,
) -> Value:
    receiver = one(receiver)
    if isinstance(receiver, Mapping) and name in ("items", "values", "keys"):
        values = [*receiver.items.values(), *([receiver.element] if receiver.element is not None else [])]
        value = _each(values, receiver) if values else Unknown("value", node) if receiver.open else NO_ENTRY
        keys: list[Value] = [of_key(key) for key in receiver.items]
        key = choice(keys) if keys else Unknown("key", node)
        return {"items": Sequence("tuple", (key, value), node), "values": value, "keys": key}[name]
    if name == "log_every" and arguments:  # the metric loggers of the reference scripts pass batches on
        return element_of(machine, arguments[0], node, depth)
    if name in ("named_parameters", "named_modules", "named_children", "items"):
        return Sequence("tuple", (Unknown("name", node), Item(whole, None, node)), node)
    return Item(whole, None, node)
