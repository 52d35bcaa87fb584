"""The chain of layers between a network's input and its output, in data-flow order.

Read backwards from what a forward pass gave: each operation with a tensor in and a tensor out is a step. Where paths
meet (`x + block(x)`, `cat`), the longest of them is the chain and the meeting is a step of its own. A layer that a
loop makes counts as often as the loop turns, where that is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from typing import TypeAlias

from trainlint.meaning.conditions import by_default
from trainlint.meaning.dataflow import operation, peel
from trainlint.meaning.facts.layers import MIXING, NORMALISING, NORMALISING_FUNCTIONS, layer_name
from trainlint.meaning.facts.operations import ACTIVATIONS, SHAPE_ONLY
from trainlint.meaning.matrices import added, product
from trainlint.meaning.syntax import Binary, Call, For, Name, Node, While
from trainlint.meaning.trace import Region
from trainlint.meaning.turns import turns_of_making
from trainlint.meaning.values import (
    Argument,
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
    Unknown,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

_DEEPEST = 400  # steps followed back
_MEETINGS = frozenset(
    "operator.+ operator.- operator.* operator./ operator.@ add sub mul matmul bmm mm einsum addmm baddbmm addcmul cat"
    " concat concatenate hstack vstack stack where lerp maximum minimum".split()
)
ADDING = frozenset("operator.+ add addmm stack lerp operator.- sub".split())
JOINING = frozenset("cat concat concatenate hstack vstack".split())
_GATING = frozenset("operator.* mul".split())
_QUIET = SHAPE_ONLY | frozenset(
    "dropout alpha_dropout feature_alpha_dropout max_pool2d max_pool1d avg_pool2d avg_pool1d adaptive_avg_pool2d"
    " interpolate pad mean sum max amax".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation of a chain. `kind`: the layer's class, or the operation's name. `times`: at least so often."""

    kind: str
    value: Value
    layer: Instance | None
    times: float = 1.0
    exact: bool = True  # `times` is known, not a lower bound

    @property
    def node(self) -> Node | None:
        """Where it is applied."""
        return self.value.node if isinstance(self.value, Result) else None

    @property
    def made(self) -> Node | None:
        """Where its layer is made, else where it is applied."""
        return self.layer.node if self.layer is not None and self.layer.node is not None else self.node

    @property
    def mixes(self) -> bool:
        return self.kind in MIXING or self.kind in _FUNCTIONAL

    @property
    def normalises(self) -> bool:
        return self.kind in NORMALISING or self.kind in NORMALISING_FUNCTIONS

    @property
    def activates(self) -> str:
        """The activation that it applies, "" for another step."""
        name = operation(self.value) if isinstance(self.value, Result) else ""
        name = name or (_activation_of(self.layer) if self.layer is not None else "")
        return name if name in ACTIVATIONS else ""


_FUNCTIONAL = frozenset("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d bilinear".split())


def _activation_of(layer: Instance) -> str:
    return operation(Result(layer, (), {}, None))


@dataclass(slots=True, eq=False)
class Chain:
    """What a value was computed by. `steps`: the longest path, first step first; `every`: all steps of all paths."""

    steps: tuple[Step, ...]
    every: tuple[Step, ...]
    whole: bool  # no step is of a kind that nobody knows
    users: dict[int, list[Step]] = field(
        default_factory=dict
    )  # by identity of a value: the steps that take it
    optional: frozenset[int] = (
        frozenset()
    )  # by identity of what they give, or of their layer: steps that another way leaves out

    def is_optional(self, step: Step) -> bool:
        """Whether something else, or nothing, may be in the place of a step."""
        return id(step.value) in self.optional or id(step.layer) in self.optional

    @property
    def mixing(self) -> list[Step]:
        return [step for step in self.steps if step.mixes]

    @property
    def depth(self) -> float:
        """How many layers with weights lie one after the other, at least."""
        return sum(step.times for step in self.mixing)

    @property
    def normalised(self) -> bool:
        return any(step.normalises for step in self.every)

    @property
    def adds(self) -> bool:
        """Whether two paths are added up anywhere: a residual connection, attention, a position."""
        return any(step.kind in ADDING for step in self.every)

    @property
    def joins(self) -> bool:
        return any(step.kind in JOINING for step in self.every)

    @property
    def gates(self) -> bool:
        """Whether one path multiplies another."""
        return any(step.kind in _GATING for step in self.every)

    def kinds(self) -> frozenset[str]:
        return frozenset(step.kind for step in self.every)


