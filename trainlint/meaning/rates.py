"""Learning rates that nothing changes from the first epoch of a run to the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.dataflow import same
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.iteration import underlying
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.loaders import loader
from trainlint.meaning.monitors import early_stops, is_a_mere_cap
from trainlint.meaning.noise import foretells_noise
from trainlint.meaning.optimizers import Optimizer, is_schedule, number, optimizer, scheduled
from trainlint.meaning.place import Change, append_to_body, insert_after, replace, text_of
from trainlint.meaning.populations import samples_of
from trainlint.meaning.schedules import amount, is_reinforcement, iterations
from trainlint.meaning.syntax import Call, For, Node, While
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.updates import Update, stepped_node
from trainlint.meaning.values import NONE, Choice, External, Instance, Mapping, Sequence, Value, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_HANDFUL = 16
DEFAULT_RATES = {
    "Adam": 1e-3,
    "AdamW": 1e-3,
    "SGD": 1e-3,
    "RMSprop": 1e-2,
    "NAdam": 2e-3,
    "RAdam": 1e-3,
    "Adamax": 2e-3,
}
_SCHEDULING = (
    "lr_scheduler", "scheduler", "AveragedModel", "update_bn", "adjust_learning_rate", "warmup", "get_scheduler", "lr_lambda",
    "LRScheduler", "OneCycleLR", "StepLR", "adjust_lr", "lr_decay", "decay_lr", "update_lr", "set_lr",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ConstantRate:
    """An optimizer whose rate nothing changes over the epochs of its loop."""

    optimizer: Optimizer
    step: Event  # the only driver
    rate: float
    epochs: float
    under: str | None  # the flag whose default the number of epochs (or the rate) is
    loop_node: Node

    @property
    def node(self) -> Node:
        made = one(self.optimizer.value)
        assert isinstance(made, Instance) and made.node is not None
        return made.node

    @property
    def held(self) -> list[Change]:
        """The edit that undoes every change of the rate, for experiments."""
        from trainlint.meaning import planting

        return planting.rate_held(self.step.node, text_of(stepped_node(self.step)), self.rate)

    @property
    def scheduled(self) -> list[Change]:
        """The edit that adds a cosine schedule over the epochs."""
        scope = self.node.unit.scope
        known = scope is not None and isinstance(scope.names.get("torch"), External)
        stepped = self.step.node
        if not isinstance(self.loop_node, (For, While)) or not isinstance(stepped, Call):
            return []
        if self.node.unit is not self.loop_node.unit or not known:
            return []
        text = text_of(stepped_node(self.step))
        line = f"scheduler = torch.optim.lr_scheduler.CosineAnnealingLR({text}, T_max={int(self.epochs)})"
        return [insert_after(self.node, line), append_to_body(self.loop_node, "scheduler.step()")]

    @property
    def falling(self) -> list[Change]:
        """For the experiment, wherever the loop is: the edit that lowers the rate with each step."""
        if not isinstance(self.node, Call):
            return []
        lowered = "[group.update(lr=0.9 * group['lr']) for group in made.param_groups]"
        hooked = f"made.register_step_post_hook(lambda *_: {lowered})"
        return [replace(self.node, f"(lambda made: ({hooked}, made)[1])({text_of(self.node)})")]


def constant_rates(program: Program) -> list[ConstantRate]:
    candidates = [u for u in program.updates if u.optimizer.known == "constructed" and not u.is_closure]
    fitted = [e for e in program.events("fit") if isinstance(e.detail, Fitted) and not is_in_unit_test(e)]
    if not (candidates or fitted) or program.events("lr_write") or _schedules_otherwise(program):
        return []
    if is_reinforcement(program) or foretells_noise(program):
        return []  # of noise: at one rate, with averaged weights, is how diffusion is published
    found: dict[int, ConstantRate] = {}
    for update in candidates:
        run = _constant_rate(program, update)
        if run is not None and not is_in_unit_test(run.step):
            found.setdefault(id(one(update.optimizer.value)), run)
    for event in fitted:
        run = _constant_in(program, event)
        if run is not None:
            found.setdefault(id(one(run.optimizer.value)), run)
    return list(found.values())


def _schedules_otherwise(program: Program) -> bool:
    """Whether the code speaks of schedules that are not seen being made for an optimizer."""
    made = [i for i in program.instances if is_schedule(i)]
    return not made and program.uses(*_SCHEDULING)


def _is_scheduled(program: Program, value: Value) -> bool:
    for made in program.instances:
        driven = scheduled(made) if is_schedule(made) else None
        if is_schedule(made) and (driven is None or same(driven, value) is not False):
            return True
    return False


def _constant_rate(program: Program, update: Update) -> ConstantRate | None:
    made = one(update.optimizer.value)
    loops = enclosing_loops(update.loop)
    others = [
        u
        for u in program.updates
        if not same(u.optimizer.value, update.optimizer.value) and u.loop.inside(loops[-1])
    ]
    if _is_scheduled(program, update.optimizer.value):
        return None
    if not isinstance(made, Instance) or others or len(loops) < 2 or not update.backwards:
        return None
    rate, count = _first_rate(update.optimizer), iterations(loops[1])
    if rate is None or count is None or loops[1].node is None or _is_remade(made, loops[1]):
        return None
    if loops[0].iterable is not None and _is_toy(program, loops[0].iterable):
        return None
    return ConstantRate(update.optimizer, update.event, rate, count[0], count[1], loops[1].node)


def _constant_in(program: Program, event: Event) -> ConstantRate | None:
    """The rate in a framework's epochs, where its only optimizer came without a schedule."""
    assert isinstance(event.detail, Fitted)
    driven, count = optimizer(event.detail.optimizer), number(event.detail.epochs)
    if driven is None or driven.known != "constructed" or count is None or event.detail.schedules:
        return None
    if any(_is_toy(program, given) for given in event.inputs):
        return None
    if any(is_a_mere_cap(count[0], stopper) for stopper in early_stops(event.detail.trainer)):
        return None
    rate = None if _is_scheduled(program, driven.value) else _first_rate(driven)
    return ConstantRate(driven, event, rate, count[0], count[1], event.node) if rate is not None else None


