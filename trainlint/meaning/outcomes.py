"""What becomes of an output in the text behind it: plain numbers and nothing else, or something with its graph.

The interpreter notes what happens to training, not each use of a value. Here each use is read: a name that holds an
output may be reshaped, handed to further operations and functions, and turned into a number, a label or an array
(`item`, `argmax`, `detach`). Whatever is not known to keep to that lets the output escape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from trainlint.meaning import syntax as s
from trainlint.meaning.attachment import attached
from trainlint.meaning.facts.operations import CUTTING_FUNCTIONS
from trainlint.meaning.objects import find_member, is_module
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unit import Unit, words_within
from trainlint.meaning.values import (
    Bound,
    Class,
    External,
    Function,
    Instance,
    Sequence,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

_DEPTH = 3  # functions that an output is followed into, or back out of

# Methods of a tensor that give values without a graph. `numpy` is none: it raises on a tensor with one.
_NUMBERS = frozenset(
    "item detach tolist argmax argmin argsort nonzero eq ne lt le gt ge equal multinomial bernoulli sample"
    " long int bool __index__ __float__".split()
)
_DECIDING = frozenset("argmax multinomial topk max".split())
_LEAVING = _DECIDING | frozenset("numpy item tolist".split())
_ASIDE = frozenset("shape size dim ndim numel device dtype is_cuda requires_grad grad_fn names type".split())
_WITH_INDICES = frozenset("max min topk sort kthvalue median mode".split())
_WANTED = frozenset(
    "backward requires_grad_ retain_grad register_hook grad numpy __array__ share_memory_ data_ptr".split()
)
_KEEPING = frozenset("append extend insert add appendleft".split())
_BUILT_IN_NUMBERS = frozenset("float int bool round".split())
_SHOWING = frozenset("len isinstance type id hasattr".split())
_WRITING = frozenset("print str repr format".split())  # all its numbers, to read
_PASSING = frozenset("list tuple zip enumerate reversed sum max min sorted abs".split())
_SAVED_AS_IMAGE = frozenset(("torchvision.utils.save_image", "torchvision.utils.make_grid"))
_TAKING_GRADIENTS = (
    "torch.autograd.",
    "torch.func.",
    "torch.save",
    "torch.onnx.",
    "torch.jit.",
    "torch.utils.",
)
_OPERATIONS = ("torch.", "einops.", "torchvision.ops.")


@dataclass(slots=True, eq=False)
class Outcome:
    """Where an output is turned into plain numbers, and whether it goes anywhere else."""

    numbers: list[s.Node] = field(default_factory=list)
    decides: bool = False  # by the largest entry, or by a draw
    leaves: bool = False  # a number, a label or an array: not only a tensor without its graph
    escapes: bool = False
    returned: bool = False


def outcome_of(event: Event, passed: set[int]) -> Outcome:
    """What becomes of a forward's output; `passed`: the nodes of calls that are layers, networks and criteria."""
    found = Outcome()
    seed: s.Node = event.node
    region: Region | None = event.region
    for _ in range(_DEPTH):
        home = _home(region)
        body = _body_of(home, seed.unit) if home is not None else None
        if home is None or body is None:
            found.escapes = True
            break
        found.returned = False
        given = _several(event.value) if seed is event.node else ()
        _Reading(found, passed, seed, home.names or {}, seed.unit, outputs=given).run(body)
        if not found.returned or found.escapes:
            break
        if not isinstance(home.node, s.Call):
            found.escapes = True
            break
        seed, region = home.node, home.parent
    found.escapes = found.escapes or found.returned
    return found


def _several(output: Value | None) -> tuple[Value, ...]:
    """What a network gives, where it gives several things."""
    found = one(output) if output is not None else None
    return found.items if isinstance(found, Sequence) else ()


def _home(region: Region | None) -> Region | None:
    if region is None:
        return None
    return next((r for r in region.ancestors() if r.kind in ("call", "closure", "import", "root")), None)


def _body_of(home: Region, unit: Unit) -> s.Block | None:
    if home.kind in ("import", "root"):
        return unit.body
    function = home.function
    if function is None or function.unit is not unit or not isinstance(function.node, s.Define):
        return None
    return function.node.body


