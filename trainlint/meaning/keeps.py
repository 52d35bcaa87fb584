"""Values that one iteration keeps for the next: accumulators, lists, meters, and the graphs behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, TypeAlias

from trainlint.diagnostic import Level
from trainlint.meaning.attachment import attached, is_of_unknown_criterion
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.carried import retains
from trainlint.meaning.consumers import escapes, is_consumed, is_of_framework
from trainlint.meaning.dataflow import inputs_of, operation, same, walk
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.flow import enclosing_loops, implied, is_seen_whole, key, of_kind
from trainlint.meaning.fragments import is_left_open
from trainlint.meaning.graphs import is_frozen
from trainlint.meaning.handover import handed_in
from trainlint.meaning.history import is_served_volatile, is_volatile
from trainlint.meaning.holders import outlives
from trainlint.meaning.integral import is_of_whole_numbers
from trainlint.meaning.iteration import is_dictionary, underlying
from trainlint.meaning.micro_batches import times
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.objects import is_module
from trainlint.meaning.place import Change, replace, statement_text, text_of
from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Augment,
    Binary,
    Call,
    Comprehension,
    Conditional,
    Define,
    Expression,
    Name,
    Node,
    Subscript,
    nodes_in,
)
from trainlint.meaning.tensor_tests import is_kept_as_number
from trainlint.meaning.terms import is_measurement, is_trained, scaled_from, shaped_from, trained_by
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    Argument,
    Choice,
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
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """A value with a graph that outlives its iteration.

    `place` is where the author's loop keeps it, `store` the statement that does it (the same, unless a
    helper such as a meter stands between). `backward`: the pass that already went through the value, if any.
    """

    event: Event
    loop: Region
    place: Node
    store: Node
    value: Value
    backward: Event | None
    expression: Expression | None  # the kept expression in the author's text at `place`
    shared: Event | None = None  # a pass through another result of the same forward

    @property
    def text(self) -> str:
        """The statement, or the call, that keeps the value."""
        return statement_text(self.place) if isinstance(self.place, Comprehension) else text_of(self.place)

    @property
    def frees(self) -> bool:
        """Whether a backward pass has freed what the graph had saved before it is kept."""
        through = self.backward or self.shared
        return through is not None and not retains(through)

    @property
    def is_of_each_epoch(self) -> bool:
        """Whether an inner loop trains on the batches, so that of each epoch one value is kept."""
        return any(turn.has("backward") and not self.event.region.inside(turn) for turn in self.loop.loops())

    @property
    def level(self) -> Level | None:
        """A number's history once an epoch is little; a whole graph each epoch, or a history each batch, is not."""
        if self.is_of_each_epoch:
            return "advice" if self.frees else "warning"
        return "warning" if self.frees or self.is_by_convention else None

    @property
    def is_by_convention(self) -> bool:
        """Whether only an unbound name says that there is a graph: no backward pass shows it."""
        return self.backward is None and attached(self.value) is not True

    @property
    def cut(self) -> str:
        """What takes the number, or the tensor without its graph, out of the kept expression."""
        if not isinstance(self.expression, (Name, Attribute, Subscript, Call)):
            return ""
        if any(isinstance(option, (Sequence, Mapping)) for option in options(self.value)):
            return ""  # what is in there has to be cut one by one
        if any(r.unrolled for r in self.event.region.ancestors() if r.kind == "loop" and r.inside(self.loop)):
            return ""  # what else the same statement keeps may be plain numbers
        if self._is_taken_apart:
            return ""  # no tensor: the loss is one of its parts
        if self._is_prediction:
            return ".detach()"
        if self._is_asked_as_tensor:
            return ".detach()"
        is_loss = self.backward is not None or any(
            isinstance(v, Result) and _is_criterion(v) for o in options(self.value) for v in (o,)
        )
        return ".item()" if is_loss else ".detach()"

    @property
    def _is_asked_as_tensor(self) -> bool:
        """Whether the sum is asked afterwards for what only a tensor has: `return total.item() / count`."""
        match self.store:
            case (
                Augment(target=Name() | Attribute() as total)
                | Assign(targets=(Name() | Attribute() as total,))
            ):
                asked = rf"(?<![\w.]){re.escape(text_of(total))}\.({_OF_TENSORS})\("
            case _:
                return False
        return re.search(asked, self.store.unit.source.text) is not None

    @property
    def _is_taken_apart(self) -> bool:
        """Whether the backward pass goes through a part that a name takes out of what is kept: `output["loss"]`."""
        passed = (
            walk(self.backward.value) if self.backward is not None and self.backward.value is not None else ()
        )
        kept = {id(option) for option in options(self.value)}
        return any(id(one(v.source)) in kept for v in passed if isinstance(v, Item) and _is_named(v)) or any(
            id(one(v.receiver)) in kept for v in passed if isinstance(v, Member)
        )

    @property
    def _is_prediction(self) -> bool:
        """Whether the kept value is what the criterion of the backward pass compared: no single number."""
        passed = (
            walk(self.backward.value) if self.backward is not None and self.backward.value is not None else ()
        )
        given = [v.arguments[0] for v in passed if isinstance(v, Result) and v.arguments and _is_criterion(v)]
        kept = {id(option) for option in options(self.value)}
        return any(id(v) in kept for first in given for v in walk(first))

    @property
    def compared(self) -> list[Change]:
        """The edit that keeps the values of a computed expression, for experiments: text, where it is no tensor, raises."""
        kept = self.expression
        if kept is None and isinstance(self.place, Assign) and isinstance(self.place.value, (Binary, Call)):
            kept = self.place.value  # what grows with each batch: `scores = torch.cat([scores, output])`
        if self.cut or (kept is self.expression and not isinstance(kept, Binary)) or kept is None:
            return []
        return [replace(kept, f"({text_of(kept)}).detach()")]

    def cuts_beside(self, kept: Iterable[Keep]) -> list[tuple[Expression, str]]:
        """What else the same loop keeps, which may hold the same graph, with what cuts that off."""
        return [
            (other.expression, other.cut)
            for other in kept
            if other.loop is self.loop
            and other.place is not self.place
            and other.expression is not None
            and other.cut
        ]

    @property
    def planted(self) -> list[Change]:
        """The edit that keeps some graph for good each time the statement runs."""
        from trainlint.meaning import planting

        return planting.graph_kept(self.place)

    @property
    def kept(self) -> str:
        """The text of what is kept: at `place` or, where the called function makes it, at the store."""
        expression = self.expression or _stored(self.store)
        if isinstance(self.store, Assign) and isinstance(self.store.targets[0], Subscript):
            expression = self.store.value
        return text_of(expression if expression is not None else self.place)


