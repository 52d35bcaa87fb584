"""Backward passes on values without a graph, and where the graph was cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeGuard

from trainlint.meaning.attachment import attached, is_packed
from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.decay import is_of_weights, is_weight, unscaled
from trainlint.meaning.deciding import is_cut_by_criterion
from trainlint.meaning.facts.layers import WEIGHTED, layer_name
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.facts.operations import COMPARISONS, CUTTING, CUTTING_FUNCTIONS, CUTTING_HOMES
from trainlint.meaning.modules import parts
from trainlint.meaning.new_leaves import is_leaf, is_told_to_learn, new_leaves
from trainlint.meaning.objects import has_unknown_base, is_module
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.syntax import Attribute, Call, Name, Node
from trainlint.meaning.trace import Event
from trainlint.meaning.updates import Update
from trainlint.meaning.values import (
    NONE,
    Argument,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class CutLoss:
    """A backward pass whose loss (or a term of it) has no graph, and the operation that cut it.

    Or the place where a loss without a graph is told to require a gradient, for a backward pass elsewhere.
    """

    backward: Event
    cut: Result | Member
    part: str = ""  # which part of the loss is cut, where it is not the whole

    @property
    def harm(self) -> str:
        if self.backward.kind == "requires_grad":
            return "gives the loss no graph to the model"
        return "does not train all that it should" if self.part else "has no graph to the model"

    @property
    def node(self) -> Node | None:
        return self.cut.node

    @property
    def _name(self) -> str:
        if isinstance(self.cut, Member):
            return f".{self.cut.name}"
        callee = self.cut.callee
        if isinstance(callee, Member):
            return f".{callee.name}()"
        return (
            callee.name.removeprefix("builtins.").removeprefix("operator.")
            if isinstance(callee, External)
            else ""
        )

    @property
    def _ran_without(self) -> bool:
        return isinstance(self.cut, Result) and self.cut.grad is False

    @property
    def why(self) -> str:
        cause = (
            "the forward pass ran without gradients" if self._ran_without else f"`{self._name}` has cut it"
        )
        return f"{self.part}: {cause}" if self.part else cause

    @property
    def what(self) -> str:
        return "computed under no_grad" if self._ran_without else "cuts the graph here"

    @property
    def mended(self) -> list[Change]:
        """The edit that keeps the graph, where the cut is a call around or behind the value."""
        node = self.cut.node
        if isinstance(self.cut, Member):
            return [replace(node, text_of(node.value))] if isinstance(node, Attribute) else []
        if self.cut.grad is False or not isinstance(node, Call):
            return []
        if isinstance(self.cut.callee, Member) and isinstance(node.function, Attribute):
            if self.cut.callee.name in ("item", "detach") and not self._leaves_torch:
                return [replace(self._rewrapped or node, text_of(node.function.value))]
            return []
        if _makes_tensor(self.cut) and node.arguments:
            if _is_list_of_graphs(self.cut):
                return self._stacked(node)
            return [replace(node, text_of(node.arguments[0].value))]
        return []

    def _stacked(self, node: Call) -> list[Change]:
        """The edit that stacks a list of losses, where all that is known to be in it has a graph."""
        if not isinstance(node.function, Attribute) or not isinstance(node.function.value, Name):
            return []
        listed = one(self.cut.arguments[0]) if isinstance(self.cut, Result) else None
        if not isinstance(listed, Sequence) or not all(attached(v) for v in _contents(listed)):
            return []
        written = f"{node.function.value.id}.stack({text_of(node.arguments[0].value)})"
        return [replace(node, written)]

    @property
    def compared(self) -> list[Change]:
        """The edit that takes the largest number where its place was taken, for experiments."""
        node, written = self.node, text_of(self.node) if self.node is not None else ""
        return [replace(node, written.replace("argmax(", "amax("))] if node and "argmax(" in written else []

    @property
    def _leaves_torch(self) -> bool:
        """Whether NumPy goes on with what was cut, `x.detach().numpy()`: with a graph it would only raise."""
        behind = walk(self.backward.value) if self.backward.value is not None else ()
        return any(isinstance(v, Result) and _is_array_of(v, self.cut) for v in behind)

    @property
    def _rewrapped(self) -> Node | None:
        """`torch.tensor(...)` straight around the cut: it would cut the graph again."""
        around = [v for v in walk(self.backward.value) if _makes_tensor(v)] if self.backward.value else []
        return next((v.node for v in around if v.arguments and one(v.arguments[0]) is self.cut), None)


def _is_array_of(value: Result, cut: Value) -> bool:
    inner: Value = value
    for _ in range(3):  # `.cpu().numpy()`
        if not isinstance(inner, Result) or not isinstance(inner.callee, Member):
            return False
        if inner is value and inner.callee.name != "numpy":
            return False
        inner = one(inner.callee.receiver)
        if inner is cut:
            return True
    return False


def _makes_tensor(value: Value) -> TypeGuard[Result]:
    names = ("torch.tensor", "builtins.float", "torch.Tensor", "torch.FloatTensor")
    return isinstance(value, Result) and isinstance(value.callee, External) and value.callee.name in names


def _is_list_of_graphs(value: Value) -> bool:
    """`torch.tensor(losses)` of a list in which there are graphs: the numbers are copied, the graphs are left."""
    if not _makes_tensor(value) or len(value.arguments) != 1:
        return False
    listed = one(value.arguments[0])
    return isinstance(listed, Sequence) and any(attached(v) for v in _contents(listed))


def _contents(listed: Sequence) -> list[Value]:
    return [*listed.items, *([listed.element] if listed.element is not None else [])]


def cut_losses(program: Program) -> list[CutLoss]:
    found: dict[int, CutLoss] = {}
    for backward in program.backwards:
        cut = _whole(program, backward) or _term(program, backward)
        if cut is not None:
            found.setdefault(id(backward.node.cst), cut)
    for event, leaf in new_leaves(program):
        if all(leaf is not other.cut for other in found.values()):
            found.setdefault(id(event.node.cst), CutLoss(event, leaf))
    for patch in program.events("requires_grad"):
        cut = _patched(program, patch)
        if cut is not None and all(cut.cut is not other.cut for other in found.values()):
            found.setdefault(id(patch.node.cst), cut)
    for update in program.updates:
        cut = _other_parameters(update) or _idle_term(program, update)
        if cut is not None:
            found.setdefault(id(cut.backward.node.cst), cut)
    return list(found.values())


def _whole(program: Program, backward: Event) -> CutLoss | None:
    value = backward.value
    if value is None or attached(value) is not False or _is_elsewhere(backward):
        return None
    if program.uses("reinforce"):
        return None  # before torch 0.4 a drawn sample took its reward by `.reinforce()` and had a graph
    if not all(isinstance(o, Result) for o in options(value)) or _has_own_leaf(program, value):
        return None
    cut = _cut_in(value)
    return CutLoss(backward, cut) if cut is not None else None


def _patched(program: Program, patch: Event) -> CutLoss | None:
    """A criterion's value without a graph that is told to require a gradient: it is to be trained on all the same."""
    if patch.grad is False or constant(patch.value or NONE) is not True:
        return None
    if program.uses("reinforce", "grad"):
        return None  # a leaf made on purpose
    cuts = [_cut_before(term) for term in _terms(patch.target)]
    cut = cuts[0] if cuts else None
    return CutLoss(patch, cut) if cut is not None and all(cuts) else None


