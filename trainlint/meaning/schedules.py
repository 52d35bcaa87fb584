"""Schedules over a run: which start too early, and how long a run is."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, ge, gt, le, lt, mul, sub
from typing import TYPE_CHECKING

from trainlint.meaning.conditions import by_default
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.flow import enclosing_call, enclosing_loops, key
from trainlint.meaning.fragments import has_no_imports, is_unseen_schedule
from trainlint.meaning.history import takes_first_of_scalar
from trainlint.meaning.iteration import underlying
from trainlint.meaning.objects import external_bases, find_member
from trainlint.meaning.optimizers import number, optimizer, scheduled
from trainlint.meaning.place import Change, append_to_body, remove_statement, text_of
from trainlint.meaning.syntax import (
    Binary,
    Comparison,
    Define,
    For,
    Lambda,
    Literal,
    Node,
    While,
    names_in,
    nodes_in,
)
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unseen import is_left_out, trains_unseen
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Result,
    Sequence,
    Value,
    choice,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_TORCH = "torch.optim.lr_scheduler."
_OTHER_FIELDS = (
    "gym",
    "gymnasium",
    "federated",
    "meta_optimizer",
    "higher",
    "learn2learn",
    "stable_baselines3",
)


@dataclass(frozen=True, slots=True, eq=False)
class EarlySchedule:
    """A schedule stepped in a loop before its optimizer has stepped at all."""

    event: Event
    step: Event

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def moved(self) -> list[Change]:
        """The edit that steps the schedule at the end of its loop's body, where that has the same names."""
        loop = self.event.loop
        if loop is None or not isinstance(loop.node, For) or not self.step.region.inside(loop):
            return []
        if any(r.kind == "call" and r.inside(loop) for r in self.event.region.ancestors()):
            return []
        if isinstance(self.step.target, Choice) and self.event.guards(loop):
            return []  # it is the step of a phase
        return [remove_statement(self.node), append_to_body(loop.node, text_of(self.node))]

    @property
    def is_staircase(self) -> bool:
        """Whether the rate stays for several steps of the schedule: all that is lost is one of them."""
        made = options(self.event.target)
        return bool(made) and all(isinstance(m, Instance) and _stays(m) for m in made)


def early_schedules(program: Program) -> list[EarlySchedule]:
    found: list[EarlySchedule] = []
    version = program.reading.project.torch_version
    if version is not None and version < (1, 1):
        return found  # until then the schedule's first step gave the first rate
    for root in program.roots:
        events = list(root.events())
        seen: list[Value] = []
        for index, event in enumerate(events):
            if event.kind != "schedule" or any(same(event.target, s) for s in seen):
                continue
            if _fast_forwards(event) or _takes_a_metric(event):
                continue
            seen.append(event.target)
            step = _first_step_after(events, index, event)
            if step is not None:
                found.append(EarlySchedule(event, step))
    return found


def _stays(schedule: Instance) -> bool:
    name = schedule.cls.name.rpartition(".")[2] if isinstance(schedule.cls, External) else ""
    if name in ("LambdaLR", "MultiplicativeLR"):
        given = passed(schedule, 1, "lr_lambda")
        listed = one(given) if given is not None else None
        each = listed.items if isinstance(listed, Sequence) else [listed]
        return all(isinstance(f, Function) and _counts_in_blocks(f) for f in map(_first, each))
    every = passed(schedule, 1, "step_size")
    return name == "MultiStepLR" or (name == "StepLR" and every is not None and constant(every) != 1)


def _first(value: Value | None) -> Value | None:
    return one(value) if value is not None else None


def _counts_in_blocks(function: Function) -> bool:
    """Whether a function of the step reads it only as `step // n`, the same for several steps."""
    node = function.node
    if not isinstance(node, (Define, Lambda)) or not node.parameters:
        return False
    body = node.body if isinstance(node, Define) else node.value
    blocks = [n.left for n in nodes_in(body) if isinstance(n, Binary) and n.operator == "//"]
    within = {id(name) for block in blocks for name in names_in(block)}
    read = [name for name in names_in(body) if name.id == node.parameters[0].name]
    return bool(read) and all(id(name) in within for name in read)


