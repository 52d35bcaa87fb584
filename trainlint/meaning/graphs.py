"""Forward passes whose graph somebody wants, or that make none, although no backward pass is seen behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.attachment import attached
from trainlint.meaning.contexts import GRAD_FREE_WORDS
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import enclosing_call, of_kind
from trainlint.meaning.history import is_marked_volatile, is_served_volatile
from trainlint.meaning.iteration import underlying
from trainlint.meaning.methods import SELF_RETURNING
from trainlint.meaning.modes import behind
from trainlint.meaning.modules import holds_no_weights
from trainlint.meaning.objects import decorator_names, find_member, is_module, lineage
from trainlint.meaning.syntax import Attribute, Block, Call, Define, Expression, For, Name, names_in, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Argument,
    Class,
    External,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_HOOKS = frozenset(
    "register_hook register_backward_hook register_full_backward_hook register_full_backward_pre_hook".split()
)
_PARAMETERS = ("parameters", "named_parameters")


def has_no_use_for_no_grad(program: Program, event: Event) -> bool:
    """Whether a forward's graph is wanted by code that is not followed, or there is none."""
    return (
        is_marked_volatile(program, event.inputs)
        or is_served_volatile(program, event.inputs)
        or is_frozen(event)
        or _is_of_a_file_of_frozen(program, event)
        or all(map(holds_no_weights, options(event.target)))
        or _is_hooked(event)
        or _measures_what_is_cut(event)
        or all(map(_switches_gradients_off, options(event.target)))
        or _is_handed_over(event)
    )


def behind_frozen(program: Program, event: Event, loop: Region) -> Event | None:
    """The pass of a further network over what one gives that has nothing to train: a decoder behind its frozen encoder."""
    if event.value is None or not (is_frozen(event) or all(map(holds_no_weights, options(event.target)))):
        return None
    given = {id(option) for option in (event.value, *options(event.value))}
    for other in of_kind(loop, "forward"):
        taken = any(id(v) in given for value in other.inputs for v in walk(value))
        if taken and other.value is not None and attached(other.value) is True:
            return None if has_no_use_for_no_grad(program, other) else other
    return None


def is_frozen(event: Event) -> bool:
    """Whether the network's parameters require no gradients: `ema = deepcopy(net).requires_grad_(False)`."""
    if all(_is_made_frozen(option) for option in options(event.target)):
        return True
    root = event.region.root
    last: Event | None = None
    for happened in root.events():
        if happened is event:
            break
        if happened.kind == "requires_grad" and same(_network_of(happened), event.target) is True:
            last = happened
    return last is not None and constant(last.value or NONE) is False


def _is_of_a_file_of_frozen(program: Program, event: Event) -> bool:
    """Whether nobody is seen to give a function its network, and all that its file makes are frozen: FID's Inception."""
    if not all(isinstance(option, Argument) for option in options(event.target)):
        return False
    made = [
        i
        for i in program.instances
        if isinstance(i.cls, Class) and is_module(i) and i.node is not None and i.node.unit is event.node.unit
    ]
    return bool(made) and all(map(_is_made_frozen, made))


def _network_of(switch: Event) -> Value:
    """Whose gradients are switched: `for p in net.parameters(): p.requires_grad = False` goes through all of a network."""
    match one(switch.target):
        case Item(source=Result(callee=Member(receiver=network, name="parameters"))) if (
            switch.loop is not None and not switch.guards(switch.loop)
        ):
            return network
    return switch.target


def _switches_gradients_off(network: Value) -> bool:
    """Whether a network's `forward` asks for the mode, and a method that it calls runs without gradients."""
    cls = network.cls if isinstance(network, Instance) else None
    found = find_member(cls, "forward") if isinstance(cls, Class) else None
    node = found[0].node if found is not None and isinstance(found[0], Function) else None
    if not isinstance(cls, Class) or not isinstance(node, Define) or "training" not in node.body.words:
        return False
    members = [v for base in lineage(cls) if isinstance(base, Class) for v in base.names.values()]
    return any(
        isinstance(member, Function)
        and isinstance(member.node, Define)
        and member.name in node.body.words
        and member.name != "forward"
        and (
            not GRAD_FREE_WORDS.isdisjoint(member.node.body.words)
            or any(name.rpartition(".")[2] in GRAD_FREE_WORDS for name in decorator_names(member))
        )
        for member in members
    )


