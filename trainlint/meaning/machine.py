"""The state of the interpreter: where it is in the trace, what it may still spend, what branches wrote.

The functions that do the work (`execute`, `evaluate`, `call`, ...) live in rooms of their own and get the
machine as their first argument; the machine holds them so that the rooms need not import each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any, TypeAlias

from trainlint.meaning.syntax import Expression, Lambda, Node
from trainlint.meaning.tables import Tables
from trainlint.meaning.trace import Event, EventKind, Leave, Region, RegionKind
from trainlint.meaning.unit import Frame, Unit
from trainlint.meaning.values import (
    MISSING,
    Choice,
    Class,
    Condition,
    External,
    Function,
    Instance,
    Mapping,
    Sequence,
    Value,
    choice,
)
from trainlint.records import dataclass

# The budget, in evaluated expressions and statements. What goes beyond it is "unknown".
STEPS_PER_ROOT = 30_000  # of one trace
STEPS_TO_TRAINING = (
    60_000  # of one whose own code serves batches: what it makes for them comes before the loop
)
STEPS_OF_TRAINING = 100_000  # of one in which something trains, or that is on its way through a training loop
STEPS_PER_READING = 60_000  # of the traces of one entry in which nothing trains; a zoo of models has hundreds
STEPS_BEFORE_REPEATS = 10_000  # of them, before functions that only call what was gone through are left out
STEPS_OF_MAKING = 10_000  # of them, before functions that only put networks together have to be brief
STEPS_WHEN_SPENT = 2_000  # of each further trace, until something trains in it
STEPS_WHEN_BRIEF = 500  # of each further trace of a function that only puts a network together
STEPS_PER_CALL = 3_000  # of one call that brings no event of training
STEPS_PER_TRAINING = 4_000  # of one whose body speaks of training: it builds data sets before its loop begins
STEPS_PER_MODULE = 6_000  # of making a module, or of its forward
STEPS_APART = 12_000  # of what is asked beside a trace; a single call has less
STEPS_FOR_MODULES = 12_000  # of making all modules of one trace: a zoo of networks must not hide the training
DEPTH = 12  # calls followed into each other
_EVENTS = frozenset("forward backward step zero_grad schedule criterion mode load set_epoch".split())
TRAINING_WORDS = frozenset("backward zero_grad manual_backward no_grad inference_mode".split())
_TRAINING = frozenset("backward step zero_grad schedule criterion".split())


Knot: TypeAlias = Function | Class | Frame | Choice | Region


class Exhausted(Exception):
    """The budget is spent: what was learnt so far stands, the rest stays unknown."""


@dataclass(slots=True, eq=False)
class Allowance:
    """How far a call may go; one that brings events may go on."""

    limit: int
    region: Region
    more: int

    @property
    def is_productive(self) -> bool:
        return any(event.kind in _EVENTS for event in self.region.events())


@dataclass(slots=True, eq=False)
class Writes:
    """What one branch wrote to shared objects: (holder, key) -> value before.

    `region`, `made`: where it began, and how many objects there were by then.
    """

    region: Region
    made: int
    before: dict[tuple[int, Any], tuple[Any, Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Started:
    """A function that a process or thread of its own runs, or a library that was given it."""

    function: Value
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]
    unless_entered: bool = False  # by then


@dataclass(slots=True, eq=False)
class Machine:
    load_unit: Callable[[Path], Unit | None]
    resolve: Callable[[Unit, str, int], Path | None]
    rival: Callable[[Unit, str, str], Path | None]  # of a name that the module's likeliest file lacks
    named: Callable[[str], Path | None]  # the one file of a name, wherever it lies
    decorated: Callable[
        [str], tuple[tuple[Path, str], ...]
    ]  # definitions that may be registered under a name
    registered: Callable[
        [], Iterable[tuple[tuple[Path, str], ...]]
    ]  # those that decorators register, by decorator
    configurations: Callable[[], tuple[Path, ...]]  # files of settings in the project
    spoken: Callable[[Path], frozenset[str]]  # the words of a file's program
    saves_in_eval_mode: Callable[[], bool]  # whether what a file of the project saves may be in eval mode
    evaluate: Callable[[Machine, Expression, Frame], Value]
    execute: Callable[..., bool]
    call: Callable[..., Value]
    iterate: Callable[..., Value | None]
    region: Region
    root_folder: Path  # of the project
    entry: Unit | None = None
    grad: bool | None = True
    steps: int = 0
    limit: int = STEPS_PER_ROOT
    allowances: list[Allowance] = field(default_factory=list)
    leading: dict[int, bool] = field(
        default_factory=dict
    )  # see `leading`: by the identity of a function's node
    heavy: set[Any] = field(default_factory=set)  # functions that used up their allowance for nothing
    root: Region | None = None  # the trace at hand
    root_limit: int = STEPS_PER_ROOT
    root_most: int = STEPS_PER_ROOT  # its limit once something trains in it
    root_ahead: int = STEPS_PER_ROOT  # its limit where batches are made, and nothing trains yet
    idle: int = 0  # steps of the traces so far in which nothing trains
    making: int | None = None  # the step at which the outermost constructor of a module began
    making_in: int = 0  # how many calls were under way by then
    made: int = 0  # steps that constructors of modules took in this trace
    assumed: list[Condition] = field(default_factory=list)  # what holds here: the other paths have left
    silent: int = 0  # above 0: nothing is recorded
    copying: int = 0  # above 0: within a loop over settings that is gone through entry by entry
    read: dict[int, tuple[Value, Value]] = field(
        default_factory=dict
    )  # opened files by identity, and the settings that were read from each
    settled: int = (
        0  # above 0: within what a setting has chosen, where its default decides all that it decides
    )
    stack: list[Function] = field(default_factory=list)
    writes: list[Writes] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    entered: set[Any] = field(default_factory=set)  # function nodes that were run
    units: dict[Path, Unit] = field(default_factory=dict)
    forwarding: int = 0  # above 0: inside the forward of a module
    modules: list[Instance] = field(default_factory=list)  # whose other methods are running
    known_files: list[Unit] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)  # by the trace at hand, not read yet
    starts: int = 0
    knots: list[Knot] = field(default_factory=list)  # what refers to itself in a circle, see `forgetting`
    taking: dict[int, Choice] = field(
        default_factory=dict
    )  # what is taken out of growing values just now, see `growing`
    declared: dict[tuple[str, str], Value] = field(default_factory=dict)  # settings by kind and name
    drawn_into: dict[int, Value] = field(default_factory=dict)  # tensors that were written into, by identity
    asked: set[Any] = field(default_factory=set)  # tables and the keys that were looked for in them
    tables: Tables = field(default_factory=Tables)  # what is done to data in tables
    filled: dict[int, tuple[Value, dict[str, Value]]] = field(default_factory=dict)  # see `entries`
    saved: list[tuple[Value, Value]] = field(default_factory=list)  # what was saved so far, and where
    meters: dict[int, tuple[Value, tuple[Value, ...], bool]] = field(default_factory=dict)  # see `gathering`

    def open_root(self, makes: bool = False) -> Region:
        """Start a new trace with a budget of its own; `makes`: it can do no more than put networks together."""
        self.region = self.root = Region("root", None, None)
        self.stack, self.grad, self.writes, self.forwarding, self.silent = [], True, [], 0, 0
        self.assumed, self.modules = [], []
        self.allowances, self.making, self.made = [], None, 0
        self.root_most = self.steps + (STEPS_PER_ROOT if makes else STEPS_OF_TRAINING)
        short = self.steps + (STEPS_WHEN_BRIEF if makes else STEPS_WHEN_SPENT)
        most = STEPS_OF_MAKING if makes else STEPS_PER_READING
        self.root_limit = self.limit = self.steps + STEPS_PER_ROOT if self.idle < most else short
        self.root_ahead = short if makes or self.idle >= most else self.steps + STEPS_TO_TRAINING
        return self.root

    def close_root(self, root: Region, began: int) -> None:
        """End a trace; what it cost since `began` counts unless something trained in it."""
        root.closed = True
        if not trains(root):
            self.idle += self.steps - began

    def overrun(self) -> None:
        """The steps have passed the limit: let a call that brings events go on; stop another, or the whole trace."""
        if self.steps > self.root_limit:
            most = self.root_most if self.is_at_training else self.root_ahead if self.serves_batches else 0
            if self.steps > most:
                for region in self.region.ancestors():
                    region.cut()
                raise Exhausted(None)
            self.root_limit = most
        if self.allowances and self.allowances[-1].limit < self.steps:
            allowance = self.allowances[-1]
            if not allowance.is_productive:
                raise Exhausted(allowance)
            allowance.limit = self.steps + allowance.more
        self.renew()

    @property
    def is_at_training(self) -> bool:
        """Whether the trace at hand trains something, or runs code that speaks of it."""
        if self.root is not None and trains(self.root):
            return True
        return any(not TRAINING_WORDS.isdisjoint(words) for words in self._words_around())

    @property
    def serves_batches(self) -> bool:
        """Whether code on the way to this place makes loaders, so that a loop over their batches is to come."""
        return any("DataLoader" in words for words in self._words_around())

    def _words_around(self) -> Iterator[frozenset[str]]:
        running = self.stack
        if self.making is not None and self.idle >= STEPS_OF_MAKING:
            running = running[
                : self.making_in
            ]  # how layers fill their weights under `no_grad` trains nothing
        yield from (f.node.body.words for f in running if not isinstance(f.node, Lambda))
        if self.entry is not None and self.entry.state == "running":
            yield self.entry.body.words

    def renew(self) -> None:
        innermost = self.allowances[-1].limit if self.allowances else self.root_limit
        self.limit = min(self.root_limit, innermost)

    def refund(self, steps: int) -> None:
        """What is done only once, whoever asks first, no running call pays for: the body of an import."""
        for allowance in self.allowances:
            allowance.limit += steps
        self.renew()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What the running calls neither pay for nor limit: it has an allowance of its own.

        Questions are asked when a trace has come to its end as well, perhaps because it had used all of its steps.
        """
        outer, limit, started = self.allowances, self.root_limit, self.steps
        self.allowances, self.root_limit = [], max(limit, started + STEPS_APART)
        self.renew()
        try:
            yield
        finally:
            self.allowances = outer
            self.root_limit = limit
            self.refund(self.steps - started)

    # The trace

    def record(
        self,
        kind: EventKind,
        node: Node,
        target: Value,
        value: Value | None = None,
        inputs: tuple[Value, ...] = (),
        detail: Any = None,
    ) -> None:
        if self.silent == 0 and not (kind in ("keep", "reset", "put") and self.forwarding):
            event = Event(kind, node, self.region, target, value, inputs, detail, self.grad)
            if kind in ("criterion", "initialise"):
                event.given = self.conditions()
            self.region.items.append(event)

    def conditions(self) -> tuple[Condition, ...]:
        """What holds at this point of the trace."""
        found: list[Condition] = []
        region: Region | None = self.region
        while region is not None:
            found += region.given
            region = region.parent
        return (*found, *self.assumed)

    def leave(self, kind: str, node: Node) -> None:
        if self.silent == 0:
            self.region.items.append(Leave(kind, node, self.region))

    def within(self, kind: RegionKind, node: Node | None, **facts: Any) -> Within:
        """A context in which events go to a new region of the trace."""
        return Within(self, Region(kind, node, self.region, grad=self.grad, **facts))

    @contextmanager
    def grad_mode(self, grad: bool | None) -> Iterator[None]:
        before, self.grad = self.grad, grad
        try:
            yield
        finally:
            self.grad = before

    @contextmanager
    def within_default(self) -> Iterator[None]:
        """The entries of a module that a setting's default has chosen: the same default chooses among them."""
        self.settled += 1
        try:
            yield
        finally:
            self.settled -= 1

    @contextmanager
    def entry_by_entry(self) -> Iterator[None]:
        """A loop over settings: what it has put in by now, and what not, is known."""
        self.copying += 1
        try:
            yield
        finally:
            self.copying -= 1

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        self.silent += 1
        try:
            yield
        finally:
            self.silent -= 1

    # Shared objects

    def write(self, holder: dict[Any, Value], key: Any, value: Value) -> None:
        """`holder[key] = value`, undone and merged where branches meet."""
        if self.writes:
            self.writes[-1].before.setdefault((id(holder), key), (holder, key, holder.get(key, MISSING)))
        holder[key] = value

    def extend(self, sequence: Sequence, items: tuple[Value, ...]) -> None:
        if self.writes:
            self.writes[-1].before.setdefault((id(sequence), "items"), (sequence, "items", sequence.items))
        sequence.items = items

    def branch(self) -> Branch:
        """A context that notes what is written to shared objects."""
        return Branch(self)

    def join(
        self,
        arms: list[tuple[Writes, dict[Any, Any] | None]],
        under: list[tuple[Condition, ...]] | None = None,
    ) -> None:
        """Merge what the arms wrote; each comes with the values it left, None if it never got here."""
        keys: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}
        for writes, _ in arms:
            for key, before in writes.before.items():
                keys.setdefault(key, before)
        for key, (holder, name, before) in keys.items():
            left = [after.get(key, before) for _, after in arms if after is not None]
            whole = under is not None and len(left) == len(under)
            merged = _merge([value for value in left if value is not MISSING], under if whole else None)
            if self.writes:
                self.writes[-1].before.setdefault(key, (holder, name, before))
            if merged is not MISSING:
                put(holder, name, merged)


