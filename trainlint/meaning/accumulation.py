"""Gradients that pile up over several batches before a step, and whether their sum is made a mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.attachment import is_of_unknown_criterion
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import operands, operation, same, walk
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.flow import contrary, required
from trainlint.meaning.micro_batches import is_written_in, loop_of_parts, times, written_times
from trainlint.meaning.optimisation import unscaled
from trainlint.meaning.optimizers import number
from trainlint.meaning.place import Change, replace, text_of
from trainlint.meaning.rhythm import is_behind, leaves_between, periods
from trainlint.meaning.roles import role
from trainlint.meaning.schedules import is_reinforcement
from trainlint.meaning.syntax import (
    Attribute,
    Binary,
    Boolean,
    Call,
    Comparison,
    Expression,
    Literal,
    Name,
    Node,
    Unary,
    nodes_in,
)
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.updates import Update
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Accumulation:
    """An optimizer that steps every so many batches on the sum of their mean losses."""

    update: Update
    backward: Event
    arm: Region  # the branch in which it steps, or the loop over the batches of one step
    every: float | None  # batches to a step, None where that is not known
    under: str | None  # the flag whose default that is

    @property
    def step(self) -> Event:
        return self.update.event

    @property
    def known(self) -> Certainty:
        return self.update.known

    @property
    def count(self) -> str:
        """How the author writes the number of batches."""
        written = self._period
        return text_of(written) if written is not None else f"{self.every:g}" if self.every else "several"

    @property
    def divided(self) -> list[Change]:
        """The edit that divides the loss by the number of batches."""
        loss, period = _loss_expression(self.backward.node), self._period
        if loss is None or not isinstance(period, (Name, Attribute, Literal)):
            return []
        movable = is_written_in(self.arm, self.backward.node) or self.update.movable(
            self.backward, self.update.event
        )
        if not movable or loss.unit is not period.unit:
            return []
        text = f"{text_of(loss)} / {text_of(period)}"
        inside = isinstance(self.backward.node, Call) and bool(self.backward.node.arguments)
        scaled = (
            isinstance(self.backward.node, Call) and _is_receiver(self.backward.node, loss) and not inside
        )
        return [replace(loss, f"({text})" if scaled else text)]

    @property
    def _period(self) -> Expression | None:
        if self.arm.kind == "loop":
            return written_times(self.arm) if self.backward.loop is self.arm else None
        tests = [self.arm.test]
        while isinstance(tests[-1], Boolean):
            tests[-1:] = [tests[-1].right, tests[-1].left]
        for test in reversed(tests):
            match test:
                case Comparison(left=Binary(operator="%", right=period)):
                    return period
                case (
                    Unary(operator="not", operand=Binary(operator="%", right=period))
                    | Binary(operator="%", right=period)
                ):
                    return period
        return None


def _is_receiver(call: Call, loss: Expression) -> bool:
    return isinstance(call.function, Attribute) and call.function.value.cst is loss.cst


def _loss_expression(node: Node) -> Expression | None:
    """`loss` of `loss.backward()` and of `scaler.scale(loss).backward()`."""
    if not isinstance(node, Call) or not isinstance(node.function, Attribute) or node.arguments:
        return None
    match node.function.value:
        case Name() | Attribute() as loss:
            return loss
        case Call(function=Attribute(name="scale"), arguments=(given,)):
            return given.value
    return None


def unscaled_accumulations(program: Program) -> list[Accumulation]:
    found: dict[int, Accumulation] = {}
    if is_counted_by_an_engine(program) or program.uses("meta_lr", "inner_lr", "meta_optimizer"):
        return []  # an engine counts, or the batches are tasks
    for update in program.updates:
        if "grad" in update.node.unit.code_words:
            continue  # the gradients may be divided by hand
        for turn in turns_of_step(update):
            backward = _piled_up(update, turn)
            if backward is not None and not is_in_unit_test(update.event) and is_plain_mean(update, backward):
                made = Accumulation(update, backward, turn.arm, turn.every, turn.under)
                found.setdefault(id(update.node), made)
        looped = _in_a_loop_of_parts(program, update)
        if looped is not None:
            found.setdefault(id(update.node), looped)
    return list(found.values())


def _in_a_loop_of_parts(program: Program, update: Update) -> Accumulation | None:
    """`for part in range(parts): ... loss.backward()`, behind it the step."""
    feeding = [b for b in update.feeding if b in update.before()]
    if len(feeding) != 1 or not isinstance(feeding[0].detail, tuple) or is_in_unit_test(update.event):
        return None
    backward = feeding[0]
    loop = loop_of_parts(update, backward)
    if loop is None or role(backward.detail[0]) == "engine" or not all(map(_is_one, _gradients(backward))):
        return None
    clears = [e for e in update.events if e.kind in ("zero_grad", "grad_write") and update.may_clear(e)]
    if not clears or not is_plain_mean(update, backward) or is_reinforcement(program):
        return None
    every = number(times(loop))
    return Accumulation(update, backward, loop, every[0] if every else None, every[1] if every else None)


def is_counted_by_an_engine(program: Program) -> bool:
    """`with accelerator.accumulate(model):`; a number of that name says nothing."""
    return program.uses("accumulate") and any(
        isinstance(node, Call) and isinstance(node.function, Attribute) and node.function.name == "accumulate"
        for unit in program.units
        for node in nodes_in(unit.body)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """The one turn in several in which an optimizer steps: an arm around it, or one in which the others are left."""

    arm: Region
    leave: Leave | None
    loop: Region
    every: float | None  # one in how many, None where that is not known
    under: str | None  # the flag whose default that is

    def holds(self, event: Event) -> bool:
        """Whether something happens in this turn only."""
        if self.leave is None:
            return event.region.inside(self.arm)
        return is_behind(event, self.leave, self.loop)


def turns_of_step(update: Update) -> Iterator[Turn]:
    before = [b for b in update.feeding if b in update.before()]
    arms: list[tuple[Region, Leave | None]] = [(arm, None) for arm in update.event.guards(update.loop)]
    if before:
        arms += [(leave.region, leave) for leave in leaves_between(before[0], update.event, update.loop)]
    for arm, leave in arms:
        holds = arm.holds if leave is None else not arm.holds
        for period in (periods(arm.truth, holds) or ()) if arm.truth is not None else ():
            every = number(period)
            if every is None:
                yield Turn(arm, leave, update.loop, None, None)
            elif every[0] > 1 or every[1] is not None:
                yield Turn(arm, leave, update.loop, *every)


def of_every_batch(update: Update, turn: Turn) -> Event | None:
    """The one backward pass of every batch before a step of one batch in several."""
    feeding = [
        b for b in update.feeding if b in update.before() and not contrary(b, update.event, update.loop)
    ]
    if len(feeding) != 1 or turn.holds(feeding[0]) or feeding[0].loop is not update.loop:
        return None
    backward = feeding[0]
    if not required(backward, update.event, update.loop) or not isinstance(backward.detail, tuple):
        return None
    return backward if role(backward.detail[0]) != "engine" else None


def _piled_up(update: Update, turn: Turn) -> Event | None:
    """The backward pass of every batch, whose gradients the guarded step uses and then clears."""
    backward = of_every_batch(update, turn)
    if backward is None or not all(map(_is_one, _gradients(backward))):
        return None
    clears = [e for e in update.events if e.kind in ("zero_grad", "grad_write") and update.may_clear(e)]
    after = [e for e in clears if e in update.after()]
    if any(not turn.holds(e) for e in clears) or not after or len(after) < len(clears):
        return None
    return backward


def _is_manual(backward: Event) -> bool:
    """Lightning's `self.manual_backward(loss)`, which divides nothing."""
    call = backward.node.function if isinstance(backward.node, Call) else None
    named = isinstance(call, Attribute) and call.name == "manual_backward"
    return named and bool(backward.inputs) and backward.inputs[0] is backward.value