Inside: TypeAlias = Callable[[Instance], "Chain | None"]


def chain_of(
    value: Value, inputs: Iterable[Value], network: Instance, inside: Inside, around: Region | None = None
) -> Chain:
    """The chain behind an output, back to the inputs of the forward pass, which is run in the region `around`.

    `inside`: the chain of a module of the project's own that stands for all those that a loop made.
    """
    walk = _Walk({id(v) for given in inputs for v in _spread(given)}, network, inside, around)
    steps = walk.path(value, 0)
    return Chain(
        _counted(steps, around.loop if around is not None else None),
        tuple(walk.every),
        walk.whole,
        walk.users,
        frozenset(walk.optional),
    )


def _counted(steps: tuple[Step, ...], outer: Region | None) -> tuple[Step, ...]:
    """How often each step is there: `layers[-1]` and `for layer in layers[:-1]` share out what a loop made; functions
    in a loop are applied as often as the layers that it goes through are there."""
    uses = Counter(id(step.layer) for step in steps if step.layer is not None)
    shared = [
        replace(step, times=max(1.0, step.times - uses[id(step.layer)] + 1) if _loop(step, outer) else 1.0)
        if uses[id(step.layer)] > 1
        else step
        for step in steps
    ]
    most: dict[int, Step] = {}
    for step in shared:
        loop = _loop(step, outer)
        if step.layer is not None and loop is not None:
            most[id(loop)] = max(most.get(id(loop), step), step, key=lambda s: s.times)
    return tuple(_as_often(step, most.get(id(_loop(step, outer)))) for step in shared)


def _as_often(step: Step, layer: Step | None) -> Step:
    if layer is None or (step.layer is not None and not _is_shared(step)):
        return step
    return replace(step, times=layer.times, exact=layer.exact)


def _is_shared(step: Step) -> bool:
    """Whether one activation or dropout, made once, is applied in each turn: `x = self.act(layer(x))`."""
    return step.times == 1 and not step.mixes and not step.normalises


def _loop(step: Step, outer: Region | None) -> Region | None:
    """The loop of a forward pass that applies it, not the one around the pass."""
    region = step.value.region if isinstance(step.value, Result) else None
    loop = region.loop if isinstance(region, Region) else None
    return None if loop is outer else loop


def _spread(value: Value) -> Iterator[Value]:
    yield value
    for option in options(value):
        yield option
        if isinstance(option, Sequence):
            yield from option.items


