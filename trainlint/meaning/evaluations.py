"""Evaluation: forwards over batches whose results no backward pass ever uses."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from trainlint.diagnostic import Certainty
from trainlint.meaning.callers import is_unit_test
from trainlint.meaning.dataflow import attached, certainty, container, same, walk
from trainlint.meaning.flow import enclosing_call, is_seen_whole, of_kind
from trainlint.meaning.fragments import FRESH
from trainlint.meaning.history import is_volatile
from trainlint.meaning.iteration import is_dictionary, underlying
from trainlint.meaning.loaders import loaders_behind
from trainlint.meaning.modes import Mode
from trainlint.meaning.modules import (
    normalises_by_batch_only,
    only_tracks_instances,
    shown_mode_dependence,
)
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.place import Change, insert_after, insert_before, text_of, wrap_statement
from trainlint.meaning.syntax import Attribute, Call, Comprehension, Define, For, Name, Node, While
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Choice,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_JUDGING = frozenset(
    "argmax max topk eq correct accuracy acc item append extend numpy tolist criterion loss loss_fn auc f1_score"
    " update metric metrics mse psnr ssim confusion_matrix score dice iou preds predictions".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One forward pass of an evaluation loop."""

    event: Event
    loop: Region
    modes: frozenset[Mode]
    trained: bool  # the same module is trained, or loaded, in the same program
    judged: bool  # what it gives is measured or collected
    trains_too: bool  # the same loop trains when it is called from elsewhere
    volatile: bool = False  # its inputs were marked so, in a program from before torch 0.4, where that worked
    prepared: bool = False  # a method that nobody is seen to call, beside another that switches such modules
    at_once: bool = False  # all of the data in one piece, outside of any loop over it
    as_asked: bool = False  # in the mode that the caller asked for, and another caller asked for eval mode

    @property
    def node(self) -> Node:
        """The forward, or the call of a method that the model's `forward` uses as well: `model.encode(x)`."""
        place = self.event.node
        for region in self.event.region.ancestors():
            if region is self.loop:
                break
            if (
                region.kind == "call"
                and isinstance(region.node, Call)
                and _is_part_of_forward(region.function)
            ):
                place = region.node
        return place

    @property
    def loop_node(self) -> Node:
        return self.loop.node if self.loop.node is not None else self.event.node

    @property
    def model(self) -> Value:
        return self.event.target

    @property
    def model_text(self) -> str:
        """The model's expression in the author's text, "" where it is no plain name."""
        call = self.node
        function = call.function if isinstance(call, Call) else None
        method = self.event.detail == "method" or call is not self.event.node
        if isinstance(function, Attribute) and (method or function.name == "forward"):
            function = function.value
        return text_of(function) if isinstance(function, (Name, Attribute)) else ""

    @property
    def known(self) -> Certainty:
        found = certainty(self.event.target)
        if isinstance(one(self.event.target), Instance) and FRESH in one(self.event.target).attributes:  # type: ignore[union-attr]  # an instance
            return "conventional"  # nobody is seen to make it
        if found == "guessed" and any(mode.event is not None for mode in self.modes):
            if self.trained or self.in_eval_mode:
                return "inferred"  # it is switched, and trained or evaluated: whoever made it, it is a model
        return found  # type: ignore[return-value]  # one of the certainties

    @property
    def in_train_mode(self) -> bool:
        """Whether the module is in train mode here on every path."""
        return bool(self.modes) and all(mode.training is True for mode in self.modes) and not self.prepared

    @property
    def switched_here(self) -> bool:
        """Whether the function that evaluates has itself set the mode."""
        own = enclosing_call(self.event)
        return bool(self.modes) and all(m.event and enclosing_call(m.event) is own for m in self.modes)

    def switched(self, model: str) -> list[Change]:
        """The edit that evaluates in eval mode and goes back to train mode behind the loop."""
        node = self.loop.node
        if self.trains_too:
            return []
        if self.at_once and self.loop.kind == "loop":
            return [insert_before(self.node, f"{model}.eval()"), insert_after(self.node, f"{model}.train()")]
        if self.loop.kind != "loop":
            return [insert_before(self.node, f"{model}.eval()")]
        if isinstance(node, (For, While)) and not self.is_amid_training:
            return [insert_before(node, f"{model}.eval()"), insert_after(node, f"{model}.train()")]
        return [insert_before(self.node, f"{model}.eval()"), insert_after(self.node, f"{model}.train()")]

    @property
    def repeats(self) -> bool:
        """Several draws for one batch: an innermost loop over a range that gives the forward nothing."""
        node = self.loop.node
        if self.at_once:
            return False
        if isinstance(node, For) and "next" in node.body.words:
            return False  # each turn draws another batch
        source = underlying(self.loop.iterable) if self.loop.iterable is not None else None
        if not isinstance(source, Result) or operation_name(source) != "builtins.range":
            return False
        return not any(isinstance(v, Item) and v.source is source for i in self.event.inputs for v in walk(i))

    @property
    def switched_by(self) -> list[Node]:
        """The calls that put the module into evaluation mode here, where all paths agree on that."""
        if not self.in_eval_mode:
            return []
        switches = {id(mode.event) for mode in self.modes}
        root = list(self.event.region.ancestors())[-1]
        return [event.node for event in of_kind(root, "mode") if id(event) in switches]

    @property
    def in_eval_mode(self) -> bool:
        return bool(self.modes) and all(mode.training is False for mode in self.modes)

    @property
    def builds_graph(self) -> bool:
        frozen = isinstance(one(self.model), Instance) and "*frozen" in one(self.model).attributes  # type: ignore[union-attr]
        return (
            self.event.grad is True
            and not frozen
            and self.event.value is not None
            and attached(self.event.value) is not False
            and not self.volatile
            and not self._differentiates_inputs
        )

    @property
    def _differentiates_inputs(self) -> bool:
        """Whether the inputs were told to require gradients: derivatives with respect to them are wanted."""
        given = {id(v) for value in self.event.inputs for v in walk(value)}
        root = list(self.event.region.ancestors())[-1]
        marked = [e for e in of_kind(root, "requires_grad") if e.value is not None]
        return any(
            id(o) in given and constant(e.value or NONE) is True for e in marked for o in options(e.target)
        )

    @property
    def is_amid_training(self) -> bool:
        """Whether the same loop trains on other batches."""
        return any(e.kind == "backward" for e in self.loop.events())

    @property
    def without_grad(self) -> list[Change]:
        """The edit that runs the loop without gradients."""
        node = self.loop.node
        if self.trains_too:
            return []
        if self.is_amid_training:
            return [wrap_statement(self.node, "with torch.no_grad():")]
        return [wrap_statement(node, "with torch.no_grad():")] if isinstance(node, (For, While)) else []

    @property
    def mode_dependent(self) -> bool | None:
        target = self.event.target
        if only_tracks_instances(target) or normalises_by_batch_only(target) or _asks_for_losses(self.event):
            return False
        return shown_mode_dependence(target)


