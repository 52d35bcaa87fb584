"""Evaluations over the very samples that the network trains on, where the code says that they are held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.amends import served_apart, served_otherwise, unserved_loaders
from trainlint.meaning.asked import Asked, asked, unshown
from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.claims import (
    first_of_validation,
    name_given,
    says_held_out,
    says_training,
    says_validation,
)
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.datasets import covers, is_same_data, part_of
from trainlint.meaning.drawn_anew import drawn_anew
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import drawn_from
from trainlint.meaning.held_out import comes_first
from trainlint.meaning.huggingface import is_trainer
from trainlint.meaning.iteration import underlying
from trainlint.meaning.iterators import claimed_iterator, draws_by_hand, is_brought
from trainlint.meaning.loaders import Loader, TrainingLoader, loaders_behind
from trainlint.meaning.names_outside import call_named, claim_outside
from trainlint.meaning.place import Change, replace
from trainlint.meaning.results import claim_of, said_of
from trainlint.meaning.scored import scores_its_data
from trainlint.meaning.syntax import (
    Assign,
    Attribute,
    Block,
    Call,
    Define,
    For,
    Name,
    Node,
    Statement,
    While,
    With,
    names_in,
    nodes_in,
)
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, Choice, External, Free, Instance, Result, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_ON_PURPOSE = frozenset("overfit overfitting sanity smoke debug fast_dev_run memorize memorise".split())


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Data that is said to be held out, and that trains."""

    node: Node  # where it is said
    claim: str  # the name that says it
    trained_node: Node
    evaluated_node: Node
    chosen_node: Node | None = None  # what says which samples are served
    mended: tuple[Change, ...] = ()
    of_one_loader: bool = False  # the loader that trains serves the evaluation
    apart: tuple[
        Change, ...
    ] = ()  # for experiments: what serves others to the evaluation, where nothing is held out
    of_another_draw: bool = False  # it is held out of another draw than the one that trains

    @property
    def by_loader(self) -> bool:
        """Whether a loader of its own serves the data, not the one that trains."""
        return not self.of_one_loader


def overlaps(program: Program) -> list[Overlap]:
    found: dict[int, Overlap] = {}
    for evaluation in program.evaluations:
        if not evaluation.judged or is_in_unit_test(evaluation.event) or _is_on_purpose(evaluation):
            continue
        served = served_to(evaluation.event)
        if len(served) > 1:
            overlap = _each_trains(program, evaluation, served)
        elif served:
            overlap = _same_loader(program, evaluation, served[0])
            overlap = overlap or _own_loader(program, evaluation, served[0])
            overlap = overlap or _of_another_draw(program, evaluation, served[0])
        else:
            overlap = _same_given(program, evaluation)
        if overlap is not None:
            found.setdefault(id(overlap.node), overlap)
    for call in asked(program):
        if _is_on_purpose(call):
            continue
        overlap = _own_loader(program, call, call.served) if call.served is not None else None
        overlap = overlap or _given_what_trains(program, call)
        if overlap is not None:
            found.setdefault(id(overlap.node), overlap)
    for overlap in (*_by_trainers(program), *_by_calls_left_out(program)):
        found.setdefault(id(overlap.node), overlap)
    return list(found.values())


def _by_calls_left_out(program: Program) -> Iterator[Overlap]:
    """`train(model, batches)` and `validate(model, others)` of functions left out, where the others are of those batches."""
    for pair in unshown(program):
        claim, node = claimed(pair.served), pair.served.node
        if not claim or node is None or is_in_unit_test(pair.judged):
            continue
        if is_same_object(pair.by, pair.served) and not says_held_out(_name_of(pair.served)):
            continue
        trained, judged = part_of(pair.by, pair.served), part_of(pair.served, pair.by)
        if trained is None or judged is None or not covers(trained, judged):
            continue
        if _ON_PURPOSE.isdisjoint(node.unit.code_words):
            chosen = getattr(one(pair.served.argument("sampler") or pair.served.value), "node", None)
            mended = tuple(served_otherwise(program, pair.served, judged))
            yield Overlap(node, claim, pair.taught.node, pair.judged.node, chosen, mended)


