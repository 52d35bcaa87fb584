"""Training that goes on in eval mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.attachment import has_graph
from trainlint.meaning.dataflow import certainty, same, walk
from trainlint.meaning.flow import enclosing_call, implications, of_kind
from trainlint.meaning.flow import key as condition_key
from trainlint.meaning.members import entry_of
from trainlint.meaning.modesets import Mode
from trainlint.meaning.modules import mode_dependent, parts, shown_mode_dependence
from trainlint.meaning.objects import find_member, is_module
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.phases import is_not_for_training, needs_train_mode
from trainlint.meaning.place import Change
from trainlint.meaning.syntax import Attribute, Call, Define, If, Name, Node, nodes_in
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.values import (
    Class,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class StuckForward:
    """A training forward that some path enters in eval mode; `switch` is the `.eval()` behind it."""

    forward: Event
    switch: Event | None

    @property
    def place(self) -> Node:
        return self.forward.node if self.switch is None else self.switch.node

    @property
    def made(self) -> list[Node]:
        """The call that gives a network in eval mode, where nothing else switches it."""
        node = getattr(one(self.forward.target), "node", None) if self.switch is None else None
        return [node] if isinstance(node, Call) and node is not self.forward.node else []

    @property
    def calls(self) -> list[Node]:
        """The calls that lead from the training loop to the switch, outermost first."""
        if self.switch is None:
            return []
        calls: list[Node] = [
            r.node for r in self.switch.region.ancestors() if r.kind == "call" and isinstance(r.node, Call)
        ]
        return calls[::-1]

    @property
    def last_train(self) -> list[Node]:
        """The `.train()` calls before the training loop, which no iteration repeats."""
        loop = self.forward.loop
        root = self.forward.region.root
        modes = [e for e in of_kind(root, "mode") if e.detail is True and same(e.target, self.forward.target)]
        return [e.node for e in modes if loop is None or not e.region.inside(loop)][:1]

    @property
    def model_node(self) -> Node:
        """The model's expression: what a method of it is called of, where that is the forward pass."""
        call = self.forward.node
        function = call.function if isinstance(call, Call) else call
        if isinstance(function, Attribute) and (
            self.forward.detail == "method" or function.name == "forward"
        ):
            return function.value
        return function

    @property
    def fixable(self) -> bool:
        return isinstance(self.model_node, (Name, Attribute))

    @property
    def planted(self) -> list[Change]:
        """The edit that never goes back to train mode, for experiments."""
        from trainlint.meaning import planting

        return planting.eval_mode_for_good(self.place) if self.switch is not None else []

    @property
    def mode_dependent(self) -> bool | None:
        return shown_mode_dependence(self.forward.target, entry_of(self.forward))

    @property
    def known(self) -> Certainty:
        found = certainty(self.forward.target)
        if found == "guessed" and self.switch is not None:
            return "inferred"  # it is switched, and trained: whoever made it, it is a model
        return found  # type: ignore[return-value]  # one of the certainties


def stuck_forwards(program: Program) -> list[StuckForward]:
    found: dict[int, StuckForward] = {}
    through: dict[int, set[int]] = {}
    for root in program.roots:
        for event in of_kind(root, "forward"):
            backwards = _backwards(event, through)
            loop = _training_loop(program, event, backwards)
            if loop is None or shown_mode_dependence(event.target, entry_of(event)) is False:
                continue
            if _begins_so(event, loop):
                continue
            for mode in sorted(program.modes_of(root).at(event), key=lambda m: m.training is None):
                if mode.pretrained and mode_dependent(event.target) is not True:
                    continue  # most language models of today have nothing to switch
                if _is_seen_in_part(mode.event) or _is_of_another_pass(mode, loop):
                    continue
                if mode.event is not None and _is_of_another_run(mode.event, loop):
                    continue
                if mode.event is not None and _may_be_undone(mode.event, event):
                    continue
                if any(_leaves_under(region, mode) for region in event.region.ancestors()):
                    continue
                if mode.training is False and not _is_deliberate(program, mode, event, loop, through):
                    found.setdefault(id(mode.event or event), StuckForward(event, mode.event))
    return list(found.values())