def _cut_before(term: Value) -> Result | Member | None:
    """What has cut a criterion's value, or the prediction that it was computed of."""
    bare = _uncut(term)
    if not isinstance(bare, Result) or not _is_criterion(bare) or not bare.arguments:
        return None
    if bare is not one(term) and attached(term) is False:
        return _cut_in(term)
    prediction = bare.arguments[0]  # class numbers have no graph, whoever hands them in
    return _cut_in(prediction) if attached(prediction) is False else None


def _uncut(value: Value) -> Value:
    """The loss itself, where a number was taken out of it."""
    while True:
        match one(value):
            case Member(receiver=inner, name="data"):
                value = inner
            case Result(callee=Member(receiver=inner)) as cut if _is_cut(cut):
                value = inner
            case Result(callee=External(), arguments=(inner, *_)) as cut if _is_cut(cut):
                value = inner
            case found:
                return found


def _is_elsewhere(backward: Event) -> bool:
    """A backward pass without gradients that is not sure to belong to a training loop: nobody expects it to train."""
    loop = backward.loop
    if backward.grad is not False:
        return False
    return loop is None or bool(backward.guards(loop)) or not any(e.kind == "step" for e in loop.events())


def _has_own_leaf(program: Program, value: Value) -> bool:
    """A leaf made on purpose (`x.detach().requires_grad_()`) whose `.grad` is read."""
    leaves = {
        id(v)
        for made in program.optimizers
        for given in made.arguments[:1]
        for v in walk(given, _is_no_object)
    }
    if any(id(v) in leaves for v in walk(value) if isinstance(v, Result) or _may_hold_weights(v)):
        return True  # a tensor of its own that an optimizer was given, or what an unknown object has of them
    if not program.uses("grad"):
        return False
    told = {id(one(e.target)) for e in program.events("requires_grad")}
    return any(
        isinstance(v, Result) and (operation(v) in ("requires_grad_", "retain_grad") or id(v) in told)
        for v in walk(value)
    )


