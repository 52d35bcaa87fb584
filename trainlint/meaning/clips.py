"""Gradient clipping that cannot hold: before there are gradients, after they were used, while they are scaled, or of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty, Level
from trainlint.meaning.conditions import exclude
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import exclusive, implied, of_kind
from trainlint.meaning.objects import is_module
from trainlint.meaning.place import Change, insert_before, remove_statement, replace, statement_text, text_of
from trainlint.meaning.returned_clips import clips_before_return
from trainlint.meaning.roles import is_called_scaler, is_unseen_object, role
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unscaled_again import unscaled_again
from trainlint.meaning.updates import Update, stepped_node
from trainlint.meaning.values import (
    Argument,
    Condition,
    Constant,
    Free,
    Instance,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

METHOD = "method"  # detail of a clip that a framework's object does: it knows when


@dataclass(frozen=True, slots=True, eq=False)
class MisplacedClip:
    """A clip whose bound does not hold for the step that it was written for.

    `why`: "after" the step, "before" the backward pass, "scaled" gradients, those of "others", or unscaled "again".
    """

    clip: Event
    why: str
    step: Event
    backward: Event | None
    sure: Certainty
    movable: bool = False

    @property
    def node(self) -> Node:
        return self.clip.node

    @property
    def step_node(self) -> Node:
        return self.step.node

    @property
    def backward_node(self) -> Node:
        return self.backward.node if self.backward is not None else self.step.node

    @property
    def level(self) -> Level | None:
        """An error unless the scaler may be switched off: then it is wrong in some runs only."""
        return "warning" if self._is_by_scaler and _is_switched(_scaler(self.step)) else None

    @property
    def known(self) -> Certainty:
        return self.sure if not self._is_by_scaler or _is_known(_scaler(self.step)) else "conventional"

    @property
    def _is_by_scaler(self) -> bool:
        return self.why in ("scaled", "again")

    @property
    def placed(self) -> list[Change]:
        """The edit that clips between the backward pass and the step, where the statement can move there."""
        line = text_of(self.node)
        if self.why in ("others", "again"):
            return []
        unscale = self._unscaling()
        if self.why == "scaled":
            return [insert_before(self.node, unscale)] if unscale else []
        if statement_text(self.node) != line or not self.movable:
            return []
        if self._is_scaled and not unscale:
            return []
        scaled = [insert_before(self.step_node, unscale)] if self._is_scaled else []
        return [remove_statement(self.node), *scaled, insert_before(self.step_node, line)]

    @property
    def compared(self) -> list[Change]:
        """The edit for the experiment: the same, but that it clips what the step's optimizer holds."""
        if self.why == "again":
            return []
        if self.why != "others" or not isinstance(self.node, Call):
            moved = [c for c in self.placed if c.how != "remove"] or self._moved
            return moved if self.why == "scaled" or not moved else [replace(self.node, "None"), *moved]
        optimizer = text_of(stepped_node(self.step))
        line = f"[p for g in {optimizer}.param_groups for p in g['params']]"
        return [replace(self.node.arguments[0].value, line)] if self.node.arguments else []

    @property
    def _moved(self) -> list[Change]:
        """A call of several lines on one, before the step. One whose result is kept may only measure."""
        line, unscale = " ".join(text_of(self.node).split()), self._unscaling()
        alone = line.startswith(statement_text(self.node))  # which is the first line of the statement
        if (
            not alone
            or not self.movable
            or "#" in line
            or self.why == "scaled"
            or (self._is_scaled and not unscale)
        ):
            return []
        scaled = [insert_before(self.step_node, unscale)] if self._is_scaled else []
        return [*scaled, insert_before(self.step_node, line)]

    @property
    def _is_scaled(self) -> bool:
        return self.backward is not None and _is_scaled(self.backward)

    def _unscaling(self) -> str:
        """`scaler.unscale_(optimizer)`, in the words of the step."""
        call = self.step_node
        if not isinstance(call, Call) or not isinstance(call.function, Attribute) or not call.arguments:
            return ""
        return f"{text_of(call.function.value)}.unscale_({text_of(call.arguments[0].value)})"


def misplaced_clips(program: Program) -> list[MisplacedClip]:
    found: dict[int, MisplacedClip] = {}
    fine: set[int] = set()
    updates = [*program.updates, *program.single_updates]
    for update in updates:
        for clip in (e for e in update.events if e.kind == "clip" and e.detail != METHOD):
            why, backward = _judged(update, clip, updates)
            if why == "fine":
                fine.add(id(clip.node))
            elif why:
                movable = update.movable(clip, update.event)
                placed = MisplacedClip(clip, why, update.event, backward, update.known, movable)
                found.setdefault(id(clip.node), placed)
    for clip, backward in clips_before_return(program):
        placed = MisplacedClip(clip, "before", backward, backward, "constructed")
        found.setdefault(id(clip.node), placed)
    for unscale, update in unscaled_again(program):
        if not _is_off(_scaler(update.event)) and any(e.kind == "clip" for e in update.events):
            placed = MisplacedClip(unscale, "again", update.event, None, update.known)
            found.setdefault(id(unscale.node), placed)
    for placed in _in_steps_alone(program):
        found.setdefault(id(placed.node), placed)
    return [placed for key, placed in found.items() if key not in fine]


