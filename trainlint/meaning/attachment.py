"""Whether values carry an autograd graph, by what they were computed of and how."""

from __future__ import annotations

from collections.abc import Iterable

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.facts.operations import (
    COMPARISONS,
    CUTTING,
    CUTTING_ATTRIBUTES,
    CUTTING_FUNCTIONS,
    CUTTING_HOMES,
)
from trainlint.meaning.facts.optimizers import is_optimizer_class, is_schedule_class
from trainlint.meaning.objects import is_module
from trainlint.meaning.values import (
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
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    constant,
    one,
    options,
    passed,
)

_WITH_INDICES = frozenset("max min topk sort kthvalue median mode cummax cummin aminmax".split())
_ATTACHED_METHODS = ("forward", "__call__", "parameters", "named_parameters")  # of modules
_LIMIT = 600  # values looked at for one question


def attached(value: Value) -> bool | None:
    """Whether a value carries an autograd graph; None where that cannot be told."""
    return _attached(value, {})


def has_graph(value: Value) -> bool:
    """Whether a backward pass may go on behind a value: not behind a target network's detached answer."""
    return not isinstance(value, (Result, Member)) or attached(value) is not False


Answers = dict[int, bool | None]  # by value, of this question; False while a value is being looked at


def _attached(value: Value, seen: Answers) -> bool | None:
    known = seen.get(id(value), ...)
    if known is not ...:
        return known
    if len(seen) > _LIMIT:
        return None
    if isinstance(value, Result) and value.attached is not None:
        return bool(value.attached)
    seen[id(value)] = False  # what a loop adds to itself says nothing new
    found = seen[id(value)] = _looked_at(value, seen)
    if isinstance(value, Result) and found is not None and len(seen) <= _LIMIT:
        value.attached = found
    return found


def _looked_at(value: Value, seen: Answers) -> bool | None:
    match value:
        case Result():
            return _result_attached(value, seen)
        case Choice(options=values):
            return _any(values, seen)
        case Item(source=Free() | Argument(), key=None):
            return False  # a loop over what came from outside: batches, not graphs
        case Item(source=Result() as source, key=Constant(value=1)) if operation(source) in _WITH_INDICES:
            return False  # the positions, not the values
        case Item(source=source) if is_of_unknown_criterion(source):
            return None  # the loss, or a measurement beside it
        case Item(source=source):
            return _attached(source, seen)
        case Member(receiver=receiver, name=name):
            if name in CUTTING_ATTRIBUTES and not (name == "data" and is_packed(receiver)):
                return False
            return _attached(receiver, seen)
        case Sequence(items=items, element=element):
            return _any([*items, *([element] if element is not None else [])], seen)
        case Mapping(items=entries, element=element):
            return _any([*entries.values(), *([element] if element is not None else [])], seen)
        case Instance(cls=External(name="torch.nn.Parameter" | "torch.nn.parameter.Parameter")):
            return True
        case Instance(cls=External(name=name)) if is_optimizer_class(name) or is_schedule_class(name):
            return False  # what they answer are numbers and settings
        case Instance(cls=External(), arguments=arguments, keywords=keywords) if not is_module(value):
            return _any([*arguments, *keywords.values()], seen)
        case Argument() | Free() | Unknown() | Unpacked():
            return None
    return False


def is_packed(value: Value) -> bool:
    """Whether a value is a `PackedSequence`, whose `.data` is a tensor like any other."""
    return all(
        isinstance(option, Result)
        and isinstance(option.callee, External)
        and option.callee.name.rpartition(".")[2] in ("pack_padded_sequence", "pack_sequence")
        for option in options(value)
    )


def _any(values: list[Value], seen: Answers) -> bool | None:
    answers = [_attached(value, seen) for value in values]
    return True if True in answers else (None if None in answers else False)


# Methods of a tensor that give its own numbers back, elsewhere or in another shape.
_SAME_NUMBERS = frozenset(
    "to cuda cpu float double half long int type view reshape squeeze unsqueeze flatten permute transpose"
    " contiguous expand repeat clone".split()
)


def _result_attached(value: Result, seen: Answers) -> bool | None:
    if value.grad is False:
        return False
    found = _callee_attached(value, seen)
    return None if found and value.grad is None else found


def _callee_attached(value: Result, seen: Answers) -> bool | None:
    inputs = [*value.arguments, *value.keywords.values()]
    match value.callee:
        case External(name="torch.autograd.grad") if "create_graph" in value.keywords:
            created = constant(value.keywords["create_graph"])
            return created if isinstance(created, bool) else None
        case External(name=name):
            if name in CUTTING_FUNCTIONS or name in COMPARISONS or name.startswith(CUTTING_HOMES):
                return None if name.startswith("numpy.") and _is_of_tensors(value, seen) else False
            if criterion(name) is not None and value.arguments:
                return _judged([*value.arguments[:2]], seen)
            found = _any(inputs, seen)
            if found is False and any(map(_may_compute, inputs)):
                return None  # `odeint(field, start, times)` runs what it is given
            return (
                found
                if name.startswith(("torch", "operator.", "builtins.", "einops")) or found is False
                else None
            )
        case Member(receiver=receiver, name=name):
            if name in CUTTING or (isinstance(constant(receiver), str) and hasattr(str, name)):
                return False
            own = _attached(receiver, seen)
            networks = [option for option in options(receiver) if isinstance(option, Instance)]
            if networks and all(map(is_module, options(receiver))):  # whichever of them it is
                frozen = any("*frozen" in network.attributes for network in networks)
                return True if name in _ATTACHED_METHODS and not frozen else None
            found = _any(inputs, seen)
            if isinstance(one(receiver), Instance) and isinstance(one(receiver).cls, Class):  # type: ignore[union-attr]
                return None
            if own is False and name in _SAME_NUMBERS:
                return False  # whatever device or shape it is given
            if found and not own and isinstance(one(receiver), (Argument, Free, Unknown, Instance)):
                return None  # `settings.accuracy(scores, target)`: it may only count
            if found and own is None:
                return None  # a method of something unknown: `environment.step(action)`
            return True if own or found else (None if own is None or found is None else False)
        case Instance(cls=External(name=name)):
            if criterion(name) is not None:
                return _judged(inputs, seen)
            layer = layer_name(name)
            if "*frozen" in value.callee.attributes:
                return None
            if layer in WEIGHTED and _is_frozen_table(value.callee):
                return _any(inputs, seen)
            if layer in WEIGHTED:
                return True
            if name == "torch.nn.Module":  # its forward is left out
                return True if any(map(_has_weights, value.callee.attributes.values())) else None
            if layer is not None:
                return _any(inputs, seen)
            return True if is_module(value.callee) else None
        case Instance() as instance if is_module(instance):
            return True
        case Item(source=Sequence() as listed) if _are_networks(listed):
            return True  # `networks[turn](batch)`: whichever of them it is
        case Free() | Argument() if _is_criterion_like(value):
            return _judged(inputs, seen)
    return None