def _may_hold_weights(value: Value) -> bool:
    """An object of a library that nobody here knows: `process.model` may learn whatever it was made of."""
    return isinstance(value, Instance) and isinstance(value.cls, External) and not is_module(value)


def _is_no_object(value: Value) -> bool:
    """Whether what a value was made of counts: a network's weights are its own, whatever they were copied from."""
    return not isinstance(value, Instance)


def _term(program: Program, backward: Event) -> CutLoss | None:
    """A summand of the loss that is only a number, beside others that have a graph or are computed where nobody sees it."""
    value = backward.value
    if value is None or attached(value) is False:
        return None
    terms = [term for way in options(value) for term in (_terms(way) if attached(way) is not False else ())]
    for given in map(_beside_numbers, terms if len(terms) > 1 else ()):
        term = unscaled(given)
        if not isinstance(term, Result) or attached(term) is not False:
            continue
        cut = _cut_in(term)
        if cut is None or _trains_elsewhere(program, _uncut(term)):
            continue
        if term is not given and not is_of_weights(term, cut):
            continue  # the factor that is left out may have a graph
        meant = _is_loss_term(term) or _is_list_of_graphs(cut) or is_cut_by_criterion(term, cut)
        meant = meant or is_of_weights(term, cut) or (is_leaf(term) and _is_measure_of(_uncut(term)))
        if not meant and is_told_to_learn(term, cut):
            meant = not program.uses("grad") and not _has_own_leaf(program, term)
        if meant or _is_added_detached(value, term):
            return CutLoss(backward, cut, "one of its terms is only a number")
    return None


def _is_measure_of(value: Value) -> bool:
    return isinstance(value, Result) and _is_criterion(value)


def _trains_elsewhere(program: Program, loss: Value) -> bool:
    """Whether a backward pass goes through a loss itself, beside the number that was made of it."""
    if attached(loss) is not True:
        return False
    ways = [way for backward in program.backwards if backward.value for way in options(backward.value)]
    return any(term is loss for way in ways for term in _terms(way))


def _is_added_detached(value: Value, term: Result) -> bool:
    """Whether a loss, detached as a whole, is added on: what is taken away so keeps another term's gradient."""
    measures = [option for inner in _detached(term) for option in options(inner)]
    if not measures or not all(isinstance(found, Result) and _is_measure(found) for found in measures):
        return False
    return any(term is added for way in options(value) for added in map(one, _terms(way, added=True)))


def _detached(term: Result) -> list[Value]:
    if operation(term) != "detach":
        return []
    return [term.callee.receiver] if isinstance(term.callee, Member) else list(term.arguments[:1])


def _is_measure(value: Result) -> bool:
    """What a criterion measures, or a sum or mean over something with a graph."""
    return attached(value) is True and (_is_criterion(value) or operation(value) in ("mean", "sum"))


def _beside_numbers(term: Value) -> Value:
    """`term if term > 0 else 0`: the one that is no plain number."""
    others = [option for option in options(term) if not isinstance(option, Constant)]
    return others[0] if len(others) == 1 else one(term)