def _by_trainers(program: Program) -> Iterator[Overlap]:
    """`Trainer(train_dataset=data["train"], eval_dataset=data["train"])` of transformers, where it evaluates."""
    for made in program.instances:
        given = {name: made.keywords.get(name) for name in ("train_dataset", "eval_dataset")}
        trained, judged, call = given["train_dataset"], given["eval_dataset"], made.node
        if not is_trainer(made) or trained is None or judged is None or not isinstance(call, Call):
            continue
        if (
            not is_same_data(trained, judged)
            or not scores_its_data(program, made)
            or any(operation(v) in _FEW for v in walk(judged))
        ):
            continue
        written = {argument.keyword: argument.value for argument in call.arguments if argument.keyword}
        if _ON_PURPOSE.isdisjoint(call.unit.body.words) and {*given} <= written.keys():
            yield Overlap(call, "eval_dataset", written["train_dataset"], written["eval_dataset"])


_FEW = frozenset(("eval_strategy", "evaluation_strategy"))
_FEW = frozenset("select shard take".split())  # a handful of samples, to see whether the code runs


def served_to(event: Event) -> list[Loader]:
    """The loaders that the inputs of a forward were drawn from."""
    found: dict[int, Loader] = {}
    for source in drawn_from(event):
        for made in loaders_behind(source):
            found.setdefault(id(made.value), made)
    return list(found.values())


def _own_loader(program: Program, evaluation: Evaluation | Asked, served: Loader) -> Overlap | None:
    """`val_loader = DataLoader(train_set)`."""
    key = program.loader_keys.get(id(served.value), "")
    claim = claimed(served) or (key if says_held_out(key) else "")
    outside = "" if claim else claim_outside(program, served)
    if served.node is None or not (claim or outside):
        return None
    for training in program.training_loaders:
        if training.loader.value is served.value:
            return None  # it trains as well: who does that knows
    for training in program.training_loaders:
        trained, judged = part_of(training.loader, served), part_of(served, training.loader)
        if is_same_object(training.loader, served) and not says_held_out(outside or _name_of(served) or key):
            continue  # what trains is called so: that says nothing of what is evaluated
        if trained is None or judged is None or not covers(trained, judged):
            continue
        if _is_trained_by(training, evaluation) and _has_trained(training, evaluation):
            mended = tuple(served_otherwise(program, served, judged))
            chosen = getattr(one(served.argument("sampler") or served.value), "node", None)
            apart = () if mended else tuple(served_apart(training.loader, served))
            node = _place(program, served, training, outside)
            return Overlap(
                node, claim or outside, _node(training), evaluation.loop_node, chosen, mended, apart=apart
            )
    return None


def _place(program: Program, served: Loader, training: TrainingLoader, outside: str) -> Node:
    """Where a loader is made: where one function makes that of training too, the call that gets the name."""
    node, other = served.node, training.loader.node
    assert node is not None
    if outside and other is not None and other.cst is node.cst:
        return call_named(program, outside) or node
    return node


def _of_another_draw(program: Program, evaluation: Evaluation, served: Loader) -> Overlap | None:
    """`train_set, _ = random_split(data, sizes)` and `_, val_set = random_split(data, sizes)`."""
    key = program.loader_keys.get(id(served.value), "")
    claim = claimed(served) or (key if says_held_out(key) else "")
    outside = "" if claim else claim_outside(program, served)
    if served.node is None or not (claim or outside) or served.dataset is None:
        return None
    if any(training.loader.value is served.value for training in program.training_loaders):
        return None
    for training in program.training_loaders:
        data = training.loader.dataset
        pair = drawn_anew(data, served.dataset) if data is not None else None
        if pair is None or pair[1].call.node is None:
            continue
        if _is_trained_by(training, evaluation) and _has_trained(training, evaluation):
            apart = tuple(served_apart(training.loader, served))
            return Overlap(
                _place(program, served, training, outside),
                claim or outside,
                _node(training),
                evaluation.loop_node,
                pair[1].call.node,
                (),
                False,
                apart,
                True,
            )
    return None


