"""Criteria applied: what goes into each, behind which last operation, and whether it trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from trainlint.diagnostic import Level
from trainlint.meaning.attachment import attached
from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.conditions import depends_on, is_usual, settings_in
from trainlint.meaning.dataflow import operands, operation, peel, walk
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.losses import BY_HAND, Criterion, criterion
from trainlint.meaning.facts.operations import ACTIVATIONS, SQUASHING
from trainlint.meaning.flow import of_kind
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.syntax import Assign, Block, Call, Declare, Define, Name, Node, nodes_in
from trainlint.meaning.trace import BY_FRAMEWORK, Event, Region
from trainlint.meaning.unapplied import unapplied
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
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.bounds import Bound
    from trainlint.meaning.classes import Exclusive
    from trainlint.meaning.indices import RegressedClasses
    from trainlint.meaning.place import Change
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The last operation before a criterion. `layer`: where its module was made, if it is one."""

    operation: str
    value: Value
    node: Node | None
    layer: Instance | None


@dataclass(frozen=True, eq=False)
class Objective:
    """A criterion applied to a prediction and a target."""

    event: Event
    criterion: Criterion
    program: Program
    chosen: frozenset[str] = frozenset()  # settings whose defaults choose this criterion among others
    supposed: bool = False  # nothing shows that it is applied: a paste of a network and its criterion

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def prediction(self) -> Value:
        return self.event.inputs[0]

    @property
    def target(self) -> Value:
        return self.event.inputs[1]

    @property
    def made(self) -> Node | None:
        """Where the criterion object was made (None for functions)."""
        callee = one(self.event.target)
        return callee.node if isinstance(callee, Instance) else None

    @property
    def name(self) -> str:
        """The criterion's short name, as its users know it."""
        if self.is_written_out:
            return self.criterion.name
        callee = one(self.event.target)
        if isinstance(callee, Instance) and isinstance(callee.cls, External):
            return callee.cls.name.rpartition(".")[2]
        return callee.name.rpartition(".")[2] if isinstance(callee, External) else "criterion"

    @property
    def heads(self) -> tuple[Head, ...]:
        return self._heads[0]

    @cached_property
    def _heads(self) -> tuple[tuple[Head, ...], frozenset[str]]:
        """What the prediction ends in: where that differs, as the defaults of settings have it, and their names."""
        heads = tuple(head_of(value) for value in peel(self.prediction, self.event.given))
        if len({_kind(head) for head in heads}) < 2 or not is_usual(self.event.given):
            return heads, frozenset()
        settings: set[str] = set()
        usual = tuple(head_of(value) for value in peel(self.prediction, self.event.given, settings))
        return (
            (usual, frozenset(settings))
            if len({_kind(head) for head in usual}) == 1
            else (heads, frozenset())
        )

    @property
    def settings(self) -> frozenset[str]:
        """The settings with whose defaults alone the heads are what they are, or the criterion is used."""
        return self._heads[1] | self.chosen

    @property
    def level(self) -> Level | None:
        """The most that may be said: another value of a setting makes another program."""
        return "warning" if self.settings or self.supposed else None

    @property
    def written(self) -> Node | None:
        """The call of the criterion; None where no call of one is in the text: a framework's, or one in operations."""
        return None if BY_FRAMEWORK in self.event.detail or self.is_written_out else self.node

    @property
    def is_written_out(self) -> bool:
        """Whether the program computes it by operations of its own."""
        return BY_HAND in self.event.detail

    @property
    def proviso(self) -> str:
        """Which settings a message has to name."""
        names = ", ".join(f"`{name}`" for name in sorted(self.settings))
        return f" (by the default of {names})" if names else ""

    def all_heads(self, *names: str) -> tuple[Head, ...]:
        """The heads if each is one of these operations, else nothing: a rule may speak only if all agree."""
        heads = self.heads
        return heads if heads and all(head.operation in names for head in heads) else ()

    def inner_heads(self, *names: str) -> tuple[Head, ...]:
        """What the heads themselves are applied to, if each head and each of these is one of the operations."""
        outer = [head.value for head in self.heads if isinstance(head.value, Result)]
        inner = [
            head_of(v) for o in outer for v in (peel(operands(o)[0], self.event.given) if operands(o) else [])
        ]
        agree = len(outer) == len(self.heads) and all(head.operation in names for head in inner)
        return tuple(inner) if inner and agree else ()

    @cached_property
    def normalised_before(self) -> tuple[Head, ...]:
        """The softmax (or log_softmax) layers whose output a cross entropy normalises again."""
        if self.criterion.kind == "cross-entropy":
            return self.all_heads("softmax") or self.all_heads("log_softmax")
        if self.criterion.kind == "nll" and self.all_heads("log_softmax"):
            return self.inner_heads("softmax")  # a log_softmax and nll_loss are a cross entropy in two steps
        return ()

    @cached_property
    def activated_before(self) -> tuple[Head, ...]:
        """The activations that bound or cut off the scores of a cross entropy, in one step or in two."""
        if self.criterion.kind == "cross-entropy":
            dropped = self.inner_heads(*SQUASHING) if self.all_heads("dropout") else ()
            return self.all_heads(*SQUASHING) or dropped
        if self.criterion.kind == "nll" and self.all_heads("log_softmax"):
            return self.inner_heads(*SQUASHING)
        return ()

    @property
    def learns(self) -> bool:
        """Whether a graph goes through the prediction (a metric under no_grad does not learn)."""
        return self.event.grad is not False and attached(self.prediction) is not False

    @cached_property
    def backwards(self) -> tuple[Event, ...]:
        """The backward passes that this value takes part in."""
        return tuple(
            b
            for b in self.program.backwards
            if b.value is not None and any(v is self.event.value for v in walk(b.value))
        )

    # What is wrong with the pair of criterion and prediction

    def places(self, head: Head) -> list[Node]:
        """Where a head is applied and its layer made, other than the criterion call itself."""
        made = head.layer.node if head.layer is not None else None
        found: list[Node] = []
        for node in (head.node, made):
            if node is not None and node is not self.node and all(node is not f for f in found):
                found.append(node)
        return found

    @property
    def unbounded(self) -> bool:
        """Whether every alternative of the prediction is the raw output of a layer, so outside [0, 1]."""
        return bool(self.heads) and all(_is_raw(head, _UNBOUNDED) for head in self.heads)

    @property
    def raw_scores(self) -> bool:
        """Whether every alternative of the prediction is no log-probability for sure."""
        return bool(self.heads) and all(
            _is_raw(head, (_UNBOUNDED - {"log_softmax", "logsigmoid"}) | {"sigmoid"}) for head in self.heads
        )

    def without(self, head: Head) -> list[Change]:
        from trainlint.meaning.rewrites import without

        return without(head) if self._is_one_call(head) else []

    def as_log_softmax(self, head: Head) -> list[Change]:
        from trainlint.meaning.rewrites import as_log_softmax

        return as_log_softmax(head) if self._is_one_call(head) else []

    def _is_one_call(self, head: Head) -> bool:
        """Whether there is one alternative only, and its head one operation, so that an edit knows its place."""
        return len(self.heads) == 1 and operation(head.value) == head.operation

    def wrapped(self, template: str) -> list[Change]:
        from trainlint.meaning.rewrites import wrapped

        return wrapped(self, template)

    def activated(self, operation: str) -> list[Change]:
        """The edit that applies an activation to the scores, for experiments."""
        from trainlint.meaning import planting

        return planting.activated(self, operation)

    @property
    def with_logits(self) -> list[Change]:
        from trainlint.meaning.rewrites import with_logits

        return with_logits(self)

    def as_cross_entropy(self, exclusive: Exclusive) -> list[Change]:
        from trainlint.meaning.rewrites import as_cross_entropy

        return as_cross_entropy(self, exclusive.indices)

    @cached_property
    def exclusive_classes(self) -> Exclusive | None:
        from trainlint.meaning.classes import exclusive_classes

        return exclusive_classes(self)

    @cached_property
    def regressed_classes(self) -> RegressedClasses | None:
        from trainlint.meaning.indices import regressed_classes

        return regressed_classes(self)

    @property
    def reaches_backward(self) -> bool:
        """Whether a backward pass goes through this value."""
        return self.event.value is not None and id(self.event.value) in self.program.used_by_backwards

    @cached_property
    def bound(self) -> Bound | None:
        from trainlint.meaning.bounds import bound

        return bound(self)


