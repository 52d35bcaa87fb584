"""Results that are kept under a name and never read."""

from __future__ import annotations

from trainlint.meaning.syntax import Assign, Block, Define, Name, names_in, nodes_in
from trainlint.meaning.trace import Event


def is_unread(event: Event) -> bool:
    """Whether the text around a call keeps its result under a plain name, and takes it from there nowhere."""
    body = _body_around(event)
    assigned = [node for node in nodes_in(body) if isinstance(node, Assign)]
    own = next((a for a in assigned if a.value is not None and a.value.cst is event.node.cst), None)
    if own is None or len(own.targets) != 1 or not isinstance(own.targets[0], Name):
        return False
    written = {id(target) for a in assigned for target in a.targets}
    return not any(n.id == own.targets[0].id and id(n) not in written for n in names_in(body))


def _body_around(event: Event) -> Block:
    for region in event.region.ancestors():
        if region.function is not None and isinstance(region.function.node, Define):
            return region.function.node.body
    return event.node.unit.body