@dataclass(slots=True, eq=False)
class _Reading:
    """One function's text, gone through in its order; `held`: the names that hold the output or what it was made into."""

    found: Outcome
    passed: set[int]
    seed: s.Node | None
    names: dict[str, Value]
    unit: Unit
    depth: int = 0
    outputs: tuple[Value, ...] = ()  # of a network that gives several
    held: set[str] = field(default_factory=set)
    ever: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)  # the names that hold what was cut from it
    inner: list[s.Define | s.Lambda | s.DefineClass] = field(default_factory=list)

    def run(self, body: s.Block) -> None:
        self.block(body)
        for node in self.inner:
            if not self.ever.isdisjoint(_free_words(node)):
                self.found.escapes = True  # a function of its own reads it, whenever it is called

    # Statements

    def block(self, block: s.Block) -> None:
        for statement in block.statements:
            if self.found.escapes:
                return
            self.statement(statement)

    def statement(self, node: s.Statement) -> None:
        match node:
            case s.Assign(targets=targets, value=value) if value is not None:
                self.assign(targets, value)
            case s.Augment(target=target, value=value):
                if self.carries(value):
                    self.hold(target)
            case s.Evaluate(value=value):
                self.carries(value)
            case s.Return(value=value):
                if value is not None and self.carries(value):
                    self.found.returned = True
            case s.If(test=test, then=then, otherwise=otherwise):
                self.asks(test)
                self.either(then, otherwise)
            case s.For(target=target, iterable=iterable, body=body, otherwise=otherwise):
                for _ in range(2):
                    before = set(self.held)
                    if self.carries(iterable):
                        self.hold(target)
                    self.block(body)
                    self.held |= before
                self.block(otherwise)
            case s.While(test=test, body=body, otherwise=otherwise):
                for _ in range(2):
                    before = set(self.held)
                    self.asks(test)
                    self.block(body)
                    self.held |= before
                self.block(otherwise)
            case _:
                self.compound(node)

    def compound(self, node: s.Statement) -> None:
        match node:
            case s.With(items=items, body=body):
                for context, target in items:
                    if self.carries(context):
                        self.found.escapes = True
                    if target is not None:
                        self.forget(target)
                self.block(body)
            case s.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
                self.either(body, *(handler for _, handler in handlers))
                self.block(otherwise)
                self.block(final)
            case s.Match(subject=subject, cases=cases):
                self.asks(subject)
                self.either(*cases)
            case s.Define() | s.DefineClass():
                self.inner.append(node)
            case s.Delete(targets=targets):
                for target in targets:
                    self.forget(target)

    def either(self, *blocks: s.Block) -> None:
        before, after = set(self.held), set(self.held) if len(blocks) == 1 else set()
        for block in blocks:
            self.held = set(before)
            self.block(block)
            after |= self.held
        self.held = after

    def assign(self, targets: tuple[s.Expression, ...], value: s.Expression) -> None:
        carried = self.carries(value)
        for target in targets:
            if carried and isinstance(target, s.Display) and len(target.items) == 2 and _has_indices(value):
                self.hold(target.items[0])
                self.forget(target.items[1])
                self.decided(value)
            elif isinstance(value, s.Display) and isinstance(target, s.Display):
                self.pairs(target, value)
            elif value is self.seed and self.outputs and isinstance(target, s.Display):
                self.unpack(target, value)
            elif carried:
                self.hold(target)
            else:
                self.forget(target)
                if isinstance(target, s.Name) and self.is_cut(value):
                    self.cut.add(target.id)

    def pairs(self, target: s.Display, value: s.Display) -> None:
        """`a, b = b, a`: each gets its own, all at once."""
        if len(target.items) != len(value.items):
            self.hold(target)
            return
        carried = [self.carries(item) for item in value.items]
        for inner, holds in zip(target.items, carried, strict=True):
            if holds:
                self.hold(inner)
            else:
                self.forget(inner)

    def unpack(self, target: s.Display, value: s.Expression) -> None:
        """`scores, action = network(state)`: an action that was drawn has no graph, whatever becomes of it."""
        if len(target.items) != len(self.outputs) or any(isinstance(t, s.Star) for t in target.items):
            self.hold(target)
            return
        for inner, output in zip(target.items, self.outputs, strict=True):
            if attached(output) is False:
                self.forget(inner)
                self.decided(value)
            else:
                self.hold(inner)

    def hold(self, target: s.Expression) -> None:
        match target:
            case s.Name(id=name):
                self.held.add(name)
                self.ever.add(name)
            case s.Display(items=items):
                for item in items:
                    self.hold(item)
            case s.Star(value=value):
                self.hold(value)
            case s.Subscript(value=s.Name() as value):
                self.hold(value)  # an entry of a list or array at hand
            case _:
                self.found.escapes = True

    def forget(self, target: s.Expression) -> None:
        match target:
            case s.Name(id=name):
                self.held.discard(name)
            case s.Display(items=items):
                for item in items:
                    self.forget(item)

    # Expressions

    def asks(self, node: s.Expression) -> None:
        if self.carries(node):
            self.found.numbers.append(node)  # `if output:` takes a number of it

    def any(self, nodes: Iterable[s.Expression | None]) -> bool:
        found = [self.carries(node) for node in nodes if node is not None]  # each is gone through
        return any(found)

    def carries(self, node: s.Expression) -> bool:
        """Whether what an expression gives may hold the graph."""
        if node is self.seed:
            self.inputs(node)
            return True
        match node:
            case s.Name(id=name):
                return name in self.held
            case s.Attribute(value=value, name=name):
                return self.attribute(node, self.carries(value), name)
            case s.Call():
                return self.call(node)
            case s.Subscript(value=value, indices=indices):
                self.any(indices)
                if _has_indices(value) and self.carries(value):
                    return not self.takes_indices(node, indices)
                return self.carries(value)
            case s.Binary(left=left, right=right) | s.Boolean(left=left, right=right):
                return self.any((left, right))
            case s.Unary(operand=value):
                return self.carries(value)
            case s.Comparison(left=left, rest=rest):
                if self.any((left, *(right for _, right in rest))):
                    self.found.numbers.append(node)
                    self.found.leaves = True
                return False
        return self.display(node)

    def display(self, node: s.Expression) -> bool:
        match node:
            case s.Display(items=items):
                return self.any(items)
            case s.DictDisplay(pairs=pairs):
                return self.any(value for _, value in pairs)
            case s.Conditional(test=test, then=then, otherwise=otherwise):
                self.asks(test)
                return self.any((then, otherwise))
            case s.Slice(lower=lower, upper=upper, step=step):
                return self.any((lower, upper, step))
            case s.Star(value=value):
                return self.carries(value)
            case s.Format(parts=parts):
                if self.any(parts):
                    self.found.numbers.append(node)
                    self.found.leaves = True
                return False
            case s.Walrus(target=target, value=value):
                self.assign((target,), value)
                return self.carries(target)
            case s.Comprehension():
                return self.comprehension(node)
            case s.Lambda():
                self.inner.append(node)
            case s.Wait(value=value):
                if value is not None and self.carries(value):
                    self.found.escapes = True
        return False

    def comprehension(self, node: s.Comprehension) -> bool:
        before = set(self.held)
        for generator in node.generators:
            if self.carries(generator.iterable):
                self.hold(generator.target)
            else:
                self.forget(generator.target)
            self.any(generator.tests)
        carried = self.any((node.key, node.element))
        self.held = before
        return carried

    def inputs(self, node: s.Node) -> None:
        """What the network itself is given: its own state of before, which goes on to its output."""
        if isinstance(node, s.Call):
            self.any(argument.value for argument in node.arguments)

    def attribute(self, node: s.Attribute, carried: bool, name: str) -> bool:
        if not carried or name in _ASIDE:
            return False
        if name in _WANTED:
            self.found.escapes = True
        if name == "data":
            self.found.numbers.append(node)
            return False
        return True

    def takes_indices(self, node: s.Expression, indices: tuple[s.Expression, ...]) -> bool:
        """`output.max(1)[1]`: which entry is the largest."""
        match indices:
            case (s.Literal(value=1 | -1),):
                self.decided(node)
                return True
        return False

    def decided(self, node: s.Node) -> None:
        self.found.numbers.append(node)
        self.found.decides = self.found.leaves = True

    def call(self, node: s.Call) -> bool:
        function = node.function
        if isinstance(function, s.Attribute):
            if self.carries(function.value):
                return self.method(node, function.name)
            if function.name in _LEAVING and self.is_cut(function.value):
                self.found.leaves = True
        written = [argument.value for argument in node.arguments]
        carried = [self.carries(value) for value in written]
        if not isinstance(function, (s.Name, s.Attribute)):
            self.carries(function)
        if not any(carried):
            if (
                isinstance(function, s.Attribute)
                and function.name in _DECIDING
                and any(map(self.is_cut, written))
            ):
                self.found.leaves = True
            return False
        if id(node) in self.passed:
            return True
        if isinstance(function, s.Attribute) and function.name in _KEEPING:
            self.hold(function.value)
            return False
        called = [self.given(node, carried, value) for value in self.meant(function)]
        if not called:
            self.found.escapes = True
        return any(called)

    def is_cut(self, node: s.Expression) -> bool:
        """Whether an expression begins with one that has cut the output: `output.detach().cpu()`."""
        while isinstance(node, (s.Call, s.Attribute, s.Subscript)):
            if any(node is cut for cut in self.found.numbers):
                return True
            node = node.function if isinstance(node, s.Call) else node.value
        return isinstance(node, s.Name) and node.id in self.cut

    def method(self, node: s.Call, name: str) -> bool:
        self.any(argument.value for argument in node.arguments)
        if name in _WANTED:
            self.found.escapes = True
        if name in ("argmax", "multinomial", "sample"):
            self.decided(node)
        elif name in _NUMBERS:
            self.found.numbers.append(node)
            self.found.leaves |= name != "detach"
        return name not in _NUMBERS and name not in _ASIDE

    def given(self, node: s.Call, carried: list[bool], function: Value) -> bool:
        """Whether a function that gets the output gives something with its graph."""
        match function:
            case External(name=name):
                return self.library(node, name)
            case Function(node=s.Define()) | Bound(function=Function(node=s.Define())):
                return self.followed(node, carried, function)
            case Instance() if is_module(function):
                return True
        self.found.escapes = True
        return True

    def library(self, node: s.Call, name: str) -> bool:
        short = name.rpartition(".")[2]
        if name.startswith("builtins."):
            if short in _BUILT_IN_NUMBERS or short in _WRITING:
                self.found.numbers.append(node)
                self.found.leaves = True
            elif short not in _SHOWING and short not in _PASSING:
                self.found.escapes = True
            return short in _PASSING
        if name in _SAVED_AS_IMAGE or (name in CUTTING_FUNCTIONS and not name.startswith("math.")):
            self.found.numbers.append(node)
            self.found.decides |= short in ("argmax", "multinomial")
            self.found.leaves |= name != "torch.tensor"
            return False
        if name.startswith("math."):
            self.found.numbers.append(node)
            self.found.leaves = True
            return False
        if not name.startswith(_OPERATIONS) or name.startswith(_TAKING_GRADIENTS) or short in _WANTED:
            self.found.escapes = True
        return True

    def followed(self, node: s.Call, carried: list[bool], function: Function | Bound) -> bool:
        inner = function.function if isinstance(function, Bound) else function
        if self.depth >= _DEPTH or not isinstance(inner.node, s.Define) or inner.decorators:
            self.found.escapes = True
            return True
        own = {inner.node.parameters[0].name: function.receiver} if isinstance(function, Bound) else {}
        reading = _Reading(self.found, self.passed, None, own, inner.unit, self.depth + 1)
        reading.held = _taken(node, carried, inner.node.parameters[len(own) :])
        reading.ever = set(reading.held)
        before, self.found.returned = self.found.returned, False
        reading.run(inner.node.body)
        gives, self.found.returned = self.found.returned, before
        return gives

    def meant(self, function: s.Expression) -> list[Value]:
        """What a name or an attribute path stands for, as far as it is known."""
        match function:
            case s.Name(id=name):
                scope = self.unit.scope.names if self.unit.scope is not None else {}
                found = self.names.get(name) or scope.get(name)
                if found is None:
                    return [External(f"builtins.{name}")] if name in _BUILT_INS else []
                return [_resolved(option) for option in options(found)]
            case s.Attribute(value=value, name=name):
                return [found for holder in self.meant(value) for found in _member(holder, name)]
            case s.Call(function=made):
                return [
                    v for v in self.meant(made) if isinstance(v, External) and v.name.startswith("torch.nn.")
                ]
        return []


