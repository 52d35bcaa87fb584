"""Optimizer steps within their loops: which gradients reach them, and where they are cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.attachment import attached
from trainlint.meaning.closures import repeated_closure
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.fillers import teaches_nothing
from trainlint.meaning.flow import enclosing_loops, exclusive, implied, is_seen_whole, of_kind
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.gradients import changes_gradient, writes_weights
from trainlint.meaning.objects import is_module
from trainlint.meaning.optimizers import Optimizer, optimizer
from trainlint.meaning.place import Change, insert_after, insert_before, text_of
from trainlint.meaning.reach import (
    called_by_name,
    contains,
    is_put_in,
    models_behind,
    nearest_parts,
    prediction,
    uses_weights,
)
from trainlint.meaning.rhythm import is_seldom
from trainlint.meaning.roles import is_unseen_object, role
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    Argument,
    Class,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Member,
    Result,
    Unknown,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(slots=True, eq=False)
class Update:
    """One `optimizer.step()` of a loop, with the events of one iteration around it."""

    event: Event
    optimizer: Optimizer
    loop: Region
    events: tuple[Event, ...]  # of the loop's body, inner loops included, in order
    reads_gradients: bool  # whether the code looks at gradients itself
    fed_by: list[Event] | None = None  # memo of `backwards`

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def is_pasted(self) -> bool:
        """Whether no loop is seen around it: a function of a fragment whose callers were left out."""
        return self.loop.kind != "loop"

    @property
    def optimizer_node(self) -> Node:
        """The optimizer's expression in the author's text."""
        return stepped_node(self.event)

    def movable(self, first: Event, second: Event) -> bool:
        """Whether two events stand in one function and one loop, so that a statement can move to the other's place."""
        return _home(first) is _home(second)

    @property
    def cleared(self) -> list[Change]:
        """The edit that clears: before the backward pass, or behind the step where that is another place."""
        line, backwards = f"{text_of(self.optimizer_node)}.zero_grad()", self.backwards
        if self.repeated is not None and backwards:
            return [insert_before(backwards[0].node, line)]
        if (
            backwards
            and self.movable(self.event, backwards[0])
            and implied(self.event, backwards[0], self.loop)
        ):
            return [insert_before(backwards[0].node, line)]
        return [insert_after(self.node, line)]

    @property
    def uncleared(self) -> list[Change]:
        """The edit that undoes whatever clears, for experiments."""
        from trainlint.meaning import planting

        return planting.gradients_carried(self.node, self.backwards[0].node, text_of(self.optimizer_node))

    @property
    def discards(self) -> list[tuple[Event, Event]]:
        """Clears that stand between a backward pass and this step, each with that pass."""
        written = [e for e in self.events if e.kind == "grad_write" and not self._nulls(e)]
        if any(not self._averages(e) for e in written) or self.is_closure:
            return []
        before = self.before()
        for index in range(len(before) - 1, -1, -1):
            event = before[index]
            if event.kind == "backward":
                return self._dropped(before[:index], event)
            if event.kind == "step" and same(event.target, self.optimizer.value) is not False:
                return []
            clears = (event.kind == "zero_grad" and self.owns(event.target)) or self._nulls(event)
            if clears and self.always_with(event):
                earlier = [b for b in before[:index] if b in self.backwards and self._reaches(b)]
                return [(event, earlier[-1])] if earlier and not self._stepped(earlier[-1], event) else []
        return []

    def _dropped(self, before: list[Event], main: Event) -> list[tuple[Event, Event]]:
        """A clear between two backward passes of one iteration: nothing is left of the first."""
        if self.reads_gradients or main.loop is not self.loop:
            return []
        if any(e.kind == "step" and not same(e.target, self.optimizer.value) for e in self.events):
            return []  # another optimizer may have a use for them
        if not before or before[-1].kind not in ("zero_grad", "forward", "criterion"):
            return []
        for index in range(len(before) - 1, 0, -1):
            clear, first = before[index], _last_of(before[:index])
            if clear.kind == "zero_grad" and self.owns(clear.target) and self.always_with(clear):
                lost = first is not None and first in self.backwards and self._is_lost(first, clear, main)
                return [(clear, first)] if first is not None and lost else []
            if clear.kind not in ("forward", "criterion"):
                return []
        return []

    def _is_lost(self, first: Event, clear: Event, main: Event) -> bool:
        loops = {id(e.loop) for e in (first, clear, main)}
        loss, other = first.value, main.value
        if len(loops) > 1 or not self.always_with(first) or loss is None or other is None:
            return False
        return loss is not other and attached(loss) is not False

    def _stepped(self, first: Event, last: Event) -> bool:
        between = self.between(first, last)
        return any(
            e.kind in ("step", "unresolved") and same(e.target, self.optimizer.value) is not False
            for e in between
        )

    @property
    def late_backward(self) -> Event | None:
        """The backward pass of this iteration that only the next iteration's step can use."""
        feeding = self.backwards
        position = {id(e): i for i, e in enumerate(self.events)}
        here = position[id(self.event)]
        if self.is_closure or not feeding or any(position[id(b)] < here for b in feeding):
            return None
        first = feeding[0]
        if not implied(self.event, first, self.loop) or not implied(first, self.event, self.loop):
            return None
        others = [e for e in self.events[position[id(first)] :] if e.kind == "step"]
        if any(same(e.target, self.optimizer.value) is not False for e in others):
            return None
        if not self.optimizer.models and not all(self._has_its_own(step, first) for step in others):
            return None
        return None if self._fed_before_loop() or self._fed_by_hand() else first

    def _has_its_own(self, step: Event, first: Event) -> bool:
        """Whether another optimizer clears what a backward pass gave, and has one of its own before its step."""
        between = self.between(first, step)
        clears = [i for i, e in enumerate(between) if e.kind == "zero_grad" and same(e.target, step.target)]
        return bool(clears) and any(e.kind == "backward" for e in between[clears[-1] :])

    def _fed_by_hand(self) -> bool:
        """Whether the code writes gradients (`p.grad = ...`) before the step."""
        written = (e for e in self.before() if e.kind == "grad_write" and not self._nulls(e))
        return any(e.detail not in ("autograd.grad", "zero") for e in written)

    def _fed_before_loop(self) -> bool:
        """A backward pass before the loop: a pipeline that steps with the batch before on purpose."""
        for outer in list(self.loop.ancestors())[-1:]:
            for event in outer.events():
                if event.kind == "backward":
                    return not event.region.inside(self.loop)
        return False

    @property
    def is_in_one_pass(self) -> bool:
        """Whether the loss of a backward pass around this step was computed before the step."""
        computed = {
            id(e.value) for e in self.before() if e.kind in ("forward", "criterion") and e.value is not None
        }
        given = any(isinstance(one(b.target), (Free, Argument)) for b in self.backwards if b in self.before())
        return given or any(
            id(v) in computed for b in self.backwards if b.value is not None for v in walk(b.value)
        )

    def clears_after(self, backward: Event) -> list[Event]:
        """What clears the gradients between a late backward pass and the next iteration's step."""
        index = self.events.index(backward)
        around = [*self.events[index + 1 :], *self.before()]
        return [e for e in around if e.kind == "zero_grad" and self.owns(e.target) and self.always_with(e)]

    @property
    def backwards(self) -> list[Event]:
        """Backward passes in the same iteration whose gradients this step can use."""
        if self.fed_by is None:
            passes = (e for e in self.events if e.kind == "backward" and not exclusive(e, self.event))
            self.fed_by = [e for e in passes if self._feeds(e) and not teaches_nothing(e)]
        return self.fed_by

    @property
    def feeding(self) -> list[Event]:
        """The same, but where this step is the only one of its loop any of the backward passes."""
        steps = (e for e in self.events if e.kind == "step")
        if self.backwards or not all(same(e.target, self.optimizer.value) for e in steps):
            return self.backwards
        return [e for e in self.events if e.kind == "backward" and not exclusive(e, self.event)]

    def _feeds(self, backward: Event) -> bool:
        """Whether the loss may send gradients to this optimizer's parameters."""
        models = self.optimizer.models
        if backward.value is None or not models:
            return True
        reached = models_behind(backward.value)
        owned = [m for model in models for m in nearest_parts(model)]
        return (
            not reached
            or any(same(r, o) is not False for r in reached for o in owned)
            or uses_weights(backward.value, owned)
        )

    def _reaches(self, backward: Event) -> bool:
        """Whether the loss has a graph to the optimizer's networks: the other network of a pair may be detached."""
        models = self.optimizer.models
        if backward.value is None or not models or not all(isinstance(one(m), Instance) for m in models):
            return True
        reached = models_behind(backward.value, attached_only=True)
        owned = [m for model in models for m in nearest_parts(model)]
        return not reached or any(same(r, o) is not False for r in reached for o in owned)

    @property
    def known(self) -> Certainty:
        """How the optimizer is known; one that is cleared and stepped around a backward pass is one by use."""
        if self.optimizer.known != "conventional":
            return self.optimizer.known
        outer = self.loop.root
        cleared = any(e.kind == "zero_grad" and same(e.target, self.optimizer.value) for e in outer.events())
        return "inferred" if cleared and isinstance(one(self.optimizer.value), Argument) else "conventional"

    @property
    def repeated(self) -> Region | None:
        """The closure that this step calls several times, each of which must clear."""
        return repeated_closure(self.event, self.optimizer)

    @property
    def starts_anew(self) -> bool:
        """Whether the optimizer is made within the loop, each time anew."""
        if self.repeated is not None:
            return False
        made = one(self.optimizer.value)
        return isinstance(made, Instance) and made.loop is not None and made.loop.inside(self.loop)

    @property
    def clears(self) -> list[Event]:
        """What may clear this optimizer's gradients in the iteration, unless most iterations are known to pass it by."""
        repeated = self.repeated
        return [
            e
            for e in self.events
            if self.may_clear(e)
            and not self._is_rare(e)
            and not self._is_of_another_setting(e)
            and (repeated is None or e.region.inside(repeated))
        ]

    @property
    def rare_clears(self) -> list[Event]:
        """What clears in one batch of several only, although every batch steps."""
        return [e for e in self.events if self.may_clear(e) and self._is_rare(e)]

    def _is_of_another_setting(self, clear: Event) -> bool:
        """Whether the clear stands in the other arm of a choice that is made before the loop: never with this step."""
        arms = {id(r.parent): r for r in clear.guards(self.loop)}
        return any(
            arms.get(id(arm.parent), arm) is not arm
            and arm.truth is not None
            and _is_set(arm.truth, self.loop)
            for arm in self.event.guards(self.loop)
        )

    def _is_rare(self, clear: Event) -> bool:
        if clear.kind != "zero_grad" or self.event.guards(self.loop) or not clear.region.inside(self.loop):
            return False
        engines = [b.detail[0] for b in self.backwards if isinstance(b.detail, tuple)]
        if any(role(engine) == "engine" for engine in engines):
            return False  # an engine steps when it is time
        return is_seldom(clear, self.event, self.loop)

    def _averages(self, event: Event) -> bool:
        """`p.data = ...` behind the step: weights are written, as a moving average is, and no gradient."""
        if event.detail != "data" or event in self.before():
            return False
        return not any(isinstance(o, Member) and o.name == "grad" for o in options(event.target))

    def _nulls(self, event: Event) -> bool:
        """`p.grad = None` or `p.grad.zero_()` over the parameters that are stepped."""
        if event.kind != "grad_write" or event.detail not in ("zero", "grad"):
            return False
        if not (isinstance(event.value, Constant) and event.value.value in (None, 0)):
            return False
        behind = list(walk(event.target))
        if any(same(v, m) for v in behind for m in self.optimizer.models):
            return True
        return any(self._is_only_network(v) for v in behind)

    def may_clear(self, event: Event) -> bool:
        if event.kind == "zero_grad":
            return self.owns(event.target) is not False
        if event.kind == "grad_write" and event.detail in ("zero", "grad", "data"):
            return not changes_gradient(event) and not writes_weights(event)
        if event.kind == "grad_write":
            return self._asks_of_weights(event)
        return event.kind == "unresolved" and self._hands_over(event)

    def _asks_of_weights(self, event: Event) -> bool:
        """Whether `autograd.grad` may give gradients of weights, which something may then set; a gradient penalty asks of inputs."""
        asked = event.inputs[1] if event.detail == "autograd.grad" and len(event.inputs) > 1 else None
        return event.detail == "autograd.grad" and (asked is None or not is_put_in(asked, self.events))

    def owns(self, target: Value) -> bool | None:
        """Whether clearing `target` clears what this optimizer steps."""
        answer = same(target, self.optimizer.value)
        if answer or self._is_wrapped_by(target):
            return True
        models = self.optimizer.models
        if any(same(target, part) for model in models for part in nearest_parts(model)):
            return True if isinstance(one(self.optimizer.value), Instance) else None
        other = optimizer(target)
        if other is not None and other.known == self.optimizer.known == "constructed":
            return None if answer is False and self._shares(other) else answer
        if models and isinstance(one(target), Instance) and is_module(one(target)):
            return (
                None
                if any(same(target, v) is not False for v in models) or contains(target, models)
                else False
            )
        if self._is_only_network(target):
            return True
        if _is_apart(target, models):
            return False
        if answer is False and other is not None and self._steps_by_itself(target):
            return False
        return False if self._is_of_another_network(target) else None

    def _is_wrapped_by(self, target: Value) -> bool:
        """Whether an optimizer of the project's own holds this one, whose parameters it shares: SAM, Lookahead."""
        holder, inner = one(target), options(self.optimizer.value)
        if not isinstance(holder, Instance) or not isinstance(holder.cls, Class):
            return False
        if role(holder) != "optimizer":
            return False
        return any(o is i for value in holder.attributes.values() for o in options(value) for i in inner)

    def _steps_by_itself(self, target: Value) -> bool:
        """Whether another of a fragment's optimizers has a backward pass and a step of its own, as in a GAN."""
        if not _is_left_out(target) or not _is_left_out(self.optimizer.value):
            return False
        order = [
            ("own" if same(e.target, self.optimizer.value) else "other" if same(e.target, target) else "")
            if e.kind == "step"
            else e.kind
            for e in self.events
            if e.kind in ("step", "backward")
        ]
        before = ["backward", *order]  # the loop's turns follow each other
        return all(
            word not in ("own", "other") or before[index] == "backward" for index, word in enumerate(order)
        ) and {"own", "other"} <= set(order)

    def _is_only_network(self, target: Value) -> bool:
        """Whether a fragment's losses come from this network alone: cleared of it, nothing is left of them."""
        if self.optimizer.models or not isinstance(one(target), (Free, Argument)):
            return False
        losses = [e.value for e in self.events if e.kind == "backward"]
        return bool(losses) and all(
            loss is not None and bool(called := models_behind(loss)) and all(same(m, target) for m in called)
            for loss in map(prediction, losses)
        )

    def _is_of_another_network(self, target: Value) -> bool:
        """Whether a fragment clears a network that another of its optimizers steps: one of a GAN's two.

        The losses before the one step come from this network alone, those before the other from both.
        """
        if self.optimizer.models or not isinstance(one(self.optimizer.value), Free):
            return False
        if not isinstance(one(target), Free) or not any(_is_call_of(target, e) for e in self.events):
            return False
        own, others = self._last_losses()
        if own is None or any(same(m, target) is not False for m in own):
            return False
        return any(any(same(m, target) for m in other) for other in others)

    def _last_losses(self) -> tuple[list[Value] | None, list[list[Value]]]:
        """What the last loss before this step went through, and the last before each other optimizer's step."""
        own, others, last = None, [], None
        for event in self.events:
            if event.kind == "backward" and event.value is not None:
                last = called_by_name(event.value)
            elif event.kind == "step" and last is not None:
                if same(event.target, self.optimizer.value):
                    own = last
                else:
                    others.append(last)
        return own, others

    def _shares(self, other: Optimizer) -> bool:
        """Whether another optimizer holds modules of this one, so that its `zero_grad` clears a part."""
        return any(same(a, b) for a in other.models for b in self.optimizer.models)

    def _hands_over(self, event: Event) -> bool:
        """An unresolved call that gets the optimizer or its model, or is a method of the object that holds them."""
        callee = event.target
        receiver = one(callee.receiver) if isinstance(callee, Member) else None
        known = [self.optimizer.value, *self.optimizer.models]
        given = [*event.inputs, *([receiver] if receiver is not None else [])]
        if isinstance(receiver, Instance) and isinstance(callee, Member) and _is_logging(callee.name):
            return False
        if any(same(self.optimizer.value, one(part)) for part in given):
            return True
        if receiver is not None and is_module(receiver) and _is_applied(event):
            return False  # of its own forward: a layer that is not seen made
        if any(same(value, one(part)) for value in known for part in given):
            return True
        return isinstance(receiver, Instance) and any(
            same(value, held) for value in known for held in receiver.attributes.values()
        )

    def before(self) -> list[Event]:
        return list(self.events[: self.events.index(self.event)])

    def after(self) -> list[Event]:
        return list(self.events[self.events.index(self.event) + 1 :])

    def between(self, first: Event, last: Event) -> list[Event]:
        events = self.events
        return list(events[events.index(first) + 1 : events.index(last)])

    @property
    def is_closure(self) -> bool:
        return isinstance(self.event.detail, tuple) and self.event.detail[0] == "argument"

    def always_with(self, other: Event) -> bool:
        """Whether `other` happens in every iteration in which this step does."""
        return implied(other, self.event, self.loop)