def _gradients(backward: Event) -> list[Value]:
    """What a backward pass is told to multiply the loss's gradient with: `loss.backward(gradient=weight)`."""
    given = backward.inputs[1:] if _is_manual(backward) else backward.inputs
    return [*given[:1], *(v for k, v in backward.detail[1].items() if k == "gradient")]


def _is_one(gradient: Value) -> bool:
    """Whether such a factor leaves everything as it is: none at all, or ones."""
    match one(gradient):
        case Constant(value=None | 1):
            return True
        case Result(arguments=(number, *_)) as made if operation(made) in ("tensor", "as_tensor"):
            return bool(constant(number) == 1)
    return operation(gradient) in ("ones_like", "ones")


def is_plain_mean(update: Update, backward: Event) -> bool:
    """Whether the loss is the mean over a batch and nothing scales it, its gradients or the rate."""
    rate = update.optimizer.rate
    if backward.value is None or _is_computed(rate, one(update.optimizer.value)):
        return False
    criteria = options(unscaled(backward.value))
    if len(criteria) > 1:  # a setting says which one it is
        return any(map(_is_plain_term, criteria)) and not any(map(_is_scaled, criteria))
    if _is_plain_term(backward.value) or _is_of_network(update, criteria[0]):
        return True
    terms = _terms(backward.value)  # what is weighted is added to what is not: `loss + 0.1 * penalty`
    weighed = [_weighed(term) for term in terms]
    if _are_parts_of_one([weight for weight, _ in weighed]):
        terms = [term for _, term in weighed]  # `a * hard + (1 - a) * soft` is a mean too
    return any(map(_is_plain_term, terms)) and not any(map(_divides, terms))


def _is_of_network(update: Update, loss: Value) -> bool:
    """Whether a network of a library gives its own loss: `loss = model(tokens, return_type="loss")`."""
    match loss:
        case Result(callee=Instance(cls=External(name=name)) as network) if not name.startswith("torch."):
            forwards = (e for e in update.events if e.kind == "forward")
            return any(e.target is network and e.value is loss for e in forwards)
    return False


