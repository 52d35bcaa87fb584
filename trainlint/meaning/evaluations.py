"""Evaluation: forwards over batches whose results no backward pass ever uses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainlint.meaning.callers import callers, enclosing_function, is_unit_test
from trainlint.meaning.claims import says_test, says_validation
from trainlint.meaning.dataflow import container, same, walk
from trainlint.meaning.evaluation import Evaluation, is_chosen
from trainlint.meaning.flow import enclosing_loops, is_seen_whole, of_kind
from trainlint.meaning.fragments import FRESH, is_called_a_network
from trainlint.meaning.graphs import behind_frozen, has_no_use_for_no_grad, is_over_parameters
from trainlint.meaning.hand_batches import takes_rows
from trainlint.meaning.ignite import is_step
from trainlint.meaning.iteration import is_dictionary, underlying
from trainlint.meaning.loaders import is_loader, loaders_behind
from trainlint.meaning.micro_batches import draws_anew
from trainlint.meaning.modes import behind
from trainlint.meaning.modesets import Mode
from trainlint.meaning.networks import is_part_of_network
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.provenance import comes_trained
from trainlint.meaning.restored import is_of_a_checkpoint, is_of_a_file
from trainlint.meaning.roles import role
from trainlint.meaning.syntax import (
    Call,
    Comprehension,
    Define,
    For,
    Name,
    While,
    nodes_in,
)
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unread import is_unread
from trainlint.meaning.unswitched import is_unswitched
from trainlint.meaning.values import (
    Choice,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_JUDGING = frozenset(
    "argmax max topk eq correct accuracy acc item append extend numpy tolist criterion loss loss_fn auc f1_score"
    " update metric metrics mse psnr ssim confusion_matrix score dice iou preds predictions accuracy_score r2_score"
    " roc_auc_score classification_report mean_squared_error mean_absolute_error".split()
)

_SHOWING = frozenset(
    "plot imshow scatter contourf pcolormesh savefig save_image make_grid imsave imwrite".split()
)


def evaluations(program: Program) -> list[Evaluation]:
    used = program.used_by_backwards
    trained = _training_loops(program, used)
    found: list[Evaluation] = []
    outputs: dict[int, Counter[int]] = {}  # by the identity of the loop
    judged: set[int] = set()
    for root in program.roots:
        for event in of_kind(root, "forward"):
            loop = _batch_loop(event)
            if loop is None or id(loop) in judged or not is_seen_whole(loop):
                continue
            if id(loop) not in outputs:
                outputs[id(loop)] = _outputs(program, root, loop)
            if _takes_an_output(event, outputs[id(loop)]) or _is_of_the_moment(event, loop):
                continue  # a criterion, or a further module of the same pass
            if event.detail == "unknown" and not _is_treated_as_network(program, root, event):
                continue
            modes = program.modes_of(root).at(event)
            if _is_some_object(program, event) or is_unit_test(event) or _is_shown(program, event, modes):
                continue
            switched_off = bool(modes) and all(m.training is False and m.event for m in modes)
            if is_part_of_network(program, loop) and not switched_off and not _trains_itself(event):
                continue
            apart = _is_set_apart(event, modes, used) or _is_another_batch(program, event, loop)
            over = (
                (_over_batches(event, loop) or _draws_its_batches(event, loop, used))
                and not _trains(loop, event, used)
                and not _is_unfinished_training(program, event, loop, modes)
                and not _is_part_of_training(event, loop)
                and (not _leads_to_a_pass(loop) or (event.grad is False and _only_measures(loop, used)))
            )
            if not over and (not apart or _trains_here_too(event, loop, used)):
                continue
            trains_too = _trains_too(program, loop)
            helps = id(loop.node) in trained.get(id(event.node), ()) and not trains_too
            if helps and not (switched_off and _is_in_a_mode_of_its_own(program, event, modes)):
                continue  # a helper that gives a loss what it needs, each class's prototype, and is called once more
            judged.add(id(loop))
            pointless = has_no_use_for_no_grad(program, event)
            behind = behind_frozen(program, event, loop) if pointless else None
            found.append(
                Evaluation(
                    event,
                    loop,
                    modes,
                    _is_trained(program, event) or _is_pasted(event),
                    _is_judged(event, loop),
                    trains_too or helps,
                    pointless and behind is None,
                    is_prepared(program, root, event, modes),
                    behind=behind,
                    of_training=_is_of_training(program, event),
                    unswitched=is_unswitched(program, event, modes),
                    comes_trained=comes_trained(program, event.target),
                )
            )
    modal = {id(e.node) for e in found if e.in_eval_mode and e.switched_here}
    return [replace(e, as_asked=e.switched_here and (id(e.node) in modal or is_chosen(e))) for e in found]


def _is_treated_as_network(program: Program, root: Region, event: Event) -> bool:
    """Whether something shows that what is called is a network: its training, or a switch of its mode."""
    if _is_trained(program, event):
        return not _only_prepares(program, root, event)
    if is_of_a_checkpoint(event.target) or (is_of_a_file(event.target) and _is_over_loaders(event)):
        return True
    if is_called_a_network(event) and _is_said_to_be_held_out(event):
        return True
    return program.may_be_switched(event) and any(mode.event for mode in program.modes_of(root).at(event))


def _is_over_loaders(event: Event) -> bool:
    """Whether a loop around it takes its batches from loaders: what a file holds may be a vocabulary as well."""
    loops = [r.iterable for r in event.region.ancestors() if r.kind == "loop" and r.iterable is not None]
    return any(map(loaders_behind, loops))


def _is_said_to_be_held_out(event: Event) -> bool:
    """Whether a paste goes through batches of what it leaves out and calls test or validation data."""
    loops = [r.iterable for r in event.region.ancestors() if r.kind == "loop" and r.iterable is not None]
    names = [source.name for source in map(underlying, loops) if isinstance(source, Free)]
    return any(says_test(name) or says_validation(name) for name in names)


def _only_prepares(program: Program, root: Region, event: Event) -> bool:
    """Whether a function that a fragment leaves out makes what a network takes: nothing is asked of it but calls."""
    callee = one(event.target)
    if not isinstance(callee, Free) or event.value is None:
        return False
    asked = re.compile(rf"(?<![\w.]){re.escape(callee.name)}\s*\.|[(,=]\s*{re.escape(callee.name)}\s*[,)]")
    if any(asked.search(unit.source.text) for unit in program.units):
        return False
    held = [model for made in program.optimizers if (o := optimizer(made)) is not None for model in o.models]
    loop = event.loop
    return loop is not None and any(
        any(v is event.value for given in other.inputs for v in walk(given))
        for other in of_kind(loop, "forward")
        if any(same(other.target, model) for model in held)
    )


def _is_of_training(program: Program, event: Event) -> bool:
    """Whether all that a forward is given was drawn from loaders that the same program trains on."""
    served = [loader.value for source in drawn_from(event) for loader in loaders_behind(source)]
    if not served:
        return _are_rows_of_training(program, event)
    training = {id(t.loader.value) for t in program.training_loaders}
    return all(id(value) in training and not _is_one_of_many(value, event) for value in served)


def _is_one_of_many(value: Value, event: Event) -> bool:
    """Whether a loop has made several loaders at one place, one for each part of the data, of which a forward gets any."""
    home = value.loop if isinstance(value, Instance) else None
    return isinstance(home, Region) and not home.unrolled and not event.region.inside(home)


def _are_rows_of_training(program: Program, event: Event) -> bool:
    """Whether a forward is given rows of nothing but the tables whose rows train: the loss on the training data."""
    tables = _tables(event)
    if not tables:
        return False
    learned = [e for e in program.trained_by if e.kind == "forward" and e.region.root is event.region.root]
    return tables <= {table for e in learned for table in _tables(e)}


def _tables(event: Event) -> set[int]:
    """The identities of what rows are cut out of for a forward, by a slice or by indices: `data[i:i + block]`."""
    behind_it = (v for given in event.inputs for v in walk(given, lambda v: not isinstance(v, Instance)))
    items = (v for v in behind_it if isinstance(v, Item))
    return {id(o) for v in items if v.key is not None and takes_rows(one(v.key)) for o in options(v.source)}


def is_prepared(program: Program, root: Region, event: Event, modes: frozenset[Mode]) -> bool:
    """Whether a method, read on its own from a fresh object, relies on another that its callers call first."""
    if root is program.roots[0] or any(mode.event for mode in modes) or _is_made_on_the_way(event):
        return False
    return any(
        switch.detail is False and _is_alike(switch.target, event.target)
        for other in program.roots
        if other is not root
        for switch in of_kind(other, "mode")
    )


def _is_made_on_the_way(event: Event) -> bool:
    """Whether a function that was under way makes the network itself: no caller has had it before."""
    target = one(event.target)
    made = target.node.cst if isinstance(target, Instance) and target.node is not None else None
    return made is not None and any(
        isinstance(node, Call) and node.cst is made
        for function in callers(event)
        if isinstance(function.node, Define)
        for node in nodes_in(function.node.body)
    )


def _is_alike(first: Value, second: Value) -> bool:
    """Whether two values may be one object: instances of one class, or anything that is none."""
    made = [o for o in (*options(first), *options(second)) if isinstance(o, Instance)]
    classes = {id(getattr(o.cls, "node", o.cls)) for o in made}
    return len(made) < 2 or len(classes) < len(made)


def _trains_itself(event: Event) -> bool:
    """Whether the function that applies a network's parts trains them as well: a learner, not a layer."""
    function = enclosing_function(event)
    body = function.node.body if function is not None and isinstance(function.node, Define) else None
    return body is not None and not body.words.isdisjoint(("backward", "step", "zero_grad"))


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
    loops = [r.iterable for r in event.region.ancestors() if r.kind == "loop" and r.iterable is not None]
    if any(map(loaders_behind, loops)) or _is_pasted(event):
        return False
    return not comes_trained(program, target)


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
    real = (r for r in loops if r.iterable is None or not is_dictionary(r.iterable))
    return next((r for r in real if not is_over_parameters(r)), None)