def _is_left_out(value: Value) -> bool:
    """Whether a fragment nowhere makes this optimizer, alone or as one of `self.optimizers()`."""
    match one(value):
        case Free() | Item(source=Free(), key=Constant()):
            return True
    return False


def _is_apart(target: Value, models: list[Value]) -> bool:
    """Whether objects of classes that a fragment leaves out are each made by a call of its own, none of another."""
    cleared, owned = _made(target), [_made(model) for model in models]
    if not is_unseen_object(cleared) or not owned or not all(map(is_unseen_object, owned)):
        return False
    holds = any(inner is model for inner in walk(cleared) for model in owned)
    return not holds and not any(inner is cleared for model in owned for inner in walk(model))


def _made(value: Value) -> Value:
    """An object as it was made: before it was moved to a device."""
    made = one(value)
    while isinstance(made, Result) and isinstance(made.callee, Member) and made.callee.name in _MOVING:
        made = one(made.callee.receiver)
    return made


_MOVING = frozenset("to cuda cpu double float half train apply".split())


def stepped_node(step: Event) -> Node:
    """The expression of the optimizer in `optimizer.step()` or `scaler.step(optimizer)`."""
    call = step.node
    if isinstance(call, Call):
        if isinstance(step.detail, tuple) and step.detail[0] == "scaler" and call.arguments:
            return call.arguments[0].value
        if isinstance(call.function, Attribute):
            return call.function.value
    return call


