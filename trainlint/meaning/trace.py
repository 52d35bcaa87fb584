"""What a program does, as a tree: events in order within loops, branches and calls.

The interpreter writes it once; all questions about order, guards and modes are asked of this small tree,
never of syntax again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Literal, TypeAlias

from trainlint.meaning.syntax import Expression, Node
from trainlint.meaning.values import Condition, Function, Value
from trainlint.records import dataclass

RegionKind = Literal["root", "loop", "branch", "arm", "call", "closure", "import", "try", "final"]
EventKind = Literal[
    "forward", "backward", "zero_grad", "step", "schedule", "mode", "set_epoch", "load", "load_state",
    "criterion", "keep", "grad_write", "lr_write", "unscale", "update", "clip", "unresolved", "sync",
    "grad_mode", "requires_grad", "save", "reset", "device", "fit", "descent", "attach",
    "initialise", "remember", "log", "rescale", "choose", "asked", "put", "watch",
    "multiply",
]  # fmt: skip


BY_FRAMEWORK = "*by framework"  # in the detail of a criterion event: no call of the criterion is written
RESTORE = "restore"  # detail of a mode event: back to the mode that was read before


@dataclass(slots=True, eq=False)
class Region:
    """A loop, a branch with its arms, a call that was followed, or the root of a trace."""

    kind: RegionKind
    node: Node | None
    parent: Region | None
    items: list[Item] = field(default_factory=list)
    test: Expression | None = None  # of an arm: the condition; of a while loop: its test
    holds: bool = True  # of an arm: taken where the test is true (else where it is false)
    truth: Value | None = None  # of an arm or a while loop: the value of the test
    iterable: Value | None = None  # of a for loop: what it iterates over
    function: Function | None = None  # of a call: what was called, a method without its object
    names: dict[str, Any] | None = None  # of a call: what its parameters and local variables are
    given: tuple[Condition, ...] = ()  # of an arm: what holds in it
    grad: bool | None = True  # the grad mode on entry
    unrolled: bool = False  # a loop over a few constants, its iterations one after the other
    yields: int | None = None  # of a generator's call: how many items came before its first `yield`
    closed: bool = False  # nothing is added any more
    stopped: bool = False  # of a call: its budget was spent before it came to its end
    cut_short: bool = False  # something in here was stopped
    finals: list[tuple[int, int, Region]] | None = (
        None  # what is done whichever way items are left: from which one, to which
    )
    flat: tuple[Event, ...] | None = None  # memo of events()
    kinds: frozenset[EventKind] | None = None  # memo of has()

    def ancestors(self) -> Iterator[Region]:
        """This region and all around it, innermost first."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent

    @property
    def root(self) -> Region:
        """The trace that this region is a part of."""
        region = self
        while region.parent is not None:
            region = region.parent
        return region

    def cut(self) -> None:
        """Note that the call at this place was not gone through to its end."""
        self.stopped = True
        for region in self.ancestors():
            region.cut_short = True

    def events(self) -> tuple[Event, ...]:
        """All events below, in the order they are written."""
        if self.flat is not None:
            return self.flat
        found: list[Event] = []
        for item in self.items:
            if type(item) is Event:
                found.append(item)
            elif type(item) is Region:
                found += item.events()
        if self.closed:
            self.flat, self.kinds = tuple(found), None
        return tuple(found)

    def has(self, *kinds: EventKind) -> bool:
        """Whether an event of one of these kinds is below."""
        if self.kinds is None or self.flat is None:
            found = frozenset(event.kind for event in self.events())
            if self.flat is None:
                return not found.isdisjoint(kinds)
            self.kinds = found
        return not self.kinds.isdisjoint(kinds)

    def calls(self) -> Iterator[Region]:
        """All calls below that were followed, outermost first."""
        for item in self.items:
            if type(item) is Region:
                if item.kind == "call":
                    yield item
                yield from item.calls()

    def loops(self) -> Iterator[Region]:
        """All loops below, outermost first."""
        for item in self.items:
            if type(item) is Region:
                if item.kind == "loop" and not item.unrolled:
                    yield item
                yield from item.loops()

    @property
    def loop(self) -> Region | None:
        """The innermost real loop that this region is in (or is)."""
        region: Region | None = self
        while region is not None and (region.kind != "loop" or region.unrolled):
            region = region.parent
        return region

    @property
    def may_be_left(self) -> bool:
        """Whether a `break` may end this loop."""
        pending: list[Region] = [self]
        for region in pending:
            for item in region.items:
                if type(item) is Leave and item.kind == "break" and item.region.loop is self:
                    return True
                if type(item) is Region:
                    pending.append(item)
        return False

    def note_final(self, start: int, end: int, final: Region) -> None:
        """Note that `final` is done whichever way these items are left."""
        if final.items:
            self.finals = [*(self.finals or ()), (start, end, final)]

    def finals_at(self, item: Item) -> Iterator[Region]:
        """What is done when an item is left, innermost first: `finally`, the exit of a `with`."""
        if self.finals is None:
            return
        index = next(i for i, other in enumerate(self.items) if other is item)
        for start, end, final in sorted(self.finals, key=lambda f: -f[0]):
            if start <= index < end:
                yield final

    def inside(self, outer: Region) -> bool:
        region: Region | None = self
        while region is not None and region is not outer:
            region = region.parent
        return region is not None


@dataclass(slots=True, eq=False)
class Event:
    """Something that happens to training: `target` is who it happens to, `value` what goes in or out."""

    kind: EventKind
    node: Node
    region: Region
    target: Value
    value: Value | None = None
    inputs: tuple[Value, ...] = ()
    detail: Any = None
    grad: bool | None = True
    given: tuple[Condition, ...] = ()  # of a criterion: what holds where it is applied

    @property
    def loop(self) -> Region | None:
        return self.region.loop

    def guards(self, outer: Region) -> list[Region]:
        """The arms between this event and `outer`, innermost first."""
        found = []
        for region in self.region.ancestors():
            if region is outer:
                break
            if region.kind == "arm":
                found.append(region)
        return found


@dataclass(slots=True, eq=False)
class Leave:
    """A `break`, `continue`, `return` or `raise`."""

    kind: str
    node: Node
    region: Region


Item: TypeAlias = Event | Region | Leave