def is_same_object(first: Loader, second: Loader) -> bool:
    """Whether two loaders were given one and the same data set."""
    return (
        first.dataset is not None and second.dataset is not None and one(first.dataset) is one(second.dataset)
    )


def _name_of(loader: Loader) -> str:
    return name_given(loader.node) if loader.node is not None else ""


def claimed(loader: Loader) -> str:
    """The name that says that what a loader serves is held out: its own, or else that of its data set."""
    own = _name_of(loader)
    if says_training(own):
        return ""
    if says_held_out(own):
        return own
    made = one(loader.dataset) if loader.dataset is not None else None
    node = made.node if isinstance(made, Instance) else None
    named = name_given(node) if node is not None else ""
    return named if says_held_out(named) else ""


def _given_what_trains(program: Program, call: Asked) -> Overlap | None:
    """`val_loss = evaluate(model, train_loader)`, where `evaluate` is left out."""
    claim = claim_of(call.event.node)
    for backward in program.backwards if claim else ():
        loop = backward.loop
        if loop is None or loop.iterable is None or loop.node is None or loop.root is not call.loop.root:
            continue
        batches = one(underlying(loop.iterable))
        if any(same(one(v), batches) is True for v in call.event.inputs) and comes_first(
            backward, call.event
        ):
            return Overlap(call.event.node, claim, loop.node, call.event.node, of_one_loader=True)
    return None


def _each_trains(program: Program, evaluation: Evaluation, served: list[Loader]) -> Overlap | None:
    """The same of loaders that are made on several paths of one function, where each of them trains."""
    found = [_same_loader(program, evaluation, loader) for loader in served]
    first = found[0]
    return first if first is not None and all(o is not None and o.node is first.node for o in found) else None


def _same_loader(program: Program, evaluation: Evaluation, served: Loader) -> Overlap | None:
    """`for x, y in train_loader: ... val_loss += ...` behind the loop that trains, or what it gives is called so."""
    served_too = [t for t in program.training_loaders if t.loader.value is served.value]
    trainings = [t for t in served_too if _has_trained(t, evaluation)]
    node = evaluation.loop.node
    training = next((t for t in trainings if t.loop.node is not node), None)
    if training is None or _goes_through_another(evaluation, served):
        return None
    claim, place = _claim(program, evaluation, training)
    if not claim or place is None:
        return None
    mended = (
        [replace(node.iterable, name) for name in unserved_loaders(program, node.iterable)]
        if place is node and isinstance(node, For) and not draws_by_hand(evaluation)
        else []
    )
    return Overlap(place, claim, _node(training), node or place, None, tuple(mended[:1]), True)


def _goes_through_another(evaluation: Evaluation, served: Loader) -> bool:
    """Whether the loop draws from other loaders only: one batch of this one, taken before, is scored in each turn."""
    iterable = evaluation.loop.iterable
    drawn = [] if iterable is None or _counts(iterable) else loaders_behind(iterable)
    return bool(drawn) and all(made.value is not served.value for made in drawn)


def _counts(iterable: Value) -> bool:
    """`range(len(loader))`"""
    return any(
        isinstance(v, Result) and isinstance(v.callee, External) and v.callee.name == "builtins.range"
        for v in walk(iterable, limit=50)
    )