def _asks_for_losses(event: Event) -> bool:
    """torchvision's detectors give losses for images and targets in train mode only."""
    return len(event.inputs) > 1 and any(
        isinstance(o, Instance) and isinstance(o.cls, External) and o.cls.name.startswith(_DETECTORS)
        for o in options(event.target)
    )


_DETECTORS = "torchvision.models.detection."


def _is_part_of_forward(function: object) -> bool:
    """Whether a method of a module is a piece of its `forward`, which training runs with gradients."""
    if not isinstance(function, Function) or function.owner is None or function.name == "forward":
        return False
    forward = function.owner.names.get("forward")
    node = forward.node if isinstance(forward, Function) else None
    return isinstance(node, Define) and function.name in node.body.words


def operation_name(value: Result) -> str:
    return value.callee.name if isinstance(value.callee, External) else ""


def evaluations(program: Program) -> list[Evaluation]:
    used = program.used_by_backwards
    found: list[Evaluation] = []
    outputs: dict[int, Counter[int]] = {}  # by the identity of the loop
    judged: set[int] = set()
    for root in program.roots:
        for event in of_kind(root, "forward"):
            loop = _batch_loop(event)
            if loop is None or id(loop) in judged or not is_seen_whole(loop):
                continue
            if id(loop) not in outputs:
                outputs[id(loop)] = _outputs(loop)
            if _takes_an_output(event, outputs[id(loop)]):
                continue  # a criterion, or a further module of the same pass
            modes = program.modes_of(root).at(event)
            if (
                event.detail == "unknown"
                and not _is_trained(program, event)
                and not any(m.event for m in modes)
            ):
                continue
            if _is_some_object(program, event) or is_unit_test(event) or _is_shown(program, event, modes):
                continue
            aside = not program.backwards and not any(m.event for m in modes)
            if aside and is_part_of_network(program, loop):
                continue
            apart = _is_set_apart(event, modes, used) or _is_another_batch(program, event, loop)
            over = _over_batches(event, loop) and not _trains(loop, event, used)
            if not over and (not apart or _trains_here_too(event, loop, used)):
                continue
            judged.add(id(loop))
            found.append(
                Evaluation(
                    event,
                    loop,
                    modes,
                    _is_trained(program, event) or _is_pasted(event),
                    _is_judged(event, loop),
                    _trains_too(program, loop),
                    is_volatile(program, event.region, event.inputs),
                    is_prepared(program, root, event, modes),
                )
            )
    modal = {id(e.node) for e in found if e.in_eval_mode and e.switched_here}
    return [replace(e, as_asked=id(e.node) in modal and e.switched_here) for e in found]