def _may_be_undone(switch: Event, event: Event) -> bool:
    """Whether some way from the switch to the forward goes back to train mode, for what may be this network.

    Which conditions go together is the author's knowledge: one that reads like another setting may hold always.
    """
    around = [r for r in switch.region.ancestors() if event.region is r or event.region.inside(r)]
    cycle = next((r for r in around if r.kind == "loop" and not r.unrolled), around[-1])
    between = _between(list(cycle.events()), switch, event, cycle.kind == "loop")
    return any(
        other.kind == "mode"
        and other.detail is not False
        and other.target is not None
        and (same(other.target, event.target) is not False or _is_among(event.target, [other.target]))
        for other in between
    )


def _between(events: list[Event], first: Event, last: Event, turns: bool) -> list[Event]:
    """The events on the way from one to another, in a loop also around its end."""
    before, after = events.index(first), events.index(last)
    if before < after:
        return events[before + 1 : after]
    return events[before + 1 :] + events[:after] if turns else []


def _is_of_another_pass(mode: Mode, loop: Region) -> bool:
    """Whether what set the mode excludes training: `if train: ... else: model.eval()`, `if train: loss.backward()`."""
    return all(
        (mode.training is False and needs_train_mode(backward, loop))
        or any(
            (condition, not holds) in mode.guards
            for arm in backward.guards(loop)
            if arm.test is not None
            for condition, holds in implications(arm.test, arm.holds)
        )
        for backward in of_kind(loop, "backward")
    )


def _begins_so(event: Event, loop: Region) -> bool:
    """Whether the function that trains switches to eval mode itself, right before its loop: what else does so inside
    changes nothing."""
    outer = loop.parent
    if outer is None:
        return False
    last: Event | None = None
    for item in outer.items:
        if item is loop:
            break
        if type(item) is Event and item.kind == "mode" and same(item.target, event.target) is True:
            last = item
        elif (type(item) is Event and item.kind == "forward") or (
            type(item) is Region and of_kind(item, "mode", "forward")
        ):
            last = None
    return last is not None and last.detail is False


def _is_of_another_run(switch: Event, loop: Region) -> bool:
    """Whether a setting says before the loop that this run does not train: `if mode == "train": ... else: model.eval()`."""
    if switch.region.inside(loop):
        return False
    return any(is_not_for_training(region) for region in switch.region.ancestors())


def _leaves_under(region: Region, mode: Mode) -> bool:
    """Whether a region is left at its start under what the mode was set under: `if args.test_only: break`."""
    for item in region.items:
        if type(item) is not Region or item.kind != "branch":
            return False
        for arm in item.items:
            if type(arm) is Region and arm.items and type(arm.items[-1]) is Leave and arm.test is not None:
                if (condition_key(arm.test), arm.holds) in mode.guards:
                    return True
    return False


def _is_seen_in_part(switch: Event | None) -> bool:
    """Whether a call around the switch was not gone through to its end, where it may be undone."""
    return switch is not None and any(region.stopped for region in switch.region.ancestors())


def _backwards(event: Event, through: dict[int, set[int]]) -> list[Event]:
    """The backward passes that go through a forward, in the loop around it.

    `through` remembers, by a backward pass's event, the identities of the values that it goes through.
    """
    loop = event.loop
    if loop is None or event.value is None or event.grad is False:
        return []
    given = {id(part) for part in _given(event, event.value)}
    backwards = list(of_kind(loop, "backward"))
    for backward in backwards:
        if id(backward) not in through:
            through[id(backward)] = (
                set(map(id, walk(backward.value, has_graph))) if backward.value is not None else set()
            )
    return [backward for backward in backwards if not given.isdisjoint(through[id(backward)])]


def _training_loop(program: Program, event: Event, backwards: list[Event]) -> Region | None:
    """The loop in which a forward's result reaches a backward pass and an optimizer steps on what that gave."""
    loop = event.loop
    if loop is None or not backwards:
        return None
    return loop if any(_may_train(program, s, event) for s in _stepped(loop, event, backwards)) else None