def _weighed(term: Value) -> tuple[Value | None, Value]:
    """The plain number that a term is multiplied by, and what is multiplied."""
    if isinstance(term, Result) and operation(term) == "operator.*" and len(operands(term)) == 2:
        first, second = operands(term)
        for weight, rest in ((first, second), (second, first)):
            if _is_plain_number(weight):
                return one(weight), rest
    return None, term


def _are_parts_of_one(weights: list[Value | None]) -> bool:
    """Whether weights add up to one: 0.3 and 0.7, or `a` and `1 - a`."""
    known = [number(weight) for weight in weights]
    if all(known):
        return abs(sum(found[0] for found in known if found) - 1) < _NEARLY
    match weights:
        case [Result() as first, Result() as second]:
            return _is_rest(first, second) or _is_rest(second, first)
        case [other, Result() as rest] | [Result() as rest, other] if other is not None:
            return _is_rest(rest, other)
    return False


def _is_rest(rest: Result, weight: Value) -> bool:
    if operation(rest) != "operator.-" or len(operands(rest)) != 2:
        return False
    whole, taken = operands(rest)
    return constant(whole) == 1 and same(taken, weight) is True


_NEARLY = 1e-6


def _terms(value: Value) -> list[Value]:
    """What a loss is the sum of, as it is written in one piece."""
    found = one(value)
    if isinstance(found, Result) and operation(found) == "operator.+":
        return [term for side in operands(found) for term in _terms(side)]
    return [found]


def _divides(term: Value) -> bool:
    return any(operation(v) in _DIVISIONS for v in walk(term, lambda v: not _is_loss(v)))


def _is_scaled(criterion: Value) -> bool:
    return any(_scales(v) for v in walk(criterion, lambda v: not _is_loss(v)))


def _is_plain_term(term: Value) -> bool:
    means = 0
    for value in walk(term, lambda v: not _is_loss(v)):
        if _scales(value) or operation(value) in ("sum", "pow") or _is_mean_of_scaled(value):
            return False
        if _is_loss(value):
            if not _is_mean(value):
                return False
            means += 1
    return means > 0


def _is_computed(rate: Value | None, optimizer: Value) -> bool:
    """Whether a rate is written as a product or a quotient: it may allow for the sum."""
    made = optimizer.node if isinstance(optimizer, Instance) else None
    given = made.arguments if isinstance(made, Call) else ()
    written = [a.value for n, a in enumerate(given) if a.keyword == "lr" or (n == 1 and not a.keyword)]
    if any(isinstance(w, Binary) and w.operator in ("/", "*") for w in written):
        return True
    return rate is not None and any(_scales(v) for v in walk(rate))


_DIVISIONS = frozenset("operator./ operator.// div div_ true_divide".split())
_SCALES = _DIVISIONS | frozenset("operator.* mul mul_".split())


def _scales(value: Value) -> bool:
    return operation(value) in _SCALES


def _is_mean_of_scaled(value: Value) -> bool:
    """`(losses / steps).mean()`: what every sample's loss is divided by divides their mean."""
    if operation(value) != "mean" or not isinstance(value, Result):
        return False
    pending, seen = list(operands(value)[:1]), 0
    while pending and seen < _FAR:
        current, seen = pending.pop(), seen + 1
        for option in options(current):
            if _scales(option) and isinstance(option, Result):
                if any(map(_is_plain_number, operands(option))):
                    return True
                pending += operands(option)[:1]
            elif isinstance(option, Result) and operation(option) in _LINEAR:
                pending += operands(option)
    return False


_FAR = 40
_LINEAR = frozenset("operator.+ operator.- neg add sub mean squeeze view reshape flatten to float".split())


def _is_plain_number(value: Value) -> bool:
    """Whether a factor is a number or a setting, and nothing that was computed from a batch."""
    found = walk(value, lambda inner: not isinstance(inner, Member) or not _is_setting(inner))
    return not any(
        isinstance(v, (Item, Instance))
        or (isinstance(v, Result) and not operation(v).startswith("operator."))
        for v in found
    )


def _is_setting(value: Value) -> bool:
    """`self.settings.train.steps`: part of an object, and of nothing that was computed or served."""
    while isinstance(value, Member):
        value = one(value.receiver)
    return not isinstance(value, (Item, Result))


def _is_loss(value: Value) -> bool:
    """Whether a value is what a criterion gave, or a network that computes its own loss."""
    if is_of_unknown_criterion(value) or operation(value) == "mean":
        return True
    if isinstance(value, Member) and value.name == "loss":
        return isinstance(one(value.receiver), Result)
    return isinstance(value, Result) and _fact(value) is not None


def _fact(value: Result) -> object:
    match value.callee:
        case External(name=name) | Instance(cls=External(name=name)):
            return criterion(name)
    return None


def _is_mean(value: Value) -> bool:
    if not isinstance(value, Result):
        return True
    made = value.callee if isinstance(value.callee, Instance) else value
    given = [made.keywords.get(name) for name in ("reduction", "size_average")]
    return all(g is None or constant(g) == "mean" for g in given)