@dataclass(slots=True, eq=False)
class Within:
    """Entered and left for every call, branch and loop, so a class: generators cost three times as much."""

    machine: Machine
    region: Region

    def __enter__(self) -> Region:
        machine, region = self.machine, self.region
        if machine.silent == 0 and region.parent is not None:
            region.parent.items.append(region)
        machine.region = region
        return region

    def __exit__(self, *failure: object) -> None:
        region = self.region
        assert region.parent is not None
        self.machine.region = region.parent
        region.closed = True
        if self.machine.silent == 0 and _is_empty(region):
            _forget(region.parent, region)
            if region.items:
                self.machine.knots.append(region)  # its arms still refer to it


@dataclass(slots=True, eq=False)
class Branch:
    machine: Machine

    def __enter__(self) -> Writes:
        writes = Writes(self.machine.region, len(self.machine.instances))
        self.machine.writes.append(writes)
        return writes

    def __exit__(self, *failure: object) -> None:
        self.machine.writes.pop()


def trains(root: Region) -> bool:
    return any(event.kind in _TRAINING for event in root.events())


def collect(machine: Machine, writes: Writes) -> dict[tuple[int, Any], Any]:
    """The values that a branch left, each place put back to what it was before.

    What the branch has made itself, no other path has: it stays as it is, also where it is returned.
    """
    after = {}
    made = _holders_made(machine, writes) if writes.before else frozenset()
    for key, (holder, name, before) in list(writes.before.items()):
        if key[0] in made or (type(holder) is Sequence and _is_made_within(holder, writes.region)):
            del writes.before[key]
            continue
        after[key] = holder.items if type(holder) is Sequence else holder.get(name, MISSING)
        put(holder, name, before)
    return after


