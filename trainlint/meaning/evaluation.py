"""One forward pass of an evaluation: the mode it runs in, whether it builds a graph, and the edits that mend both."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.diagnostic import Certainty
from trainlint.meaning.attachment import attached
from trainlint.meaning.callers import enclosing_function
from trainlint.meaning.dataflow import certainty, walk
from trainlint.meaning.few_samples import is_of_few_samples
from trainlint.meaning.flow import enclosing_call, of_kind
from trainlint.meaning.fragments import FRESH
from trainlint.meaning.iteration import underlying
from trainlint.meaning.members import entry_of
from trainlint.meaning.micro_batches import draws_anew
from trainlint.meaning.modesets import Mode
from trainlint.meaning.modules import (
    normalises_by_batch_only,
    only_tracks_instances,
    shown_mode_dependence,
    starts_in_eval_mode,
)
from trainlint.meaning.place import Change, insert_after, insert_before, text_of, wrap_statement
from trainlint.meaning.restored import is_of_a_checkpoint, is_of_a_file
from trainlint.meaning.syntax import (
    Attribute,
    Call,
    Comprehension,
    Define,
    For,
    If,
    Literal,
    Name,
    Node,
    Subscript,
    While,
    nodes_in,
)
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    External,
    Function,
    Instance,
    Item,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One forward pass of an evaluation loop."""

    event: Event
    loop: Region
    modes: frozenset[Mode]
    trained: bool  # the same module is trained, or loaded, in the same program
    judged: bool  # what it gives is measured or collected
    trains_too: bool  # the same loop trains when it is called from elsewhere
    graph_wanted: bool = False  # or none is made: `torch.no_grad()` would be wrong, or of no use
    prepared: bool = False  # a method that nobody is seen to call, beside another that switches such modules
    at_once: bool = False  # all of the data in one piece, outside of any loop over it
    as_asked: bool = False  # in the mode that the caller asked for, where it could have asked for eval mode
    of_training: bool = (
        False  # over the very batches that train: a memory bank, the error on the training data
    )
    unswitched: bool = False  # a paste trains the network as well, and switches no mode anywhere
    behind: Event | None = (
        None  # a further pass of what this one gives, where this network's weights are frozen
    )
    comes_trained: bool = False  # the weights were trained elsewhere: pretrained, or parts of what was loaded

    @property
    def node(self) -> Node:
        """The forward, or the call of a method that the model's `forward` uses as well: `model.encode(x)`."""
        return self._place_of(self.event)

    @property
    def graph_node(self) -> Node:
        """The same of the pass that builds a graph: behind a frozen encoder it is the decoder's."""
        return self._place_of(self.behind or self.event)

    def _place_of(self, event: Event) -> Node:
        place = event.node
        for region in event.region.ancestors():
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
    def item_text(self) -> str:
        """The same of a model that is one of several: `models[0]`."""
        function = self.node.function if isinstance(self.node, Call) else None
        of_names = isinstance(function, Subscript) and isinstance(function.value, (Name, Attribute))
        return text_of(function) if of_names and function is not None else ""

    @property
    def known(self) -> Certainty:
        found = certainty(self.event.target)
        if isinstance(one(self.event.target), Instance) and FRESH in one(self.event.target).attributes:  # type: ignore[union-attr]  # an instance
            return "conventional"  # nobody is seen to make it
        target = self.event.target
        if found == "guessed" and (is_of_a_checkpoint(target) or is_of_a_file(target)):
            return "inferred"  # of a class that is not at hand
        if found == "guessed" and any(mode.event is not None for mode in self.modes):
            if self.trained or self.in_eval_mode:
                return "inferred"  # it is switched, and trained or evaluated: whoever made it, it is a model
        return found  # type: ignore[return-value]  # one of the certainties

    @property
    def in_train_mode(self) -> bool:
        """Whether the module is in train mode here on every path."""
        if not self.modes or self.prepared or self._is_told_not_to_train:
            return False
        if self.unswitched or any(mode.training is not True for mode in self.modes):
            return self.unswitched
        return any(mode.event is not None for mode in self.modes) or not starts_in_eval_mode(self.model)

    @property
    def _is_told_not_to_train(self) -> bool:
        """`model(x, training=False)`: the call itself says it, as Keras wants it."""
        call = self.event.node
        given = [a.value for a in call.arguments if a.keyword == "training"] if isinstance(call, Call) else []
        return any(isinstance(value, Literal) and value.value is False for value in given)

    @property
    def is_of_few_samples(self) -> bool:
        """Whether it goes through a few single samples, one after the other."""
        return is_of_few_samples(self.event, self.loop)

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
        if self._is_named_by_comprehension(model):
            return []
        if isinstance(node, (For, While)) and not self.is_amid_training and not _gives_name(node, model):
            return [insert_before(node, f"{model}.eval()"), insert_after(node, f"{model}.train()")]
        return [insert_before(self.node, f"{model}.eval()"), insert_after(self.node, f"{model}.train()")]

    def _is_named_by_comprehension(self, model: str) -> bool:
        """Whether the name of a network is one of a comprehension: `[net(x) for net in nets]` leaves no place for a call."""
        body = getattr(self.loop.node, "body", None)
        made = (n for n in nodes_in(body) if isinstance(n, Comprehension)) if body is not None else ()
        over = (c for c in made if any(text_of(g.target) == model for g in c.generators))
        return any(node is self.node for comprehension in over for node in nodes_in(comprehension.element))

    @property
    def repeats(self) -> bool:
        """Several draws for one batch: an innermost loop over a range that gives the forward nothing."""
        node = self.loop.node
        if self.at_once:
            return False
        if isinstance(node, For) and not node.body.words.isdisjoint(("next", "__next__")):
            return False  # each turn draws another batch
        if any(draws_anew(given, self.loop) for given in self.event.inputs):
            return False
        source = underlying(self.loop.iterable) if self.loop.iterable is not None else None
        match source:
            case Result(callee=External(name="builtins.range")):
                pass
            case _:
                return False
        return not any(isinstance(v, Item) and v.source is source for i in self.event.inputs for v in walk(i))

    @property
    def switched_by(self) -> list[Node]:
        """The calls that put the module into evaluation mode here, where all paths agree on that."""
        if not self.in_eval_mode:
            return []
        switches = {id(mode.event) for mode in self.modes}
        root = self.event.region.root
        return [event.node for event in of_kind(root, "mode") if id(event) in switches]

    @property
    def in_eval_mode(self) -> bool:
        return bool(self.modes) and all(mode.training is False for mode in self.modes)

    @property
    def builds_graph(self) -> bool:
        event = self.behind or self.event
        return (
            event.grad is True
            and event.value is not None
            and attached(event.value) is not False
            and not self.graph_wanted
            and not self._differentiates_inputs
            and not self._is_switched_without_grad
            and not self._imitates_training
        )

    @property
    def _imitates_training(self) -> bool:
        """Whether each turn goes to train mode for its pass: a step of training that is tried out."""
        switches = [mode.event for mode in self.modes]
        return self.in_train_mode and all(
            event is not None and event.region.inside(self.loop) for event in switches
        )

    @property
    def _is_switched_without_grad(self) -> bool:
        """Whether gradients were off already where the network was prepared: what did that may have been for good."""
        return any(mode.event is not None and mode.event.grad is False for mode in self.modes)

    @property
    def _differentiates_inputs(self) -> bool:
        """Whether derivatives with respect to the inputs are wanted: they are asked for, or told to require gradients."""
        given = {id(v) for value in self.event.inputs for v in walk(value)}
        root = self.event.region.root
        asked = [e for e in of_kind(root, "grad_write") if e.detail == "autograd.grad"]
        if any(id(v) in given for e in asked for value in e.inputs[1:2] for v in _listed(value)):
            return True
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
        if self.is_amid_training or self.loop.kind != "loop":
            return [wrap_statement(self.graph_node, "with torch.no_grad():")]
        return [wrap_statement(node, "with torch.no_grad():")] if isinstance(node, (For, While)) else []

    @property
    def alone_without_grad(self) -> list[Change]:
        """The edit that runs this pass alone without gradients, for experiments: where it trains as well, that raises."""
        return [wrap_statement(self.graph_node, "with torch.no_grad():")]

    @property
    def with_grad(self) -> list[Change]:
        """The edit that builds the graph, for experiments."""
        from trainlint.meaning import planting

        return planting.graph_built(self.node)

    @property
    def in_training(self) -> list[Change]:
        """The edit that evaluates in train mode, for experiments."""
        from trainlint.meaning import planting

        return planting.in_train_mode(self.node, self.model_text)

    @property
    def mode_dependent(self) -> bool | None:
        target = self.event.target
        if only_tracks_instances(target) or normalises_by_batch_only(target) or _asks_for_losses(self.event):
            return False
        return shown_mode_dependence(target, entry_of(self.event))