def _is_call_of(target: Value, event: Event) -> bool:
    return event.kind == "forward" and bool(same(event.target, target))


def _is_applied(event: Event) -> bool:
    """Whether a module's forward is under way: it computes, and clears nothing."""
    return any(
        region.function is not None and region.function.name == "forward"
        for region in event.region.ancestors()
    )


def _is_set(test: Value, loop: Region) -> bool:
    """Whether a condition is a setting: nothing that the loop computes or counts."""
    match one(test):
        case Result(callee=External(name="operator.unarynot"), arguments=[inner]):
            return _is_set(inner, loop)
        case Constant(under=under):
            return under is not None
        case Result(region=region, callee=External()):
            return region is not None and not region.inside(loop)
        case Argument():
            return True
    return False


def _is_logging(name: str) -> bool:
    return name in ("log", "log_dict", "print", "info", "debug", "save_hyperparameters")


def updates(roots: list[Region], reads_gradients: bool) -> list[Update]:
    """All optimizer steps that stand in a loop of theirs."""
    found = []
    for root in roots:
        for step in of_kind(root, "step"):
            owner = _optimizer_of(root, step)
            loop = _iteration(step)
            if owner is None or loop is None or owner.known == "guessed" or not is_seen_whole(loop):
                continue
            found.append(Update(step, owner, loop, tuple(loop.events()), reads_gradients))
    return found


