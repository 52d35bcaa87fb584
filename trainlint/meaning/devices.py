"""Whether a run chooses its device, or comes to a halt where there is no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.arguments import offered_options
from trainlint.meaning.dataflow import walk
from trainlint.meaning.flow import enclosing_call
from trainlint.meaning.syntax import Define, Display, Literal, Node, Return
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.unit import words_within
from trainlint.meaning.values import (
    NONE,
    Argument,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Unpacked,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_RANK_WORDS = frozenset("local_rank LOCAL_RANK set_device".split())
_DEVICE_WORDS = frozenset("is_available local_rank LOCAL_RANK set_device device_count".split())


def picks_device(program: Program) -> bool:
    """Whether a file of the program chooses its device by what the machine has, by rank, or as it is told."""
    if any("device" in offered_options(instance) for instance in program.instances):
        return True
    if is_asked_for_a_gpu(program) or _is_told_by_a_setting(program):
        return True
    asking = [unit for unit in program.units if not _DEVICE_WORDS.isdisjoint(program.words(unit))]
    return any(
        "LOCAL_RANK" in program.words(unit) or not _DEVICE_WORDS.isdisjoint(unit.code_words)
        for unit in asking
    )


def is_asked_for_a_gpu(program: Program) -> bool:
    """Whether a setting decides if modules and batches go to the GPU: `if args.cuda: model.cuda()`."""
    return any(
        arm.holds and arm.truth is not None and _is_given(arm.truth) and _only_moves(arm)
        for event in program.events("device")
        if event.value is not None and is_one_gpu(event.value)
        for arm in [event.region]
        if arm.kind == "arm"
    )


def _is_told_by_a_setting(program: Program) -> bool:
    """Whether something is moved to where the settings say, which nobody knows here or which differ: `net.to(config["device"])`."""
    places = [options(e.value) for e in program.events("device") if e.value is not None]
    return any(any(map(_is_of_settings, place)) or _differs(place) for place in places)


def _is_of_settings(device: Value) -> bool:
    key = constant(device.key or NONE) if isinstance(device, Item) else None
    return isinstance(key, str) and "device" in key.lower()


def _differs(place: list[Value]) -> bool:
    """Whether one file of settings says the CPU, and another one a GPU."""
    said = {constant(option) for option in place if isinstance(option, Constant)}
    return len(said) == len(place) > 1 and "cpu" in said


def _is_given(truth: Value) -> bool:
    """Whether the user says so, on the command line or in a call."""
    match one(truth):
        case Constant(under=str()) | Argument() | Unpacked():
            return True
    return False


def _only_moves(arm: Region) -> bool:
    return all(type(item) is Event and item.kind == "device" for item in arm.items)


def speaks_of_devices(program: Program, load: Event) -> bool:
    """Whether the file that loads, or one that leads there, has a word of devices: another script's choice is its own."""
    nodes = [load.node, *(r.node for r in load.region.ancestors() if r.node is not None)]
    units = {id(node.unit): node.unit for node in nodes}.values()
    said = (word.lower() for unit in units for word in program.words(unit))
    return any(part in word for word in said for part in ("device", "cuda", "gpu", "rank"))


def chooses_a_device(network: Value) -> bool:
    """Whether the `__init__` of a network's class asks what the machine has, and puts its layers there."""
    made = (
        network.cls.names.get("__init__")
        if isinstance(network, Instance) and isinstance(network.cls, Class)
        else None
    )
    node = made.node if isinstance(made, Function) else None
    said = words_within(node.body) if isinstance(node, Define) else frozenset[str]()
    return "is_available" in said and not said.isdisjoint(("to", "cuda"))


def is_told_its_device(program: Program, load: Event) -> bool:
    """Whether the file that loads speaks of a device that is not the name of one, written in the code."""
    unit, call = load.node.unit, enclosing_call(load)
    if "device" not in program.words(unit):
        return False
    within = call.names.get("device") if call is not None and call.names is not None else None
    device = within if within is not None else unit.scope.names.get("device") if unit.scope else None
    if device is None and call is not None and call.names is not None:
        holder = one(call.names["self"]) if "self" in call.names else None
        device = holder.attributes.get("device") if isinstance(holder, Instance) else None
    return not _is_fixed(device)


def _is_fixed(device: Value | None) -> bool:
    match one(device) if device is not None else None:
        case Constant(under=None):
            return True
        case Result(callee=External(name="torch.device"), arguments=(given, *_)):
            return isinstance(one(given), Constant) and one(given).under is None  # type: ignore[union-attr]
    return False


def needs_the_gpu(program: Program, load: Event) -> bool:
    """Whether a run that loads puts something on the one GPU on every way through: it halts without one."""
    root = load.region.root
    if _is_of_several_processes(program, root):
        return False
    runs = [
        root,
        *(first for first in program.roots[:1] if first is not root),
    ]  # an import comes before a call
    around = set(map(id, load.region.ancestors()))
    return any(_outcome(run, around) == "gpu" for run in runs) or _is_given_up_without(load)