def _fast_forwards(event: Event) -> bool:
    """Whether a loop steps the schedule and nothing else, to where an earlier run had come."""
    loop = _epoch_loop(event)
    return loop is not None and not any(
        e.kind in ("step", "unresolved") or trains_unseen(e) for e in loop.events()
    )


def _takes_a_metric(event: Event) -> bool:
    """`scheduler.step(loss)` for the one kind of schedule that wants it, where others may be the one."""
    return bool(event.inputs) and any(
        isinstance(o, Instance) and isinstance(o.cls, External) and o.cls.name.endswith("ReduceLROnPlateau")
        for o in options(event.target)
    )


def _epoch_loop(event: Event) -> Region | None:
    """The loop whose turns a schedule counts: around the one that goes through several schedules."""
    for loop in enclosing_loops(event.region):
        if loop.iterable is None or not (
            any(v is event.target for v in walk(loop.iterable)) or _holds(loop.iterable, event.target)
        ):
            return loop
    return _pasted_turn(event)


def _pasted_turn(event: Event) -> Region | None:
    """A function of a fragment that nobody is seen to call: it steps a schedule in each of its turns."""
    call = enclosing_call(event)
    if call is None or not has_no_imports(event.node.unit) or any(r.loop for r in call.ancestors()):
        return None
    return call if not any(r.kind == "call" for r in call.ancestors() if r is not call) else None


def _holds(iterable: Value, target: Value) -> bool:
    """Whether the objects of a list have these schedules: `for task in tasks: task.schedule.step()`."""
    wanted = {id(option) for option in options(target)}
    listed = [o for o in options(underlying(iterable)) if isinstance(o, Sequence)]
    objects = [o for each in listed for v in (*each.items, each.element) if v is not None for o in options(v)]
    return any(
        id(held) in wanted
        for each in objects
        if isinstance(each, Instance)
        for value in each.attributes.values()
        for held in options(value)
    )


def _first_step_after(events: list[Event], index: int, event: Event) -> Event | None:
    """The first step of the driven optimizer, or of several that may be the one, if all come later."""
    driven = scheduled(event.target) or _handed(event) or _only_optimizer(event)
    if driven is None and not isinstance(event.target, Choice):
        return None
    whole = _first_step_of(driven, events, index, event) if driven is not None else None
    if whole is not None or (driven is not None and not isinstance(driven, Choice)):
        return whole
    each = options(driven) if driven is not None else [scheduled(s) for s in options(event.target)]
    found = [_first_step_of(o, events, index, event) if o is not None else None for o in each]
    steps = [step for step in found if step is not None]
    return min(steps, key=events.index) if len(steps) == len(found) > 0 else None


def _handed(event: Event) -> Value | None:
    """What a schedule is made for whose class a fragment does not show, if the loop steps that too."""
    made, loop = one(event.target), _epoch_loop(event)
    if not isinstance(made, Result) or loop is None or not made.arguments:
        return None
    stepped = any(e.kind == "step" and same(e.target, made.arguments[0]) for e in loop.events())
    return made.arguments[0] if stepped else None


def _only_optimizer(event: Event) -> Value | None:
    """What a fragment's `scheduler` drives: the one optimizer that its loop steps."""
    loop = _epoch_loop(event)
    if loop is None or not is_unseen_schedule(event.target):
        return None
    stepped = [e.target for e in loop.events() if e.kind == "step"]
    given = [v for e in loop.events() if trains_unseen(e) for v in e.inputs]
    if not stepped and any(map(is_left_out, given)):
        return event.target  # `train(...)` steps what it drives, whatever that is called
    if not stepped:
        return _one_of(given)
    if any(optimizer(target) is None for target in stepped):
        return None
    return choice(stepped)  # whichever it drives


def _one_of(given: list[Value]) -> Value | None:
    """The one optimizer among what functions are given that a fragment does not show."""
    found = [value for value in given if optimizer(value) is not None]
    return found[0] if found and all(same(value, found[0]) for value in found) else None