def _claim(program: Program, evaluation: Evaluation, training: TrainingLoader) -> tuple[str, Node | None]:
    """What says that an evaluation over the batches that train is validation, and where."""
    node = evaluation.loop.node
    calls = _calls_around(program, evaluation, training)
    for call in calls:
        if claim := claim_of(call):
            return claim, call
    if any(says_training(said_of(call)) for call in calls):
        return "", None
    if any(_is_elsewhere(evaluation, other) for other in program.evaluations):
        return "", None
    named = claimed_iterator(evaluation)
    if named is not None:
        return named
    if not isinstance(node, For):
        return _by_step(program, evaluation)
    claim = first_of_validation(_words_about(evaluation))
    if claim:
        return claim, node
    function = enclosing_function(evaluation.event)
    if function is None or not says_validation(function.name):
        return "", None
    own = not is_brought(evaluation) and not any(
        parameter.name in {n.id for n in names_in(node.iterable)}
        for parameter in function.node.parameters
        if parameter.name != "self"
    )
    if own and _is_only_one(program, evaluation):
        return function.name, node
    left = [c for c in calls if c.arguments and [*unserved_loaders(program, c.arguments[0].value)]]
    return (function.name, left[0]) if left and _says_nothing(left[0]) else ("", None)


def _calls_around(program: Program, evaluation: Evaluation, training: TrainingLoader) -> list[Call]:
    """The calls that lead to an evaluation, and to none of other data, from where training is led to; innermost first."""
    found: list[Call] = []
    others = [e.loop for e in program.evaluations if not e.of_training]
    for region in evaluation.loop.ancestors():
        if training.loop.inside(region) or any(loop.inside(region) for loop in others):
            break
        if region.kind == "call" and isinstance(region.node, Call):
            found.append(region.node)
    return found


def _by_step(program: Program, evaluation: Evaluation) -> tuple[str, Node | None]:
    """`trainer.fit(module, train_loader, train_loader)` of Lightning."""
    function = enclosing_function(evaluation.event)
    fits = [e.node for e in program.events("fit")]
    if function is None or function.name != "validation_step" or len(fits) != 1:
        return "", None
    return function.name, fits[0] if _ON_PURPOSE.isdisjoint(fits[0].unit.code_words) else None


def _is_only_one(program: Program, evaluation: Evaluation) -> bool:
    """Whether the function that evaluates goes through no other data."""
    function = enclosing_function(evaluation.event)
    others = (e for e in program.evaluations if e.loop.node is not evaluation.loop.node)
    return not any(enclosing_function(e.event) is function for e in others)


def _says_nothing(call: Call) -> bool:
    """Whether no text near a call speaks of training."""
    return "train" not in said_of(call).lower()


def _same_given(program: Program, evaluation: Evaluation) -> Overlap | None:
    """The same of a loader that a function is given, or a fragment takes for granted: nobody is seen to make it."""
    node, given = evaluation.loop.node, evaluation.loop.iterable
    batches = one(underlying(given)) if given is not None else None
    claim = first_of_validation(_words_about(evaluation))
    if not claim or not isinstance(node, For) or not isinstance(batches, (Argument, Free, Choice, Instance)):
        return None
    others = [e.loop.iterable for e in program.evaluations if e.loop.node is node]
    if any(other is None or same(one(underlying(other)), batches) is not True for other in others):
        return None  # the same code evaluates other data too
    for backward in program.backwards:
        loop = backward.loop
        if loop is None or loop.iterable is None or loop.node is node or loop.node is None:
            continue
        is_same = same(one(underlying(loop.iterable)), batches) is True
        if is_same and loop.root is evaluation.loop.root and comes_first(backward, evaluation.event):
            mended = [replace(node.iterable, name) for name in unserved_loaders(program, node.iterable)]
            return Overlap(node, claim, loop.node, node, None, tuple(mended[:1]), True)
    return None


def _is_elsewhere(evaluation: Evaluation, other: Evaluation) -> bool:
    """Whether the same code evaluates other data too: it is told which."""
    return other.loop.node is evaluation.loop.node and not other.of_training