def is_prepared(program: Program, root: Region, event: Event, modes: frozenset[Mode]) -> bool:
    """Whether a method, read on its own from a fresh object, relies on another that its callers call first."""
    if root is program.roots[0] or any(mode.event for mode in modes):
        return False
    return any(
        switch.detail is False and _is_alike(switch.target, event.target)
        for other in program.roots
        if other is not root
        for switch in of_kind(other, "mode")
    )


def _is_alike(first: Value, second: Value) -> bool:
    """Whether two values may be one object: instances of one class, or anything that is none."""
    made = [o for o in (*options(first), *options(second)) if isinstance(o, Instance)]
    classes = {id(getattr(o.cls, "node", o.cls)) for o in made}
    return len(made) < 2 or len(classes) < len(made)


def _is_some_object(program: Program, event: Event) -> bool:
    """A library's object of unknown kind that nothing shows to be a module: a transform, a sampler."""
    target = one(event.target)
    if event.detail != "unknown" or not isinstance(target, Instance) or not isinstance(target.cls, External):
        return False
    treated = program.events("mode", "load_state")
    if any(o is target for e in treated if e.target is not None for o in options(e.target)):
        return False
    return not _is_optimised(program, target)


def _is_shown(program: Program, event: Event, modes: frozenset[Mode]) -> bool:
    """Whether a module just made is tried out on tensors at hand: nobody trains, loads or switches it."""
    target = one(event.target)
    if not isinstance(target, Instance) or target.symbolic or "*pretrained" in target.attributes:
        return False
    if any(m.event for m in modes) or _is_trained(program, event) or _is_optimised(program, target):
        return False
    loops = (r for r in event.region.ancestors() if r.kind == "loop" and r.iterable is not None)
    served = any(loaders_behind(r.iterable) for r in loops if r.iterable is not None)
    return not served and not _is_pasted(event)


def _is_pasted(event: Event) -> bool:
    """Whether the batches come from a name that nothing defines: the piece that trains was left out as well."""
    loops = [r.iterable for r in event.region.ancestors() if r.kind == "loop" and r.iterable is not None]
    return any(isinstance(underlying(iterable), Free) for iterable in loops)


