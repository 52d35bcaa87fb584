"""Predictions that build a graph: forward passes from whose output only plain numbers go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_unit_test
from trainlint.meaning.consumers import is_of_framework
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import reaches, used_by_backwards
from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.graphs import has_no_use_for_no_grad
from trainlint.meaning.modules import parts
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.objects import CLOSED
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.outcomes import Outcome, outcome_of
from trainlint.meaning.restored import is_of_a_file
from trainlint.meaning.roles import role
from trainlint.meaning.syntax import Attribute, Call, Node, Subscript
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import External, Instance, Member, Result, Value, one, options
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One such forward pass, and the first place at which its output becomes numbers."""

    evaluation: Evaluation
    numbers: Node
    is_made_once: bool  # in a run: all that its graph costs is one pass, whoever made it


def predictions(program: Program) -> list[Prediction]:
    """Such passes of networks that are trained, loaded or switched to eval mode, beside the evaluations over batches."""
    seen = _seen(program)
    found: list[Prediction] = []
    for events in _by_place(program):
        building = [event for event in events if event.grad is True]
        if not building or not _may_be_evaluation(program, building[0]):
            continue
        if not all(_may_predict(program, event, seen) for event in events):
            continue
        outcomes = [outcome_of(event, seen.passed) for event in building]
        if not all(o.numbers and not o.escapes for o in outcomes):
            continue
        event, outcome = building[0], outcomes[0]
        evaluation, once = _evaluation(program, event), all(map(_is_made_once, events))
        if once and all(_is_as_large_as_a_step(program, e) for e in building):
            continue
        if once and all(_is_cut_at_once(e.node, o.numbers) for e, o in zip(building, outcomes, strict=True)):
            continue
        if evaluation.builds_graph and _is_evaluation(program, evaluation, outcome):
            found.append(Prediction(evaluation, outcome.numbers[0], once))
    return found


def _is_as_large_as_a_step(program: Program, event: Event) -> bool:
    """Whether each step trains on all of this input at once, a graph with all of its nodes: one pass more costs no
    memory that the training has not had."""
    return any(
        same(step.target, event.target) is True
        and len(step.inputs) == len(event.inputs)
        and all(a is b or same(a, b) is True for a, b in zip(step.inputs, event.inputs, strict=True))
        for step in program.trained_by
        if step.kind == "forward" and step is not event and enclosing_loops(step.region)
    )


def _is_cut_at_once(call: Node, numbers: list[Node]) -> bool:
    """`net(x).detach()`: the graph is let go in the statement that builds it."""
    for cut in numbers:
        inner: Node = cut
        while inner is not call and isinstance(inner, (Call, Attribute, Subscript)):
            inner = inner.function if isinstance(inner, Call) else inner.value
        if inner is not call:
            return False
    return bool(numbers)


def _is_made_once(event: Event) -> bool:
    """Whether the script comes to a forward once, from its top level: no loop is around it, nor code that is not seen."""
    calls = [region for region in event.region.ancestors() if region.kind in ("call", "closure")]
    return not enclosing_loops(event.region) and all(isinstance(call.node, Call) for call in calls)


@dataclass(slots=True, eq=False)
class _Seen:
    """What is known of a program's forwards before any one of them is looked at."""

    passed: set[int]  # the calls that are layers, networks and criteria
    loops: set[int]  # that evaluate as a whole with graphs, and measure or collect what comes out
    outputs: dict[int, Event]  # by the identity of the value
    asked: dict[int, list[Value]]  # the networks that are applied at a place, whichever was chosen
    used: set[int] | None = None  # the values whose graphs some backward pass goes through; asked for seldom

    def is_said(self, event: Event) -> bool:
        return any(r.node is not None and id(r.node) in self.loops for r in event.region.ancestors())

    def goes_on(self, event: Event) -> bool:
        """Whether a forward gets what one of something else gave: a criterion, a metric, a further module of the same pass."""
        behind = (v for given in event.inputs for v in walk(given, _goes_through) if _goes_through(v))
        others = (self.outputs.get(id(v)) for v in behind)
        return any(
            other is not None
            and other.node.cst is not event.node.cst
            and not any(same(other.target, network) is True for network in self.asked[id(event.node.cst)])
            for other in others
        )


def _is_learnt(program: Program, value: Value, seen: _Seen) -> bool:
    """Whether a backward pass goes through the graph of a value, and not only on from numbers that it gave."""
    if not reaches(value, program.used_by_backwards):
        return False
    if seen.used is None:
        seen.used = used_by_backwards(program, _goes_through)
    return reaches(value, seen.used)


def _seen(program: Program) -> _Seen:
    applied = program.events("forward", "criterion")
    return _Seen(
        passed={id(event.node) for event in applied if event.detail != "unknown"},
        asked={id(es[0].node.cst): [e.target for e in es] for es in _by_place(program)},
        loops={
            id(e.loop.node)
            for e in (*program.evaluations, *_in_loops(program))
            if e.judged
            and e.event.grad is not False  # what has no graph there says nothing of the passes beside it
        },
        outputs={
            id(event.value): event
            for event in reversed(applied)
            if event.kind == "forward" and event.value is not None and _may_be_evaluation(program, event)
        },
    )


def _in_loops(program: Program) -> Iterator[Evaluation]:
    """Held-out data in one piece within a loop; outside of any it is a prediction like others."""
    return (e for e in program.held_out if e.loop.kind == "loop")


def _by_place(program: Program) -> list[list[Event]]:
    """The forwards by the call that is written, in all the ways in which it is reached."""
    places: dict[int, list[Event]] = {}
    for event in program.events("forward"):
        places.setdefault(id(event.node.cst), []).append(event)
    return list(places.values())