def _words_about(evaluation: Evaluation) -> frozenset[str]:
    """The names in an evaluation's loop, and in the conditions that it is under."""
    node = evaluation.loop.node
    words = node.body.words if isinstance(node, (For, While)) else frozenset[str]()
    if isinstance(node, For):
        words |= frozenset(_made_of_what_it_counts(node))
    for region in evaluation.loop.ancestors():
        if region.kind == "call":
            break
        if region.kind == "arm" and region.test is not None:
            words |= {n.id for n in names_in(region.test)}
    return words


def _made_of_what_it_counts(loop: For) -> Iterator[str]:
    """The names that the statements right behind a loop give to what it has counted or gathered: `val_acc = correct / total`."""
    counted, passed = _filled(loop), False
    for statement in _beside(loop):
        if passed and any(isinstance(n, For) and counted & _filled(n) for n in nodes_in(statement)):
            return  # from here on it is of other data
        passed = passed or _holds(statement, loop)
        if passed and isinstance(statement, Assign) and statement.value is not None:
            if any(name.id in counted for name in names_in(statement.value)):
                yield from (target.id for target in statement.targets if isinstance(target, Name))


def _filled(loop: For) -> frozenset[str]:
    return loop.body.assigned | frozenset(_gathered(loop))


def _gathered(loop: For) -> Iterator[str]:
    """The names of what a loop puts its results into: `scores.append(...)`, `meter.update(...)`."""
    for node in nodes_in(loop.body):
        if (
            isinstance(node, Call)
            and isinstance(node.function, Attribute)
            and node.function.name in _GATHERING
        ):
            holder = node.function.value
            if isinstance(holder, Name):
                yield holder.id


_GATHERING = frozenset("append extend update add".split())


def _beside(loop: For) -> tuple[Statement, ...]:
    """The statements of the block that holds a loop, or the `with` around it."""
    blocks = (block for block in nodes_in(loop.unit.body) if isinstance(block, Block))
    found = (block.statements for block in blocks if any(_holds(s, loop) for s in block.statements))
    return max(found, key=len, default=())  # that of a `with` around it holds nothing else


def _holds(statement: Statement, loop: For) -> bool:
    return statement is loop or (isinstance(statement, With) and loop in statement.body.statements)


def _is_trained_by(training: TrainingLoader, evaluation: Evaluation | Asked) -> bool:
    """Whether both are of one run: in one file, or one of them in a function that both are given to."""
    first, second = training.loop.root, evaluation.loop.root
    return first is second or first.kind == second.kind == "root"


def _has_trained(training: TrainingLoader, evaluation: Evaluation | Asked) -> bool:
    """Whether the network that is evaluated may have seen these batches by then: another one has not, nor has an earlier one."""
    judged = one(evaluation.model)
    called = [one(event.target) for event in training.loop.events() if event.kind == "forward"]
    if isinstance(judged, Instance) and called and all(isinstance(network, Instance) for network in called):
        if not any(_is_within(judged, network) or _is_within(network, judged) for network in called):
            return False
    apart = training.loop.root is not evaluation.loop.root
    return apart or comes_first(training.backward, evaluation.event)


def _is_within(part: Value, whole: Value, depth: int = 0) -> bool:
    """Whether a network is another one, or held or wrapped by it."""
    if part is whole:
        return True
    if not isinstance(whole, Instance) or depth > 3:
        return False
    held = (*whole.arguments, *whole.attributes.values())
    return any(_is_within(part, one(value), depth + 1) for value in held)


def _node(training: TrainingLoader) -> Node:
    """The loop that trains, or the call that starts a framework's."""
    return training.loop.node if training.loop.node is not None else training.backward.node


def _is_on_purpose(evaluation: Evaluation | Asked) -> bool:
    function = enclosing_function(evaluation.event)
    body = function.node.body if function is not None and isinstance(function.node, Define) else None
    words = body.words if body is not None else evaluation.event.node.unit.body.words
    return not _ON_PURPOSE.isdisjoint(words)