_UNBOUNDED = frozenset(
    "relu leaky_relu elu gelu silu prelu operator.@ matmul mm bmm linear addmm conv2d tanh log_softmax logsigmoid".split()
)


def _is_raw(head: Head, operations: frozenset[str]) -> bool:
    factors = operands(head.value) if isinstance(head.value, Result) else []
    if head.operation in _PRODUCTS and not all(map(_is_unnormalised, factors)):
        return False  # of two distributions, it is a probability too
    if head.operation in operations or _stands_for_scores(head) or _are_logits(head.value):
        return True
    layer = head.layer
    if layer is None or not isinstance(layer.cls, External):
        return False
    short = layer_name(layer.cls.name)
    return (short in WEIGHTED and short != "Embedding") or _is_classifier(layer)


def _is_classifier(model: Instance) -> bool:
    """Whether a library's network ends in a layer that gives each class a score.

    One that is made for a number of classes keeps its own last layer; others may get another.
    """
    assert isinstance(model.cls, External)
    if model.cls.name.startswith("torchvision.models.resnet"):
        return True
    if not model.cls.name.startswith(_CLASSIFIERS):
        return False
    classes = constant(model.keywords.get("num_classes", Constant(0)))
    return classes != 0 and not any(not key.startswith("*") for key in model.attributes)