def _trains_too(program: Program, loop: Region) -> bool:
    return any(
        r.node is loop.node for b in program.backwards for r in b.region.ancestors() if r.kind == "loop"
    )


def _takes_an_output(event: Event, outputs: Counter[int]) -> bool:
    """Whether a callable gets what another forward of the loop gave: a criterion, a metric, a further module."""
    own = {id(e.value) for e in _instead_of(event) if outputs[id(e.value)] == 1}
    return any(id(v) in outputs and id(v) not in own for value in event.inputs for v in walk(value))


def _instead_of(event: Event) -> Iterator[Event]:
    """A forward, and those of the networks that may stand at its place: an option chooses one of them for the whole run."""
    yield event
    branch = event.region.parent if event.region.kind == "arm" else None
    for arm in branch.items if branch is not None else ():
        if type(arm) is Region and arm is not event.region:
            yield from (e for e in of_kind(arm, "forward") if e.node is event.node)


def _outputs(program: Program, root: Region, loop: Region) -> Counter[int]:
    """The identities of what the forwards of a loop give, and how many of them give it.

    `prepare(batch)` of a function that a fragment does not show is none of a network that is switched.
    """
    return Counter(
        id(e.value)
        for e in of_kind(loop, "forward")
        if e.value is not None
        if e.detail != "unknown" or not _is_bare(e) or _is_treated_as_network(program, root, e)
    )


