"""How many samples one step of an optimizer learns from: the batch of its loader, over the turns and devices of a step."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from trainlint.meaning.accumulation import turns_of_step
from trainlint.meaning.budgets import training_loader
from trainlint.meaning.courses import Course, Known
from trainlint.meaning.dataflow import walk
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.loaders import Loader
from trainlint.meaning.optimizers import number
from trainlint.meaning.schedules import amount
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import Constant, External, Result, Value, one, options
from trainlint.meaning.world import is_of_world
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

USUAL = 256  # samples that the usual rates of SGD are meant for (Goyal et al. 2017)
_FEW_DEVICES = 4  # that a program for several has at least
_DEVICES = 8  # that a machine for several of them usually has
_SHARING = (
    "DistributedDataParallel", "DistributedSampler", "init_process_group", "DDP", "Accelerator", "hvd", "horovod", "deepspeed",
    "FullyShardedDataParallel", "fully_shard", "mp_spawn", "xm", "bagua", "apex",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class WholeBatch:
    """What a step learns from, as far as it is known: on each device, where there are several of them."""

    course: Course
    loader: Loader
    size: float
    under: str | None  # the flag whose default that is
    for_each: bool  # it and the rate are multiplied by the number of devices, which nobody knows
    rate: float

    @property
    def least(self) -> float:
        """How many samples all devices take together, at the least."""
        return self.size * _FEW_DEVICES if self.for_each else self.size

    @property
    def base(self) -> float:
        """The rate for a batch of 256 that a linear rule makes this one of."""
        return self.rate * USUAL / self.size


def whole_batches(program: Program) -> Iterator[WholeBatch]:
    """The courses at a rate of which both the batch and the rate are known, at least on each device."""
    for course in program.courses:
        served, given = _loader(course), course.optimizer.rate
        size = _size(served) if served is not None else None
        if served is None or size is None or size[0] < 1:
            continue
        batch = served.argument("batch_size")
        rate = course.rate if given is None or course.rate is not None else _on_each(given)
        scaled, grown = (v is not None and _is_multiplied(v) for v in (given, batch))
        if rate is None or (grown and not scaled) or (scaled and not grown and not _is_shared(program)):
            continue  # one grows with the number of devices, and the other does not
        whole = size[0] * _turns(course) * _further(given, batch)
        yield WholeBatch(course, served, whole, size[1], scaled, rate[0])


def _is_shared(program: Program) -> bool:
    """Whether several processes take a batch each, and step together."""
    return program.uses(*_SHARING)


def growth(course: Course) -> float:
    """How many times the usual batch one of its steps may learn from, at least 1: so many times its rate may be larger."""
    served = _loader(course)
    size = _size(served) if served is not None else _named_in(course.optimizer.rate)
    if size is None:
        return 1.0
    batch = served.argument("batch_size") if served is not None else None
    devices = _DEVICES if _is_shared(course.program) or (batch is not None and _is_multiplied(batch)) else 1
    return max(1.0, size[0] * _turns(course) * max(devices, _further(course.optimizer.rate, batch)) / USUAL)


def _loader(course: Course) -> Loader | None:
    """The loader that its steps learn from: the one in the innermost loop, or the only one that feeds them."""
    found = training_loader(course)
    if found is None:
        steps = (t for t in course.program.training_loaders if any(s is course.step for s in t.steps))
        served = {id(t.loader.value): t.loader for t in steps}
        found = next(iter(served.values())) if len(served) == 1 else None
    if found is None or found.open:
        return None
    sampler = found.argument("batch_sampler")
    return found if sampler is None or is_none(sampler) else None


def _size(served: Loader) -> Known | None:
    given = served.argument("batch_size")
    return (amount(given) or _on_each(given)) if given is not None else None


def _turns(course: Course) -> float:
    """How many batches a step learns from."""
    if isinstance(course.step.detail, Fitted):
        trainer = course.step.detail.trainer
        given = trainer.keywords.get("accumulate_grad_batches") if trainer is not None else None
        known = number(given)
        return known[0] if known is not None else 1.0
    turns = turns_of_step(course.update) if course.update is not None else ()
    return max((turn.every for turn in turns if turn.every is not None), default=1.0)


def _on_each(value: Value) -> Known | None:
    """A number that is multiplied by the number of devices, for one of them: 64 of `64 * max(1, device_count())`."""
    match one(value):
        case Result(callee=External(name="operator.*"), arguments=(left, right)):
            sides = [amount(side) or _on_each(side) for side in (left, right)]
            if sides[0] is not None and sides[1] is not None:
                return sides[0][0] * sides[1][0], sides[0][1] or sides[1][1]
            return None
        case Result(callee=External(name="operator./"), arguments=(left, right)):
            above, below = amount(left) or _on_each(left), amount(right)
            return (
                (above[0] / below[0], above[1])
                if above is not None and below is not None and below[0]
                else None
            )
    return (1.0, None) if any(map(_is_number_of_devices, options(value))) else None


def _is_number_of_devices(value: Value) -> bool:
    """`dist.get_world_size()`, `max(1, torch.cuda.device_count())`."""
    if isinstance(value, Result) and isinstance(value.callee, External):
        if value.callee.name.startswith("operator."):
            return False
    return any(is_of_world(v) for v in walk(value, limit=12))


def _is_multiplied(value: Value) -> bool:
    """Whether a product has the number of devices in it, which nobody knows."""
    return amount(value) is None and _on_each(value) is not None


def factors(value: Value | None) -> list[Constant]:
    """The constants that a known number is the product of; what they are divided by left out."""
    found = one(value) if value is not None else None
    if not isinstance(found, Constant):
        return []
    match found.sides:
        case ("*", left, right):
            return [*factors(left), *factors(right)]
        case ("/" | "//", left, _):
            return factors(left)
    return [found]


def _further(rate: Value | None, batch: Value | None) -> float:
    """What a rate is multiplied by beside the batch: the devices, or the turns of a step, by their number."""
    inside, written = factors(batch), factors(rate)
    if len(written) < 2:
        return 1.0
    further = [
        f for f in written if type(f.value) is int and f.value > 1 and not any(is_same(f, b) for b in inside)
    ]
    return float(prod(f.value for f in further))


def is_same(first: Constant, second: Constant) -> bool:
    """Whether two constants are one number of the program: written at one place, or the value of one setting."""
    if first is second or (first.node is not None and first.node is second.node):
        return True
    return first.under is not None and (first.under, first.value) == (second.under, second.value)


def _named_in(rate: Value | None) -> Known | None:
    """The size of a batch that a rate is computed from by the setting's own name, where no loader shows it."""
    written = factors(rate)
    found = [
        f for f in written if f.under is not None and "batch" in f.under.lower() and type(f.value) is int
    ]
    return (float(found[0].value), found[0].under) if len(written) > 1 and found else None