def _stepped(loop: Region, event: Event, backwards: list[Event]) -> Iterator[Value]:
    """What takes the steps of a loop: optimizers, also those whose `step` the project writes itself, or networks whose
    parameters are changed by hand."""
    events = list(loop.events()) if of_kind(loop, "zero_grad") else []
    for step in of_kind(loop, "step"):
        if step.target is not None and not (events and _is_cleared_first(events, event, backwards, step)):
            yield step.target
    for change in of_kind(loop, "descent", "grad_write"):
        found = one(change.target) if change.target is not None else None
        while isinstance(found, Item):
            found = one(found.source)
        match found:
            case Member(name="param_groups", receiver=owner):
                yield owner
            case Result(callee=Member(name="parameters", receiver=owner)) if change.kind == "descent":
                yield owner


def _is_cleared_first(events: list[Event], event: Event, backwards: list[Event], step: Event) -> bool:
    """Whether what a network gets from some backward passes is cleared on all ways to a step: the critic of a
    generator's loss, whose own optimizer begins anew."""
    return all(
        any(
            e.kind == "zero_grad"
            and e.target is not None
            and (same(e.target, step.target) is True or same(e.target, event.target) is True)
            for e in _between(events, backward, step, True)
        )
        for backward in backwards
    )


def _given(event: Event, value: Value) -> list[Value]:
    """What a forward gives: its result, or where that is a tuple of its own code, what it computed of that."""
    handed_through = {id(o) for given in event.inputs for o in options(given)}
    parts: list[Value] = [value]
    for option in options(value):
        if isinstance(option, Sequence):
            parts += [o for item in option.items for o in options(item) if isinstance(o, Result)]
    return [part for part in parts if id(part) not in handed_through]


def _may_train(program: Program, stepped: Value, event: Event) -> bool:
    """Whether a step can update the forward's module: a feature extractor that nobody trains is no matter."""
    owner = optimizer(stepped)
    if owner is not None and owner.of_tensors:
        return False  # an image or a latent code is fitted through a network that stays as it is
    models = owner.models if owner is not None else [stepped] if is_module(one(stepped)) else []
    if models and _has_another_owner(program, event.target, models):
        return False  # the critic of a generator's step, whose own optimizer may not even step
    owned = [p for m in models for p in parts(m)]
    if models and all(mode_dependent(m) is False for m in models):
        return False  # the head of a network that is used as it was trained: what it is given does not vary
    inner = [p for o in options(event.target) for p in parts(o)]
    return not models or any(same(p, q) is not False for p in owned for q in inner)


def _has_another_owner(program: Program, target: Value, models: list[Value]) -> bool:
    """Whether an optimizer of its own was made for a module, and the one that steps is not seen to hold it too."""
    owners = [optimizer(made) for made in program.optimizers]
    others = [m for owner in owners if owner is not None for m in owner.models]
    return _is_among(target, others) and not _is_among(target, models)


def _is_among(target: Value, models: list[Value]) -> bool:
    """Whether a module is one of some models for sure, or a part of one."""
    inner = [p for m in models for o in options(m) for p in parts(o)]
    return any(same(p, o) is True for p in inner for o in options(target))


def _is_deliberate(
    program: Program, mode: Mode, event: Event, loop: Region, through: dict[int, set[int]]
) -> bool:
    """Whether somebody wants eval mode in the training: it is set on the way there, and nothing is evaluated between."""
    switch = mode.event
    if switch is None:
        return False
    shared = [
        r for r in switch.region.ancestors() if r.kind == "loop" and not r.unrolled and event.region.inside(r)
    ]
    whole = shared[0] if shared else switch.region.root
    events = list(whole.events())
    before, after = events.index(switch), events.index(event)
    own = (
        None if switch.region.inside(loop) else loop
    )  # what else an iteration applies is part of the training
    between = (
        e
        for e in events[before:after]
        if (not e.region.inside(own) if own is not None else e.loop is not loop or not _backwards(e, through))
    )
    if _is_left_to_its_owner(program, event) or any(
        _switches_a_part(e, event) or _is_by_listener(e, event, whole) for e in of_kind(whole, "mode")
    ):
        return True
    if _is_bracketed(switch, event):
        return True
    if before > after or any(_evaluates(e, switch) for e in between):
        return False
    if shared or _runs_within(event, enclosing_call(switch)):
        return True
    return not _is_forgotten(program, event, loop, _backwards(event, through))