def _is_given_up_without(load: Event) -> bool:
    """Whether the function that loads gives nothing where there is no GPU: `if not cuda.is_available(): return None`."""
    home = enclosing_call(load)
    for branch in home.items if home is not None else ():
        arms = branch.items if type(branch) is Region and branch.kind == "branch" else ()
        for arm in arms:
            last = arm.items[-1] if type(arm) is Region and arm.items and is_without_a_gpu(arm) else None
            if type(last) is Leave and last.kind == "return" and _gives_nothing(last.node):
                return True
    return False


def _gives_nothing(node: Node) -> bool:
    """`return`, `return None`, `return None, None`."""
    if not isinstance(node, Return):
        return False
    given = node.value.items if isinstance(node.value, Display) else (node.value,)
    return all(v is None or (isinstance(v, Literal) and v.value is None) for v in given)


def _is_of_several_processes(program: Program, root: Region) -> bool:
    """Whether what this run goes through speaks of its rank among processes."""
    if root.cut_short:
        return any(not _RANK_WORDS.isdisjoint(unit.code_words) for unit in program.units)
    if not _RANK_WORDS.isdisjoint(program.reading.entry.body.words):
        return True
    return any(not _RANK_WORDS.isdisjoint(words_within(body.body)) for body in _entered(root))


def _entered(region: Region) -> Iterator[Define]:
    """The functions that were followed below a region, each once."""
    seen: set[int] = set()
    pending = [region]
    while pending:
        current = pending.pop()
        pending += (item for item in current.items if type(item) is Region)
        node = current.function.node if current.function is not None else None
        if isinstance(node, Define) and id(node) not in seen:
            seen.add(id(node))
            yield node


def _outcome(region: Region, around: set[int]) -> str:
    """What comes of running a region: "gpu" where all ways through it need one, "left" or "stopped", else "".

    Of a branch with the load in it only the arm that loads counts.
    """
    for item in region.items:
        found = _outcome_of(item, around)
        if found == "left" and type(item) is Region and item.kind in ("call", "loop"):
            continue  # a `return` or `break` gets no further than here
        if found == "stopped" and type(item) is Region and item.kind == "loop":
            continue
        if found:
            return found
    return ""


def _outcome_of(item: Event | Region | Leave, around: set[int]) -> str:
    if type(item) is Event:
        return "gpu" if item.kind == "device" and item.value and is_one_gpu(item.value) else ""
    if type(item) is Leave:
        return "stopped" if item.kind == "raise" else "left"
    assert type(item) is Region
    return _outcome_of_branch(item, around) if item.kind == "branch" else _outcome(item, around)


def _outcome_of_branch(branch: Region, around: set[int]) -> str:
    arms = [arm for arm in branch.items if type(arm) is Region]
    taken = [arm for arm in arms if id(arm) in around]
    if taken:
        return _outcome(taken[0], around)
    found = [_outcome(arm, around) for arm in arms]
    if any(end == "stopped" and is_without_a_gpu(arm) for arm, end in zip(arms, found, strict=True)):
        return "gpu"
    if any(_varies(arm) for arm in arms):
        return "gpu" if "gpu" in found else ""  # some turn takes it
    alive = {end for end in found if end != "stopped"}
    if len(arms) < 2:  # of a `try`: its handler may not be needed
        return ""
    if "left" in alive:
        return "left"
    return "stopped" if not alive else alive.pop() if len(alive) == 1 else ""


def is_without_a_gpu(arm: Region) -> bool:
    """Whether an arm is the one for machines without a GPU: `if not torch.cuda.is_available():`."""
    test, holds = arm.truth, arm.holds
    while isinstance(test, Result) and isinstance(test.callee, External):
        if test.callee.name == "torch.cuda.is_available":
            return not holds
        if test.callee.name != "operator.unarynot":
            return False
        test, holds = test.arguments[0], not holds
    return False


def asks_for_a_gpu(arm: Region) -> bool:
    """Whether an arm is one of `if torch.cuda.is_available(): ... else: ...`."""
    return arm.truth is not None and any(
        isinstance(v, Result)
        and isinstance(v.callee, External)
        and v.callee.name == "torch.cuda.is_available"
        for v in walk(arm.truth)
    )


def _varies(arm: Region) -> bool:
    """Whether another turn of a loop may take another arm: `if isinstance(layer, nn.Conv2d)`, `if i % 10 == 0`."""
    loop = _loop_right_around(arm)
    if loop is None or loop.iterable is None or arm.truth is None:
        return False
    turns = set(map(id, walk(loop.iterable)))
    asked = list(walk(arm.truth))
    if any(isinstance(v, Member) and v.name in ("is_cuda", "device") for v in asked):
        return False
    return any(isinstance(v, Item) and v.key is None and id(v.source) in turns for v in asked)


def _loop_right_around(arm: Region) -> Region | None:
    """The loop that an arm is in within its function."""
    for region in arm.ancestors():
        if region.kind == "loop" and not region.unrolled:
            return region
        if region.kind == "call":
            break
    return None


def is_one_gpu(device: Value) -> bool:
    """`"cuda"`, `0`, `torch.device("cuda:0")`, written in the code and not the default of an option."""
    match one(device):
        case Constant(value=bool()):
            return False
        case Constant(value=str(name), under=None):
            return name.startswith("cuda")
        case Constant(value=int(), under=None):
            return True
        case Result(callee=External(name="torch.device"), arguments=(given, *_)):
            return is_one_gpu(given)
    return False