def _is_toy(program: Program, served: Value) -> bool:
    """Whether a run goes through a handful of samples, which show how something is written: it may learn them by heart."""
    made = loader(served)
    count = samples_of(program, made.dataset if made is not None else underlying(served))
    return count is not None and count <= _HANDFUL


def _first_rate(driven: Optimizer) -> float | None:
    """The rate that a run starts with, where nothing says that the optimizer changes it itself."""
    made = one(driven.value)
    if not isinstance(made, Instance) or made.node is None or driven.kind == "Optimizer":
        return None  # chosen by a setting, or the project's own: it may tune its rate itself
    if any(isinstance(m, Instance) and "*pretrained" in m.attributes for m in driven.models):
        return None
    own = list(_rates_of_groups(made))
    if own:
        known = [amount(rate) for rate in own]
        return None if None in known else max(rate[0] for rate in known if rate is not None)
    if driven.rate is None:
        return DEFAULT_RATES.get(driven.kind)
    if isinstance(driven.rate, Choice) and driven.rate.each is not None:
        return None  # rates are compared, each as it is
    rate = amount(driven.rate)
    return rate[0] if rate is not None else None


def _rates_of_groups(made: Instance) -> Iterator[Value]:
    """The rates that groups of parameters bring along: the optimizer's own is not for them."""
    given = one(made.arguments[0] if made.arguments else made.keywords.get("params", NONE))
    for group in given.items if isinstance(given, Sequence) else ():
        if isinstance(entries := one(group), Mapping) and "lr" in entries.items:
            yield entries.items["lr"]


def _is_remade(made: Instance, loop: Region) -> bool:
    """Whether the optimizer is made within the loop, each time anew."""
    return made.loop is not None and made.loop.inside(loop)
