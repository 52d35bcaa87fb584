"""Train and eval mode on entry of every forward, along the trace.

A state maps each module to the modes it can be in, each with the event that set it and the conditions
that event stood under. Loops are gone through again where one iteration leaves something to the next.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import field

from trainlint.meaning.flow import key as condition_key
from trainlint.meaning.fragments import FRESH
from trainlint.meaning.methods import SELF_RETURNING
from trainlint.meaning.modules import parts
from trainlint.meaning.syntax import Comparison, Expression, Literal, Name
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
    one,
    options,
)
from trainlint.records import dataclass

Guards = frozenset[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Mode:
    """`training` is None where the mode is not known; `event` is None where the object was made so."""

    training: bool | None
    event: Event | None = None
    guards: Guards = frozenset()
    pretrained: bool = False
    untouched: bool = False  # still in the mode it was made in, whichever that is


State = dict[Hashable, frozenset[Mode]]
MADE = frozenset({Mode(True)})
PRETRAINED = frozenset({Mode(False, pretrained=True)})
UNKNOWN = frozenset({Mode(None)})
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


def modes_of(root: Region) -> Modes:
    modes = Modes()
    if any(event.kind == "forward" for event in root.events()):
        _Walk(modes).region(root, {}, frozenset())
    return modes


@dataclass(slots=True, eq=False)
class _Sets:
    """Sets of modes made from other ones, each once: a switch gives all parts of a network the same set.

    Everything is known by identity, which is why the sets that an answer was made from are kept with it.
    """

    unions: dict[tuple[int, int], tuple[frozenset[Mode], ...]] = field(default_factory=dict)
    guards: dict[int, tuple[frozenset[Mode], Guards]] = field(default_factory=dict)
    less: dict[tuple[int, tuple[str, bool]], tuple[frozenset[Mode], frozenset[Mode]]] = field(
        default_factory=dict
    )
    freed: dict[tuple[int, Guards], tuple[frozenset[Mode], frozenset[Mode]]] = field(default_factory=dict)
    single: dict[tuple[int, Guards], tuple[Mode, Mode]] = field(default_factory=dict)

    def union(self, one: frozenset[Mode], other: frozenset[Mode]) -> frozenset[Mode]:
        key = (id(one), id(other))
        known = self.unions.get(key)
        if known is None:
            known = self.unions[key] = one, other, one | other
        return known[2]

    def guards_of(self, modes: frozenset[Mode]) -> Guards:
        """All conditions that some of the modes were set under."""
        known = self.guards.get(id(modes))
        if known is None:
            known = self.guards[id(modes)] = modes, frozenset().union(*(mode.guards for mode in modes))
        return known[1]

    def without(self, modes: frozenset[Mode], guard: tuple[str, bool]) -> frozenset[Mode]:
        """The modes that were not set under a condition, unless all were."""
        if guard not in self.guards_of(modes):
            return modes
        key = (id(modes), guard)
        known = self.less.get(key)
        if known is None:
            known = self.less[key] = modes, frozenset(m for m in modes if guard not in m.guards) or modes
        return known[1]

    def within(self, modes: frozenset[Mode], guards: Guards) -> frozenset[Mode]:
        """The modes, of the conditions that they were set under only those that still hold."""
        if self.guards_of(modes) <= guards:
            return modes
        key = (id(modes), guards)
        known = self.freed.get(key)
        if known is None:
            known = self.freed[key] = modes, frozenset(self._one_within(mode, guards) for mode in modes)
        return known[1]

    def _one_within(self, mode: Mode, guards: Guards) -> Mode:
        key = (id(mode), guards)
        known = self.single.get(key)
        if known is None:
            held = mode.guards & guards
            freed = Mode(mode.training, mode.event, held, mode.pretrained, mode.untouched)
            known = self.single[key] = mode, freed
        return known[1]

    def join(self, states: list[State]) -> State:
        """What a state can be where paths meet."""
        if len(states) == 1:
            return states[0]
        joined = dict(states[0])
        for state in states[1:]:
            for name in joined.keys() - state.keys():
                joined[name] = self.union(joined[name], _MISSING)
            for name, modes in state.items():
                known = joined.get(name, _MISSING)
                if known is not modes:
                    joined[name] = self.union(known, modes)
        return joined


class _Walk:
    """One pass over a trace; the state is copied at branches and joined behind them."""

    __slots__ = ("before", "conditions", "continues", "ended", "modes", "sets", "stills")

    def __init__(self, modes: Modes) -> None:
        self.modes = modes
        self.before: State = {}  # the mode that each module was last switched from
        self.continues: list[list[State]] = []
        self.ended: list[list[State]] = []
        self.conditions: dict[int, str] = {}  # by the identity of the test
        self.stills: dict[int, bool | None] = {}  # by the identity of the region
        self.sets = _Sets()

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
        return item.kind not in ("mode", "forward")

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
            state = self._unguarded(_going_round(ended, region), guards, outside)
            if state == entry and self.before == before:
                break  # a second turn would find what the first one found
        return self._unguarded(ended, guards, outside)

    def _branch(self, region: Region, state: State, guards: Guards) -> State | None:
        ends: list[State] = []
        before = dict(self.before)
        arms = [a for a in region.items if type(a) is Region]
        for arm in arms:
            if _leaves_out_nothing(arm):
                continue
            guard = (self._condition(arm.test), arm.holds) if arm.test is not None else None
            inner = guards | {guard} if guard is not None else guards
            after = self.region(arm, _in_mode(self._under(state, guard), arm, arm.holds), inner)
            if after is not None:
                ends.append(after)
        if len(arms) == 1:
            ends.append(_in_mode(dict(state), arms[0], not arms[0].holds))
        if not ends:
            return None
        joined = dict(self.sets.join(ends))
        for name in {n for arm in arms if asks_for_mode(arm) for n in _switched(arm)}:
            joined[name] = before.get(name, UNKNOWN)  # `if was_training: model.train()`
        return joined

    def _under(self, state: State, guard: tuple[str, bool] | None) -> State:
        """A copy of a state for an arm: without the modes that were set under the opposite of its condition."""
        entry = dict(state)
        if guard is not None:
            opposite = (guard[0], not guard[1])
            for name, modes in state.items():
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

    def _freed(
        self, modes: frozenset[Mode], guards: Guards, outside: frozenset[Mode] | None
    ) -> frozenset[Mode]:
        freed = self.sets.within(modes, guards)
        if freed is modes or not outside or modes.isdisjoint(outside):
            return freed
        return self.sets.within(modes - outside, guards) | (modes & outside)

    def _condition(self, test: Expression) -> str:
        known = self.conditions.get(id(test))
        if known is None:
            known = self.conditions[id(test)] = condition_key(test)
        return known

    def _event(self, event: Event, state: State, guards: Guards) -> None:
        if event.kind == "mode":
            for target in behind(event.target):
                self._switch_all(target, event, state, guards)
        elif event.kind == "forward":
            self.modes.entries.setdefault(id(event), set()).update(self._modes_at(event, state))

    def _switch_all(self, target: Value, event: Event, state: State, guards: Guards) -> None:
        switched = frozenset({Mode(event.detail, event, guards)})  # one for all, so that it is known again
        for part in parts(target):
            name = identity(part)
            if name is not None:
                self._switch(name, event, state, switched)
            else:
                _forget(state)
        for name in _changed_inside(target):
            if any(m.training is not event.detail for m in state.get(name, UNKNOWN)):
                state[name] = frozenset({Mode(None, event, guards)})

    def _switch(self, name: Hashable, event: Event, state: State, switched: frozenset[Mode]) -> None:
        if event.detail == RESTORE:
            state[name] = self.before.get(name, UNKNOWN)
            return
        old = state.get(name, _MISSING)
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
        return found


def _forget(state: State) -> None:
    """Something unknown was switched: it may be any of the objects whose making is not seen."""
    for name in state:
        if isinstance(name, tuple) and name[0] == "made":
            state[name] = UNKNOWN


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


def asks_for_mode(arm: Region) -> bool:
    """Whether an arm depends on a mode that was read before: `was_training = model.training`."""
    tests = options(arm.truth) if arm.truth is not None else []
    return bool(tests) and all(map(_is_of_mode, tests))


def _in_mode(state: State, arm: Region, holds: bool) -> State:
    """What a state can be where `model.training` was asked for and was so."""
    for test in options(arm.truth) if asks_for_mode(arm) and arm.truth is not None else ():
        negated = isinstance(test, Result)
        training = holds is not negated
        asked = one(test.arguments[0]) if isinstance(test, Result) else test
        receivers = options(asked.receiver) if isinstance(asked, Member) else []
        for name in {identity(part) for receiver in receivers for part in behind(receiver)}:
            if name in state:
                left = frozenset(m for m in state[name] if m.training is not (not training))
                state[name] = left or state[name]
    return state


def mode_in(arm: Region) -> bool | None:
    """The mode that an arm is taken in, where its condition asks for one."""
    if not asks_for_mode(arm) or arm.truth is None:
        return None
    found = {arm.holds is not isinstance(test, Result) for test in options(arm.truth)}
    return found.pop() if len(found) == 1 else None


def _is_of_mode(test: Value) -> bool:
    if isinstance(test, Result) and isinstance(test.callee, External) and test.arguments:
        if not test.callee.name.startswith("operator.unary"):
            return False
        test = one(test.arguments[0])
    return isinstance(test, Member) and test.name == "training"


def _going_round(state: State, loop: Region) -> State:
    """What the next iteration finds: what was set under `i == len(loader) - 1` meets no iteration any more."""
    last = {
        (condition_key(arm.test), arm.holds)
        for arm in _arms(loop)
        if arm.test is not None and arm.holds and _is_the_end(arm.truth)
    }
    if not last:
        return state
    return {k: frozenset(m for m in v if not last & m.guards) or v for k, v in state.items()}


def _arms(loop: Region) -> Iterator[Region]:
    """The arms of an iteration, not those of loops inside it."""
    for item in loop.items:
        if type(item) is Region and item.kind != "loop":
            if item.test is not None and item.kind not in ("branch", "call", "closure"):
                yield item
            yield from _arms(item)


def _is_the_end(test: Value | None) -> bool:
    """`i == len(loader) - 1`, `step + 1 == len(steps)`."""
    match test:
        case Result(callee=External(name="operator.=="), arguments=arguments):
            return any(_is_length(v) for given in arguments for v in options(given))
    return False


def _is_length(value: Value) -> bool:
    match value:
        case Result(callee=External(name="builtins.len")):
            return True
        case Result(callee=External(name="operator.-"), arguments=(first, _)):
            return _is_length(first)
    return False


_MISSING = frozenset({Mode(None, untouched=True)})