def _gives_name(loop: For | While, name: str) -> bool:
    """Whether a loop itself says what a name stands for: before it there is nothing to switch."""
    return name in loop.body.assigned or (isinstance(loop, For) and text_of(loop.target) == name)


def _listed(value: Value) -> Iterator[Value]:
    """A tensor, or those of a list of them, in each of their alternatives."""
    for option in options(value):
        yield from option.items if isinstance(option, Sequence) else (option,)


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


def is_chosen(evaluation: Evaluation) -> bool:
    """Whether the mode was set in one arm of a branch, and eval mode in another: `if use_train_mode: ... else: ...`."""
    function = enclosing_function(evaluation.event)
    body = function.node.body if function is not None and isinstance(function.node, Define) else None
    if body is None or "eval" not in body.words:
        return False
    branches = [node for node in nodes_in(body) if isinstance(node, If)]
    return all(
        any(_switches_back(branch, mode.event.node) for branch in branches)
        for mode in evaluation.modes
        if mode.event is not None
    )


def _switches_back(branch: If, switch: Node) -> bool:
    """Whether one arm of a branch has a switch to train mode, and the other one to eval mode."""
    arms = [list(nodes_in(arm)) for arm in (branch.then, branch.otherwise)]
    holding = [any(node is switch for node in arm) for arm in arms]
    return any(holding) and any(
        isinstance(node, Call) and isinstance(node.function, Attribute) and node.function.name == "eval"
        for arm, holds in zip(arms, holding, strict=True)
        if not holds
        for node in arm
    )