def _optimizer_of(root: Region, step: Event) -> Optimizer | None:
    owner = optimizer(step.target)
    return owner if owner is not None and owner.known != "guessed" else _by_use(root, step) or owner


def _by_use(root: Region, step: Event) -> Optimizer | None:
    """What a fragment clears and steps is its optimizer, whatever it is called."""
    target = one(step.target)
    known = isinstance(target, (Free, Argument, Member)) or _is_of_left_out(target)
    if not known or step.inputs:
        return None
    cleared = any(same(e.target, target) for e in of_kind(root, "zero_grad"))
    return Optimizer(target, "conventional") if cleared else None


def _is_of_left_out(made: Value) -> bool:
    """`model.configure_optimizers(rate)` and `Ranger(model.parameters())` of what a fragment does not show."""
    if not isinstance(made, Result):
        return False
    if isinstance(made.callee, (Free, Result, Item, Unknown)):
        given = one(made.arguments[0]) if made.arguments else None
        return (
            isinstance(given, Result)
            and isinstance(given.callee, Member)
            and given.callee.name == "parameters"
        )
    if not isinstance(made.callee, Member):
        return False
    return isinstance(one(made.callee.receiver), Free) and "optim" in made.callee.name.lower()


def single_updates(roots: list[Region], reads_gradients: bool) -> list[Update]:
    """Optimizer steps that no loop is seen around: a training step as a function, or pasted without its loop."""
    found = []
    for root in roots:
        for step in of_kind(root, "step"):
            owner = _optimizer_of(root, step)
            if owner is None or owner.known == "guessed" or enclosing_loops(step.region):
                continue
            home = _home(step)
            events = tuple(e for e in home.events() if e.loop is None or _is_over_parameters(e))
            found.append(Update(step, owner, home, events, reads_gradients))
    return [update for update in found if update.is_in_one_pass]