def _is_bare(event: Event) -> bool:
    return isinstance(one(event.target), Free) if event.target is not None else False


def _is_set_apart(event: Event, modes: frozenset[Mode], used: set[int]) -> bool:
    """A forward in a training loop that an explicit `eval()` sets apart, unused by any backward pass."""
    if event.detail == "method" and all(isinstance(one(v), Constant) for v in event.inputs):
        return False  # `model.init_hidden(batch_size)` passes nothing forward
    explicit = bool(modes) and all(m.training is False and m.event is not None for m in modes)
    return explicit and event.value is not None and not reaches(event.value, used)


def _is_part_of_training(event: Event, loop: Region) -> bool:
    """Whether a loop goes through parts of a batch that the loop around it trains on: crops, frames, heads."""
    drawn = (v for given in event.inputs for v in walk(given, lambda v: not isinstance(v, Instance)))
    sources = [
        v.source for v in drawn if isinstance(v, Item)
    ]  # not what a loader was made of: one table may be split
    for outer in enclosing_loops(loop)[1:]:
        if outer.iterable is None or not any(e.loop is outer for e in of_kind(outer, "backward")):
            continue
        if any(_serves(outer.iterable, source) for source in sources):
            return True
    return False


def _leads_to_a_pass(loop: Region) -> bool:
    """Whether a backward pass follows in the same turn of the loop around, and nothing says that batches are gone through.

    What is computed for parts of a step (other agents, tasks, scales) goes into its loss, perhaps unseen.
    """
    if loop.iterable is None or loaders_behind(loop.iterable):
        return False
    outer = next((r for r in enclosing_loops(loop)[1:] if not r.unrolled), None)
    inner = loop
    for region in loop.ancestors():
        if region is loop:
            continue
        behind = region.items[next(i for i, item in enumerate(region.items) if item is inner) + 1 :]
        for item in behind:
            events = item.events() if type(item) is Region else (item,)
            if any(type(e) is Event and e.kind == "backward" and e.loop is outer for e in events):
                return True
        if region is outer:
            break
        inner = region
    return False


def _training_loops(program: Program, used: set[int]) -> dict[int, set[int]]:
    """By the identity of a forward's node, those of the loops that it serves a backward pass in."""
    found: dict[int, set[int]] = {}
    for event in program.events("forward"):
        if event.value is not None and reaches(event.value, used):
            loop = _batch_loop(event)
            found.setdefault(id(event.node), set()).add(id(loop.node) if loop is not None else 0)
    return found