def _is_made_frozen(value: Value) -> bool:
    for _ in range(12):
        match one(value):
            case Instance(attributes=attributes):
                return "*frozen" in attributes
            case Result(callee=Member(receiver=receiver, name="requires_grad_"), arguments=arguments):
                if arguments and constant(arguments[0]) is False:
                    return True
                value = receiver
            case Result(callee=Member(receiver=receiver, name=name)) if name in SELF_RETURNING:
                value = receiver
            case Result(callee=External(name="copy.deepcopy"), arguments=[first, *_]):
                value = first
            case _:
                return False
    return False


def _measures_what_is_cut(event: Event) -> bool:
    """Whether an unknown callable gets what was cut out of its graph: a measure, not a network."""
    return event.detail == "unknown" and any(_is_cut(given) for given in event.inputs)


def _is_cut(value: Value) -> bool:
    return all(
        isinstance(v, Result) and isinstance(v.callee, Member) and v.callee.name == "detach"
        for v in behind(value)
    )


def _is_hooked(event: Event) -> bool:
    """Whether the class or function that applies the network hooks into its backward pass: saliency by gradients."""
    call = enclosing_call(event)
    function = call.function if call is not None else None
    if not isinstance(function, Function):
        return False
    bases = lineage(function.owner) if isinstance(function.owner, Class) else []
    members = [m for base in bases if isinstance(base, Class) for m in base.names.values()]
    bodies = [
        m.node.body for m in (function, *members) if isinstance(m, Function) and isinstance(m.node, Define)
    ]
    return any(not _HOOKS.isdisjoint(body.words) and not _hooks_weights_only(body) for body in bodies)


def _hooks_weights_only(body: Block) -> bool:
    """Whether all hooks of a function are on weights that a loop goes through: they clip or watch the gradients of a step."""
    nodes = list(nodes_in(body))
    hooks = [n for n in nodes if isinstance(n, Attribute) and n.name in _HOOKS]
    weights = {
        name.id
        for loop in nodes
        if isinstance(loop, For) and _goes_through_weights(loop.iterable)
        for name in names_in(loop.target)
    }
    return bool(hooks) and all(isinstance(h.value, Name) and h.value.id in weights for h in hooks)


def _goes_through_weights(iterable: Expression) -> bool:
    asked = iterable.function if isinstance(iterable, Call) else None
    return isinstance(asked, Attribute) and asked.name in _PARAMETERS


def _is_handed_over(event: Event) -> bool:
    """Whether a function that is not shown gets the network and what came of it: it may take a step with both."""
    if event.loop is None or event.value is None:
        return False
    outputs = {id(event.value), *map(id, options(event.value))}
    given_both = any(
        _is_given(event.target, handed.inputs)
        and any(id(v) in outputs for given in handed.inputs for v in walk(given))
        for handed in of_kind(event.loop, "unresolved")
    )
    return given_both or any(
        isinstance(v, Result) and not isinstance(v.callee, Instance) and _is_given(event.target, v.arguments)
        for given in event.inputs
        for v in walk(given)
    )  # `params = update_parameters(model, loss)` for the next turn: an inner step of meta-learning


def _is_given(module: Value, given: tuple[Value, ...]) -> bool:
    return any(same(value, module) is True for value in given)


def is_over_parameters(loop: Region) -> bool:
    """Whether a loop goes through the parameters of a network, as a learned optimizer does."""
    source = underlying(loop.iterable) if loop.iterable is not None else None
    if isinstance(source, Result) and isinstance(source.callee, External):
        sources = [underlying(given) for given in source.arguments]  # `zip(model.parameters(), transforms)`
    else:
        sources = [source] if source is not None else []
    return any(
        isinstance(s, Result) and isinstance(s.callee, Member) and s.callee.name in _PARAMETERS
        for s in sources
    )
