"""Checkpoints read and written, and whether the script chooses its device itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.arguments import offered_options
from trainlint.meaning.callers import enclosing_function
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.flow import of_kind
from trainlint.meaning.methods import device_of
from trainlint.meaning.optimizers import is_schedule
from trainlint.meaning.paths import fixed_parts, is_of_each_process, names_device, same_file
from trainlint.meaning.phases import is_setting_for_training
from trainlint.meaning.saves import is_published, saves_from_the_cpu
from trainlint.meaning.syntax import Block, Call, Define, Literal, Node, Try
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Argument,
    Bound,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program
    from trainlint.meaning.unit import Frame

_RANK_WORDS = frozenset("local_rank LOCAL_RANK set_device".split())
_DEVICE_WORDS = frozenset("is_available local_rank LOCAL_RANK set_device device_count".split())


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """One `torch.load`."""

    event: Event
    program: Program

    @property
    def node(self) -> Node:
        return self.event.node

    def argument(self, name: str, position: int = 99) -> Value | None:
        keywords = self.event.detail
        if name in keywords:
            return None if self._is_written_as_none(name) else keywords[name]
        return self.event.inputs[position] if position < len(self.event.inputs) else None

    def _is_written_as_none(self, name: str) -> bool:
        """Whether the call itself says `map_location=None`; a parameter that is None by default is the caller's choice."""
        call = self.event.node
        written = [a.value for a in call.arguments if a.keyword == name] if isinstance(call, Call) else []
        return any(isinstance(value, Literal) and value.value is None for value in written)

    @property
    def picks_device(self) -> bool:
        """Whether the program chooses its device, or this file is told which."""
        unit = self.node.unit
        told = "device" in self.program.words(unit) and not _is_fixed(unit.scope)
        return told or self.program.picks_device

    @property
    def needs_the_gpu(self) -> bool:
        """Whether what is loaded goes into a module that is on the GPU on every way here: nothing runs without one."""
        if any(not _RANK_WORDS.isdisjoint(self.program.words(unit)) for unit in self.program.units):
            return False
        root = list(self.event.region.ancestors())[-1]
        whole = [e.target for e in of_kind(root, "mode", "forward") if self._is_what_is_loaded(e.target)]
        modules = (*whole, *(state.target for state in self._states()))
        return any(_is_on_the_gpu(m, self.event) or _is_fed_on_the_gpu(m, self.event) for m in modules)

    def _is_what_is_loaded(self, module: Value) -> bool:
        """Whether the file holds a module as a whole, and this is it."""
        return any(_origin(option) is self.event.value for option in options(module))

    def _states(self) -> Iterator[Event]:
        """The `load_state_dict` of the same run that take what is loaded."""
        root = list(self.event.region.ancestors())[-1]
        for event in of_kind(root, "load_state"):
            if event.value is not None and any(v is self.event.value for v in walk(event.value)):
                yield event

    @property
    def is_partial(self) -> bool:
        """Whether only what fits is taken (`strict=False`): the weights of another network, published as a rule."""
        states = list(self._states())
        return bool(states) and all(_strict(state) is False for state in states)

    @property
    def given(self) -> Value | None:
        """The file that is loaded."""
        found: Value | None = self.event.inputs[0] if self.event.inputs else self.event.detail.get("f")
        return found

    @property
    def is_shipped(self) -> bool:
        """Whether the file comes with the code or from its authors, or the code saves from the CPU: it is read anywhere."""
        given, project = self.given, self.program.reading.project
        return (
            self._is_fetched()
            or (given is not None and any(isinstance(v, Free) and v.name == "__file__" for v in walk(given)))
            or saves_from_the_cpu(project, fixed_parts(given))
            or (given is not None and is_published(project, self.event, given))
        )

    def _is_fetched(self) -> bool:
        """Whether the function that loads, or one that it asks for the file's name, fetches it from an address."""
        asked = [r.function for r in self.event.region.items if type(r) is Region and r.kind == "call"]
        return _fetches(enclosing_function(self.event)) or any(_fetches(f, "download") for f in asked)

    @property
    def is_own(self) -> bool:
        """Whether the same run has written the file, or another path of the code loads with care."""
        given = self.given
        return (
            self.is_of_this_run(given)
            or self._is_one_of_two()
            or (given is not None and (names_device(given) or is_of_each_process(given)))
        )

    def is_of_this_run(self, given: Value | None) -> bool:
        """Whether the same run has written a file before this place."""
        root = list(self.event.region.ancestors())[-1]
        events = list(root.events())
        for saved in of_kind(root, "save"):
            if events.index(saved) > events.index(self.event):
                break  # written after it was read: what is read is of another run
            if self._is_of_another_phase(saved):
                continue
            target = saved.inputs[1] if len(saved.inputs) > 1 else None
            if given is not None and target is not None and same_file(given, target):
                return True
        return False

    def _is_of_another_phase(self, saved: Event) -> bool:
        """Whether a setting decides if the file is written (`if args.train:`), and not if it is read as well."""
        around = set(map(id, self.event.region.ancestors()))
        return any(
            region.kind == "arm"
            and id(region) not in around
            and region.truth is not None
            and is_setting_for_training(region.truth)
            for region in saved.region.ancestors()
        )

    def _is_one_of_two(self) -> bool:
        """One arm of a choice, perhaps by device: the other arm loads with care, or a file of each process."""
        for arm in self.event.guards(list(self.event.region.ancestors())[-1]):
            if arm.parent is None or isinstance(arm.parent.node, Call):
                continue  # one class of several that a call may reach: what the others load is their own affair
            siblings = arm.parent.items
            others = [s for s in siblings if type(s) is Region and s is not arm]
            loads = [Load(event, self.program) for other in others for event in of_kind(other, "load")]
            if any(load.open or load.argument("map_location", 1) is not None for load in loads):
                return True
            if any(load.given is not None and is_of_each_process(load.given) for load in loads):
                return True
        return self._is_tried()

    def _is_tried(self) -> bool:
        """In a `try` whose handler loads the same file again."""
        for region in self.event.region.ancestors():
            for item in region.items:
                if type(item) is Region and isinstance(item.node, Try) and of_kind(item, "load"):
                    if _is_within(self.event.node, item.node.body):
                        return True
            if region.kind == "call":
                return False
        return False

    @property
    def open(self) -> bool:
        """Whether `**options` may pass more."""
        return "**" in self.event.detail

    @property
    def is_checkpoint(self) -> bool:
        """Whether it goes into a module or optimizer, or is a module itself: data sets are no checkpoints."""
        return self.is_state or any(
            self._is_what_is_loaded(e.target)
            for root in self.program.roots
            for e in of_kind(root, "mode", "forward")
        )

    @property
    def is_state(self) -> bool:
        """Whether what is loaded goes into some `load_state_dict`."""
        return any(
            e.value is not None
            and any(v is self.event.value for v in walk(e.value))
            and not all(_holds_numbers(o) for o in options(e.target))
            for root in self.program.roots
            for e in of_kind(root, "load_state")
        )


