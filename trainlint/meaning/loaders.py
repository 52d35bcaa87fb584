"""Loaders by what happens to their batches: which train, which evaluate, in which order they serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeGuard

from trainlint.meaning.claims import says_training
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.flow import enclosing_loops, of_kind
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.iteration import underlying
from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.phases import needs_train_mode
from trainlint.meaning.place import Change
from trainlint.meaning.syntax import Call, For, Name, Node, Wait, While, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.unseen import trains_by_name, trains_unseen
from trainlint.meaning.values import (
    Argument,
    Choice,
    Constant,
    External,
    Instance,
    Item,
    Result,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DRAWS = re.compile(r"\.(?:Weighted|Subset)?RandomSampler$")
_POSITIONS = (
    "dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "num_workers", "collate_fn", "pin_memory",
    "drop_last",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Loader:
    """A DataLoader seen being made."""

    value: Instance

    @property
    def node(self) -> Node | None:
        return self.value.node

    def argument(self, name: str) -> Value | None:
        """What was given for a parameter; None where nothing was."""
        return passed(self.value, _POSITIONS.index(name) if name in _POSITIONS else 99, name)

    @property
    def unshuffled(self) -> list[Change]:
        """The edit that serves the samples as they are stored, for experiments."""
        from trainlint.meaning import planting

        return planting.stored_order(self.node) if self.node is not None else []

    @property
    def callee(self) -> Node:
        """The expression that is called to make it."""
        node = self.value.node
        assert node is not None
        return node.function if isinstance(node, Call) else node

    @property
    def open(self) -> bool:
        """Whether `**options` may pass more."""
        return "**" in self.value.keywords or any(
            type(a).__name__ == "Unpacked" for a in self.value.arguments
        )

    @property
    def dataset(self) -> Value | None:
        return self.argument("dataset")

    @property
    def samples_elsewhere(self) -> bool | None:
        """Whether a sampler decides the order; None where that depends."""
        answers = []
        for name in ("sampler", "batch_sampler"):
            given = self.argument(name)
            answers.append(
                False if given is None or is_none(given) else (None if is_none(given) is None else True)
            )
            if given is not None and isinstance(one(given), Instance):
                answers[-1] = not is_sequential(one(given))
        return True if True in answers else (None if None in answers else False)

    @property
    def draws_at_random(self) -> bool:
        """Whether a sampler draws the samples by lot, in one process."""
        given = self.argument("sampler")
        made = one(given) if given is not None else None
        return (
            isinstance(made, Instance)
            and isinstance(made.cls, External)
            and _DRAWS.search(made.cls.name) is not None
        )

    @property
    def is_sequential(self) -> bool:
        """Whether a sampler fixes the order."""
        given = self.argument("sampler")
        return given is not None and is_sequential(one(given))

    @property
    def shuffles(self) -> bool | None:
        """The value of `shuffle`; None where it is not known for sure."""
        given = self.argument("shuffle")
        if given is None:
            return None if self.open else False
        found = {bool(constant(v)) if _is_said(v) else None for v in options(given)}
        return found.pop() if len(found) == 1 else None

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings whose defaults say whether it shuffles."""
        given = self.argument("shuffle")
        said = options(given) if given is not None else []
        return tuple(v.under for v in said if isinstance(v, Constant) and v.under is not None)


def is_sequential(value: Value) -> bool:
    """A sampler that goes by the order that is stored; one for several processes does where it is told not to shuffle."""
    if not isinstance(value, Instance) or not isinstance(value.cls, External):
        return False
    if value.cls.name.endswith(".DistributedSampler"):
        shuffle = passed(value, 3, "shuffle")
        return shuffle is not None and _is_said(shuffle) and not constant(shuffle)
    return value.cls.name.endswith(".SequentialSampler")


def _is_said(value: Value) -> bool:
    """A constant of the kind `shuffle` takes, in the code or its settings; flags and variables of the environment are there to be changed."""
    match one(value):
        case Constant(value=bool() | int() | None, under=under, asked=None):
            return under is None or not under.startswith(("-", "$"))
    return False


def loader(value: Value) -> Loader | None:
    """The loader behind what a loop iterates over."""
    found = underlying(value)
    return Loader(found) if is_loader(found) else None


def loaders_behind(value: Value) -> list[Loader]:
    """All loaders that a value draws its batches from: `zip(a, b)`, `next(iter(a))`, choices."""
    found: list[Loader] = []
    for inner in walk(value, lambda v: not is_loader(v)):
        if is_loader(inner) and all(inner is not f.value for f in found):
            found.append(Loader(inner))
    return found


def is_loader(value: Value) -> TypeGuard[Instance]:
    return isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in LOADERS


