"""Networks that come out of a file whole: of the class that the program saved there, or that the name stood for before.

`net = torch.load(path)` says nothing about what is in the file. A program that saves a network to the same path, or
that makes one and gives its name to what is loaded, does. A name that is read as a dictionary afterwards does not.
"""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import is_module
from trainlint.meaning.paths import same_file
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)

RESTORED = "*restored"  # attribute: whether the network is known to be in train mode, as all that are saved


def note_saved(machine: Machine, saved: Value, path: Value | None) -> None:
    if path is not None:
        machine.saved.append((saved, path))


def saved_network(machine: Machine, loaded: Result, path: Value | None, node: s.Node | None) -> Value | None:
    """A network like the one that this program saved under the path that is loaded; None where it saved another thing."""
    if path is None or node is None:
        return None
    written = [one(value) for value, place in machine.saved if same_file(place, path)]
    known = [value for value in written if isinstance(value, Instance) and _is_network(value)]
    if not known or len(known) < len(written) or len({_kind(value) for value in known}) > 1:
        return None
    in_train_mode = not any("eval" in unit.code_words for unit in machine.units.values())
    return _twin(machine, known[-1], loaded, node, in_train_mode)


def in_place_of(
    machine: Machine, old: Value | None, value: Value, target: s.Expression, node: s.Statement
) -> Value:
    """The value that a name gets: a network like the one it stood for, where it is what a file holds."""
    if old is None or not isinstance(one(value), (Result, Item)):
        return value
    found = _from_file(value)
    known = options(old)
    if found is None or not all(isinstance(each, Instance) and _is_network(each) for each in known):
        return value
    networks = [each for each in known if isinstance(each, Instance)]
    if len({_kind(each) for each in networks}) > 1 or _is_read_as_dictionary(node.unit.body, target):
        return value
    loaded, switched = found
    twin = _twin(machine, networks[-1], loaded, node, not machine.saves_in_eval_mode())
    if switched is not None:
        machine.record("mode", node, twin, detail=switched)
    return twin


def as_in_other_arm(
    machine: Machine, arms: list[s.Block], ends: list[dict[str, Value]], node: s.Node
) -> None:
    """`if resume: net = torch.load(path)`, `else: net = Net()`: what the file holds is what the other arm makes."""
    for name in frozenset[str]().union(*(block.assigned for block in arms)):
        for end, other in (ends, ends[::-1]):
            value, made = end.get(name), one(other.get(name, NONE))
            found = _from_file(value) if value is not None else None
            if found is None or not isinstance(made, Instance) or not _is_network(made):
                continue
            if not _is_read_as_dictionary(node.unit.body, s.Name(node.cst, node.unit, name)):
                switched = any({"eval", "train"} & block.words for block in arms)
                in_train_mode = not switched and not machine.saves_in_eval_mode()
                end[name] = _twin(machine, made, found[0], node, in_train_mode)


def _is_network(value: Instance) -> bool:
    return is_module(value) and not value.symbolic


def _kind(network: Instance) -> object:
    return network.cls.name if isinstance(network.cls, External) else id(network.cls.node)


def _twin(machine: Machine, network: Instance, loaded: Result, node: s.Node, in_train_mode: bool) -> Instance:
    twin = Instance(network.cls, node, network.arguments, network.keywords, dict(network.attributes))
    twin.attributes[RESTORED] = Constant(in_train_mode)
    twin.loop = network.loop  # its parts were made there
    twin.places.update(network.places)
    machine.instances.append(twin)
    if machine.silent == 0:  # it happens where the file is read, in the arm that asks for it
        region = loaded.region if isinstance(loaded.region, Region) else machine.region
        region.items.append(Event("load_state", node, region, twin, loaded, (loaded,), {}, machine.grad))
    return twin


def _from_file(value: Value) -> tuple[Result, bool | None] | None:
    """What `torch.load` gave, behind an entry of it, moves and casts; and the mode that is set on the way."""
    switched: bool | None = None
    for _ in range(6):
        match one(value):
            case Result(callee=External(name="torch.load")) as loaded:
                return loaded, switched
            case Result(callee=Member(receiver=receiver, name="eval" | "train" as name), arguments=()):
                switched = (name == "train") if switched is None else switched
                value = receiver
            case Result(callee=Member(receiver=receiver, name=name)) if name in _MOVES:
                value = receiver
            case Item(source=source, key=key) if key is not None and isinstance(constant(key), str):
                value = source
            case _:
                return None
    return None


_MOVES = frozenset("to cuda cpu float double half".split())


def note_average(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node | None,
) -> None:
    """`average.copy_to(net.parameters())`, as torch_ema and diffusers have it: the network gets what the file holds."""
    asked = one(arguments[0]) if arguments else None
    if node is None or not isinstance(asked, Result) or not isinstance(asked.callee, Member):
        return
    if asked.callee.name == "parameters" and is_of_a_file(callee.receiver):
        network = asked.callee.receiver
        machine.record("load_state", node, network, callee.receiver, (callee.receiver,), detail={})


def is_of_a_file(value: Value) -> bool:
    """Whether what is called came out of a file as it is: `torch.load(path).to(device)`."""
    return all(_from_file(option) is not None for option in options(value))


def is_of_a_checkpoint(value: Value) -> bool:
    """Whether Lightning has made it of a checkpoint, and of a class that is not at hand: `Net.load_from_checkpoint(path)`."""
    return all(map(_is_of_a_checkpoint, options(value)))


def _is_of_a_checkpoint(value: Value) -> bool:
    for _ in range(6):
        match one(value):
            case Result(callee=External(name=name)):
                return name.endswith(".load_from_checkpoint")
            case Result(callee=Member(name="load_from_checkpoint")):
                return True
            case Result(callee=Member(receiver=receiver, name=name)) if name in (*_MOVES, "eval", "train"):
                value = receiver
            case _:
                return False
    return False


def _is_read_as_dictionary(body: s.Block, target: s.Expression) -> bool:
    """Whether the file reads entries of the same name, or hands it on as the state of a network."""
    for node in s.nodes_in(body):
        match node:
            case s.Subscript(value=holder, indices=(s.Literal(value=str()), *_)) if _is_same(holder, target):
                return True
            case s.Call(function=s.Attribute(name="load_state_dict"), arguments=(first, *_)):
                if _is_same(first.value, target):
                    return True
            case s.Call(function=s.Attribute(value=holder, name="items" | "keys" | "get" | "pop")):
                if _is_same(holder, target):
                    return True
    return False


def _is_same(node: s.Expression, target: s.Expression) -> bool:
    match node, target:
        case s.Name(id=one_name), s.Name(id=other):
            return one_name == other
        case s.Attribute(value=a, name=one_name), s.Attribute(value=b, name=other):
            return one_name == other and _is_same(a, b)
    return False