def _is_named(part: Item) -> bool:
    return part.key is not None and isinstance(constant(part.key), str)


def _stored(store: Node) -> Expression | None:
    match store:
        case Augment(value=value):
            return value
        case Assign(targets=(Name() | Attribute() as target,), value=value) if value is not None:
            return _added(value, key(target))
        case Comprehension(element=element):
            return element
        case Call(arguments=arguments) if arguments:
            return arguments[0].value if len(arguments) < 3 else None
    return None


def _added(value: Expression, to: str | None) -> Expression | None:
    """What an expression adds to a name, also to a share of it: `0.9 * smooth + 0.1 * loss`."""
    match value:
        case Binary(operator="+", left=left, right=right):
            held = [
                any(isinstance(n, (Name, Attribute)) and key(n) == to for n in nodes_in(part))
                for part in (left, right)
            ]
            return right if held == [True, False] else left if held == [False, True] else None
        case Conditional(then=then, otherwise=otherwise):
            return _added(then, to) or _added(otherwise, to)
    return None


def _is_criterion(value: Result) -> bool:
    callee = value.callee
    name = callee.cls.name if isinstance(callee, Instance) and isinstance(callee.cls, External) else ""
    return criterion(name or (callee.name if isinstance(callee, External) else "")) is not None


_OF_TENSORS = "item|detach|cpu|numpy|tolist|to|clone|backward|mean|sum"
_STEPS_BACK = 8
_BEHIND = 400  # values looked at behind a kept one
Passes: TypeAlias = dict[int, list[Value]]  # what each backward pass goes through, by its event