def _judged(update: Update, clip: Event, updates: list[Update]) -> tuple[str, Event | None]:
    """What is wrong with a clip for an update, "fine" where it does what it should, "" where that is not known."""
    feeding = update.feeding
    if update.is_closure or not feeding or _cannot_meet(clip, update.event):
        return "", None
    if _is_of_others(update, clip, updates):
        return "others", feeding[-1]
    if not _belongs(update, clip):
        return "", None
    if clip not in update.before():
        return ("after", feeding[-1]) if _comes_too_late(update, clip, feeding) else ("", None)
    passed = [b for b in feeding if update.events.index(b) < update.events.index(clip)]
    if not passed:
        return ("before", feeding[0]) if _comes_too_early(update, clip, feeding[0]) else ("", None)
    scaled = [
        b for b in passed if _is_unscaled_later(update, clip, b)
    ]  # an attack may add a pass without the scaler
    return ("scaled", scaled[-1]) if scaled else ("fine", passed[-1])


def _in_steps_alone(program: Program) -> list[MisplacedClip]:
    """Clips before the step of a scaler that is no update, where nothing in the program ever unscales.

    It stands in a function of its own, or steps what nobody knows but the scaler.
    """
    if program.uses("unscale_", "unscale_grads", "unscale_gradients"):
        return []
    known = {id(update.event) for update in (*program.updates, *program.single_updates)}
    return [
        MisplacedClip(clip, "scaled", step, None, "constructed")
        for root in program.roots
        for step, clip in _steps_with_clips(of_kind(root, "clip", "step", "backward"))
        if id(step) not in known
    ]


def _steps_with_clips(events: list[Event]) -> Iterator[tuple[Event, Event]]:
    """Steps of scalers, each with the clips before it in its run that come behind its backward pass, if that is seen."""
    passes = [e for e in events if e.kind == "backward"]
    for index, step in enumerate(events):
        if isinstance(step.detail, tuple) and step.detail[0] == "scaler" and not _is_off(_scaler(step)):
            for place, clip in enumerate(events[:index]):
                if clip.kind != "clip" or clip.detail == METHOD or clip.loop is not step.loop:
                    continue
                scaled = any(
                    _is_scaled(e) and _is_turn_of(e, step.loop) for e in events[:place] if e in passes
                )
                if (scaled or not passes) and not _cannot_meet(clip, step):
                    yield step, clip


def _is_turn_of(backward: Event, loop: Region | None) -> bool:
    """Whether a backward pass is of each turn of a loop, perhaps in a loop of its own over parts of a batch."""
    return backward.loop is loop or (loop is not None and bool(backward.region.inside(loop)))


def _belongs(update: Update, clip: Event) -> bool:
    """Whether a clip is of what this update steps, or can be of nothing else."""
    behind = list(walk(clip.target))
    if any(same(v, update.optimizer.value) for v in behind):
        return True
    if any(update.owns(m) for m in _modules(behind)):
        return True
    steps = [e for e in update.events if e.kind == "step"]
    return all(same(e.target, update.optimizer.value) for e in steps)


def _modules(behind: list[Value]) -> list[Value]:
    return [
        v
        for v in behind
        if (isinstance(v, Instance) and is_module(v))
        or isinstance(v, (Free, Argument))
        or is_unseen_object(v)
    ]


def _comes_too_late(update: Update, clip: Event, feeding: list[Event]) -> bool:
    """Whether a clip behind the step has nothing left to do: what it clips is cleared before it is used."""
    if not (_is_beside(clip, update.event) or _is_switched_by_bound(clip) or _is_for_nothing_else(clip)):
        return False
    if not implied(update.event, clip, update.loop) or any(e.kind == "clip" for e in update.before()):
        return False
    around = [*update.after(), *update.before()]  # from this step to the next one
    for event in around:
        if event in feeding:
            return False
        if event.kind == "zero_grad" and update.owns(event.target) and update.always_with(event):
            return True
    return False


def _comes_too_early(update: Update, clip: Event, first: Event) -> bool:
    """Whether the gradients are cleared each time before a clip that comes before the backward pass."""
    if not (_is_beside(clip, update.event) or _is_switched_by_bound(clip)):
        return False
    if first not in update.before() or first.loop is not clip.loop:
        return False
    here = update.events.index(first)
    if any(e.kind in ("grad_write", "unresolved") for e in update.before()):
        return False  # gradients by other means
    if any(e.kind == "clip" and update.events.index(e) > here for e in update.before()):
        return False  # a second clip, in its place
    around = [*update.after(), *update.events[:here]]
    return any(e.kind == "zero_grad" and update.owns(e.target) and update.always_with(e) for e in around)


