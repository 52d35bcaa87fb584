"""Whether a network's weights may have been trained before its first step: states that are loaded ahead of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.flow import enclosing_loops, of_kind
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import is_module
from trainlint.meaning.roles import role
from trainlint.meaning.trace import Event, Leave
from trainlint.meaning.values import Constant, Instance, Member, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def starts_from_a_state(program: Program, step: Event, networks: list[Instance]) -> bool:
    """Whether some state may be loaded into the networks before an optimizer steps; a best state put back behind
    the training, and what goes into another network, tells nothing about the start."""
    every = [part for network in networks for part in parts(network)]
    if any(_is_made_of_a_file(part) for part in every):
        return True
    mine = {id(part) for part in every}
    home = step.region.root
    for root in program.roots:
        every_load = [e for e in of_kind(root, "load_state") if not resumes(e)]
        loads = [event for event in every_load if _may_be_of(event, mine)]
        if root is home:
            order = {id(event): at for at, event in enumerate(of_kind(root, "load_state", step.kind))}
            loads = [event for event in loads if order[id(event)] < order.get(id(step), len(order))]
        elif home is program.roots[0]:
            loads = []  # in a function that nobody is seen to call
        if loads:
            return True
    return False


def comes_after(load: Event, pass_: Event, network: Instance) -> bool:
    """Whether a state is put into a network when a forward pass was through for good: the best one, to be tested.

    A loop around both goes on to the pass with what it has loaded, unless it makes the network anew in each turn.
    """
    home = pass_.region.root
    if load.region.root is not home:
        return False
    if _is_own_state(load, network):
        return True
    left = load.loop if any(type(i) is Leave and i.kind == "break" for i in load.region.items) else None
    around = [loop for loop in enclosing_loops(pass_.region) if load.region.inside(loop) and loop is not left]
    if any(network.loop is None or not network.loop.inside(loop) for loop in around):
        return False
    order = {id(event): at for at, event in enumerate(of_kind(home, "load_state", pass_.kind))}
    return order[id(load)] > order[id(pass_)]


def _is_own_state(load: Event, network: Instance) -> bool:
    """Whether a network is given back what it was itself: the best state, kept in a variable."""
    behind = list(walk(load.value)) if load.value is not None else []
    if any(operation(value) == "load" for value in behind):
        return False
    return any(
        isinstance(value, Result)
        and isinstance(value.callee, Member)
        and value.callee.name == "state_dict"
        and one(value.callee.receiver) is network
        for value in behind
    )


def resumes(load: Event) -> bool:
    """Whether a run goes on here that began without any state: nothing is loaded by default, and what is asked for says
    so, or what is loaded has the state of an optimizer too."""
    for arm in load.region.ancestors():
        test = one(arm.truth) if arm.kind == "arm" and arm.truth is not None else None
        for setting in _asked(test, arm.holds) if test is not None else ():
            if bool(setting.value) is arm.holds:
                continue
            with_steps = any(role(event.target) == "optimizer" for event in of_kind(arm, "load_state"))
            if with_steps or _RESUMING.search(setting.under or "") is not None:
                return True
    return False


def _asked(test: Value, holds: bool) -> Iterator[Constant]:
    """The settings that a condition asks for first: `args.resume`, `args.resume and os.path.isfile(args.resume)`."""
    if isinstance(test, Constant) and test.under is not None:
        yield test
    elif holds and operation(test) == "operator.and" and isinstance(test, Result):
        for part in test.arguments:
            yield from _asked(one(part), holds)


_RESUMING = re.compile(r"(?i)resum|continue|restart")


def _is_made_of_a_file(part: Value) -> bool:
    """`Joint(torch.load("first.pth"))`: whoever gives a module what was saved whole has something trained at hand."""
    given = (*part.arguments, *part.keywords.values()) if isinstance(part, Instance) else ()
    return any(operation(one(value)) == "load" for value in given)


def _may_be_of(event: Event, mine: set[int]) -> bool:
    """Whether what takes the state may be one of these parts: all that is not surely another network."""
    taker = one(event.target) if event.target is not None else None
    if not isinstance(taker, Instance) or not is_module(taker) or taker.symbolic:
        return True
    return any(id(part) in mine for part in parts(taker))