def _first_step_of(driven: Value, events: list[Event], index: int, event: Event) -> Event | None:
    loop = _epoch_loop(event)
    if loop is None or event.inputs or event.detail or not _is_torch(event.target):
        return None
    if any(
        isinstance(o, Instance) and o.loop is not None and o.loop.inside(loop) for o in options(event.target)
    ):
        return None  # made anew in every turn for the rate of that turn: it counts nothing
    if takes_first_of_scalar(loop):
        return None  # of a time when this was the order
    steps, arms = _steps_of(driven, events), event.guards(loop)
    if any(
        _depends_on_time(arm) and not _holds_at_first(arm, loop) and not _holds_all(arm, steps, driven)
        for arm in arms
    ):
        return None
    if arms and any(e.kind == "schedule" and same(e.target, event.target) for e in events[index + 1 :]):
        return None  # one of two places, by version or by setting
    for earlier in events[:index]:
        if earlier.kind == "step" and same(earlier.target, driven) is not False:
            return None
        if earlier.kind == "unresolved" and any(same(v, driven) for v in earlier.inputs):
            return None
        if _is_stepped_unseen(earlier, driven):
            return None
    later = [
        e
        for e in events[index:]
        if (
            e.kind == "step" and (same(e.target, driven) or any(_is_taken_in(e, driven, arm) for arm in arms))
        )
        or (not steps and _is_stepped_unseen(e, driven))
    ]
    return later[0] if later and later[0].region.inside(loop) else None


def _steps_of(driven: Value, events: list[Event]) -> list[Event]:
    return [e for e in events if e.kind == "step" and same(e.target, driven) is not False]


def _is_stepped_unseen(event: Event, driven: Value) -> bool:
    """`train(model, loader, optimizer)` of a function that a fragment does not show."""
    return trains_unseen(event) and any(same(v, driven) or is_left_out(v) for v in event.inputs)


def _holds_all(arm: Region, steps: list[Event], driven: Value) -> bool:
    """Whether an optimizer steps in this phase of the training only, as its schedule does."""
    return bool(steps) and all(step.region.inside(arm) or _is_taken_in(step, driven, arm) for step in steps)


def _is_taken_in(step: Event, driven: Value, arm: Region) -> bool:
    """Whether an arm says whose step comes behind it: `chosen = second` beside `schedule.step()`."""
    if not isinstance(step.target, Choice) or arm.truth is None:
        return False
    under = (step.target.under or {}).get(id(one(driven)), ())
    return any(truth is arm.truth and holds is arm.holds for truth, holds in under)


def _holds_at_first(arm: Region, loop: Region) -> bool:
    """Whether a condition is known to hold in the first turn: `epoch > -1`, `epoch < 100`."""
    match one(arm.truth) if arm.truth is not None else None:
        case Result(callee=External(name=name), arguments=(left, right)) if name in _ORDER:
            first, second = _at_first(left, loop), _at_first(right, loop)
            return first is not None and second is not None and _ORDER[name](first, second) is arm.holds
    return False


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "operator.<": lt,
    "operator.<=": le,
    "operator.>": gt,
    "operator.>=": ge,
}


def _at_first(value: Value, loop: Region) -> float | None:
    """A number as it is in the first turn of a loop over a range."""
    match one(value):
        case Item(source=source, key=None) if loop.iterable is not None and underlying(source) is underlying(
            loop.iterable
        ):
            return _start(underlying(source))
        case Result(callee=External(name=name), arguments=(left, right)) if name in _ARITHMETIC:
            first, second = _at_first(left, loop), _at_first(right, loop)
            return None if first is None or second is None else _ARITHMETIC[name](first, second)
    known = number(value)
    return known[0] if known is not None else None


def _start(source: Value) -> float | None:
    match source:
        case Result(callee=External(name="builtins.range"), arguments=[_]):
            return 0.0
        case Result(callee=External(name="builtins.range"), arguments=[first, *_]):
            known = number(first)
            return known[0] if known is not None else None
    return None