def _is_bracketed(switch: Event, event: Event) -> bool:
    """Whether the statements right around a forward switch to eval mode and back: `critic.eval(); ...; critic.train()`."""
    inner: Event | Region = event
    for region in event.region.ancestors():
        if region is switch.region:
            break
        if region.kind not in ("branch", "arm"):
            return False
        inner = region
    else:
        return False
    around = switch.region.items
    places = {id(item): index for index, item in enumerate(around)}
    return places[id(switch)] < places[id(inner)] and any(
        type(e) is Event
        and e.kind == "mode"
        and e.detail is True
        and same(e.target, switch.target) is not False
        for e in around[places[id(inner)] :]
    )


def _is_left_to_its_owner(program: Program, event: Event) -> bool:
    """Whether a network is, or is part of, one whose own `train()` asks a setting which of its parts train."""
    inner = options(event.target)
    for owner in program.instances:
        found = find_member(owner.cls, "train") if is_module(owner) and isinstance(owner.cls, Class) else None
        node = found[0].node if found is not None and isinstance(found[0], Function) else None
        if isinstance(node, Define) and _chooses(node):
            if any(part is option for part in parts(owner) for option in inner):
                return True
    return False


def _switches_a_part(switch: Event, event: Event) -> bool:
    """Whether parts of the network that trains go back to train mode one by one: the others are left as they are."""
    if switch.detail is not True:
        return False
    targets = [o for o in options(switch.target) if isinstance(o, Instance)]
    whole = options(event.target)
    inner = [part for module in whole for part in parts(module)[1:]]
    return bool(targets) and all(any(t is part for part in inner) for t in targets)


def _is_by_listener(switch: Event, event: Event, whole: Region) -> bool:
    """Whether one of several listeners goes back to train mode: in which order they are called is not seen."""
    if switch.detail is not True or same(switch.target, event.target) is False:
        return False
    inner = switch.region
    while inner is not whole and inner.parent is not None:
        called = inner.kind == "arm" and inner.test is None and isinstance(inner.node, Call)
        if called and inner.loop is not None and inner.loop is not event.loop and inner.loop.inside(whole):
            return True
        inner = inner.parent
    return False


def _chooses(train: Define) -> bool:
    """Whether a network's own `train()` leaves it to a condition whether all of it switches."""
    statements = train.body.statements
    always = (n for statement in statements if not isinstance(statement, If) for n in nodes_in(statement))
    whole = any(
        isinstance(n, Call) and isinstance(n.function, Attribute) and isinstance(n.function.value, Call)
        for n in always
    )
    return any(isinstance(statement, If) for statement in statements) and not whole


def _is_forgotten(program: Program, event: Event, loop: Region, backwards: list[Event]) -> bool:
    """Whether the program trains the network as a whole and never thinks of train mode, after a loader's eval mode."""
    if any(e.detail is True for e in program.events("mode")):
        return False
    owners = [optimizer(stepped) for stepped in _stepped(loop, event, backwards)]
    return any(same(m, event.target) is True for owner in owners if owner is not None for m in owner.models)


def _runs_within(event: Event, call: Region | None) -> bool:
    """Whether an event is part of a call; of none: whether it stands outside of functions."""
    return enclosing_call(event) is None if call is None else event.region.inside(call)


def _evaluates(event: Event, switch: Event) -> bool:
    """Whether a network is applied, or handed to a function that is not shown."""
    if event.kind == "forward":
        return True
    return event.kind == "unresolved" and any(same(v, switch.target) is True for v in event.inputs)