def keeps(program: Program) -> list[Keep]:
    through: Passes = {}
    anew: dict[int, bool] = {}
    found = []
    consumed: set[int] = (
        set()
    )  # the statements whose sums a backward pass goes through on one of the ways here
    for root in program.roots:
        for event in of_kind(root, "keep"):
            if event.value is None or event.grad is False or event.detail == "item of one key":
                continue
            loop = _iterating(event, anew)
            if (
                loop is None
                or not is_seen_whole(loop)
                or (event.detail == "item" and is_of_whole_numbers(event.target))
                or is_volatile(program, loop, (event.value,))
                or is_served_volatile(program, (event.value,))
                or is_in_unit_test(event)
                or is_kept_as_number(event)
            ):
                continue
            if event.detail == "comprehension" and not _is_the_end_of_it(event, loop):
                continue
            if is_consumed(program, event, loop):
                around = _with_its_pass(loop)
                if around is None or is_consumed(program, event, around) or not is_seen_whole(around):
                    consumed.add(id(event.node))
                    continue
                loop = around
            put_in = _put_in(event, loop)
            keep = _keep(program, put_in or event, loop, through)
            if keep is not None and put_in is not None:
                keep = replaced(keep, expression=None)  # beside it there may be plain numbers
            if keep is not None and not _trains_anew(loop):
                found.append(keep)
    kept_there = {id(keep.store) for keep in found if keep.place is keep.store}
    return [
        keep
        for keep in found
        if id(keep.event.node) not in consumed
        and (keep.expression is not None or keep.place is keep.store or id(keep.store) not in kept_there)
    ]


def _is_the_end_of_it(event: Event, loop: Region) -> bool:
    """Whether a comprehension goes through the batches itself and no backward pass follows: one within a batch
    goes with that batch."""
    if loop.node is not event.node:
        return False
    return not any(r.has("backward") for r in enclosing_loops(loop))


def _trains_anew(loop: Region) -> bool:
    """Whether each turn is a whole run with an optimizer of its own: what it keeps is one graph per fold or trial."""
    return any(
        isinstance(made, Instance) and made.loop is not None and made.loop.inside(loop)
        for step in of_kind(loop, "step")
        for made in options(step.target)
    )


def _iterating(event: Event, anew: dict[int, bool]) -> Region | None:
    """The innermost loop around the store that computes a new graph in each iteration.

    `anew` remembers of loops, by identity, whether each turn is of another batch.
    """
    for region in event.region.ancestors():
        if region.kind == "loop" and not region.unrolled and not _turns_once(region):
            if region.has("forward", "backward"):
                if id(region) not in anew:
                    anew[id(region)] = not (_is_within_a_batch(region) or _is_over_models(region))
                return region if anew[id(region)] else None
    return None


def _turns_once(loop: Region) -> bool:
    """`for epoch in range(1)`, and no setting says more: nothing grows in there."""
    count = one(found) if (found := times(loop)) is not None else None
    return isinstance(count, Constant) and count.value == 1 and count.under is None


def _with_its_pass(loop: Region) -> Region | None:
    """The loop around one whose turns add to an objective: it goes backward, and may keep what is no part of that."""
    for outer in enclosing_loops(loop)[1:]:
        if not outer.unrolled and outer.has("backward"):
            return outer
    return None