@dataclass(frozen=True, slots=True, eq=False)
class TrainingLoader:
    """A loader whose batches reach a backward pass that an optimizer step follows."""

    loader: Loader
    loop: Region  # the batch loop
    backward: Event
    steps: tuple[Event, ...]
    program: Program
    handed_on: bool = False  # the loop is a generator's, and what it yields trains elsewhere

    @property
    def alternatives(self) -> list[Loader]:
        """The loaders that the loop goes through instead, on another path."""
        found = self.loop.iterable
        served = options(underlying(found)) if found is not None else []
        return [Loader(v) for v in served if v is not self.loader.value and is_loader(v)]

    @property
    def keeps_one_order(self) -> bool:
        from trainlint.meaning.order import keeps_one_order

        return keeps_one_order(self.program, self)

    @property
    def is_unsampled_alone(self) -> bool:
        from trainlint.meaning.epoch_samplers import is_unsampled_alone

        return is_unsampled_alone(self.loader)

    @property
    def is_ordered_when_shared(self) -> bool:
        from trainlint.meaning.epoch_samplers import is_ordered_when_shared

        return is_ordered_when_shared(self.loader)

    @property
    def class_ordered(self) -> str:
        """Why the data is evidently ordered by class, "" where it is not."""
        from trainlint.meaning.class_order import class_ordered

        return class_ordered(self)

    @property
    def outer_loops(self) -> list[Region]:
        """The loops around the batch loop, innermost first: epochs, folds, trials."""
        return enclosing_loops(self.loop)[0 if _trains_for_it(self.backward) else 1 :]


def training_loaders(program: Program, roots: list[Region]) -> list[TrainingLoader]:
    found: list[TrainingLoader] = []
    seen: set[tuple[int, int]] = set()
    for root in roots:
        backwards = of_kind(root, "backward")
        yielding = list(_yielding(root)) if backwards else []
        for backward in backwards:
            loop = backward.loop
            if loop is None or backward.value is None or _fits_tensors(loop):
                continue
            if needs_train_mode(backward, loop) and _is_in_eval_mode(program, root, loop):
                continue  # the same code evaluates, and goes no further than the loss
            for made, home in _drawn_from(program, backward):
                if (id(made.value), id(home)) not in seen:
                    seen.add((id(made.value), id(home)))
                    found.append(TrainingLoader(made, home, backward, tuple(of_kind(home, "step")), program))
            for region in enclosing_loops(backward.region):
                for made in _feeding(region, backward):
                    if (id(made.value), id(region)) not in seen:
                        seen.add((id(made.value), id(region)))
                        steps = tuple(of_kind(region, "step"))
                        found.append(TrainingLoader(made, region, backward, steps, program))
            for region in yielding:
                for made in _handed_on(region, backward):
                    if (id(made.value), id(region)) not in seen:
                        seen.add((id(made.value), id(region)))
                        steps = tuple(of_kind(loop, "step"))
                        found.append(TrainingLoader(made, region, backward, steps, program, True))
        found += _given_away(root, program)
        if not found:
            found += _meant(root, program)
    return found


def _meant(root: Region, program: Program) -> list[TrainingLoader]:
    """The one loader that a paste calls one of training data, for its function that trains and is not seen to be called."""
    found = []
    for backward in of_kind(root, "backward"):
        loop = backward.loop
        served = underlying(loop.iterable) if loop is not None and loop.iterable is not None else None
        if loop is None or not isinstance(served, Argument) or not has_no_imports(served.function.unit):
            continue
        scope = served.function.unit.scope
        named = {n: v for n, v in scope.names.items() if is_loader(v)} if scope is not None else {}
        meant = [value for name, value in named.items() if says_training(name)]
        if len(meant) == 1:
            steps = tuple(of_kind(loop, "step"))
            found.append(TrainingLoader(Loader(meant[0]), loop, backward, steps, program))
    return found


def _yielding(root: Region) -> Iterator[Region]:
    """The loops of generators that hand on what they go through: `for batch in loader: yield batch`."""
    for loop in root.loops():
        node = loop.node
        if (
            isinstance(node, For)
            and loop.iterable is not None
            and any(_yields(n) for n in nodes_in(node.body))
        ):
            yield loop


def _yields(node: Node) -> bool:
    return isinstance(node, Wait) and node.kind == "yield"


def _handed_on(region: Region, backward: Event) -> list[Loader]:
    """The loaders of a generator's loop whose batches a loss outside of it was computed from."""
    if backward.region.inside(region):
        return []
    assert region.iterable is not None and backward.value is not None
    node, served = region.node, _served_by(region.iterable)
    assert isinstance(node, For)
    behind = (v for v in walk(backward.value) if isinstance(v, Item))
    drawn = {id(v.source) for v in behind if v.node is node.iterable}
    return [loader for loader in served if id(loader.value) in drawn]