def _depends_on_time(arm: Region) -> bool:
    match arm.test:
        case Comparison(rest=((_, Literal(value=str())),)):
            return False  # a setting
    text = key(arm.test)
    return any(sign in text for sign in ("%", "<", ">", "epoch", "step", "==", "!="))


def _is_torch(value: Value) -> bool:
    """Whether a schedule of PyTorch's own order is stepped; one that wants a metric is not stepped without."""
    if is_unseen_schedule(value):
        return True
    names = [_schedule_name(option) for option in options(value)]
    others = [name for name in names if not name.endswith("ReduceLROnPlateau")]
    return bool(others) and all(
        n.startswith((_TORCH, "transformers.", "pytorch_transformers.")) for n in others
    )


def _schedule_name(value: Value) -> str:
    """The library's class behind a schedule; one of the project that counts in its own way has none."""
    match value:
        case Instance(cls=External(name=name)):
            return name
        case Instance(cls=Class() as cls) if find_member(cls, "step") is None:
            return next((base for base in external_bases(cls) if base.startswith(_TORCH)), "")
    return ""


def is_reinforcement(program: Program) -> bool:
    """Whether an environment is stepped with actions, or the field has practices of its own."""
    steps = program.events("step")
    return program.uses_or_imports(*_OTHER_FIELDS) or any(
        e.inputs
        and isinstance(e.detail, tuple)
        and e.detail[0] in ("plain", "argument")
        and optimizer(e.target) is None
        for e in steps
    )


def iterations(loop: Region) -> tuple[float, str | None] | None:
    """How often a loop over a `range` of known bounds runs, and the flag that can change it."""
    if loop.iterable is None:
        return _counted(loop.truth) if isinstance(loop.node, While) else None
    source = underlying(loop.iterable)
    if (
        not isinstance(source, Result)
        or not isinstance(source.callee, External)
        or source.callee.name != "builtins.range"
    ):
        return None
    bounds = [amount(a) for a in source.arguments[:2]]
    if len(bounds) == 1 and bounds[0] is not None:
        return bounds[0]
    if len(bounds) == 2 and bounds[0] is not None and bounds[1] is not None:
        return bounds[1][0] - bounds[0][0], bounds[1][1]  # a flag for the first is for runs that go on
    return None


def amount(value: Value, depth: int = 0) -> tuple[float, str | None] | None:
    """A number as `number` knows it, also a computed one: of several the least, of a resumed run that of a fresh one."""
    known = number(value)
    if known is not None or depth > 4:
        return known
    match value:
        case Choice(loop=False):
            found = {id(option): amount(option, depth + 1) for option in by_default(value)}
            fresh = [o for o in by_default(value) if found[id(o)] is not None or not _is_of_a_checkpoint(o)]
            amounts = [found[id(option)] for option in fresh]
            return min((a for a in amounts if a), key=lambda a: a[0]) if amounts and all(amounts) else None
        case Result(callee=External(name=name), arguments=(left, right)) if name in _ARITHMETIC:
            first, second = amount(left, depth + 1), amount(right, depth + 1)
            if first is None or second is None:
                return None
            return _ARITHMETIC[name](first[0], second[0]), first[1] or second[1]
    return None


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "operator.+": add,
    "operator.-": sub,
    "operator.*": mul,
}


def _is_of_a_checkpoint(value: Value) -> bool:
    """`checkpoint["epoch"] + 1`."""
    return any(operation(v) == "load" for v in walk(value))


def _counted(test: Value | None) -> tuple[float, str | None] | None:
    """The turns of `while i < n`, where the body adds a constant to `i` once."""
    match test:
        case Result(
            callee=External(name="operator.<" | "operator.<=" as sign), arguments=(Choice() as counter, end)
        ):
            pass
        case _:
            return None
    match counter.options:
        case [
            Constant() as start,
            Result(callee=External(name="operator.+"), arguments=(old, Constant() as step)),
        ]:
            first, last, by = number(start), number(end), number(step)
        case _:
            return None
    if old is not counter or first is None or last is None or by is None or by[0] <= 0:
        return None
    turns = (last[0] - first[0]) / by[0] + (1 if sign == "operator.<=" else 0)
    return turns, last[1] or first[1] or by[1]