def _is_optimised(program: Program, module: Instance) -> bool:
    """Whether some optimizer was given the module's parameters."""
    return any(v is module for i in program.optimizers for given in i.arguments for v in walk(given))


def _batch_loop(event: Event) -> Region | None:
    """The innermost loop around a forward that is more than one over the parts of an input."""
    loops = [r for r in event.region.ancestors() if r.kind == "loop" and not r.unrolled]
    return next((r for r in loops if r.iterable is None or not is_dictionary(r.iterable)), None)


def _trains_too(program: Program, loop: Region) -> bool:
    return any(
        r.node is loop.node for b in program.backwards for r in b.region.ancestors() if r.kind == "loop"
    )


def _takes_an_output(event: Event, outputs: Counter[int]) -> bool:
    """Whether a callable gets what another forward of the loop gave: a criterion, a metric, a further module."""
    alone = id(event.value) if outputs[id(event.value)] == 1 else None
    return any(id(v) in outputs and id(v) != alone for value in event.inputs for v in walk(value))


def _outputs(loop: Region) -> Counter[int]:
    """The identities of what the forwards of a loop give, and how many of them give it."""
    return Counter(id(e.value) for e in of_kind(loop, "forward") if e.value is not None)


def _is_set_apart(event: Event, modes: frozenset[Mode], used: set[int]) -> bool:
    """A forward in a training loop that an explicit `eval()` sets apart, unused by any backward pass."""
    if event.detail == "method" and all(isinstance(one(v), Constant) for v in event.inputs):
        return False  # `model.init_hidden(batch_size)` passes nothing forward
    explicit = bool(modes) and all(m.training is False and m.event is not None for m in modes)
    return explicit and event.value is not None and not reaches(event.value, used)


def _is_another_batch(program: Program, event: Event, loop: Region) -> bool:
    """A forward in a training loop on a batch from elsewhere than those that train, whose loss is only looked at."""
    used = program.used_by_backwards
    if event.value is None or event.detail == "method" or reaches(event.value, used):
        return False
    outputs = {id(v) for v in walk(event.value, lambda v: isinstance(v, (Choice, Mapping, Sequence)))}
    measured = [loss for loss in _losses(loop) if any(id(v) in outputs for v in walk(loss))]
    if not measured or any(reaches(loss, used) for loss in measured):
        return False
    training = [e for e in of_kind(loop, "forward") if e.value is not None and reaches(e.value, used)]
    trained = [source for e in training for source in _drawn_from(e)]
    drawn = _drawn_from(event)
    return bool(trained and drawn) and all(same(d, t) is False for d in drawn for t in trained)


def _losses(loop: Region) -> list[Value]:
    """What the criteria of a loop give, also those that a caller brings and that get an output and a target."""
    brought = [e for e in of_kind(loop, "forward") if e.detail == "unknown" and len(e.inputs) > 1]
    return [e.value for e in (*of_kind(loop, "criterion"), *brought) if e.value is not None]


def _drawn_from(event: Event) -> list[Value]:
    """What the inputs of a forward were drawn from, by a loop or by `next`."""
    items = (v for given in event.inputs for v in walk(given) if isinstance(v, Item) and v.key is None)
    return [underlying(item.source) for item in items]


def _trains_here_too(event: Event, loop: Region, used: set[int]) -> bool:
    """Whether the same place serves, in the same turn, a forward that a backward pass goes through."""
    others = (e for e in of_kind(loop, "forward") if e.node is event.node and e.value is not None)
    return any(reaches(other.value, used) for other in others if other.value is not None)


def reaches(value: Value, used: set[int]) -> bool:
    return any(id(v) in used for v in walk(value, lambda v: isinstance(v, (Choice, Mapping, Sequence))))