def _is_over_models(loop: Region) -> bool:
    """Whether a loop goes through modules, so that what it collects is as long as the list of models."""
    pending = [loop.iterable] if loop.iterable is not None else []
    for current in pending:
        for option in options(current):
            if isinstance(option, Instance) and is_module(option):
                return True
            if isinstance(option, Sequence) and len(pending) < 50:
                pending += [*option.items, *([option.element] if option.element is not None else [])]
            elif isinstance(option, Result) and isinstance(option.callee, External) and len(pending) < 50:
                if option.callee.name in ("builtins.zip", "builtins.enumerate", "builtins.reversed"):
                    pending += option.arguments
    return False


def _is_within_a_batch(loop: Region) -> bool:
    """Whether a loop goes through parts of one batch or of an output: what it sums lives for one batch only."""
    if loop.iterable is None:
        return False
    if is_dictionary(loop.iterable):
        return True
    outer = [r.iterable for r in enclosing_loops(loop)[1:] if r.iterable is not None]
    for value in walk(loop.iterable, lambda v: not isinstance(v, Instance)):
        if isinstance(value, Result) and attached(value) is True:
            return True
        if isinstance(value, Item) and any(value.source is o or underlying(o) is value.source for o in outer):
            source = underlying(value.source)
            if not (isinstance(source, Result) and isinstance(source.callee, External)):
                return True
    return False


def _keep(program: Program, event: Event, loop: Region, through: Passes) -> Keep | None:
    assert event.value is not None
    if all(isinstance(option, (Instance, Function)) for option in options(event.value)):
        return None  # a model or a record; what it holds was stored there before
    backward = _backward_through(event, loop, through)
    if backward is None and _may_be_a_number(program, event.value):
        return None
    if backward is None and attached(event.value) is not True:
        backward = trained_by(program, event.value)
        if backward is None and not _is_of_switched(program, event.value):
            return None
    if backward is not None and attached(event.value) is not True:
        if attached(event.value) is False or not is_trained(backward, event.value):
            return None
    if _may_be_cut(event.value) or (backward is None and is_part_of_network(program, loop)):
        return None
    if backward is None and _is_of_frozen(event.value, loop):
        return None
    if (
        (backward is None and _is_unrolled_sequence(event.value, loop))
        or not _new_in(event.value, loop)
        or not outlives(event, loop)
        or (backward is None and (escapes(loop) or is_of_framework(loop)))
    ):
        return None
    event = _filling(event, loop)
    assert event.value is not None
    call = _leading(event, loop)
    if call is None or call.node is None:
        place, expression = event.node, _stored(event.node)
    else:
        place, expression = call.node, handed_in(call, event.value)
    shared = None if backward is not None else _backward_beside(event, loop, through)
    return Keep(event, loop, place, event.node, event.value, backward, expression, shared)


def _filling(event: Event, loop: Region) -> Event:
    """What puts the graph into a dictionary or list that is stored empty and filled afterwards: `found[key] = {}`."""
    held = one(event.value) if event.value is not None else None
    if isinstance(held, (Mapping, Sequence)):
        for other in of_kind(loop, "keep"):
            if other is event or other.target is None or other.value is None or not attached(other.value):
                continue
            if any(option is held for option in options(other.target)):
                return other
    return event


def _put_in(event: Event, loop: Region) -> Event | None:
    """The same with a value that the batch has put under a key of the dictionary whose entries are all kept.

    `stats["loss"] = loss`, then `for key, value in stats.items(): history[key].append(value)`.
    """
    holder = _entries_of(one(event.value)) if event.value is not None else None
    for put in of_kind(loop, "keep") if holder is not None else ():
        if put is event:
            break
        target, value = put.target, put.value
        if put.detail != "item of one key" or value is None or target is None or put.grad is False:
            continue
        if any(o is holder for o in options(target)) and attached(value) is not False:
            if implied(put, event, loop):
                return replaced(event, value=value)
    return None


