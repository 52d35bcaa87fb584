"""Backward passes of an evaluation: no step uses their gradients but, uncleared, the next one of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import certainty, walk
from trainlint.meaning.flow import enclosing_loops, of_kind
from trainlint.meaning.syntax import Call, Node
from trainlint.meaning.trace import Event, Region
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_READING = (  # what looks at gradients, or at what flows back, has a use for the pass
    "grad register_hook register_backward_hook register_full_backward_hook register_post_accumulate_grad_hook retain_grad"
    " grad_fn autograd fisher attack saliency captum".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class IdlePass:
    """A backward pass in eval mode that no step belongs to."""

    backward: Event
    forward: Event
    switched_by: Node  # what put the network into eval mode
    loop: Region

    @property
    def node(self) -> Node:
        """The call of the function that goes through the batches, which is the one that must not go backward."""
        for region in self.loop.ancestors():
            if region.kind == "call" and isinstance(region.node, Call):
                return region.node
        return self.backward.node

    @property
    def known(self) -> Certainty:
        found = certainty(self.forward.target)
        return "inferred" if found == "guessed" else found  # type: ignore[return-value]  # somebody switches it


def idle_passes(program: Program) -> list[IdlePass]:
    if not program.updates or program.uses(*_READING):
        return []
    found: dict[object, IdlePass] = {}
    stepped = {id(b.node.cst) for update in program.updates for b in update.feeding}
    for backward in program.backwards:
        loops = [loop for loop in enclosing_loops(backward.region) if not loop.unrolled]
        if not loops or id(backward.node.cst) not in stepped or is_in_unit_test(backward):
            continue  # another place may be for what is not seen here
        made = _idle(program, backward, loops[0])
        if made is not None and not _leads_to_a_step(backward, loops[0]):
            found.setdefault(id(backward.node.cst), made)
    return list(found.values())


def _idle(program: Program, backward: Event, loop: Region) -> IdlePass | None:
    """Whether all that is switched of what a pass goes through is in eval mode, by somebody's word."""
    if backward.value is None or backward.grad is False or of_kind(loop, "step"):
        return None
    training = {id(e.node.cst) for update in program.updates for e in update.loop.events()}
    if any(id(e.node.cst) not in training for e in of_kind(loop, "unresolved")):
        return None  # who knows what it does with the gradients
    behind = {id(v) for v in walk(backward.value)}
    forwards = [e for e in of_kind(loop, "forward") if id(e.value) in behind]
    switches = []
    for forward in forwards:
        modes = program.modes_of(forward.region.root).at(forward)
        by = [mode for mode in modes if mode.event is not None]
        if any(mode.training is not False for mode in by):
            return None  # it trains
        if by and len(by) == len(modes):
            switches += [(forward, mode.event) for mode in by]
    for forward, switch in switches:
        if switch is not None and switch.node is not None:
            return IdlePass(backward, forward, switch.node, loop)
    return None


def _leads_to_a_step(backward: Event, loop: Region) -> bool:
    """Whether a step comes behind the loop before anything else trains: on the sum of all batches."""
    behind = False
    for event in backward.region.root.events():
        if event is backward:
            behind = True
        elif behind and event.kind in ("step", "backward", "zero_grad") and not event.region.inside(loop):
            return event.kind == "step"
    return False