def used_by_backwards(program: Program) -> set[int]:
    """The values that some backward pass goes through."""
    used: set[int] = set()
    inner = [e for e in program.events("grad_write") if e.detail == "autograd.grad"]
    for backward in [*program.backwards, *inner]:
        if backward.kind == "grad_write":
            used.update(
                id(v) for v in walk(backward.target, limit=_BEHIND) if isinstance(v, (Result, Sequence))
            )
        elif backward.value is not None:
            used.update(
                id(v) for v in walk(backward.value, limit=_BEHIND) if isinstance(v, (Result, Sequence))
            )
    return used


_BEHIND = 20_000  # values behind a backward pass: a forward left out here would pass for an evaluation


def _over_batches(event: Event, loop: Region) -> bool:
    """Whether the forward's input comes from what a loop around it iterates over."""
    loops = [r.iterable for r in loop.ancestors() if r.kind == "loop" and r.iterable is not None]
    sources = [iterable for iterable in loops if not is_dictionary(iterable)]
    served = {id(v) for source in sources for v in walk(source) if isinstance(v, Result)}
    if any(id(v) in served for value in event.inputs for v in walk(value)):
        return True  # a literal list of batches
    items = [v for value in event.inputs for v in walk(value) if isinstance(v, Item)]
    if any(_is_drawn(v) for value in event.inputs for v in walk(value)):
        return True
    return any(_serves(source, item.source) for item in items for source in sources)


def _is_drawn(value: Value) -> bool:
    """What `next(iterator)` or `iterator.next()` gives."""
    if isinstance(value, Item) and value.key is None:
        return isinstance(value.source, Instance) and bool(loaders_behind(value.source))
    return (
        isinstance(value, Result)
        and isinstance(value.callee, Member)
        and value.callee.name in ("next", "__next__")
    )


def _serves(iterable: Value, source: Value) -> bool:
    return any(same(v, source) for v in walk(iterable, lambda v: not isinstance(v, Item))) or any(
        f.value is g.value for f in loaders_behind(iterable) for g in loaders_behind(source)
    )


def _trains(loop: Region, event: Event, used: set[int]) -> bool:
    """Whether the loop trains: a backward or step in it, or the forward's result used by one."""
    if any(e.kind in ("backward", "step", "grad_write") for e in loop.events()):
        return True
    return event.value is None or reaches(event.value, used)


def _is_trained(program: Program, event: Event) -> bool:
    """Whether the module, in each of its alternatives, is trained by another event."""
    trained = [other.target for other in program.trained_by if other is not event]
    return any(same(target, event.target) is True for target in trained) or all(
        any(same(target, option) is True for target in trained) for option in options(event.target)
    )


def trained_by(program: Program) -> list[Event]:
    """The forwards that a backward pass goes through, and the loads of weights: their targets are trained."""
    return [
        event
        for root in program.roots
        for event in of_kind(root, "forward", "load_state")
        if event.kind == "load_state" or _is_used(program, event)
    ]


def _is_used(program: Program, event: Event) -> bool:
    used = program.used_by_backwards
    if event.value is None:
        return False
    return any(id(container(o)) in used for o in options(event.value)) or reaches(event.value, used)


def _is_judged(event: Event, loop: Region) -> bool:
    """Whether the loop measures or collects the result: a criterion, or words of metrics in its body."""
    outputs = {id(event.value), *map(id, options(event.value))} if event.value is not None else set()
    for other in of_kind(loop, "criterion", "keep"):
        if other.value is not None and any(id(v) in outputs for v in walk(other.value)):
            return True
    node = loop.node
    if isinstance(node, Comprehension):
        return True
    if not isinstance(node, (For, While)):
        return False
    return not _JUDGING.isdisjoint(node.body.words) or not _JUDGING.isdisjoint(_words_around(event, loop))


def _words_around(event: Event, loop: Region) -> frozenset[str]:
    """The words of the function that holds a forward, where the loop calls it."""
    for region in event.region.ancestors():
        if region is loop:
            break
        if region.kind == "call" and isinstance(region.function, Function):
            body = region.function.node.body if isinstance(region.function.node, Define) else None
            return body.words if body is not None else frozenset()
    return frozenset()