def _entries_of(value: Value) -> Value | None:
    """The dictionary of which a value is any entry: of a loop over its items or values."""
    match value:
        case Item(source=Result(callee=Member(receiver=holder, name="items" | "values")), key=None):
            return one(holder)
        case Item(source=Result() | Item() as holder, key=Item(source=inner, key=None)):
            return one(holder) if one(inner) is one(holder) else None
    return None


def _is_of_frozen(value: Value, loop: Region) -> bool:
    """Whether networks whose parameters require no gradients have given it: there is no graph."""
    behind = {id(v) for v in _behind(value)}
    gave = [e for e in of_kind(loop, "forward") if e.value is not None and id(e.value) in behind]
    return bool(gave) and all(map(is_frozen, gave))


def _backward_beside(event: Event, loop: Region, through: Passes) -> Event | None:
    """A backward pass through the forward that gave the kept value too: it has freed what that had saved."""
    assert event.value is not None
    given = {
        id(v)
        for v in _behind(event.value)
        if isinstance(v, Result) and not isinstance(v.callee, (External, Member))
    }
    for backward in of_kind(loop, "backward"):
        if any(id(v) in given for v in _passed(backward, through)):
            return backward
    return None


def _passed(backward: Event, through: Passes) -> list[Value]:
    """What a backward pass goes through, looked up once."""
    if id(backward) not in through:
        through[id(backward)] = list(walk(backward.value, _has_graph)) if backward.value is not None else []
    return through[id(backward)]


def _may_be_a_number(program: Program, value: Value, depth: int = 0) -> bool:
    """Whether a value is of a callable that is not shown and no loss is seen to come from: it may count hits."""
    found = one(value)
    if not isinstance(found, Result) or depth > 6:
        return False
    if isinstance(found.callee, External) and found.callee.name.startswith("operator."):
        return any(_may_be_a_number(program, part, depth + 1) for part in found.arguments)
    callee = found.callee
    if not isinstance(callee, (Free, Argument)) or not is_of_unknown_criterion(found):
        return False
    if any(word in callee.name.lower() for word in ("loss", "crit", "objective")):
        return False
    return not any(
        isinstance(v, Result) and same(v.callee, callee)
        for backward in program.backwards
        for v in (walk(backward.value) if backward.value is not None else ())
    )


def _backward_through(event: Event, loop: Region, through: Passes) -> Event | None:
    """A backward pass of the loop on the very value that is kept (or on what contains it)."""
    assert event.value is not None
    backwards = [e for e in of_kind(loop, "backward") if e.value is not None]
    if not backwards:
        return None
    kept = _elements(event.value)
    kept += [inner for value in kept if (inner := _shaped_of(value)) is not value]
    behind = {id(v) for value in kept for v in _behind(value) if isinstance(v, (Result, Item))}
    for backward in backwards:
        assert backward.value is not None
        if any(id(v) in behind for v in options(backward.value)):
            return backward
        passed = _passed(backward, through)
        here = set(map(id, passed)).intersection(map(id, kept))
        if here and not here <= _called(passed):
            return backward  # not the model itself, put into a list
    return None


def _shaped_of(value: Value) -> Value:
    """The output behind its sigmoid, its flat form, and the like; a loss that is multiplied by a number."""
    for _ in range(_STEPS_BACK):
        inner = shaped_from(value) or scaled_from(value)
        if inner is None:
            break
        value = one(inner)
    return value


def _behind(value: Value) -> Iterator[Value]:
    """A value and what it was computed from with a graph; which item of something is taken has none."""
    pending, seen = [value], set[int]()
    while pending and len(seen) < _BEHIND:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            if _has_graph(current):
                pending += [current.source] if isinstance(current, Item) else inputs_of(current)


def _called(values: list[Value]) -> set[int]:
    """The identities of what is called to compute some values, and of what that was made from."""
    callees = [v.callee for v in values if isinstance(v, Result) and not isinstance(v.callee, Member)]
    return {id(part) for callee in callees for part in walk(callee)}


