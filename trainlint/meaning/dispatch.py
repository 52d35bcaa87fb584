"""Calls whose callee is one of several objects: `trainer.eval()` where a setting decides which trainer that is."""

from __future__ import annotations

from trainlint.meaning.modules import held
from trainlint.meaning.syntax import Call, Define
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Instance

_MOST_HELD = 300


def held_by_arms(branch: Region) -> dict[int, set[int]]:
    """By the identity of each arm of such a call, the identities of what only the object that it is for holds.

    Where that object is the one that was made, its arm is taken at each call; where it is not, nobody
    uses what it holds. So what the other arms leave undone does not count for it.
    """
    if branch.kind != "branch" or not isinstance(branch.node, Call):
        return {}
    arms = [arm for arm in branch.items if type(arm) is Region and arm.test is None]
    receivers = {id(arm): receiver for arm in arms if (receiver := _receiver(arm)) is not None}
    reached = {arm: _reached(receiver) for arm, receiver in receivers.items()}
    return {
        arm: own.difference(*(other for key, other in reached.items() if key != arm))
        for arm, own in reached.items()
    }


def _receiver(arm: Region) -> Instance | None:
    """The object that an arm is for: its method is gone through, or it is a library's and switches the mode."""
    switch = next((item for item in arm.items if type(item) is Event and item.kind == "mode"), None)
    if switch is not None:
        return switch.target if isinstance(switch.target, Instance) else None
    call = next((item for item in arm.items if type(item) is Region and item.kind == "call"), None)
    function = call.function if call is not None else None
    node = function.node if function is not None else None
    if call is None or call.names is None or not isinstance(node, Define) or not node.parameters:
        return None
    found = call.names.get(node.parameters[0].name)
    return found if isinstance(found, Instance) else None


def _reached(receiver: Instance) -> set[int]:
    found, pending = {id(receiver)}, [receiver]
    while pending and len(found) < _MOST_HELD:
        for _, inner in held(pending.pop()):
            if isinstance(inner, Instance) and id(inner) not in found:
                found.add(id(inner))
                pending.append(inner)
    return found