@dataclass(slots=True, eq=False)
class _Walk:
    stops: set[int]
    network: Instance
    inside: Inside
    around: Region | None
    known: dict[int, tuple[Step, ...]] = field(default_factory=dict)
    every: list[Step] = field(default_factory=list)
    users: dict[int, list[Step]] = field(default_factory=dict)
    whole: bool = True
    optional: set[int] = field(default_factory=set)

    def path(self, value: Value, depth: int) -> tuple[Step, ...]:
        if id(value) in self.stops:
            return ()
        if id(value) in self.known:
            return self.known[id(value)]
        if depth > _DEEPEST:
            self.whole = False
            return ()
        self.known[id(value)] = ()  # what a loop computes from itself begins here
        found = self._path(value, depth + 1)
        self.known[id(value)] = found
        return found

    def _path(self, value: Value, depth: int) -> tuple[Step, ...]:
        match value:
            case Choice(loop=True):
                first, *later = value.options
                before = self.path(first, depth)
                return before + self._longest(later, depth)
            case Choice():
                return self._likeliest(by_default(value), depth)
            case Result():
                return self._result(value, depth)
            case Item(source=source) | Member(receiver=source):
                return self.path(source, depth)
            case Sequence(items=items, element=element):
                return self._longest([*items, *([element] if element is not None else [])], depth)
            case Mapping(items=entries, element=element):
                return self._longest([*entries.values(), *([element] if element is not None else [])], depth)
            case Unknown():
                self.whole = False
        return ()

    def _likeliest(self, values: Iterable[Value], depth: int) -> tuple[Step, ...]:
        """The longest of several ways. What the others do without, `act(x)` for either of two layers, is optional."""
        ways = [way for way in (self.path(v, depth) for v in values) if way]
        for way in ways:
            others = [{id(step.value) for step in other} for other in ways if other is not way]
            self.optional |= {id(s.value) for s in way if any(id(s.value) not in other for other in others)}
        return max(ways, key=_weight, default=())

    def _longest(self, values: Iterable[Value], depth: int) -> tuple[Step, ...]:
        return max((self.path(v, depth) for v in values), key=_weight, default=())

    def _result(self, value: Result, depth: int) -> tuple[Step, ...]:
        callee = one(value.callee)
        name = operation(value)
        by_hand, inner = product(value), added(value)
        if by_hand is not None:
            return self._behind(self.path(by_hand[0], depth), by_hand[0], value, by_hand[1])
        if inner is not None:
            return self.path(inner, depth)
        if name == "operator.setitem" or (isinstance(callee, External) and name in _MEETINGS):
            return self._met(value, name, _operands(value), depth)
        match callee:
            case Instance():
                return self._applied(value, callee, depth)
            case External() | Member() if name in _MEETINGS:
                return self._met(value, name, _operands(value), depth)
            case Member(receiver=receiver) if name:
                before = self.path(_first(receiver), depth)
                return self._with(before, receiver, Step(name, value, None))
            case External() if name and value.arguments:
                before = self.path(_first(value.arguments[0]), depth)
                return self._with(before, value.arguments[0], Step(name, value, None))
        if not isinstance(callee, External) or not callee.name.startswith(("torch.", "operator.")):
            self.whole = self.whole and not isinstance(callee, (Free, Argument, Unknown, Item, Choice))
        before = self._longest(value.arguments, depth)
        return self._with(before, None, Step("?", value, None))

    def _met(self, value: Result, name: str, parts: list[Value], depth: int) -> tuple[Step, ...]:
        """Two tensors become one; a number beside a tensor is no path."""
        tensors = [part for part in parts if not _is_number(part)]
        before = self._longest(tensors, depth)
        if len(tensors) < 2:
            return before
        step = Step(name, value, None)
        self.every.append(step)
        for part in tensors:
            self._use(part, step)
        return (*before, step)

    def _applied(self, value: Result, layer: Instance, depth: int) -> tuple[Step, ...]:
        if not value.arguments:
            before = self._longest(value.keywords.values(), depth)
        else:
            before = self.path(value.arguments[0], depth)
        taken = value.arguments[0] if value.arguments else None
        for part in _unfolded(layer, self.optional):
            before = self._behind(before, taken, value, part)
            taken = None
        return before

    def _behind(
        self, before: tuple[Step, ...], taken: Value | None, value: Result, layer: Instance
    ) -> tuple[Step, ...]:
        """The chain with a layer behind it, or with all that a module of the project's own does."""
        times, exact = (
            turns_of_making(layer, self.network, self.around)
            if _is_chained(value, self.around)
            else (1.0, True)
        )
        kind = layer_name(layer.cls.name) if isinstance(layer.cls, External) else None
        chain = self.inside(layer) if kind is None else None
        self.whole = self.whole and (kind is not None or chain is not None)
        if chain is None:
            return self._with(before, taken, Step(kind or "?", value, layer, times, exact))
        self.whole = self.whole and chain.whole
        self.optional |= chain.optional
        self.every += [replace(s, times=s.times * times, exact=s.exact and exact) for s in chain.every]
        for key, steps in chain.users.items():
            self.users.setdefault(key, []).extend(steps)
        return (*before, *(replace(s, times=s.times * times, exact=s.exact and exact) for s in chain.steps))

    def _with(self, before: tuple[Step, ...], taken: Value | None, step: Step) -> tuple[Step, ...]:
        self.every.append(step)
        if taken is not None:
            self._use(taken, step)
        return (*before, step)

    def _use(self, taken: Value, step: Step) -> None:
        for part in {id(v): v for v in (*options(taken), *peel(taken))}:
            self.users.setdefault(part, []).append(step)