def _is_over_parameters(event: Event) -> bool:
    """`for p in model.parameters(): p.grad.zero_()`."""
    return event.kind == "grad_write" and len(enclosing_loops(event.region)) == 1


def lone_closures(program: Program) -> list[Update]:
    """Steps outside of all loops that call their closure several times."""
    return [update for update in program.single_updates if update.repeated is not None]


def pasted_updates(program: Program) -> list[Update]:
    """Steps of a function that makes a whole update, and that the loop left out must call again.

    In a fragment that clears nothing, or where the function clears what it steps but for this one.
    """
    cleared = program.events("zero_grad")
    if program.uses("grad") or (not cleared and not _clears_nowhere(program)):
        return []
    return [
        update
        for update in program.single_updates
        if update.loop.kind == "call"
        and update.repeated is None
        and any(
            b.value is not None and not isinstance(one(b.value), (Free, Argument)) for b in update.backwards
        )
        and not update.starts_anew
        and (not cleared or _is_passed_over(update, cleared))
    ]


def _clears_nowhere(program: Program) -> bool:
    return not program.uses("zero_grad") and all(has_no_imports(unit) for unit in program.units)


def _is_passed_over(update: Update, cleared: list[Event]) -> bool:
    """Whether all that is cleared are other optimizers, one of which takes its step beside this one."""
    if any(update.owns(e.target) is not False for e in cleared):
        return False
    others = [e.target for e in update.events if e.kind == "step" and e is not update.event]
    return any(
        e.kind == "zero_grad" and any(same(e.target, other) for other in others) for e in update.events
    )


def _last_of(events: list[Event]) -> Event | None:
    """The backward pass right before a place, if nothing but forward passes came in between."""
    for event in reversed(events):
        if event.kind == "backward":
            return event
        if event.kind not in ("forward", "criterion"):
            return None
    return None


def _iteration(step: Event) -> Region | None:
    """The loop of which a step is part: `for o in optimizers: o.step()` belongs to the loop around it."""
    loops = enclosing_loops(step.region)
    for loop in loops:
        if any(e.kind in ("forward", "backward", "criterion") for e in loop.events()):
            return loop
    return loops[0] if loops else None


def _home(event: Event) -> Region:
    return next(r for r in event.region.ancestors() if r.kind in ("loop", "call", "closure", "root"))


def trains(event: Event) -> bool | None:
    """Whether a backward pass has a graph to work on."""
    return attached(event.value) if event.value is not None else None