def _terms(value: Value, depth: int = 0, added: bool = False) -> list[Value]:
    """The summands of a loss, their constant factors dropped; of a running sum, what each turn adds.

    `added`: without what is taken away.
    """
    value = one(value)
    if isinstance(value, Choice) and value.loop and depth < 6:
        return [t for o in value.options for t in _terms(o, depth + 1, added) if t is not value]
    if not isinstance(value, Result) or depth > 12:
        return [value]
    name = operation(value)
    if name in ("operator.+", "operator.-") and len(value.arguments) == 2:
        parts = value.arguments[:1] if added and name == "operator.-" else value.arguments
        return [t for a in parts for t in _terms(a, depth + 1, added)]
    match value:
        case Result(
            callee=External(name="builtins.sum"), arguments=(Sequence(items=summed, element=None), *_)
        ):
            return [t for a in summed for t in _terms(a, depth + 1, added)]
    if name in ("operator.*", "operator./") and len(value.arguments) == 2:
        left, right = (one(a) for a in value.arguments)
        if isinstance(left, Constant):
            return _terms(right, depth + 1, added)
        if isinstance(right, Constant):
            return _terms(left, depth + 1, added)
    return [value]


def _is_loss_term(term: Result) -> bool:
    """A criterion's value, or a plain number taken out of the graph."""
    name = term.callee.name if isinstance(term.callee, External) else ""
    return _is_criterion(term) or operation(term) == "item" or name == "builtins.float"


def _is_criterion(term: Result) -> bool:
    callee = term.callee
    if isinstance(callee, Instance):
        callee = callee.cls
    return isinstance(callee, External) and criterion(callee.name) is not None


def _other_parameters(update: Update) -> CutLoss | None:
    """A backward pass before a step whose loss reaches the stepped modules only behind a cut."""
    models = [m for m in update.optimizer.models if isinstance(m, Instance)]
    before = [e for e in update.before() if e.kind in ("backward", "step")]
    if (
        not models
        or not before
        or before[-1].kind != "backward"
        or before[-1].value is None
        or len(models) > 1
    ):
        return None
    backward = before[-1]
    if backward.value is None or attached(backward.value) is not True:
        return None
    if len([e for e in update.events if e.kind == "step"]) < 2:
        return None
    reached = _modules(walk(backward.value, lambda v: not _stops(v), _BEHIND))
    everything = _modules(walk(backward.value, limit=_BEHIND))
    owned = {id(p) for m in models for p in parts(m)}
    if owned & reached or not owned & everything or (len(before) > 1 and before[-2].kind == "backward"):
        return None
    for inner in walk(backward.value):
        if isinstance(inner, Result) and _is_cut(inner) and owned & _modules(walk(inner)):
            return CutLoss(backward, inner, "nothing of it reaches the parameters that are stepped")
    return None


def _idle_term(program: Program, update: Update) -> CutLoss | None:
    """A criterion's value in a sum, whose gradient ends at a cut and at modules that nobody steps by it.

    `loss = bce(critic(fake.detach()), real) + l1(fake, x)` in the turn of the generator: only the second term trains it.
    """
    before = [e for e in update.before() if e.kind in ("backward", "step")]
    if not before or before[-1].kind != "backward" or update.is_closure:
        return None
    backward, value = before[-1], before[-1].value
    stepped = [u for u in program.updates if backward in u.backwards and not _is_cleared(u, backward)]
    if value is None or update not in stepped or not all(_has_known_modules(u) for u in stepped):
        return None
    owned = {id(p) for u in stepped for m in u.optimizer.models for p in parts(m)}
    for term in _terms(value, added=True) if isinstance(one(value), Result) else ():
        if not isinstance(term, Result) or not _is_criterion(term) or attached(term) is not True:
            continue
        if owned & _modules(walk(term, lambda v: not _stops(v), _BEHIND)):
            continue
        for inner in walk(term):
            if isinstance(inner, Result) and operation(inner) == "detach" and owned & _modules(walk(inner)):
                return CutLoss(backward, inner, "one of its terms reaches nothing that is stepped")
    return None


def _is_cleared(update: Update, backward: Event) -> bool:
    """Whether the gradients of a backward pass are gone when an optimizer steps: it clears them in between."""
    before = list(update.before())
    if backward not in before:
        return bool(update.clears_after(backward))
    between = before[before.index(backward) + 1 :]
    return any(e.kind == "zero_grad" and update.owns(e.target) and update.always_with(e) for e in between)