def _has_graph(value: Value) -> bool:
    """Whether what a value was computed from can still be kept alive by it."""
    if isinstance(value, Item) and is_measurement(value):
        return False
    return not isinstance(value, (Result, Item, Member)) or attached(value) is not False


def _is_of_switched(program: Program, value: Value) -> bool:
    """Whether a fragment's unbound model, which is switched to a mode, gave what a criterion made this of."""
    if not is_of_unknown_criterion(value) or attached(value) is False:
        return False
    models = [
        v.callee
        for v in walk(value, _has_graph)
        if isinstance(v, Result) and v.grad and is_left_open(v.callee)
    ]
    return any(same(e.target, model) for e in program.events("mode") for model in models)


def _elements(value: Value) -> list[Value]:
    """The kept value's alternatives; of a list that is added, its items."""
    return [
        inner
        for option in options(value)
        for item in (option.items if isinstance(option, Sequence) and option.items else (option,))
        for inner in options(item)
    ]


def _may_be_cut(value: Value, depth: int = 0) -> bool:
    """Whether one of the paths that give a value, or a part of a sum, has taken it out of its graph: a helper that
    looks at types first, one of several methods that counts."""
    if isinstance(value, Result) and depth < 4 and operation(value).startswith("operator."):
        return any(_may_be_cut(part, depth + 1) for part in value.arguments)
    if not isinstance(value, Choice) or value.loop:
        return False
    if depth and all(attached(option) is False for option in options(value)):
        return False  # a number all along, such as the weight of a meter
    return any(isinstance(o, (Result, Item)) and attached(o) is False for o in options(value))


def _new_in(value: Value, loop: Region) -> bool:
    """Whether each iteration makes a graph for the kept value, and not only one more operation on an old graph."""
    return any(_is_fresh(option, loop, {}) for option in _elements(value))


def _is_fresh(value: Value, loop: Region, seen: dict[int, bool]) -> bool:
    if id(value) in seen or len(seen) > 200:
        return seen.get(id(value), False)
    seen[id(value)] = False
    if isinstance(value, Result):
        if value.region is None or not value.region.inside(loop):
            return False
        inputs = [i for given in inputs_of(value) for i in options(given)]
        grown = [i for i in inputs if attached(i)]
        leaves = any(not isinstance(i, (Result, Item, Member, Sequence, Mapping)) for i in grown)
        found = (
            not isinstance(value.callee, (External, Member))
            or not grown
            or leaves
            or any(_is_fresh(i, loop, seen) for i in inputs)
        )
    else:
        found = any(_is_fresh(i, loop, seen) for given in inputs_of(value) for i in options(given))
    seen[id(value)] = found
    return found


def _is_unrolled_sequence(value: Value, loop: Region) -> bool:
    """Whether a recurrent state goes round the loop: its graph spans the sequence, whoever keeps the parts."""
    for inner in walk(value, _has_graph):
        if isinstance(inner, Result) and inner.region is not None and inner.region.inside(loop):
            if isinstance(inner.callee, (Instance, Free, Argument)):
                if any(_comes_round(inner, given, loop) for given in inner.arguments):
                    return True
    return False


def _comes_round(result: Result, given: Value, loop: Region) -> bool:
    """Whether a module gets what it has given in the turn before, not in a loop of its own: over layers, over time."""
    behind = list(walk(given, _has_graph))
    if all(value is not result for value in behind):
        return False
    carried = [v for v in behind if isinstance(v, Choice) and v.loop]
    return any(
        any(value is result for value in walk(state, _has_graph))
        for state in carried
        if not isinstance(state.home, Region) or state.home is loop or not state.home.inside(loop)
    )


def _leading(event: Event, loop: Region) -> Region | None:
    """The call in the loop's own function that leads to the store, if not the loop itself stores."""
    found = None
    for region in event.region.ancestors():
        if region is loop:
            break
        if region.kind == "call" and region.node is not None and not isinstance(region.node, Define):
            found = region
    return found