def _holders_made(machine: Machine, writes: Writes) -> frozenset[int]:
    """The identities of the attributes, and of the lists and dictionaries in them, of what a branch has made."""
    found = set()
    for instance in machine.instances[writes.made :]:
        found.add(id(instance.attributes))
        for name, value in instance.attributes.items():
            if type(value) is Sequence and (name == "*layers" or _is_made_within(value, writes.region)):
                found.add(id(value))
            elif type(value) is Mapping and _is_made_within(value, writes.region):
                found.add(id(value.items))
    return frozenset(found)


def _is_made_within(display: Sequence | Mapping, region: Region) -> bool:
    return isinstance(display.region, Region) and display.region.inside(region)


def put(holder: Any, name: Any, value: Any) -> None:
    if type(holder) is Sequence:
        holder.items = value
    elif value is MISSING:
        holder.pop(name, None)
    else:
        holder[name] = value


def _either(items: list[Value], under: list[tuple[Condition, ...]] | None) -> Value:
    """An item of a list where each path has put in its own."""
    return items[0] if all(item is items[0] for item in items) else choice(items, None, under)


def _merge(values: list[Any], under: list[tuple[Condition, ...]] | None = None) -> Any:
    if not values:
        return MISSING
    if isinstance(values[0], tuple):  # a list's items: what not all paths have put in may be missing
        shared = min(len(items) for items in values)
        longest = max(values, key=len)
        known = under if len(values) == 2 and under is not None else None
        if known is not None and longest is values[1]:
            known = [known[1], known[0]]
        alike = [_either([items[i] for items in values], under) for i in range(shared)]
        return (*alike, *(_perhaps(item, known) for item in longest[shared:]))
    return choice(values, None, under)