def _has_known_modules(update: Update) -> bool:
    models = update.optimizer.models
    return bool(models) and all(isinstance(model, Instance) for model in models)


_BEHIND = 20_000  # values behind a backward pass: a module left out here would pass for one not reached


def _stops(value: Value) -> bool:
    return isinstance(value, Result) and (_is_cut(value) or value.grad is False)


def _modules(values: Iterable[Value]) -> set[int]:
    return {id(v.callee) for v in values if isinstance(v, Result) and isinstance(v.callee, Instance)}


def _is_count(value: Result) -> bool:
    """`range(n)`, `len(x)`, `x.size(0)`: no number of the graph is in it."""
    if isinstance(value.callee, Member):
        return value.callee.name in ("size", "dim", "numel", "data_ptr", "get_device")
    return isinstance(value.callee, External) and value.callee.name in (
        "builtins.range",
        "builtins.len",
        "builtins.str",
    )


def _cut_in(value: Value) -> Result | Member | None:
    """The operation nearest to the loss that has a graph before it and none behind it."""
    for inner in walk(value):
        if isinstance(inner, Member) and inner.name == "data" and not is_packed(inner.receiver):
            if is_weight(inner.receiver) or _had_graph(inner.receiver):
                return inner
        if isinstance(inner, Item) and isinstance(inner.source, Result) and attached(inner) is False:
            if _had_graph(inner.source):
                return inner.source  # the positions that `max` and the like give beside the values
        if isinstance(inner, Result) and inner.attached is not True:
            if not _is_count(inner) and _is_cut(inner) and any(_had_graph(part) for part in _inputs(inner)):
                return inner
            if inner.grad is False and _would_attach(inner):
                return inner
    return None


def _had_graph(value: Value) -> bool:
    """Whether a value has a graph, or was computed from what an unknown model made of a batch."""
    known = attached(value)
    if known is not None:
        return known
    through = walk(value, lambda v: attached(v) is not False)
    return any(
        isinstance(v, Result) and bool(v.grad) and (_is_unseen(v.callee) or _is_given_a_graph(v))
        for v in through
    )


def _is_given_a_graph(value: Result) -> bool:
    """Whether a function of a library that is not known got what has a graph, by place: `kornia.warp(image, self.matrix)`."""
    return isinstance(value.callee, (External, Member)) and any(
        attached(given) is True for given in value.arguments
    )


def _is_unseen(callee: Value) -> bool:
    """Whether what is called comes from outside, or is a part of what does: `self.modules.network` of an unseen base."""
    callee = _unmoved(callee)
    if isinstance(callee, (Free, Argument)):
        return True
    if not isinstance(callee, Member):
        return False
    owner = one(callee.receiver)
    while isinstance(owner, Member):
        owner = one(owner.receiver)
    return isinstance(owner, Instance) and isinstance(owner.cls, Class) and has_unknown_base(owner.cls)


def _unmoved(callee: Value) -> Value:
    """What is moved to a device or taken out of a table before it is called: `nets` of `nets["student"].cuda()`."""
    callee = one(callee)
    while True:
        match callee:
            case (
                Item(source=inner)
                | Result(callee=Member(receiver=inner, name="cuda" | "to" | "cpu" | "float"))
            ):
                callee = one(inner)
            case _:
                return callee


def _inputs(value: Result) -> list[Value]:
    receiver = [value.callee.receiver] if isinstance(value.callee, Member) else []
    return [*receiver, *value.arguments, *value.keywords.values()]


def _is_cut(value: Result) -> bool:
    match value.callee:
        case Member(name=name):
            return name in CUTTING
        case External(name="torch.autograd.grad") if "create_graph" in value.keywords:
            return False
        case External(name=name):
            return name in CUTTING_FUNCTIONS or name in COMPARISONS or name.startswith(CUTTING_HOMES)
    return False


def _would_attach(value: Result) -> bool:
    """Whether only the grad mode keeps a module's output from having a graph."""
    callee = value.callee
    if isinstance(callee, (Free, Argument)):
        return True  # whatever is called there, nothing else gives the loss a graph
    if isinstance(callee, Instance) and isinstance(callee.cls, External):
        layer = layer_name(callee.cls.name)
        return layer in WEIGHTED or (layer is None and is_module(callee))
    return False