def _strict(state: Event) -> object:
    keywords: dict[str, Value] = state.detail
    return constant(state.inputs[1] if len(state.inputs) > 1 else keywords.get("strict", NONE))


def _is_within(node: Node, block: Block) -> bool:
    """Whether a node is written in a block of its own file."""
    written = block.statements
    if not written or written[0].unit is not node.unit:
        return False
    span = node.unit.source.span
    start, end = span(node.cst)
    return span(written[0].cst)[0] <= start and end <= span(written[-1].cst)[1]


def _is_on_the_gpu(module: Value, load: Event) -> bool:
    """Whether a module was moved to one GPU, under no condition that the load is not under as well."""
    around = set(map(id, load.region.ancestors()))
    root = list(load.region.ancestors())[-1]
    moves = [
        (e.value, e.region) for e in of_kind(root, "device") if e.value and same(e.target, module) is True
    ]
    moves += _moves_in(module)
    return any(_is_one_gpu(device) and not _is_conditional(region, around) for device, region in moves)


def _is_fed_on_the_gpu(module: Value, load: Event) -> bool:
    """Whether what a module is applied to is moved to one GPU, on the same terms."""
    around = set(map(id, load.region.ancestors()))
    root = list(load.region.ancestors())[-1]
    for event in of_kind(root, "forward"):
        if event.target is None or same(event.target, module) is not True:
            continue
        around_both = around | set(map(id, event.region.ancestors()))
        for device, region in (move for given in event.inputs for move in _moves_in(given)):
            if _is_one_gpu(device) and not _is_conditional(region, around_both):
                return True
    return False