def _may_compute(given: Value) -> bool:
    """Whether a function is handed something to call, which may have weights."""
    return any(
        isinstance(option, (Function, Bound)) or (isinstance(option, Instance) and is_module(option))
        for option in options(given)
    )


def _are_networks(listed: Sequence) -> bool:
    held = [*listed.items, *([listed.element] if listed.element is not None else [])]
    every = [option for value in held for option in options(value)]
    return bool(every) and all(_has_weights(option) for option in every)


def _has_weights(value: Value) -> bool:
    """Whether a module gives its output a graph: one of the project, or a layer with weights, that is not frozen."""
    if not isinstance(value, Instance) or not is_module(value) or "*frozen" in value.attributes:
        return False
    if isinstance(value.cls, Class):
        return True
    return criterion(value.cls.name) is None and layer_name(value.cls.name) in (*WEIGHTED, None)


def _judged(given: list[Value], seen: Answers) -> bool | None:
    """A criterion's value, by its prediction and targets; an unknown network may predict with weights of its own."""
    found = _any([*given[:1], *_targets(given)], seen)
    return None if found is False and given and _is_of_unknown_network(given[0]) else found


def _is_of_unknown_network(value: Value) -> bool:
    made = one(value)
    while isinstance(made, Result) and isinstance(made.callee, Member) and made.callee.name in _SAME_NUMBERS:
        made = one(made.callee.receiver)
    return isinstance(made, Result) and isinstance(made.callee, (Free, Argument)) and made.grad is not False


def _is_of_tensors(value: Result, seen: Answers, depth: int = 0) -> bool:
    """`np.array(losses)` of a list of tensors with graphs: it raises, or keeps them as they are in an array of objects."""
    given = [option for argument in value.arguments for option in options(argument)]
    if any(isinstance(option, Sequence) and _attached(option, seen) for option in given):
        return True
    if depth > _DEEPEST_ARRAY:
        return False
    return any(
        isinstance(option, Result)
        and isinstance(option.callee, External)
        and option.callee.name.startswith(("numpy.", "operator."))
        and _is_of_tensors(option, seen, depth + 1)
        for option in given
    )


_DEEPEST_ARRAY = 4  # operations between a list and what is computed of the array that it became


def _is_frozen_table(layer: Instance) -> bool:
    """`nn.Embedding.from_pretrained(vectors)`, which freezes them unless it is told not to."""
    if "*pretrained" not in layer.attributes:
        return False
    return constant(passed(layer, 1, "freeze") or Constant(True)) is True


def _targets(inputs: Iterable[Value]) -> list[Value]:
    """The targets of a criterion that may have a graph: what a fragment never computes, `labels`, is data.

    So is the other part of the batch that the prediction was made for.
    """
    given = list(inputs)
    return [t for t in given[1:] if not _is_given(one(t)) and not _is_of_batch_behind(one(t), given[0])]


def _is_given(value: Value) -> bool:
    return isinstance(_unmoved(value), Free)


def _unmoved(value: Value) -> Value:
    """A value before its methods: `labels` of `labels.long().to(device)`."""
    while isinstance(value, Result) and isinstance(value.callee, Member):
        value = one(value.callee.receiver)
    return value


def _is_of_batch_behind(target: Value, prediction: Value) -> bool:
    """Whether a target is one part of a batch, whose other part some module was applied to."""
    target = _unmoved(target)
    if not isinstance(target, Item) or not isinstance(one(target.source), (Argument, Free)):
        return False
    batch = one(target.source)
    for inner in walk(prediction):
        if isinstance(inner, Result) and isinstance(inner.callee, (Free, Argument, Instance)):
            given = (_unmoved(one(a)) for a in inner.arguments)
            if any(isinstance(g, Item) and one(g.source) is batch and g.key is not target.key for g in given):
                return True
    return False


def is_of_unknown_criterion(value: Value) -> bool:
    """Whether an unknown callable that is no model gave a value: what else it returns may be plain numbers."""
    return (
        isinstance(value, Result) and isinstance(value.callee, (Free, Argument)) and _is_criterion_like(value)
    )


def _is_criterion_like(value: Result) -> bool:
    """Whether an unknown callable gets what another one made of a batch: a criterion has no weights."""
    if len(value.arguments) < 2:
        return False
    return any(
        isinstance(inner, Result)
        and isinstance(inner.callee, (Free, Argument, Instance))
        and inner is not value
        for inner in walk(value.arguments[0])
    )