_BUILT_INS = _BUILT_IN_NUMBERS | _WRITING | _SHOWING | _PASSING


def _resolved(value: Value) -> Value:
    from trainlint.meaning.values import Deferred

    return value.resolve() if isinstance(value, Deferred) else value


def _member(holder: Value, name: str) -> list[Value]:
    match holder:
        case External(name=home):
            return [External(f"{home}.{name}")]
        case Instance(cls=cls, attributes=attributes):
            if name in attributes:
                return options(attributes[name])
            found = find_member(cls, name) if isinstance(cls, Class) else None
            if found is not None and isinstance(found[0], Function):
                return [Bound(found[0], holder, found[1])]
    return []


def _taken(call: s.Call, carried: list[bool], parameters: tuple[s.Parameter, ...]) -> set[str]:
    """The parameters that get the output."""
    held: set[str] = set()
    by_name = {parameter.name for parameter in parameters}
    for position, (argument, holds) in enumerate(zip(call.arguments, carried, strict=True)):
        if not holds:
            continue
        if argument.star:
            return by_name
        if argument.keyword is not None:
            held.add(argument.keyword if argument.keyword in by_name else "")
        elif position < len(parameters) and not any(a.star for a in call.arguments[:position]):
            held.add(parameters[position].name)
        else:
            return by_name
    return held


def _has_indices(node: s.Expression) -> bool:
    """`output.max(1)` or `torch.topk(output, 5)`: values and where they stand."""
    if not isinstance(node, s.Call) or not isinstance(node.function, s.Attribute):
        return False
    return node.function.name in _WITH_INDICES


def _free_words(node: s.Define | s.Lambda | s.DefineClass) -> frozenset[str]:
    """The names that a function reads and does not bind itself."""
    if isinstance(node, s.Lambda):
        return frozenset(n.id for n in s.names_in(node.value)) - {p.name for p in node.parameters}
    bound = {p.name for p in node.parameters} if isinstance(node, s.Define) else set()
    return words_within(node.body) - node.body.assigned - bound