def _moves_in(value: Value) -> list[tuple[Value, Region]]:
    """The `.cuda()` and `.to(...)` that a value has gone through."""
    moves = []
    for made in walk(value, lambda v: not isinstance(v, Instance)):
        if (
            isinstance(made, Result)
            and isinstance(made.callee, Member)
            and made.callee.name in ("cuda", "to")
        ):
            device = device_of(made.callee, made.arguments, made.keywords)
            moves += [(device, made.region)] if device is not None and made.region is not None else []
    return moves


def _is_conditional(region: Region, around: set[int]) -> bool:
    """Whether a place is in the arm of a choice that these regions are not in."""
    return any(r.kind == "arm" and id(r) not in around for r in region.ancestors())


def _is_one_gpu(device: Value) -> bool:
    """`"cuda"`, `0`, `torch.device("cuda:0")`, written in the code and not the default of an option."""
    match one(device):
        case Constant(value=bool()):
            return False
        case Constant(value=str(name), under=None):
            return name.startswith("cuda")
        case Constant(value=int(), under=None):
            return True
        case Result(callee=External(name="torch.device"), arguments=(given, *_)):
            return _is_one_gpu(given)
    return False


def _fetches(function: object, *more: str) -> bool:
    """Whether a function's text says that it downloads: what is published was saved to be read anywhere."""
    function = function.function if isinstance(function, Bound) else function
    node = function.node if isinstance(function, Function) else None
    words = node.body.words if isinstance(node, Define) else frozenset()
    return any(word in _FETCHING or word in more or word.startswith("download_") for word in words)


_FETCHING = frozenset(
    "urlretrieve urlopen gdown wget hf_hub_download snapshot_download load_file_from_url".split()
)


def _holds_numbers(value: Value) -> bool:
    """A gradient scaler or a schedule: its state has no tensors on a device."""
    match value:
        case Instance(cls=External(name=name)):
            return name.endswith("GradScaler") or is_schedule(value)
        case Free(name=name) | Argument(name=name) | Member(name=name):
            return name.lower().endswith(("scaler", "scheduler"))
    return False


def _origin(value: Value) -> Value:
    """What an attribute or item was taken from."""
    while True:
        match value:
            case Member(receiver=inner) | Item(source=inner) | Result(callee=Member(receiver=inner)):
                value = inner
            case _:
                return value


def picks_device(program: Program) -> bool:
    """Whether a file of the program chooses its device by what the machine has, by rank, or as it is told."""
    if any("device" in offered_options(instance) for instance in program.instances):
        return True
    return any(not _DEVICE_WORDS.isdisjoint(program.words(unit)) for unit in program.units)


def _is_fixed(scope: Frame | None) -> bool:
    """Whether `device` is the name of one device, written in the code."""
    device = scope.names.get("device") if scope is not None else None
    match one(device) if device is not None else None:
        case Constant(under=None):
            return True
        case Result(callee=External(name="torch.device"), arguments=(given, *_)):
            return isinstance(one(given), Constant) and one(given).under is None  # type: ignore[union-attr]
    return False


def loads(program: Program) -> list[Load]:
    found = []
    for root in program.roots:
        found += [Load(e, program) for e in of_kind(root, "load") if isinstance(e.node, Call)]
    return found