def _perhaps(item: Value, under: list[tuple[Condition, ...]] | None) -> Value:
    """A layer that only some path adds to a list: there, or nothing; `under`: on which conditions."""
    if not isinstance(item, Instance) or not _is_applied(item):
        return item
    nothing = Instance(External("torch.nn.Identity"), None)
    conditions = None if under is None else {id(item): under[0], id(nothing): under[1]}
    return Choice([item, nothing], under=conditions)


def _is_applied(item: Instance) -> bool:
    """Whether an object is a step of what is made of a list, as layers and transforms are; not one of several tasks."""
    from trainlint.meaning.objects import find_member, is_module
    from trainlint.meaning.roles import role

    if isinstance(item.cls, External):
        return role(item) not in ("optimizer", "schedule")
    return is_module(item) or find_member(item.cls, "__call__") is not None


def _is_empty(region: Region) -> bool:
    """Whether nothing happens in a call or branch; arms stay, so that a branch shows what it may skip."""
    if region.kind in ("call", "final"):
        return not region.items
    return region.kind == "branch" and not any(type(a) is Region and a.items for a in region.items)


def _forget(outer: Region, region: Region) -> None:
    if outer.items and outer.items[-1] is region:
        outer.items.pop()


def merge_names(
    arms: list[dict[str, Value]],
    test: Expression | None = None,
    under: list[tuple[Condition, ...]] | None = None,
) -> dict[str, Value]:
    """The names after paths meet: each a choice of what the paths left in it."""
    if len(arms) == 1:
        return arms[0]
    merged = dict(arms[0])
    if len(arms) == 2:
        for name, value in arms[1].items():
            known = merged.get(name)
            if known is None:
                merged[name] = value
            elif known is not value:
                merged[name] = choice([known, value], test, under)
        return merged
    for arm in arms[1:]:
        for name, value in arm.items():
            if name not in merged:
                merged[name] = value
    for name, value in merged.items():
        for arm in arms:
            if arm.get(name, value) is not value:
                merged[name] = choice([arm[name] for arm in arms if name in arm], test, under)
                break
    return merged