def _is_chained(value: Result, around: Region | None) -> bool:
    """Whether a layer that is applied in a loop takes what the turn before gave; else the turns stand side by side."""
    region = value.region if isinstance(value.region, Region) else None
    for outer in region.ancestors() if region is not None else ():
        if outer is around:
            return True
        if outer.kind == "loop" and outer.node is not None:
            names = set(_names(value.node))
            return isinstance(outer.node, (For, While)) and not names.isdisjoint(outer.node.body.assigned)
    return True


def _names(node: Node | None) -> Iterator[str]:
    """The names that a call or product is given."""
    match node:
        case Call(arguments=given):
            yield from (a.value.id for a in given if isinstance(a.value, Name))
        case Binary(left=left, right=right):
            yield from (side.id for side in (left, right) if isinstance(side, Name))


def _unfolded(layer: Instance, optional: set[int], depth: int = 0) -> Iterator[Instance]:
    """The layers that a container runs one after the other; another layer is itself.

    Noted as optional, by identity, are those in whose place another one of their rank may be.
    """
    inner = layer.attributes.get("*layers")
    if not isinstance(inner, Sequence) or _is_plain_list(layer) or depth > 4:
        yield layer
        return
    for part in (*inner.items, *([inner.element] if inner.element is not None else [])):
        found = [option for option in by_default(part) if isinstance(option, Instance)]
        for option in sorted(found, key=_rank)[:1]:
            alike = [other for other in found if _rank(other) == _rank(option)]
            optional |= {id(other) for other in alike if len(alike) > 1}
            yield from _unfolded(option, optional, depth + 1)


def _rank(layer: Instance) -> int:
    """Of a pooling or a convolution, as the entry of a list says, the one with weights counts; a gap counts least."""
    kind = layer_name(layer.cls.name) if isinstance(layer.cls, External) else None
    return 0 if kind in MIXING else 2 if kind == "Identity" else 1


def _is_plain_list(layer: Instance) -> bool:
    return not (isinstance(layer.cls, External) and layer.cls.name == "torch.nn.Sequential")


def _weight(steps: tuple[Step, ...]) -> tuple[float, int]:
    return sum(step.times for step in steps if step.mixes), len(steps)


def _operands(value: Result) -> list[Value]:
    callee = one(value.callee)
    given = [callee.receiver, *value.arguments] if isinstance(callee, Member) else [*value.arguments]
    found: list[Value] = []
    for part in given:
        inner = one(part)
        if isinstance(inner, Sequence):
            found += [*inner.items, *([inner.element] * 2 if inner.element is not None else [])]
        else:
            found.append(part)
    return found


def _first(value: Value) -> Value:
    inner = one(value)
    return inner.items[0] if isinstance(inner, Sequence) and inner.items else value


def _is_number(value: Value) -> bool:
    """A constant, or a weight of the network's own that scales or shifts."""
    inner = one(value)
    if isinstance(inner, Constant) or constant(value):
        return True
    if isinstance(inner, Member) and inner.name in ("shape", "eps", "alpha", "scale", "device", "dtype"):
        return True
    return isinstance(inner, Item) and isinstance(one(inner.source), Member) and _is_number(inner.source)


def is_quiet(step: Step) -> bool:
    """Whether a step hands the signal on as it is: reshaping, pooling, dropout."""
    return step.kind in _QUIET or step.kind.startswith(
        (
            "Dropout",
            "AlphaDropout",
            "MaxPool",
            "AvgPool",
            "Adaptive",
            "Flatten",
            "Unflatten",
            "Identity",
            "Upsample",
        )
    )