_CLASSIFIERS = ("timm.create_model", "torchvision.models.")


def _are_logits(value: Value) -> bool:
    """`outputs.logits` of a network of transformers."""
    match value:
        case Member(receiver=Result(callee=Instance(cls=External(name=name))), name="logits"):
            return name.startswith("transformers.")
    return False


_PRODUCTS = frozenset("operator.@ matmul mm bmm".split())


def _is_unnormalised(operand: Value) -> bool:
    """Whether a factor is seen to be computed, and not as a distribution or a unit vector."""
    return all(
        isinstance(v, (Result, Instance)) and operation(v) not in ("softmax", "sigmoid", "normalize")
        for v in peel(operand)
    )


def _stands_for_scores(head: Head) -> bool:
    """`torch.randn(3, 5, requires_grad=True)`: normal numbers in the place of what a network gives."""
    if head.operation != "randn" or not isinstance(head.value, Result):
        return False
    return constant(head.value.keywords.get("requires_grad", NONE)) is True


def head_of(value: Value) -> Head:
    from trainlint.meaning.mixtures import weights_of_labels

    weights = weights_of_labels(value)
    if weights is not None:
        return Head("softmax", value, weights.node, None)
    name = _operation(value)
    if isinstance(value, Result):
        layer = value.callee if isinstance(value.callee, Instance) else None
        return Head(name, value, value.node, layer)
    return Head("", value, getattr(value, "node", None) if isinstance(value, Item) else None, None)


_EXPONENTS = {"log_softmax": "softmax", "logsigmoid": "sigmoid"}


def _operation(value: Value) -> str:
    """The last operation, in one step or in two: the exponential of a log-probability is the probability."""
    name = operation(value)
    if name == "exp" and isinstance(value, Result) and operands(value):
        inner = {operation(v) for v in peel(operands(value)[0])}
        return _EXPONENTS.get(inner.pop(), name) if len(inner) == 1 else name
    return name


