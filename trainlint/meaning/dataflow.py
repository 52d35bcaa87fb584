"""Questions about the data-flow graph of values: operations, heads, attachment, origins, identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from trainlint.meaning.conditions import possible, settings_of, usual
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.facts.operations import (
    COMPARISONS,
    CUTTING,
    CUTTING_ATTRIBUTES,
    CUTTING_FUNCTIONS,
    CUTTING_HOMES,
    MODULE_OPERATIONS,
    SAME_OPERATION,
    SHAPE_ONLY,
)
from trainlint.meaning.facts.optimizers import is_optimizer_class, is_schedule_class
from trainlint.meaning.objects import is_module
from trainlint.meaning.values import (
    Argument,
    Bound,
    Choice,
    Class,
    Condition,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Partial,
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    constant,
    one,
    options,
)

_WITH_INDICES = frozenset("max min topk sort kthvalue median mode cummax cummin aminmax".split())
_ATTACHED_METHODS = ("forward", "__call__", "parameters", "named_parameters")  # of modules
_LIMIT = 600  # values looked at for one question
_FAR = 5_000  # values gone back to: one left out here would pass for one that a loss does not reach


def operation(value: Value) -> str:
    """The one name of a tensor operation in all its spellings, "" for what is none."""
    if not isinstance(value, Result):
        return ""
    match value.callee:
        case External(name=name):
            short = name.rpartition(".")[2] if not name.startswith("operator.") else name
            if name.startswith(("torch.", "operator.", "einops.")):
                return SAME_OPERATION.get(short, short)
            return ""
        case Member(name=name):
            return SAME_OPERATION.get(name, name)
        case Instance(cls=External(name=name)):
            layer = layer_name(name)
            return MODULE_OPERATIONS.get(layer, "") if layer is not None else ""
    return ""


def operands(value: Result) -> tuple[Value, ...]:
    """The tensor inputs of an operation: the receiver of a method comes first."""
    if isinstance(value.callee, Member):
        return (value.callee.receiver, *value.arguments)
    if value.arguments:
        return value.arguments
    return tuple(v for k, v in value.keywords.items() if k in ("input", "x", "tensors", "self"))


def peel(value: Value, given: tuple[Condition, ...] = (), settings: set[str] | None = None) -> list[Value]:
    """The values behind operations that only change shape, type or device, for every alternative.

    `given`: under which conditions it is asked; what cannot be there then does not count. With
    `settings` only what their defaults leave does, and those that decided something are added.
    """
    found: list[Value] = []
    pending: list[Value] = [value]
    seen: set[int] = set()
    while pending and len(seen) < _LIMIT:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Choice):
            pending.extend(_left(current, given, settings))
        elif isinstance(current, Result) and operation(current) in SHAPE_ONLY and operands(current):
            first = operands(current)[0]
            inner = one(first)
            pending.extend(inner.items if isinstance(inner, Sequence) and inner.items else [first])
        elif isinstance(current, Item) and _is_tensor_like(current.source):
            pending.append(current.source)
        elif isinstance(current, Sequence) and current.element is not None and not current.items:
            pending.append(current.element)
        else:
            found.append(current)
    return found


def _left(value: Choice, given: tuple[Condition, ...], settings: set[str] | None) -> list[Value]:
    """The alternatives of a choice that count."""
    left = possible(value, given)
    if settings is None or len(left) == 1:
        return left
    common = [option for option in left if any(option is o for o in usual(value))]
    if 0 < len(common) < len(left):
        settings |= settings_of(value)
    return common or left


def _is_tensor_like(value: Value) -> bool:
    """Whether indexing it selects part of a tensor (and not of an unknown tuple)."""
    return any(
        bool(operation(o)) or (isinstance(o, Item) and _is_tensor_like(o.source)) for o in options(value)
    )


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
                return _any([value.arguments[0], *_targets(value.arguments[:2])], seen)
            found = _any(inputs, seen)
            return (
                found
                if name.startswith(("torch", "operator.", "builtins.", "einops")) or found is False
                else None
            )
        case Member(receiver=receiver, name=name):
            if name in CUTTING or (isinstance(constant(receiver), str) and hasattr(str, name)):
                return False
            own = _attached(receiver, seen)
            if is_module(one(receiver)):
                frozen = "*frozen" in one(receiver).attributes  # type: ignore[union-attr]  # a module is an instance
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
                return _any([*inputs[:1], *_targets(inputs)], seen)
            layer = layer_name(name)
            if "*frozen" in value.callee.attributes:
                return None
            if layer in WEIGHTED and _is_frozen_table(value.callee):
                return _any(inputs, seen)
            if layer in WEIGHTED:
                return True
            if layer is not None:
                return _any(inputs, seen)
            return True if is_module(value.callee) else None
        case Instance() as instance if is_module(instance):
            return True
        case Free() | Argument() if _is_criterion_like(value):
            return _any([*inputs[:1], *_targets(inputs)], seen)
    return None


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
    given = layer.keywords.get("freeze", layer.arguments[1] if len(layer.arguments) > 1 else Constant(True))
    return constant(given) is True


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


def walk(value: Value, enter: Callable[[Value], bool] | None = None, limit: int = _FAR) -> Iterator[Value]:
    """A value and all that it was computed from; `enter` says whether to go on below one."""
    pending: list[Value] = [value]
    seen: set[int] = set()
    while pending and len(seen) < limit:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inputs = _INPUTS.get(type(current))
        if inputs is not None and (enter is None or enter(current)):
            pending += inputs(current)


def inputs_of(value: Value) -> list[Value]:
    """What a value was directly computed or taken from."""
    inputs = _INPUTS.get(type(value))
    return inputs(value) if inputs is not None else []


def _of_result(value: Result) -> list[Value]:
    callee = value.callee
    first = callee.receiver if type(callee) is Member else callee
    return [first, *value.arguments, *value.keywords.values()]


def _of_item(value: Item) -> list[Value]:
    key = value.key
    return [value.source] if key is None or type(key) is Constant else [value.source, key]


def _of_sequence(value: Sequence) -> list[Value]:
    return [*value.items, value.element] if value.element is not None else [*value.items]


def _of_mapping(value: Mapping) -> list[Value]:
    entries = value.items.values()
    return [*entries, value.element] if value.element is not None else [*entries]


def _of_instance(value: Instance) -> list[Value]:
    return [*value.arguments, *value.keywords.values()] if type(value.cls) is External else []


_INPUTS: dict[type, Callable[[Any], list[Value]]] = {  # by type: most values that are met have none
    Result: _of_result,
    Choice: lambda value: value.options,
    Item: _of_item,
    Unpacked: lambda value: [value.source],
    Member: lambda value: [value.receiver],
    Sequence: _of_sequence,
    Mapping: _of_mapping,
    Partial: lambda value: [value.function, *value.arguments],
    Instance: _of_instance,
}


def container(value: Value) -> Value:
    """What a value was taken out of by attributes and items: the dictionary of losses behind `out["loss"]`."""
    for _ in range(8):
        match one(value):
            case Item(source=inner) | Member(receiver=inner):
                value = inner
            case Result(callee=Member(receiver=inner, name="items" | "values" | "get")):
                value = inner
            case found:
                return found
    return value


def same(first: Value, second: Value) -> bool | None:
    """Whether two values are the same object; None where they may be."""
    a, b = one(first), one(second)
    if a is b:
        return True
    if type(a) is Instance and type(b) is Instance:
        return False
    match a, b:
        case Free(name=x), Free(name=y):
            return x == y
        case Argument(name=x, function=f), Argument(name=y, function=g):
            return x == y and f is g
        case Member(receiver=x, name=n), Member(receiver=y, name=m):
            return same(x, y) if n == m else False
        case Item(source=x, key=k), Item(source=y, key=j):
            inner = same(x, y)
            if inner is False:
                return False
            if isinstance(k, Constant) and isinstance(j, Constant):
                return inner if k.value == j.value else False
            return inner if k is None and j is None else None
        case Choice(each=x), Choice(each=y) if x is not None and x is y:
            return True  # two loops over the same list
        case Choice(), _:
            answers = {same(o, b) for o in options(a)}
            return True if answers == {True} else (False if answers == {False} else None)
        case _, Choice():
            return same(b, a)
    known = (Instance, Class, Function, Constant, External, Bound)
    if isinstance(a, known) and isinstance(b, known):
        return False
    if isinstance(a, (Argument, Free)) and isinstance(b, (Argument, Free)):
        return False
    return None


def descends(target: Value, value: Value) -> Value | None:
    """The weight that is moved where its own gradient is part of what is taken away."""
    weight = _weight(target)
    for inner in walk(value):
        if isinstance(inner, Member) and inner.name == "grad" and same(_weight(inner.receiver), weight):
            return weight
    return None


def is_gradient(value: Value, depth: int = 0) -> bool:
    """Whether it is the `.grad` of something, or holds such: `[p.grad for p in parameters]`, and one of these."""
    if depth > 6:
        return False
    match value:
        case Member(name="grad"):
            return True
        case Member(receiver=inner, name="data") | Item(source=inner):
            return is_gradient(inner, depth + 1)
        case Choice() | Sequence():
            held = options(value) if isinstance(value, Choice) else _of_sequence(value)
            return any(is_gradient(inner, depth + 1) for inner in held if inner is not value)
        case Result(callee=Member(receiver=inner, name="detach" | "view" | "flatten")):
            return is_gradient(inner, depth + 1)
        case Result(callee=External(name="builtins.list" | "builtins.tuple" | "builtins.filter")):
            return any(is_gradient(inner, depth + 1) for inner in value.arguments)
    return False


def _weight(target: Value) -> Value:
    """`w` of `w.data`."""
    inner = one(target)
    return inner.receiver if isinstance(inner, Member) and inner.name == "data" else target


def certainty(value: Value) -> str:
    """How a value is known: the weakest of its alternatives."""
    order = ("imported", "constructed", "annotated", "inferred", "conventional", "guessed")
    found = [_certainty(option) for option in options(value)]
    return max(found, key=order.index) if found else "guessed"


def _certainty(value: Value) -> str:
    match value:
        case External():
            return "imported"
        case Instance(symbolic=False) | Constant() | Function() | Class():
            return "constructed"
        case Instance():
            return "constructed"
        case Result(callee=callee):
            return "constructed" if isinstance(callee, (External, Instance)) else certainty(callee)
        case Argument(annotation=annotation):
            return "annotated" if isinstance(annotation, External) else "conventional"
        case Free():
            return "conventional"
        case Member(receiver=receiver):
            return "conventional" if _certainty(one(receiver)) != "guessed" else "guessed"
    return "guessed"