def _may_predict(program: Program, event: Event, seen: _Seen) -> bool:
    """Whether no backward pass goes through a forward, nor code that is not seen wants its graph."""
    if event.detail == "method" or event.value is None or not event.inputs or is_unit_test(event):
        return False
    return (
        not _is_learnt(program, event.value, seen)
        and not seen.is_said(event)
        and not seen.goes_on(event)
        and not is_part_of_network(program, event.region)
        and not is_of_framework(event.region)
        and not has_no_use_for_no_grad(program, event)
        and not _is_forgotten_training(event)
    )


def _goes_through(value: Value) -> bool:
    """Whether a graph may go on through a value: an action that has become a number ends it, whatever comes of that."""
    match value:
        case Result(callee=Member(name="item" | "tolist" | "numpy")):
            return False
        case Result(callee=External(name="builtins.int" | "builtins.float")):
            return False
    return True


def _is_forgotten_training(event: Event) -> bool:
    """Whether weights are updated behind a forward with no backward pass between: the training itself is broken."""
    around = enclosing_loops(event.region)
    if not around:
        return False
    kinds = {e.kind for e in around[0].events() if e.kind != "step" or _may_update(e)}
    if "backward" not in kinds and not kinds.isdisjoint(("step", "zero_grad")):
        return True
    events = list(event.region.events())  # what always follows in the same arm
    for later in events[events.index(event) + 1 :]:
        if later.kind == "backward":
            return False
        if later.kind == "step" and _is_stepped(event, later):
            return True
    return False


def _may_update(step: Event) -> bool:
    """Whether a step may be an optimizer's: the one of an environment is told what to do, `env.step(action)`."""
    told = isinstance(step.node, Call) and len(step.node.arguments) > 0
    return not told or role(step.target) != ""


def _is_stepped(event: Event, step: Event) -> bool:
    """Whether a step updates the network that a forward applies."""
    owner = optimizer(step.target)
    return owner is not None and any(same(model, event.target) is True for model in owner.models)


def _evaluation(program: Program, event: Event) -> Evaluation:
    modes = program.modes_of(event.region.root).at(event)
    return Evaluation(event, _home(event), modes, True, True, False, at_once=True)


def _may_be_evaluation(program: Program, event: Event) -> bool:
    """Whether it is worth a look at the uses of an output: an unknown callable is a network only where it is switched, or
    came out of a file."""
    return event.detail != "unknown" or program.may_be_switched(event) or is_of_a_file(event.target)


def _is_evaluation(program: Program, evaluation: Evaluation, outcome: Outcome) -> bool:
    event = evaluation.event
    switched = evaluation.in_eval_mode and any(mode.event is not None for mode in evaluation.modes)
    if _is_one_layer(event.target):
        return False  # its graph holds no more than the input
    if switched:
        return not _is_made_up(event) or _is_trained(program, event)
    if event.detail == "unknown":  # out of a file: what answers with tensors is no vocabulary
        return is_of_a_file(event.target) and (outcome.leaves or outcome.decides) and not _is_made_up(event)
    if _is_before_a_backward(event) and not (outcome.decides and outcome.leaves):
        return False
    if _is_trained(program, event):
        return outcome.leaves or not _trains_elsewhere(program, event)
    return (_is_loaded(event) or outcome.decides) and not _is_made_up(event)


def _is_before_a_backward(event: Event) -> bool:
    """Whether the same function goes backward later: what has no graph here may be a target there, unless it is the
    place of the largest entry."""
    home = _home(event)
    events = list(home.events())
    return any(other.kind == "backward" for other in events[events.index(event) :])


def _trains_elsewhere(program: Program, event: Event) -> bool:
    """Whether a run trains, and not in this function before: what is only detached may be a target of what it trains."""
    return bool(program.backwards) and not any(other.kind == "backward" for other in _home(event).events())


def _home(event: Event) -> Region:
    return next(r for r in event.region.ancestors() if r.kind in ("call", "closure", "import", "root"))


def _is_one_layer(network: Value) -> bool:
    """Whether a network is a single affine layer, perhaps behind a table of words, as in a first lesson."""
    target = one(network)
    if not isinstance(target, Instance) or target.symbolic or CLOSED in target.attributes:
        return False
    inner = [p for p in parts(target) if isinstance(p, Instance) and isinstance(p.cls, External)]
    layers = [layer_name(p.cls.name) for p in inner if isinstance(p.cls, External)]
    return [name for name in layers if name not in _BESIDE] == ["Linear"]


_BESIDE = frozenset("Sequential Embedding EmbeddingBag Flatten Softmax LogSoftmax Sigmoid".split())


def _is_trained(program: Program, event: Event) -> bool:
    """Whether the network, or one that it is a part of, is trained: `model.encoder(text)`."""
    part = one(event.target)
    return any(
        other is not event
        and (
            any(same(option, event.target) is True for option in (other.target, *options(other.target)))
            or (isinstance(part, Instance) and any(v is part for v in parts(one(other.target))))
        )
        for other in program.trained_by
    )


def _is_loaded(event: Event) -> bool:
    """Whether the network comes with weights."""
    return any(isinstance(o, Instance) and "*pretrained" in o.attributes for o in options(event.target))


_MADE_UP = frozenset(
    "randn rand randn_like rand_like normal zeros zeros_like ones ones_like empty randint".split()
)


def _is_made_up(event: Event) -> bool:
    """Whether the network is given noise or an empty example: a trial of the code."""
    return any(operation(v) in _MADE_UP for given in event.inputs for v in walk(given))