def _kind(head: Head) -> str:
    return "raw" if _is_raw(head, _UNBOUNDED - ACTIVATIONS) else head.operation


def is_activation(head: Head) -> bool:
    return head.operation in ACTIVATIONS


def _chosen_by(event: Event, fact: Criterion) -> frozenset[str] | None:
    """The settings whose defaults choose this kind of criterion among all that the called object can be.

    None where other kinds are left.
    """
    found: set[str] = set()
    for arm in event.region.ancestors():
        branch = arm.parent
        if arm.kind != "arm" or branch is None or not isinstance(branch.node, Call):
            continue
        if depends_on(event.inputs[0], arm.given):
            continue  # what this object gave meets its own loss
        for other in branch.items:
            if type(other) is not Region or other is arm:
                continue
            if fact.kind in {_fact(e) for e in other.events() if e.kind == "criterion"}:
                continue
            if is_usual(other.given) or not is_usual(arm.given):
                return None
            found |= settings_in(other.given)
    return frozenset(found)


def _fact(event: Event) -> str:
    callee = one(event.target)
    made = callee.cls.name if isinstance(callee, Instance) and isinstance(callee.cls, External) else ""
    found = criterion(made or getattr(callee, "name", ""))
    return found.kind if found is not None else ""


def objectives(program: Program, roots: list[Region]) -> list[Objective]:
    found = []
    unread: dict[int, set[int]] = {}
    for root in roots:
        for event in root.events():
            if event.kind != "criterion" or len(event.inputs) < 2:
                continue
            if is_in_unit_test(event) and not of_kind(root, "step"):
                continue  # made-up values that a criterion of the project is tried with
            callee = one(event.target)
            name = (
                callee.cls.name if isinstance(callee, Instance) and isinstance(callee.cls, External) else None
            )
            fact = criterion(name if name is not None else getattr(callee, "name", ""))
            chosen = _chosen_by(event, fact) if fact is not None else None
            if fact is not None and chosen is not None and not _is_unread(event, unread):
                found.append(Objective(event, fact, program, chosen))
    found += _written_out(program)
    left = unapplied(program) if not found else None
    fact = criterion(_made_of(left.target)) if left is not None else None
    return [Objective(left, fact, program, supposed=True)] if left is not None and fact is not None else found


def _made_of(value: Value) -> str:
    """The name of the library's class that something is an object of."""
    return value.cls.name if isinstance(value, Instance) and isinstance(value.cls, External) else ""


def _written_out(program: Program) -> Iterator[Objective]:
    from trainlint.meaning.by_hand import written_out

    for event, fact in written_out(program):
        if not is_in_unit_test(event) or of_kind(event.region.root, "step"):
            yield Objective(event, fact, program)


def _is_unread(event: Event, known: dict[int, set[int]]) -> bool:
    """Whether a function computes a loss into a variable that it never reads: nothing comes of it."""
    function = enclosing_function(event)
    node = function.node if function is not None else None
    if not isinstance(node, Define) or has_no_imports(node.unit):
        return False
    if id(node) not in known:
        known[id(node)] = set(_unread(node.body))
    return id(event.node) in known[id(node)]


def _unread(body: Block) -> Iterator[int]:
    """The calls, by identity, whose result is given to a name that the code uses nowhere else."""
    within = list(nodes_in(body))
    stored = [n for n in within if isinstance(n, Assign) and all(isinstance(t, Name) for t in n.targets)]
    names = Counter(n.id for n in within if isinstance(n, Name))
    given = Counter(t.id for n in stored for t in n.targets if isinstance(t, Name))
    declared = {name for n in within if isinstance(n, Declare) for name in n.names}
    for assign in stored:
        if all(
            isinstance(t, Name) and names[t.id] == given[t.id] and t.id not in declared
            for t in assign.targets
        ):
            yield id(assign.value)
