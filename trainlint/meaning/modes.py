"""Train and eval mode on entry of every forward, along the trace.

A state maps each module to the modes it can be in, each with the event that set it and the conditions
that event stood under. Loops are gone through again where one iteration leaves something to the next.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import field

from trainlint.meaning.callers import callers
from trainlint.meaning.dispatch import held_by_arms
from trainlint.meaning.flow import enclosing_call, implications, of_kind
from trainlint.meaning.fragments import FRESH
from trainlint.meaning.methods import SELF_RETURNING
from trainlint.meaning.modesets import MISSING, Guards, Mode, Sets, State
from trainlint.meaning.modules import held, mode_dependent, parts, reads_mode
from trainlint.meaning.objects import is_module
from trainlint.meaning.phases import asks_for_mode, asks_now
from trainlint.meaning.restored import RESTORED
from trainlint.meaning.rounds import going_round, is_made_within, made_in
from trainlint.meaning.syntax import Comparison, Literal, Name
from trainlint.meaning.trace import RESTORE, Event, Leave, Region
from trainlint.meaning.trace import Item as Happening
from trainlint.meaning.values import (
    Argument,
    Choice,
    Constant,
    External,
    Free,
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

MADE = frozenset({Mode(True)})
PRETRAINED = frozenset({Mode(False, pretrained=True)})
UNKNOWN = frozenset({Mode(None)})
_NOTHING = frozenset[int]()
_INNER_MODULES = frozenset("modules named_modules children named_children".split())


@dataclass(slots=True, eq=False)
class Modes:
    """The modes that each forward event of a trace can find its module in."""

    entries: dict[int, set[Mode]] = field(default_factory=dict)

    def at(self, event: Event) -> frozenset[Mode]:
        return frozenset(self.entries.get(id(event), ()))


def identity(value: Value) -> Hashable | None:
    """A key for one object; None for what may be several."""
    match value:
        case Instance():
            return id(value)
        case Result():
            return ("made", id(value))
        case Free(name=name):
            return ("free", name)
        case Argument(name=name, function=function):
            return ("argument", name, id(function.node))
        case Member(receiver=receiver, name=name):
            inner = identity(receiver)
            return None if inner is None else (inner, name)
        case Item(source=source, key=Constant(value=k)) if isinstance(k, (str, int)):
            inner = identity(source)
            return None if inner is None else (inner, "[]", k)
    return None


def behind(value: Value) -> list[Value]:
    """The objects that a value can be, seen through `.to(device)` and the `.module` of a wrapper."""
    found: list[Value] = []
    seen: set[int] = set()
    pending = [value]
    while pending and len(seen) < 30:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        match current:
            case Choice():
                pending += options(current)
            case Result(callee=Member(receiver=receiver, name=name)) if name in SELF_RETURNING:
                pending.append(receiver)
            case Member(receiver=Result() | Argument() | Free() | Choice() as receiver, name="module"):
                pending.append(receiver)
            case _:
                found.append(current)
    return found


def initial(value: Value) -> frozenset[Mode]:
    if isinstance(value, Instance) and (not value.symbolic or FRESH in value.attributes):
        if RESTORED in value.attributes:
            return MADE if constant(value.attributes[RESTORED]) else UNKNOWN
        return PRETRAINED if "*pretrained" in value.attributes else MADE
    if (
        isinstance(value, Result)
        and isinstance(value.callee, (Free, External))
        and _is_class_like(value.callee.name)
    ):
        return MADE
    return UNKNOWN


def _is_class_like(name: str) -> bool:
    return name.rpartition(".")[2][:1].isupper()


def _switching(module: Value) -> list[Value]:
    """What switches with a module: its parts, and what classes of other libraries have made for its attributes."""
    known = parts(module)
    kept = (value for part in known if isinstance(part, Instance) for _, value in held(part))
    return [*known, *(value for value in kept if _is_of_library(value) and initial(value) is MADE)]


def _is_of_library(value: Value) -> bool:
    return isinstance(value, Result) or (isinstance(value, Instance) and isinstance(value.cls, External))


def switched_in(root: Region) -> frozenset[Hashable]:
    """What the switches of a trace reach: whatever else is applied there, no switch has set its mode."""
    found: set[Hashable | None] = set()
    for event in of_kind(root, "mode"):
        for target in behind(event.target):
            found.update(map(identity, _switching(target)))
            found.update(_changed_inside(target))
    return frozenset(found - {None})


def modes_of(root: Region) -> Modes:
    modes = Modes()
    if root.has("forward"):
        _Walk(modes, [event for event in root.events() if event.kind == "attach"]).region(
            root, {}, frozenset()
        )
    return modes


class _Walk:
    """One pass over a trace; the state is copied at branches and joined behind them."""

    __slots__ = (
        "before",
        "conditions",
        "continues",
        "ended",
        "inner",
        "late",
        "made_in",
        "modes",
        "sets",
        "stills",
        "switched_under",
        "values",
    )

    def __init__(self, modes: Modes, attached: list[Event]) -> None:
        self.modes = modes
        self.late = {id(event): event for event in attached}  # parts that other parts give way to, not yet
        self.before: State = {}  # the mode that each module was last switched from
        self.made_in: dict[Hashable, Region] = {}  # the loop that makes a module anew in each turn
        self.continues: list[list[State]] = []
        self.ended: list[list[State]] = []
        self.conditions: dict[
            tuple[int, bool], Guards
        ] = {}  # by the identity of the test, and whether it holds
        self.values: dict[str, Value] = {}  # what conditions ask for, by the name that guards give it
        self.inner: dict[int, list[int]] = {}  # the identities of a module's parts
        self.stills: dict[int, bool | None] = {}  # by the identity of the region
        self.sets = Sets()
        self.switched_under: set[tuple[str, bool]] = set()  # all conditions that some mode was set under

    def region(self, region: Region, state: State, guards: Guards) -> State | None:
        """The state behind a region, None where the flow never gets there."""
        for item in region.items:
            if type(item) is Event:
                self._event(item, state, guards)
            elif type(item) is Leave:
                self._leave(item, state)
                return None
            elif type(item) is Region:
                after = self._inner(item, state, guards)
                if after is None:
                    return None
                state = after
        return state

    def _leave(self, item: Leave, state: State) -> None:
        """A way out, past every `finally` on it."""
        inner: Happening = item
        for region in item.region.ancestors():
            for final in region.finals_at(inner):
                state = self.region(final, dict(state), frozenset()) or state
            if region.kind in ("call", "closure") or (item.kind != "return" and region.kind == "loop"):
                break
            inner = region
        if item.kind in ("continue", "break") and self.continues:
            self.continues[-1].append(state)
        elif item.kind == "return" and self.ended:
            self.ended[-1].append(state)

    def _inner(self, region: Region, state: State, guards: Guards) -> State | None:
        if self._still(region):
            return state  # most calls and branches
        if region.kind == "branch":
            return self._branch(region, state, guards)
        if region.kind == "loop":
            return self._loop(region, state, guards)
        if region.kind in ("call", "closure"):
            outer = self.continues
            self.continues = []
            self.ended.append([])
            after = self.region(region, state, guards)
            ends = self.ended.pop() + ([after] if after is not None else [])
            self.continues = outer
            return self.sets.join(ends) if ends else state
        return self.region(region, state, guards)

    def _still(self, region: Region) -> bool | None:
        """Whether all modes that enter a region leave it again and no forward asks for them; None where some return."""
        if id(region) not in self.stills:
            found = {self._stays(item) for item in region.items}
            if False in found or (region.kind == "loop" and not region.unrolled):
                self.stills[id(region)] = False  # a loop forgets conditions, at the least
            elif region.kind in ("call", "closure"):
                self.stills[id(region)] = True  # what returns inside comes out behind it
            else:
                self.stills[id(region)] = None if None in found else True
        return self.stills[id(region)]

    def _stays(self, item: Happening) -> bool | None:
        if type(item) is Region:
            return self._still(item)
        if type(item) is Leave:
            return None if item.kind == "return" else False
        return item.kind not in ("mode", "forward", "attach")

    def _loop(self, region: Region, state: State, guards: Guards) -> State | None:
        if region.unrolled:
            self.continues.append([])
            after = self.region(region, state, guards)
            ends = self.continues.pop() + ([after] if after is not None else [])
            return self.sets.join(ends) if ends else None
        outside = state
        for _ in range(2):
            entry, before = state, dict(self.before)
            self.continues.append([])
            after = self.region(region, dict(entry), guards)
            ends = self.continues.pop() + ([after] if after is not None else [])
            if not ends:
                return entry
            ended = self.sets.join(ends)
            lasting = self._lasts(guards, region) if self.values else guards
            state = self._unguarded(self._lasting(going_round(ended, region), region), lasting, outside)
            if state == entry and self.before == before:
                break  # a second turn would find what the first one found
        return self._unguarded(ended, lasting, outside)

    def _branch(self, region: Region, state: State, guards: Guards) -> State | None:
        ended: list[
            tuple[Region | None, State, Guards]
        ] = []  # each arm with the state behind it, and what holds
        before = dict(self.before)
        arms = [a for a in region.items if type(a) is Region]
        for arm in arms:
            if _leaves_out_nothing(arm):
                continue
            known = self._implied(arm)
            entry = _in_mode(self._under(state, known), arm, arm.holds)
            after = (
                self.region(arm, entry, guards | known if known else guards) if entry is not None else None
            )
            if after is not None:
                ended.append((arm, after, known))
        if len(arms) == 1:
            known = self._implied(arms[0], not arms[0].holds)
            past = _in_mode(self._under(state, known), arms[0], not arms[0].holds)
            if past is not None:
                ended.append((None, past, known))
        if not ended:
            return None
        self._tell_apart(ended)
        joined = dict(self.sets.join([after for _, after, _ in ended]))
        apart = held_by_arms(region) if len(ended) > 1 else {}
        for taken, after, _ in ended:
            joined.update((name, after[name]) for name in apart.get(id(taken), _NOTHING).intersection(after))
        for name in {n for arm in arms if asks_for_mode(arm) and not asks_now(arm) for n in _switched(arm)}:
            joined[name] = before.get(name, UNKNOWN)  # `if was_training: model.train()`
        return joined

    def _tell_apart(self, ended: list[tuple[Region | None, State, Guards]]) -> None:
        """Note with a mode that came through one arm what holds in it, where the other arm leaves another mode.

        `if finetune: encoder.train()` says that an encoder still in eval mode behind it is not finetuned.
        """
        if len(ended) != 2:
            return
        (_, one_way, _), (_, other_way, _) = ended
        differing = [name for name, modes in one_way.items() if other_way.get(name, modes) is not modes]
        for _, after, known in ended if differing else ():
            if known:
                self.switched_under |= known
                after.update((name, self.sets.under(after[name], known)) for name in differing)

    def _under(self, state: State, known: Guards) -> State:
        """A copy of a state for an arm: without the modes that were set under the opposite of its condition."""
        entry = dict(state)
        for condition, holds in known:
            opposite = (condition, not holds)
            if opposite not in self.switched_under:
                continue
            for name, modes in entry.items():
                entry[name] = self.sets.without(modes, opposite)
        return entry

    def _unguarded(self, state: State, guards: Guards, outside: State) -> State:
        """In the next iteration conditions may have changed: only what holds for the whole loop is still known.

        What was set before the loop, and by none of its iterations, was set under what held there.
        """
        return {
            name: modes if outside.get(name) is modes else self._freed(modes, guards, outside.get(name))
            for name, modes in state.items()
        }

    def _lasting(self, state: State, loop: Region) -> State:
        """A state without the objects that a loop makes anew in each turn: one model for each fold."""
        made = {name for name, home in self.made_in.items() if name in state and home.inside(loop)}
        return {name: modes for name, modes in state.items() if name not in made} if made else state

    def _freed(
        self, modes: frozenset[Mode], guards: Guards, outside: frozenset[Mode] | None
    ) -> frozenset[Mode]:
        freed = self.sets.within(modes, guards)
        if freed is modes or not outside or modes.isdisjoint(outside):
            return freed
        return self.sets.within(modes - outside, guards) | (modes & outside)

    def _implied(self, arm: Region, holds: bool | None = None) -> Guards:
        """What is known within an arm, or where it is passed by."""
        holds = arm.holds if holds is None else holds
        if arm.test is None:
            return frozenset()
        known = self.conditions.get((id(arm.test), holds))
        if known is None:
            known = frozenset(implications(arm.test, holds)) | self._of_value(arm.truth, holds)
            self.conditions[id(arm.test), holds] = known
        return known

    def _of_value(self, truth: Value | None, holds: bool) -> Guards:
        """That a value is true, whatever it is called: `self.use_guide` here is `self.model.use_guide` elsewhere."""
        found = one(truth) if truth is not None else None
        if not isinstance(found, (Result, Item, Member, Argument)):
            return frozenset()
        key = f"the value {id(found)}"
        self.values[key] = found
        return frozenset({(key, holds)})

    def _lasts(self, guards: Guards, loop: Region) -> Guards:
        """What holds for the whole of a loop: what holds around it, and values that it does not make anew.

        Of these only the ones that some mode was set under: of a network's hundreds of conditions, most often none.
        """
        asked = {key for key, _ in self.switched_under}.intersection(self.values)
        made_before = [key for key in asked if not is_made_within(self.values[key], loop)]
        return guards.union((key, holds) for key in made_before for holds in (True, False))

    def _event(self, event: Event, state: State, guards: Guards) -> None:
        if event.kind == "mode":
            for target in behind(event.target):
                self._switch_all(target, event, state, guards)
        elif event.kind == "forward":
            self.modes.entries.setdefault(id(event), set()).update(self._modes_at(event, state))
        elif event.kind == "attach":
            self.late.pop(id(event), None)

    def _switch_all(self, target: Value, event: Event, state: State, guards: Guards) -> None:
        self.switched_under |= guards
        switched = frozenset({Mode(event.detail, event, guards)})  # one for all, so that it is known again
        switching = _switching(target)
        late = self._not_yet(switching) if self.late else ()
        for part in switching:
            name = identity(part)
            if id(part) in late:
                if name is not None and name in state:
                    state[name] |= UNKNOWN
            elif name is not None:
                self._switch(name, event, state, switched)
                self._note_home(name, part)
            else:
                _forget(state)
        for name in _changed_inside(target):
            if any(m.training is not event.detail for m in state.get(name, UNKNOWN)):
                state[name] = frozenset({Mode(None, event, guards)})

    def _not_yet(self, switching: list[Value]) -> set[int]:
        """The identities of what becomes a part of these modules only later: `clf.features = target_features`."""
        owners = {id(part) for part in switching}
        later = [event.value for event in self.late.values() if id(event.target) in owners]
        return {id(part) for value in later if value is not None for part in parts(value)}

    def _note_home(self, name: Hashable, part: Value) -> None:
        home = made_in(part) if name not in self.made_in else None
        if home is not None:
            self.made_in[name] = home

    def _switch(self, name: Hashable, event: Event, state: State, switched: frozenset[Mode]) -> None:
        if event.detail == RESTORE:
            state[name] = self.before.get(name, UNKNOWN)
            return
        old = state.get(name, MISSING)
        if any(m.training is not event.detail for m in old):
            self.before[name] = old
        state[name] = switched

    def _modes_at(self, event: Event, state: State) -> set[Mode]:
        found: set[Mode] = set()
        for target in behind(event.target):
            name = identity(target)
            known = UNKNOWN if name is None else state.get(name, initial(target))
            found |= {m for m in known if not m.untouched}
            if any(m.untouched for m in known):
                found |= initial(target)
            if any(m.training for m in found) and self._is_made_of_others(target, state, event):
                found.add(Mode(None))
        return found

    def _is_made_of_others(self, target: Value, state: State, event: Event) -> bool:
        """Whether all that depends on the mode within a wrapper was switched apart from it, and away from train mode,
        or some parts of it were for this very forward: then the others are left as they are on purpose."""
        if not isinstance(target, Instance):
            return False
        if id(target) not in self.inner:
            self.inner[id(target)] = [id(part) for part in parts(target)[1:]]
        apart = {name for name in self.inner[id(target)] if _is_out_of_training(state.get(name))}
        return bool(apart) and (
            _depends_only_on(target, apart)
            or any(m.event is not None and _is_for(m.event, event) for name in apart for m in state[name])
        )


def _is_for(switch: Event, event: Event) -> bool:
    """Whether a switch of a part prepares this forward: the same function does both, or nothing is trained at all."""
    if switch.detail is not False or not any(mode_dependent(o) for o in options(switch.target)):
        return False
    home = enclosing_call(switch)
    if home is not None and home is enclosing_call(event):
        return True
    if any(function.name == "__init__" for function in callers(switch)):
        return False  # a part comes like that, whatever is done with the whole
    return not of_kind(event.region.root, "backward")


def _forget(state: State) -> None:
    """Something unknown was switched: it may be any of the objects whose making is not seen."""
    for name in state:
        if isinstance(name, tuple) and name[0] == "made":
            state[name] = UNKNOWN


def _is_out_of_training(known: frozenset[Mode] | None) -> bool:
    """Whether some path has switched a module away from train mode."""
    return known is not None and any(m.event is not None and not m.training for m in known)


def _depends_only_on(module: Instance, apart: set[int], depth: int = 0) -> bool:
    """Whether nothing in a module is seen to depend on the mode other than what is in `apart`."""
    if depth > 6 or reads_mode(module):
        return False
    inner = [v for _, v in held(module) if isinstance(v, Instance) and is_module(v) and v is not module]
    return bool(inner) and all(
        id(part) in apart or mode_dependent(part) is not True or _depends_only_on(part, apart, depth + 1)
        for part in inner
    )


def _changed_inside(target: Value) -> Iterator[Hashable]:
    """The modules of which only some inner ones are switched: `for m in model.modules(): ... m.eval()`."""
    match target:
        case Item(source=Result(callee=Member(receiver=owner, name=name))) if name in _INNER_MODULES:
            yield from (n for n in (identity(o) for o in options(owner)) if n is not None)


def _leaves_out_nothing(arm: Region) -> bool:
    """`if model is None: continue` in a loop over models: what is not there has no mode."""
    match arm.test:
        case Comparison(left=Name(), rest=(("is", Literal(value=None)),)):
            skips = [type(item) is Leave and item.kind == "continue" for item in arm.items]
            return arm.holds and bool(skips) and all(skips)
    return False


def _switched(arm: Region) -> Iterator[Hashable]:
    events = (event for event in arm.events() if event.kind == "mode")
    named = (identity(p) for event in events for t in behind(event.target) for p in parts(t))
    yield from (name for name in named if name is not None)


def _in_mode(state: State, arm: Region, holds: bool) -> State | None:
    """What a state can be where `model.training` is asked for and is so; None where it is seen to be otherwise."""
    for test in options(arm.truth) if asks_now(arm) and arm.truth is not None else ():
        negated = isinstance(test, Result)
        training = holds is not negated
        asked = one(test.arguments[0]) if isinstance(test, Result) else test
        for receiver in options(asked.receiver) if isinstance(asked, Member) else []:
            for part in behind(receiver):
                name = identity(part)
                found = state.get(name, initial(part)) if name is not None else UNKNOWN
                left = frozenset(m for m in found if m.training is not (not training))
                if not left:
                    return None
                if name is not None and name in state:
                    state[name] = left
    return state