def _is_in_a_mode_of_its_own(program: Program, event: Event, modes: frozenset[Mode]) -> bool:
    """Whether no pass that trains at this place was switched by the same calls: they are not the helper's own."""
    switches = {id(mode.event.node) for mode in modes if mode.event is not None}
    others = (e for e in program.events("forward") if e.node is event.node and e.value is not None)
    learning = [e for e in others if e.value is not None and reaches(e.value, program.used_by_backwards)]
    found = (mode for e in learning for mode in program.modes_of(e.region.root).at(e))
    return all(mode.event is None or id(mode.event.node) not in switches for mode in found)


def _is_of_the_moment(event: Event, loop: Region) -> bool:
    """Whether what is applied was made for this one batch, or the batch was made up, to see the code run."""
    target = one(event.target)
    if isinstance(target, Instance) and target.loop is not None and target.loop.inside(loop):
        if FRESH not in target.attributes:
            return True
    given = [v for v in event.inputs if not isinstance(one(v), Constant)]
    written = [a.value for a in event.node.arguments] if isinstance(event.node, Call) else []
    if any(isinstance(node, Name) for node in written):
        return False  # what has a name may have been filled since
    return bool(given) and all(_is_blank(v) for v in given)


def _is_blank(value: Value) -> bool:
    """`torch.zeros(1, 3, size, size).to(device)`."""
    for _ in range(6):
        match one(value):
            case Result(callee=External(name="torch.zeros" | "torch.ones" | "torch.empty")):
                return True
            case Result(callee=Member(receiver=receiver)):
                value = receiver
            case _:
                return False
    return False


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
    trained = [source for e in training for source in drawn_from(e)]
    drawn = drawn_from(event)
    return bool(trained and drawn) and all(same(d, t) is False for d in drawn for t in trained)


def _losses(loop: Region) -> list[Value]:
    """What the criteria of a loop give, also those that a caller brings and that get an output and a target."""
    brought = [e for e in of_kind(loop, "forward") if e.detail == "unknown" and len(e.inputs) > 1]
    return [e.value for e in (*of_kind(loop, "criterion"), *brought) if e.value is not None]


def drawn_from(event: Event) -> list[Value]:
    """What the inputs of a forward were drawn from, by a loop or by `next`; not what the data of a loader was made of."""
    behind = (v for given in event.inputs for v in walk(given, lambda v: not is_loader(v)))
    items = (v for v in behind if isinstance(v, Item) and v.key is None)
    return [underlying(item.source) for item in items]


def _trains_here_too(event: Event, loop: Region, used: set[int]) -> bool:
    """Whether the same place serves, in the same turn, a forward that a backward pass goes through."""
    others = (e for e in of_kind(loop, "forward") if e.node is event.node and e.value is not None)
    return any(reaches(other.value, used) for other in others if other.value is not None)


def reaches(value: Value, used: set[int]) -> bool:
    return any(id(v) in used for v in walk(value, lambda v: isinstance(v, (Choice, Mapping, Sequence))))


def used_by_backwards(program: Program, enter: Callable[[Value], bool] | None = None) -> set[int]:
    """The values that some backward pass goes through; `enter` says whether to go on behind one."""
    used: set[int] = set()
    inner = [e for e in program.events("grad_write") if e.detail == "autograd.grad"]
    for backward in [*program.backwards, *inner]:
        given = backward.target if backward.kind == "grad_write" else backward.value
        if given is not None:
            used |= _passed(given, enter)
    written = [e for e in program.events("keep") if e.detail in ("item", "item of one key")]
    for write in written:  # `values[chosen] = network(rows)`, where the loss is computed of `values`
        if write.value is not None and any(id(option) in used for option in options(write.target)):
            used |= _passed(write.value, enter)
    return used


def _passed(value: Value, enter: Callable[[Value], bool] | None = None) -> set[int]:
    return {id(v) for v in walk(value, enter, _BEHIND) if isinstance(v, (Result, Sequence)) or _is_of_list(v)}


def _is_of_list(value: Value) -> bool:
    """An element of a list that the program fills, by a place that is not known: `codes[-depth]`."""
    return isinstance(value, Item) and value.key is not None and isinstance(one(value.source), Sequence)


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


def _draws_its_batches(event: Event, loop: Region, used: set[int]) -> bool:
    """Whether each turn of a loop draws rows to judge the network by: `for k in range(eval_iters): x, y = get_batch("val")`."""
    if event.grad is not False and not _only_measures(loop, used):
        return False
    return any(draws_anew(value, loop) for value in event.inputs)


