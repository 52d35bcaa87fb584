"""Courses of training: one optimizer over a run, with its first rate, its network and what changes the rate."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import depth, holds, is_tiny, may_be_pretrained, post_norm_layers
from trainlint.meaning.beginnings import starts_from_a_state
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.conditions import by_default, conditions_within, possible, usual
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.facts.optimizers import ADAM_AND_RELATIVES, RASH_AT_FIRST
from trainlint.meaning.falling import falls
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.fragments import STAND_IN
from trainlint.meaning.given import give, given_at
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.objects import is_module
from trainlint.meaning.optimizers import Optimizer, is_schedule, number, optimizer, scheduled
from trainlint.meaning.place import Change, insert_after, replace, text_of
from trainlint.meaning.rates import DEFAULT_RATES
from trainlint.meaning.residuals import post_norm_blocks
from trainlint.meaning.schedules import amount, is_reinforcement, iterations
from trainlint.meaning.syntax import Call, Literal, Node
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.updates import Update, stepped_node
from trainlint.meaning.values import (
    Choice,
    Condition,
    Constant,
    External,
    Instance,
    Mapping,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

Known = tuple[float, str | None]  # a number, and the flag whose default it is
_BY_HAND = (
    "warmup", "warm_up", "adjust_learning_rate", "adjust_lr", "update_lr", "set_lr", "lr_find", "LRFinder", "lr_finder",
    "auto_lr_find", "Tuner", "OptimWrapper", "NoamOpt",
)  # fmt: skip
_APART = (
    "opacus", "PrivacyEngine", "make_private", "fedavg", "FedAvg", "federated", "flwr", "num_clients", "local_epochs", "maml",
    "MAML", "inner_lr", "noise_multiplier", "asgd", "Reptile", "reptile",
)  # fmt: skip
_CLIPPING = (
    "clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_grad_value", "gradient_clip_val", "clip_gradients",
    "clip_grad", "clip_gradient", "max_grad_norm",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Course:
    """An optimizer that is seen being made and stepped."""

    program: Program
    optimizer: Optimizer
    made: Instance
    step: Event
    update: Update | None  # None where a framework runs the loop
    given: tuple[Condition, ...] = ()  # what has to hold for it to be made

    @property
    def kind(self) -> str:
        return self.optimizer.kind

    @property
    def node(self) -> Node:
        assert self.made.node is not None
        return self.made.node

    @cached_property
    def rate(self) -> Known | None:
        """The rate that it starts with; of several that may be, the least."""
        if self.optimizer.rate is None:
            usual = DEFAULT_RATES.get(self.kind)
            return (usual, None) if usual is not None and "**" not in self.made.keywords else None
        return amount(self.optimizer.rate)

    @cached_property
    def largest_rate(self) -> Known | None:
        """The largest of the rates that it may start with, None if one of them is not known."""
        given = self.optimizer.rate
        found = [amount(option) for option in options(given)] if given is not None else [self.rate]
        known = [rate for rate in found if rate is not None]
        return max(known, key=lambda rate: rate[0]) if known and len(known) == len(found) else None

    @property
    def usual_rate(self) -> str:
        """A rate to start from with such an optimizer."""
        return "1e-3" if self.kind != "SGD" else "0.01" if self.momentum else "0.1"

    @property
    def is_adaptive(self) -> bool:
        """Whether its steps are about as long as its rate, however small the gradient is."""
        return self.kind in ADAM_AND_RELATIVES

    @property
    def is_rash_at_first(self) -> bool:
        """Whether its first steps rest on averages over a few batches, and nothing in it makes up for that."""
        return self.kind in RASH_AT_FIRST

    @property
    def rate_node(self) -> Node | None:
        """The rate as it is written in the optimizer's call."""
        return given_at(self.node, "lr", 1)

    def with_rate(self, rate: str) -> list[Change]:
        """The edit that writes another rate in place of the given one."""
        return [replace(self.rate_node, rate)] if self.rate_node is not None else []

    @property
    def batch_growth(self) -> float:
        """How many times the batch that usual rates are meant for one of its steps may learn from, at least 1."""
        from trainlint.meaning.whole_batches import growth

        return growth(self)

    @property
    def is_rate_literal(self) -> bool:
        """Whether the rate is a plain number in the optimizer's call, which nothing else shares."""
        return isinstance(self.rate_node, Literal)

    @cached_property
    def networks(self) -> list[Instance]:
        """The networks that it updates, as far as all of them are seen being made, or pasted as a class; else none."""
        found = [one(model) for model in self.optimizer.models]
        left_out = self._left_out if len(found) > 1 else set[int]()
        found = [model for model in found if id(model) not in left_out] or found
        made = [m for m in found if isinstance(m, Instance) and is_module(m) and _is_there(m)]
        return made if len(made) == len(found) else []

    @property
    def _left_out(self) -> set[int]:
        """The networks, by identity, that are another way's: `if kind == "bert"` chooses both network and optimizer.

        Where settings choose, those are left that are there while all of them have their defaults.
        """
        handed = [v for value in (*self.made.arguments, *self.made.keywords.values()) for v in walk(value)]
        chosen = [v for v in handed if isinstance(v, Choice)]
        return {
            id(option)
            for choice in chosen
            for option in choice.options
            if all(option is not left for left in self._left(choice))
        }

    def _left(self, choice: Choice) -> list[Value]:
        left = possible(choice, self.given)
        return [option for option in usual(choice) if any(option is other for other in left)] or left

    @cached_property
    def depth(self) -> int:
        """How many layers with weights are seen in the deepest of its networks; 0 where one is not known."""
        if self.optimizer.of_inner_parts:
            return 0
        return max((depth(network) for network in self.networks), default=0)

    @property
    def is_tiny(self) -> bool:
        """Whether all of its networks are perceptrons of a few hidden units."""
        return bool(self.networks) and all(map(is_tiny, self.networks))

    def number(self, keyword: str, default: float, position: int | None = None) -> float | None:
        """A setting of the optimizer by its number, None where that is not known."""
        given = self._setting(keyword, position)
        if given is None:
            return None if "**" in self.made.keywords else default
        known = number(given)
        return known[0] if known is not None else None

    def _setting(self, keyword: str, position: int | None = None) -> Value | None:
        return self.made.keywords.get(keyword) if position is None else passed(self.made, position, keyword)

    @property
    def with_momentum(self) -> list[Change]:
        """The edit that gives a momentum, where nothing but this call says that there is none."""
        written = given_at(self.node, "momentum", 2)
        if written is not None and not isinstance(written, Literal):
            return []
        return self.moved_on

    @property
    def moved_on(self) -> list[Change]:
        """For the experiment: the edit that gives a momentum, whatever is written."""
        return [give(self.node, "momentum", "0.9", 2)]

    def of_class(self, name: str, rate: str) -> list[Change]:
        """The edit that takes another optimizer of torch, with a rate that fits it."""
        call = self.node
        if not isinstance(call, Call) or not {*self.made.keywords} <= {"lr", "params", "weight_decay"}:
            return []
        written = text_of(call.function)
        if not written.endswith(f".{self.kind}") or len(self.made.arguments) > 2:
            return []
        return [replace(call.function, written.removesuffix(self.kind) + name), give(call, "lr", rate, 1)]

    @property
    def with_warmup(self) -> list[Change]:
        """The edit that raises the rate over the first hundred steps, where no other schedule drives it."""
        scope = self.node.unit.scope
        if scope is None or not isinstance(scope.names.get("torch"), External) or self.schedules:
            return []
        if (
            self.update is None
            or self.node.unit is not self.step.node.unit
            or not isinstance(self.step.node, Call)
        ):
            return []
        text = text_of(stepped_node(self.step))
        line = f"warmup = torch.optim.lr_scheduler.LinearLR({text}, start_factor=0.01, total_iters=100)"
        return [insert_after(self.node, line), insert_after(self.step.node, "warmup.step()")]

    @property
    def momentum(self) -> float | None:
        """That of SGD; None where it is not known, as under a schedule that sets it from step to step."""
        if any(_cycles_momentum(schedule) for schedule in self.schedules):
            return None
        return self.number("momentum", 0.0, 2)

    @property
    def pace(self) -> float:
        """How far momentum carries on under gradients of length 1: `rate * momentum / (1 - momentum)`."""
        momentum = self.momentum or 0.0
        return momentum * self.rate[0] / max(1e-3, 1 - momentum) if self.rate is not None else 0.0

    @property
    def momentum_flag(self) -> str | None:
        """The flag whose default the momentum is."""
        known = number(self._setting("momentum", 2))
        return known[1] if known is not None else None

    @property
    def decays_itself(self) -> bool:
        """Whether Adagrad is told to shrink its rate from step to step (`lr_decay`), or may be."""
        return self.kind == "Adagrad" and self.number("lr_decay", 0.0, 2) != 0

    @cached_property
    def is_pretrained(self) -> bool:
        """Whether some of its weights are, or may be, trained already."""
        if any(map(may_be_pretrained, self.networks)):
            return True
        return starts_from_a_state(self.program, self.step, self.networks)

    @cached_property
    def is_recurrent(self) -> bool:
        return any(
            holds(network, "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
            for network in self.networks
        )

    @property
    def has_tables(self) -> bool:
        """Whether a network looks rows up, whose gradients are sparse."""
        return any(holds(network, "Embedding", "EmbeddingBag") for network in self.networks)

    @cached_property
    def post_norm_layers(self) -> int:
        """How many transformer layers of its networks normalise behind their residual sums."""
        own = sum(post_norm_blocks(self.program, network) for network in self.networks)
        return own + sum(map(post_norm_layers, self.networks))

    @property
    def is_compared(self) -> bool:
        """Whether the program tries several optimizers, among them ones with momentum, to see what they do."""
        kinds = {Optimizer(made, "constructed").kind for made in self.program.optimizers}
        return len(kinds) > 2 or any(_has_momentum(made) for made in self.program.optimizers)

    @property
    def is_private_or_shared(self) -> bool:
        """Whether steps are noised for privacy, or taken apart from each other and averaged."""
        return self.program.mentions(*_APART)

    @cached_property
    def has_groups(self) -> bool:
        """Whether its parameters come in groups, each with settings of its own, or may do so."""
        given = self.made.arguments[0] if self.made.arguments else self.made.keywords.get("params")
        for option in options(given) if given is not None else ():
            if isinstance(option, Sequence):
                inner = [*option.items, *([option.element] if option.element is not None else [])]
                if any(isinstance(o, Mapping) for item in inner for o in options(item)):
                    return True
        return self.program.uses("add_param_group") or not self.optimizer.models

    @cached_property
    def schedules(self) -> list[Instance]:
        """The schedules that drive it, or may do so."""
        found = (made for made in self.program.instances if is_schedule(made))
        return [s for s in found if (d := scheduled(s)) is None or same(d, self.made) is not False]

    @property
    def is_ramped(self) -> bool:
        """Whether something else than the optimizer's own rate is, or may be, the first and largest one."""
        if self.program.events("lr_write") or self.program.uses(*_BY_HAND):
            return True
        return any(not falls(self.program, schedule) for schedule in self.schedules)

    @property
    def peaks_at_rate(self) -> bool:
        """Whether the optimizer's rate is the largest that it uses, at once or after a warm-up of transformers."""
        if self.program.events("lr_write") or self.program.uses(*_BY_HAND[2:]):
            return False
        return all(falls(self.program, s) or _is_of_transformers(s) for s in self.schedules)

    @property
    def clips(self) -> bool:
        return bool(self.program.events("clip")) or self.program.uses(*_CLIPPING)

    @cached_property
    def loops(self) -> list[Region]:
        """The loops that run one after the other around its steps, innermost first."""
        return enclosing_loops(self.update.loop) if self.update is not None else []

    @cached_property
    def epochs(self) -> Known | None:
        """How often the loop around the batches runs."""
        if isinstance(self.step.detail, Fitted):
            return number(self.step.detail.epochs)
        if len(self.loops) < 2 or (self.made.loop is not None and self.made.loop.inside(self.loops[1])):
            return None  # or made anew in each of them
        return iterations(self.loops[1])

    @property
    def epochs_node(self) -> Node | None:
        if isinstance(self.step.detail, Fitted) and self.step.detail.trainer is not None:
            return self.step.detail.trainer.node
        return self.loops[1].node if len(self.loops) > 1 else self.step.node

    @property
    def sums_losses(self) -> bool:
        """Whether some criterion adds the losses of its samples up, so that the gradient grows with the batch."""
        if any(_sums(event) for event in self.program.events("criterion")) or self.program.uses(
            "size_average"
        ):
            return True
        if not self.program.uses("sum"):
            return False
        losses = [event.value for event in self.program.backwards if event.value is not None]
        return not losses or any(map(_adds_up, (v for loss in losses for v in walk(loss))))

    @property
    def is_one_step(self) -> bool:
        """Whether no loop is seen around its steps: an example of one step, or a function that others call."""
        return self.update is not None and not self.loops

    @property
    def is_full_batch(self) -> bool:
        """Whether its one loop counts steps over the same data."""
        return len(self.loops) == 1 and iterations(self.loops[0]) is not None

    @property
    def is_alone(self) -> bool:
        """Whether no other optimizer takes turns with it, as in adversarial training."""
        if self.update is None or not self.loops:
            return self.update is None
        return not any(
            u.loop.inside(self.loops[-1]) and not same(u.optimizer.value, self.made)
            for u in self.program.updates
        )


def _is_there(network: Instance) -> bool:
    return not network.symbolic or STAND_IN in network.attributes


def _has_momentum(made: Instance) -> bool:
    given = passed(made, 2, "momentum")
    known = number(given)
    return given is not None and (known is None or known[0] > 0)


_SUMS = ("sum", "nansum", "einsum", "reduce")


def _adds_up(value: Value) -> bool:
    match value:
        case Result(callee=External(name="builtins.sum")):
            return True
    return operation(value) in _SUMS


def _sums(criterion: Event) -> bool:
    """`reduction="sum"`, at the call or where the criterion was made."""
    made = one(criterion.target)
    given = {**(made.keywords if isinstance(made, Instance) else {}), **(criterion.detail or {})}
    return "reduction" in given and constant(given["reduction"]) != "mean"


def _is_of_transformers(schedule: Instance) -> bool:
    return isinstance(schedule.cls, External) and schedule.cls.name.startswith("transformers.")


def courses(program: Program) -> list[Course]:
    """Every optimizer that is seen being made and stepped, once; none where other practices hold."""
    stepped = [
        (u.optimizer, u.event, u) for u in (*program.updates, *program.single_updates) if not u.is_closure
    ]
    fitted = [e for e in program.events("fit") if isinstance(e.detail, Fitted) and not is_in_unit_test(e)]
    if not (stepped or fitted) or is_reinforcement(program):
        return []
    found: dict[int, Course] = {}
    for driven, event, update in stepped:
        for made in _made(driven.value):
            if not is_in_unit_test(event) and update.backwards:
                alone, value = Optimizer(made, driven.known), driven.value
                given = conditions_within(value, made) if isinstance(value, Choice) else ()
                found.setdefault(id(made), Course(program, alone, made, event, update, given))
    for event in fitted:
        assert isinstance(event.detail, Fitted)
        only = optimizer(event.detail.optimizer)
        for made in _made(only.value) if only is not None else ():
            found.setdefault(id(made), Course(program, Optimizer(made, "constructed"), made, event, None))
    return list(found.values())


def _made(value: Value) -> list[Instance]:
    """The optimizers that a stepped value is while all settings have their defaults, if they are seen being made."""
    found = [o for o in by_default(value) if not (isinstance(o, Constant) and o.value is None)]
    made = [
        o for o in found if isinstance(o, Instance) and o.node is not None and isinstance(o.cls, External)
    ]
    return made if len(made) == len(found) else []


def _cycles_momentum(schedule: Instance) -> bool:
    """CyclicLR and OneCycleLR give SGD a momentum of their own unless they are told not to."""
    name = schedule.cls.name if isinstance(schedule.cls, External) else ""
    asked = constant(schedule.keywords.get("cycle_momentum", Constant(True)))
    return name.endswith((".CyclicLR", ".OneCycleLR")) and asked is not False
