"""Networks out of a file that give a training its targets, learn nothing, and were never put into eval mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_unit_test
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import reaches
from trainlint.meaning.flow import of_kind
from trainlint.meaning.graphs import is_frozen
from trainlint.meaning.members import entry_of
from trainlint.meaning.modules import mode_dependent
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.provenance import comes_trained
from trainlint.meaning.syntax import Attribute, Call, Name, nodes_in
from trainlint.meaning.trace import Event
from trainlint.meaning.values import External, Instance, Result, Value, one, options

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def teachers(program: Program) -> list[Evaluation]:
    """The first pass of each such network within a loop that goes backward, where it depends on the mode."""
    if not program.backwards or _averages_weights(program):
        return []
    found: dict[int, Evaluation] = {}
    for root in program.roots:
        for event in of_kind(root, "forward"):
            network = one(event.target)
            if not isinstance(network, Instance) or network.symbolic or id(network) in found:
                continue
            modes = program.modes_of(root).at(event)
            never_switched = bool(modes) and all(m.training and m.event is None for m in modes)
            if never_switched and _teaches(program, event) and _is_out_of_a_file(program, network):
                assert event.loop is not None
                found[id(network)] = Evaluation(event, event.loop, modes, True, True, False)
    return list(found.values())


def _teaches(program: Program, event: Event) -> bool:
    """Whether the output of a network that learns nothing goes into a loss, and not through one that learns from it."""
    if event.detail or event.value is None or event.loop is None or is_unit_test(event):
        return False
    return (
        event.loop.has("backward")
        and (event.grad is False or is_frozen(event))
        and not _is_trained(program, event.target)
        and mode_dependent(event.target, 0, entry_of(event)) is True
        and not is_part_of_network(program, event.region)
        and reaches(event.value, program.used_by_backwards)
        and not any(_is_taken(event.value, other) for other in of_kind(event.loop, "forward"))
    )


def _is_trained(program: Program, network: Value) -> bool:
    """Whether a network learns, or may: frozen only while another one learns, or asked without gradients in between."""
    return id(one(network)) in program.stepped_networks or any(
        e.kind == "forward"
        and e.grad is not False
        and any(option is one(network) for option in options(e.target))
        and not is_frozen(e)
        for e in program.trained_by
    )


def _is_taken(output: Value, other: Event) -> bool:
    """Whether a further network gets an output: what a frozen encoder gives is no target."""
    outputs = {id(output), *map(id, options(output))}
    applied = isinstance(one(other.target), Instance) and other.value is not output
    return applied and any(id(v) in outputs for given in other.inputs for v in walk(given))


def _is_out_of_a_file(program: Program, network: Instance) -> bool:
    """Whether all that is loaded into a network comes out of files: a copy of what trains follows it."""
    loaded = [e for e in program.events("load_state") if same(e.target, network) is not False]
    return comes_trained(program, network) and all(
        e.value is not None and any(map(_is_read, walk(e.value))) for e in loaded
    )


def _is_read(value: Value) -> bool:
    return (
        isinstance(value, Result) and isinstance(value.callee, External) and value.callee.name == "torch.load"
    )


def _averages_weights(program: Program) -> bool:
    """Whether the program goes through the weights of two networks side by side: the teacher may be a moving average."""
    return any(_goes_side_by_side(node) for node in _calls(program))


def _calls(program: Program) -> Iterator[Call]:
    for unit in program.units:
        if "zip" in unit.code_words:
            yield from (node for node in nodes_in(unit.body) if isinstance(node, Call))


def _goes_side_by_side(node: Call) -> bool:
    asked = [a.value.function for a in node.arguments if isinstance(a.value, Call)]
    weights = [f for f in asked if isinstance(f, Attribute) and f.name in _WEIGHTS]
    return isinstance(node.function, Name) and node.function.id == "zip" and len(weights) > 1


_WEIGHTS = frozenset("parameters named_parameters values items buffers modules".split())
