"""Whether what holds a value outlives the iteration that put the value in: accumulators, lists, meters."""

from __future__ import annotations

from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import same
from trainlint.meaning.flow import enclosing_call, enclosing_loops, implied, of_kind
from trainlint.meaning.roles import role
from trainlint.meaning.schedules import iterations
from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Augment,
    Call,
    Declare,
    Define,
    Expression,
    Name,
    Node,
    Subscript,
)
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)


def outlives(event: Event, loop: Region) -> bool:
    """Whether what keeps the value is not started anew in each iteration (or with each optimizer step)."""
    if _is_bounded(event.target) or _is_local(event.target, loop) or _runs_briefly(loop):
        return False
    name = _holder_name(event.node)
    resets = [e for e in of_kind(loop, "reset") if name and e.detail == name]
    steps = of_kind(loop, "step")
    if _is_reset_around(loop, name, event.target):
        return False
    for reset in resets:
        if implied(reset, event, loop) or any(_same_arms(reset, step, loop) for step in steps):
            return False
    if isinstance(event.node, (Assign, Augment)) and _target_is_name(event.node):
        if _is_of_inner_call(event, loop, name):
            return False
        carried = _carried(event.target)
        if carried is not None and carried.options:
            if _is_local(carried.options[0], loop):
                return False  # an inner loop's sum, begun anew by a value of this iteration
            if _is_carried(carried):
                return True
        return _is_outer(event, loop)
    return True


def _is_of_inner_call(event: Event, loop: Region, name: str) -> bool:
    """A local variable of a function that the loop calls: it goes with the call."""
    call = enclosing_call(event)
    if call is None or call is loop or not call.inside(loop):
        return False
    if call.function is None or not isinstance(call.function.node, Define):
        return False
    declared = [d for d in call.function.node.body.statements if isinstance(d, Declare)]
    return not any(name in d.names for d in declared)


def _is_local(holder: Value, loop: Region) -> bool:
    """A tensor, list or dictionary made in the same iteration that is written to."""
    return all(_is_made_in(found, loop) or _is_put_anew(found, loop) for found in options(holder))


def _is_put_anew(place: Value, loop: Region) -> bool:
    """Whether each turn puts another object under the key that is written into: `graph.ndata["h"] = torch.zeros(n)`."""
    if not isinstance(place, Item) or not isinstance(place.key, Constant):
        return False
    puts = [e for e in of_kind(loop, "keep") if e.detail == "item of one key" and e.inputs]
    return any(
        same(put.target, place.source) and constant(put.inputs[0]) == place.key.value
        for put in puts
        if not put.guards(loop)
    )


def _is_made_in(value: Value, loop: Region) -> bool:
    if isinstance(value, Item):
        return all(_is_made_in(source, loop) for source in options(value.source))
    if isinstance(value, Member):  # what a library's object has
        return not isinstance(one(value.receiver), Instance) and _is_local(value.receiver, loop)
    if not isinstance(value, (Result, Sequence, Mapping)):
        return False
    return value.region is not None and value.region.inside(loop)


def _runs_briefly(loop: Region) -> bool:
    """A loop of a few iterations over a constant range, whose sum lives no longer."""
    count = iterations(loop)
    return count is not None and count[1] is None and count[0] <= 20 and len(enclosing_loops(loop)) > 1


def _carried(holder: Value) -> Choice | None:
    """What comes round the loop in a sum, also where it is begun anew on some turns before it is added to."""
    if not isinstance(holder, Choice) or holder.loop:
        return holder if isinstance(holder, Choice) else None
    return next((part for part in holder.options if isinstance(part, Choice) and part.loop), None)


def _is_carried(holder: Choice) -> bool:
    """Whether what reaches the next iteration still has a graph: the next statement may take the number out."""
    return any(attached(option) is not False for option in holder.options[1:]) or len(holder.options) < 2


def _is_reset_around(loop: Region, name: str, holder: Value) -> bool:
    """Whether an outer loop starts or makes the accumulator anew for each of its own optimizer steps."""
    for outer in enclosing_loops(loop)[1:]:
        shared = name.startswith(".")
        steps = [
            s
            for s in of_kind(outer, "step")
            if (s.loop is outer or (shared and not s.region.inside(loop)))
            and not _may_schedule(s, loop, outer)
        ]
        if steps and _is_local(holder, outer):
            return True
        if (
            name
            and steps
            and any(e.detail == name and not e.region.inside(loop) for e in of_kind(outer, "reset"))
        ):
            return True
    return False


def _may_schedule(step: Event, loop: Region, outer: Region) -> bool:
    """Whether a step around a loop that steps by itself is one of an unknown object that nobody clears: a schedule."""
    if role(step.target) == "optimizer" or not of_kind(loop, "step"):
        return False
    return not any(same(e.target, step.target) for e in of_kind(outer, "zero_grad"))


def _same_arms(first: Event, second: Event, loop: Region) -> bool:
    a, b = first.guards(loop), second.guards(loop)
    return bool(b) and {id(r) for r in b} <= {id(r) for r in a}


def _target_is_name(node: Assign | Augment) -> bool:
    target = node.target if isinstance(node, Augment) else node.targets[0]
    return isinstance(target, Name)


def _is_outer(event: Event, loop: Region) -> bool:
    """A global, a closure's variable, or one that a fragment leaves out and nothing in the loop begins anew."""
    return event.region.loop is not loop or isinstance(event.target, Free)


def _holder_name(node: Node) -> str:
    """The name that a reset would have to set: `total`, `.losses` of an attribute."""
    target: Expression | None = None
    match node:
        case Augment(target=found):
            target = found
        case Assign(targets=(found, *_)):
            target = found
        case Call(function=Attribute(value=found)):
            target = found
    while isinstance(target, Subscript):
        target = target.value
    if isinstance(target, Name):
        return target.id
    return f".{target.name}" if isinstance(target, Attribute) else ""


def _is_bounded(holder: Value) -> bool:
    found = one(holder)
    return (
        isinstance(found, Instance)
        and isinstance(found.cls, External)
        and (
            found.cls.name == "collections.deque" and ("maxlen" in found.keywords or len(found.arguments) > 1)
        )
    )
