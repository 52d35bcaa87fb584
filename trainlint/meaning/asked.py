"""Evaluations that the code does not show: a network that trains is asked by a method, or given to a function, left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from trainlint.meaning.asking import says_evaluation
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import says_training
from trainlint.meaning.dataflow import same
from trainlint.meaning.evaluations import drawn_from, reaches
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.flow import of_kind
from trainlint.meaning.loaders import Loader, loader, loaders_behind
from trainlint.meaning.objects import is_module
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unseen import may_be_optimizer
from trainlint.meaning.values import External, Free, Instance, Member, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A call that nothing shows the inside of, by its name an evaluation: `model.predict(batch)`, `evaluate(model, loader)`."""

    event: Event
    model: Value
    served: Loader | None  # None where nobody is seen to make it, or several are given

    @property
    def loop(self) -> Region:
        return self.event.loop or self.event.region

    @property
    def loop_node(self) -> Node:
        return self.event.node


def asked(program: Program) -> Iterator[Asked]:
    """One for each call that is given batches of a loader, or the loader, and is no part of the training."""
    used = program.used_by_backwards
    trained = [e.target for e in program.trained_by if e.kind == "forward" and e.target is not None]
    for root in program.roots if trained else ():
        for event in of_kind(root, "forward", "unresolved", "asked"):
            model = _network(event, trained)
            if model is None or any(map(may_be_optimizer, event.inputs)):
                continue
            if event.value is None or reaches(event.value, used):
                continue
            if is_in_unit_test(event):
                continue
            given = list(_loaders(event))
            yield Asked(event, model, given[0] if len(given) == 1 else None)


@dataclass(frozen=True, slots=True, eq=False)
class Unshown:
    """`train(model, batches)` and then `validate(model, others)`, neither of which is shown."""

    taught: Event
    by: Loader
    judged: Event
    served: Loader


def unshown(program: Program) -> Iterator[Unshown]:
    """What is done to one network by two calls left out, by their names its training and its evaluation."""
    for root in program.roots:
        events = [e for e in of_kind(root, "forward", "unresolved", "asked") if _is_left_out(e)]
        taught = [e for e in events if says_training(_name_of(e))]
        for judged in events if taught else ():
            if says_training(_name_of(judged)) or not says_evaluation(_callee(judged)):
                continue
            before = [e for e in taught if events.index(e) < events.index(judged) and _share(e, judged)]
            for first in before:
                for by, served in product(_loaders(first), _loaders(judged)):
                    if by.value is not served.value:
                        yield Unshown(first, by, judged, served)


def _is_left_out(event: Event) -> bool:
    return event.target is not None and isinstance(one(event.target), (Free, External)) and bool(event.inputs)


def _name_of(event: Event) -> str:
    callee = _callee(event)
    return callee.name.rpartition(".")[2] if isinstance(callee, (Free, External)) else ""


def _callee(event: Event) -> Value | None:
    return one(event.target) if event.target is not None else None


def _share(first: Event, second: Event) -> bool:
    """Whether both are given one network, as far as the code shows which of the things they are given are networks."""
    seen = [v for v in map(one, (*first.inputs, *second.inputs)) if _is_network(v)]
    return any(
        same(a, b) is True
        for a in map(one, first.inputs)
        for b in second.inputs
        if _is_network(a) or (not seen and isinstance(a, Free))
    )


def _is_network(value: Value) -> bool:
    if not isinstance(value, Instance) or not is_module(value):
        return False
    return not (isinstance(value.cls, External) and criterion(value.cls.name) is not None)


def _network(event: Event, trained: list[Value]) -> Value | None:
    """The network that an unseen call asks: the one whose method it is, or that it is given."""
    callee = one(event.target) if event.target is not None else None
    if event.kind == "forward" and not (event.detail == "unknown" and isinstance(callee, Free)):
        return None
    if not says_evaluation(callee):
        return None
    holder = (callee.receiver,) if isinstance(callee, Member) else ()
    return next((v for v in (*holder, *event.inputs) if any(same(v, t) is True for t in trained)), None)


def _loaders(event: Event) -> Iterator[Loader]:
    seen: set[int] = set()
    whole = [found for found in map(loader, event.inputs) if found is not None]
    for found in (*whole, *(made for source in drawn_from(event) for made in loaders_behind(source))):
        if id(found.value) not in seen:
            seen.add(id(found.value))
            yield found