def _is_in_eval_mode(program: Program, root: Region, loop: Region) -> bool:
    """Whether a network that a loop applies has been switched to eval mode for it."""
    modes = (program.modes_of(root).at(event) for event in of_kind(loop, "forward"))
    return any(found and all(m.training is False and m.event is not None for m in found) for found in modes)


def _given_away(root: Region, program: Program) -> list[TrainingLoader]:
    """The loaders given to a function that a fragment does not show, and that trains, or to a framework."""
    return [
        TrainingLoader(Loader(given), event.region, event, (event,), program)
        for event in of_kind(root, "forward", "fit")
        if event.kind == "fit" or _trains_for_it(event)
        for given in event.inputs
        if is_loader(given)
    ]


def _trains_for_it(event: Event) -> bool:
    return trains_unseen(event) or trains_by_name(event)


def _fits_tensors(loop: Region) -> bool:
    """Whether a loop only fits images or latent codes: no weight is trained on the batches."""
    owners = [optimizer(step.target) for step in of_kind(loop, "step")]
    return bool(owners) and all(owner is not None and owner.of_tensors for owner in owners)


def _drawn_from(program: Program, backward: Event) -> list[tuple[Loader, Region]]:
    """Loaders whose batches a loss takes by `next`, not by a loop over the loader, each with the loop that draws them."""
    assert backward.value is not None
    loops = enclosing_loops(backward.region)
    drawing = [
        loop
        for loop in loops
        if isinstance(loop.node, (For, While)) and not _NEXT.isdisjoint(loop.node.body.words)
    ]
    if not drawing or (drawing[0] is not loops[0] and _is_begun_in(program, drawing[0])):
        return []  # one batch taken before the loop, or once for each network, is trained on on purpose
    looped = {id(f.value) for r in loops if r.iterable is not None for f in _served_by(r.iterable)}
    found: dict[int, tuple[Loader, Region]] = {}
    for value in walk(backward.value, lambda v: not isinstance(v, Instance)):
        if (
            isinstance(value, Item)
            and value.key is None
            and is_loader(value.source)
            and id(value.source) not in looped
            and not _is_of_loop(value)
            and (drawing[0] is loops[0] or _is_written_in(value, drawing[0]))
        ):
            found.setdefault(id(value.source), (Loader(value.source), drawing[0]))
    return list(found.values())


def _is_begun_in(program: Program, loop: Region) -> bool:
    """Whether each turn of a loop makes an optimizer: it is one of trials, not of steps."""
    return any(made.loop is not None and made.loop.inside(loop) for made in program.optimizers)


def _is_written_in(batch: Item, loop: Region) -> bool:
    """Whether the text of a loop's body draws a batch."""
    assert isinstance(loop.node, (For, While))
    return any(node is batch.node for node in nodes_in(loop.node.body))


def _is_of_loop(batch: Item) -> bool:
    """Whether a loop elsewhere went through the loader, to compute labels or features: `for x in loader`."""
    node = batch.node
    return not (isinstance(node, Call) and "next" in _called(node))


_NEXT = frozenset(("next", "__next__"))


def _called(node: Call) -> str:
    function = node.function
    return function.id if isinstance(function, Name) else getattr(function, "name", "")


def _feeding(region: Region, backward: Event) -> list[Loader]:
    """The loaders that a loop goes through and whose batches the loss was computed from."""
    if region.iterable is None:
        return []
    candidates = _served_by(region.iterable)
    if not candidates or _are_paired(region.iterable, candidates):
        return []
    assert backward.value is not None
    sources = {id(v.source) for v in walk(backward.value) if isinstance(v, Item)}
    return [c for c in candidates if id(c.value) in sources]


def _are_paired(iterable: Value, candidates: list[Loader]) -> bool:
    """Whether batches of several loaders belong together, `zip(low, high)`: shuffling one would part them."""
    zipped = any(
        isinstance(v, Result) and isinstance(v.callee, External) and v.callee.name == "builtins.zip"
        for v in options(underlying(iterable))
    )
    apart = {id(c.value) for c in candidates}
    return zipped and len(apart) > 1 and all(c.shuffles is False for c in candidates)


def _served_by(iterable: Value) -> list[Loader]:
    found, pending, seen = [], list(options(iterable)), set[int]()
    for option in pending:
        inner = underlying(option)
        if id(inner) in seen:
            continue  # `loader = tqdm(loader)` in a loop wraps itself
        seen.add(id(inner))
        if isinstance(inner, Choice):  # `enumerate` of one loader or another
            pending += options(inner)
        elif is_loader(inner):
            found.append(Loader(inner))
        elif (
            isinstance(inner, Result)
            and isinstance(inner.callee, External)
            and inner.callee.name == "builtins.zip"
        ):
            found += [f for f in (loader(a) for a in inner.arguments) if f is not None]
    return found