def _is_beside(clip: Event, step: Event) -> bool:
    """Whether every step comes with this clip, in the same turn of the same loop."""
    outer = clip.loop
    if outer is not step.loop:
        return False
    root = outer if outer is not None else step.region.root
    return implied(clip, step, root)


def _is_for_nothing_else(clip: Event) -> bool:
    """Whether nobody asks for the norm that a clip gives: whatever switches it, it is there to clip."""
    written = " ".join(text_of(clip.node).split("\n", 1)[0].split())
    return statement_text(clip.node) == written


def _is_switched_by_bound(clip: Event) -> bool:
    """`if max_norm: clip_grad_norm_(parameters, max_norm)`: whether only its own bound decides if there is a clip."""
    given = [text_of(a.value) for a in clip.node.arguments[1:]] if isinstance(clip.node, Call) else []
    arms = []
    for region in clip.region.ancestors():
        if region.kind == "loop":
            break
        if region.kind == "arm":
            arms.append(text_of(region.test) if region.test is not None else "")
    return bool(arms) and all(any(bound in test for bound in given) for test in arms)


def _is_unscaled_later(update: Update, clip: Event, backward: Event) -> bool:
    """Whether a scaler still holds the gradients scaled when they are clipped: its step unscales them."""
    step = update.event
    scaler = _scaler(step)
    if not (isinstance(step.detail, tuple) and step.detail[0] == "scaler") or not _is_scaled(backward):
        return False
    if exclusive(clip, backward) or _cannot_meet(clip, backward) or _is_off(scaler):
        return False
    between = update.between(backward, clip)
    handed = [e for e in between if e.kind == "unresolved" and any(same(v, scaler) for v in e.inputs)]
    return not handed and not any(e.kind == "unscale" for e in between)


def _is_scaled(backward: Event) -> bool:
    """Whether the loss of a backward pass went through a scaler: `scaler.scale(loss).backward()`."""
    return backward.value is not None and backward.target is not backward.value


def _scaler(step: Event) -> Value:
    return step.detail[1] if isinstance(step.detail, tuple) else step.target


def _made(scaler: Value) -> list[Instance]:
    return [o for o in options(scaler) if isinstance(o, Instance) and role(o) == "scaler"]


def _is_known(scaler: Value) -> bool:
    """Whether it is made in the code, or said to be one: `scaler: GradScaler | None`."""
    return any(isinstance(o, Instance) or is_called_scaler(o) for o in options(scaler))


def _is_off(scaler: Value) -> bool:
    """Whether every scaler that it can be was switched off for good."""
    made = _made(scaler)
    given = [m.keywords.get("enabled") for m in made]
    return bool(made) and all(
        g is not None and isinstance(one(g), Constant) and one(g).under is None and constant(g) is False  # type: ignore[union-attr]
        for g in given
    )


def _is_switched(scaler: Value) -> bool:
    """Whether a setting, or something unknown, decides if the scaler is on."""
    given = [m.keywords.get("enabled") for m in _made(scaler)]
    return any(g is not None and not (isinstance(one(g), Constant) and one(g).under is None) for g in given)  # type: ignore[union-attr]


def _given(event: Event) -> tuple[Condition, ...]:
    return tuple(c for region in event.region.ancestors() for c in region.given)


def _cannot_meet(first: Event, second: Event) -> bool:
    """Whether two events are of different runs: in other arms of one setting."""
    return exclusive(first, second) or exclude(_given(first), _given(second))


def _is_of_others(update: Update, clip: Event, updates: list[Update]) -> bool:
    """Whether a clip right before a step is of modules that nothing in this loop steps."""
    modules = _modules(list(walk(clip.target)))
    beside = [u for u in updates if u.loop is update.loop]
    if clip not in update.before() or not modules or not all(isinstance(m, Instance) for m in modules):
        return False
    here = update.events.index(clip)
    if not any(update.events.index(b) < here for b in update.backwards):
        return False
    known = all(
        u.optimizer.models and all(isinstance(m, Instance) for m in u.optimizer.models) for u in beside
    )
    if not known or any(update.owns(m) is not False for m in modules):
        return False
    owners = [u for u in beside if any(u.owns(m) is not False for m in modules)]
    return not owners or (_is_unclipped(update, clip) and all(_has_used(u, clip) for u in owners))


def _is_unclipped(update: Update, clip: Event) -> bool:
    """Whether no other clip of the loop can be of what this update steps."""
    others = [e for e in update.events if e.kind == "clip" and e is not clip]
    return not any(_belongs(update, e) for e in others) and clip.detail != METHOD


def _has_used(owner: Update, clip: Event) -> bool:
    """Whether gradients are clipped behind the step that used them, and cleared before the next ones come."""
    if clip not in owner.after() or not owner.backwards:
        return False
    here = owner.events.index(clip)
    for event in (*owner.events[here + 1 :], *owner.events[:here]):
        if event in owner.backwards or (event.kind == "step" and same(event.target, owner.optimizer.value)):
            return False
        if event.kind == "zero_grad" and owner.owns(event.target) and owner.always_with(event):
            return True
    return False