def _only_measures(loop: Region, used: set[int]) -> bool:
    """Whether a loop computes a loss, and none that a backward pass goes through."""
    losses = _losses(loop)
    return bool(losses) and not any(reaches(loss, used) for loss in losses)


def _is_unfinished_training(program: Program, event: Event, loop: Region, modes: frozenset[Mode]) -> bool:
    """Whether a loop trains but for the backward pass, which was forgotten: in a train mode that somebody has set it clears
    gradients, or it is Lightning's `training_step`, which returns no loss.

    A loop that goes backward in another phase clears them in this one as well, and forgets nothing."""
    if isinstance(loop.node, Define) and loop.node.name == "training_step":
        return True
    if event.grad is False or _trains_too(program, loop):
        return False
    return bool(modes) and all(m.training and m.event for m in modes) and bool(of_kind(loop, "zero_grad"))


def _trains(loop: Region, event: Event, used: set[int]) -> bool:
    """Whether the loop trains: a backward or step in it, or the forward's result used by one."""
    if loop.has("backward", "step", "grad_write"):
        return True
    return event.value is None or reaches(event.value, used)


def _is_trained(program: Program, event: Event) -> bool:
    """Whether the module, in each of its alternatives, is trained by another event."""
    if program.stepped_networks and {id(o) for o in behind(event.target)} <= program.stepped_networks:
        return True
    trained = [v for other in program.trained_by if other is not event for v in _trained_in(other)]
    return any(same(target, event.target) is True for target in trained) or all(
        any(same(target, option) is True for target in trained) for option in options(event.target)
    )


def _trained_in(event: Event) -> list[Value]:
    """What an event shows to be trained: of networks among which an option chooses, the one that is applied gets the weights."""
    return options(event.target) if event.kind == "load_state" else [event.target]


def stepped_networks(program: Program) -> set[int]:
    """The identities of the networks whose parameters were given to an optimizer that steps on gradients of a backward pass.

    Their losses may be computed in ways that nobody can follow: `batch["loss"] = criterion(**batch)`.
    """
    found: set[int] = set()
    for step in program.events("step") if program.backwards else ():
        made = [o for o in options(step.target) if isinstance(o, Instance) and role(o) == "optimizer"]
        given = (v for o in made for a in (*o.arguments[:1], o.keywords.get("params")) if a for v in walk(a))
        asked = (v.callee for v in given if isinstance(v, Result) and isinstance(v.callee, Member))
        found.update(id(o) for call in asked if call.name in _PARAMETERS for o in behind(call.receiver))
    return found


_PARAMETERS = ("parameters", "named_parameters")


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
    if is_unread(event):
        return False
    outputs = {id(event.value), *map(id, options(event.value))} if event.value is not None else set()
    for other in of_kind(loop, "criterion", "keep"):
        if other.value is not None and any(id(v) in outputs for v in walk(other.value)):
            return True
    node = loop.node
    if isinstance(node, (Comprehension, Define)) or is_step(node):
        return True  # what the step of an engine or framework gives goes to metrics, logs and handlers
    if not isinstance(node, (For, While)):
        return False
    words = node.body.words | _words_around(event, loop)
    return not _JUDGING.isdisjoint(words) or not _SHOWING.isdisjoint(words | _words_behind(loop, outputs))


def _words_behind(loop: Region, outputs: set[int]) -> frozenset[str]:
    """The words of the functions that a loop hands the output to, or what it took out of it."""
    given = (call for call in loop.calls() if call.function is not None and call.names is not None)
    taking = (c.function for c in given if any(_is_of(v, outputs) for v in (c.names or {}).values()))
    bodies = (f.node.body for f in taking if f is not None and isinstance(f.node, Define))
    return frozenset[str]().union(*(body.words for body in bodies))


def _is_of(value: Any, outputs: set[int]) -> bool:
    """Whether a value is an output, or an entry of one: `model(images)[0]["boxes"]`."""
    while id(value) not in outputs:
        value = options(value)[0] if isinstance(value, Choice) else value  # the same is taken out of each
        if not isinstance(value, (Item, Member)):
            return False
        value = value.source if isinstance(value, Item) else value.receiver
    return True


def _words_around(event: Event, loop: Region) -> frozenset[str]:
    """The words of the function that holds a forward, where the loop calls it."""
    for region in event.region.ancestors():
        if region is loop:
            break
        if region.function is not None:
            body = region.function.node.body if isinstance(region.function.node, Define) else None
            return body.words if body is not None else frozenset()
    return frozenset()
