"""Training that goes on in eval mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.dataflow import certainty, same, walk
from trainlint.meaning.flow import key as condition_key
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modes import Mode
from trainlint.meaning.modules import mode_dependent, parts, shown_mode_dependence
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.phases import is_not_for_training
from trainlint.meaning.syntax import Attribute, Call, Name, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Result, Sequence, Value, options
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
        root = list(self.forward.region.ancestors())[-1]
        modes = [e for e in of_kind(root, "mode") if e.detail is True and same(e.target, self.forward.target)]
        return [e.node for e in modes if loop is None or not e.region.inside(loop)][:1]

    @property
    def model_node(self) -> Node:
        call = self.forward.node
        return call.function if isinstance(call, Call) else call

    @property
    def fixable(self) -> bool:
        return isinstance(self.model_node, (Name, Attribute))

    @property
    def mode_dependent(self) -> bool | None:
        return shown_mode_dependence(self.forward.target)

    @property
    def known(self) -> Certainty:
        return certainty(self.forward.target)  # type: ignore[return-value]  # one of the certainties


def stuck_forwards(program: Program) -> list[StuckForward]:
    found: dict[int, StuckForward] = {}
    through: dict[int, set[int]] = {}
    for root in program.roots:
        for event in of_kind(root, "forward"):
            loop = _training_loop(event, through)
            if loop is None or shown_mode_dependence(event.target) is False:
                continue
            for mode in sorted(program.modes_of(root).at(event), key=lambda m: m.training is None):
                if mode.pretrained and mode_dependent(event.target) is not True:
                    continue  # most language models of today have nothing to switch
                if _is_seen_in_part(mode.event) or _is_of_another_pass(mode, loop):
                    continue
                if mode.event is not None and _is_of_another_run(mode.event, loop):
                    continue
                if mode.training is False and not _is_deliberate(mode, event, loop):
                    found.setdefault(id(mode.event or event), StuckForward(event, mode.event))
    return list(found.values())


def _is_of_another_pass(mode: Mode, loop: Region) -> bool:
    """Whether what set the mode excludes training: `if train: ... else: model.eval()`, `if train: loss.backward()`."""
    return all(
        any(
            arm.test is not None and (condition_key(arm.test), not arm.holds) in mode.guards
            for arm in backward.guards(loop)
        )
        for backward in of_kind(loop, "backward")
    )


def _is_of_another_run(switch: Event, loop: Region) -> bool:
    """Whether a setting says before the loop that this run does not train: `if mode == "train": ... else: model.eval()`."""
    if switch.region.inside(loop):
        return False
    return any(is_not_for_training(region) for region in switch.region.ancestors())


def _is_seen_in_part(switch: Event | None) -> bool:
    """Whether a call around the switch was not gone through to its end, where it may be undone."""
    return switch is not None and any(region.stopped for region in switch.region.ancestors())


def _training_loop(event: Event, through: dict[int, set[int]]) -> Region | None:
    """The loop in which a forward's result reaches a backward pass and an optimizer steps.

    `through` remembers, by a backward pass's event, the identities of the values that it goes through.
    """
    loop = event.loop
    if loop is None or event.value is None or event.grad is False:
        return None
    given = {id(part) for part in _given(event, event.value)}
    for backward in of_kind(loop, "backward"):
        if id(backward) not in through:
            through[id(backward)] = (
                set(map(id, walk(backward.value))) if backward.value is not None else set()
            )
    if all(given.isdisjoint(through[id(backward)]) for backward in of_kind(loop, "backward")):
        return None
    steps = of_kind(loop, "step")
    return loop if any(_may_train(step, event) for step in steps) else None


def _given(event: Event, value: Value) -> list[Value]:
    """What a forward gives: its result, or where that is a tuple of its own code, what it computed of that."""
    handed_through = {id(o) for given in event.inputs for o in options(given)}
    parts: list[Value] = [value]
    for option in options(value):
        if isinstance(option, Sequence):
            parts += [o for item in option.items for o in options(item) if isinstance(o, Result)]
    return [part for part in parts if id(part) not in handed_through]


def _may_train(step: Event, event: Event) -> bool:
    """Whether a step can update the forward's module: a feature extractor that nobody trains is no matter."""
    owner = optimizer(step.target)
    if owner is not None and owner.of_tensors:
        return False  # an image or a latent code is fitted through a network that stays as it is
    models = owner.models if owner is not None else []
    owned = [p for m in models for p in parts(m)]
    inner = [p for o in options(event.target) for p in parts(o)]
    return not models or any(same(p, q) is not False for p in owned for q in inner)


def _is_deliberate(mode: Mode, event: Event, loop: Region) -> bool:
    """Eval mode right at the forward in the same iteration: somebody wants it there."""
    switch = mode.event
    if switch is None:
        return False
    if not switch.region.inside(loop) or switch.region.loop is not loop:
        return False
    events = list(loop.events())
    before = events.index(switch) < events.index(event)
    return before and not any(e.kind == "forward" for e in events[events.index(switch) : events.index(event)])
