"""Checkpoints read and written, and whether the script chooses its device itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.callers import enclosing_function, is_in_unit_test
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.devices import (
    asks_for_a_gpu,
    chooses_a_device,
    is_told_its_device,
    is_without_a_gpu,
    needs_the_gpu,
    speaks_of_devices,
)
from trainlint.meaning.flow import exclusive, of_kind
from trainlint.meaning.modes import behind
from trainlint.meaning.optimizers import is_schedule
from trainlint.meaning.paths import (
    is_handed_in,
    is_of_each_process,
    is_stamped,
    names_device,
    same_file,
    same_name,
)
from trainlint.meaning.phases import is_setting_for_training, is_told_not_to_evaluate
from trainlint.meaning.saves import is_published, is_written, saves_from_the_cpu
from trainlint.meaning.syntax import Block, Call, Conditional, Define, Literal, Node, Try, nodes_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unmoved import is_saved_unmoved
from trainlint.meaning.values import (
    NONE,
    Argument,
    Bound,
    Choice,
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


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """One `torch.load`."""

    event: Event
    program: Program

    @property
    def node(self) -> Node:
        return self.event.node

    @property
    def is_told_where(self) -> bool:
        """Whether the call says, or its `**options` may say, where the tensors go.

        `map_location=None` does not; a parameter that is None by default is the caller's choice.
        """
        call, given = self.event.node, self.event.detail
        written = call.arguments if isinstance(call, Call) else ()
        if "**" in given or any(argument.star == "*" for argument in written):
            return True
        said = [argument.value for argument in written if argument.keyword == "map_location"]
        if any(isinstance(value, Literal) and value.value is None for value in said):
            return False
        return "map_location" in given or len(self.event.inputs) > 1

    @property
    def picks_device(self) -> bool:
        """Whether this file is told its device, or the program chooses one and the way here, or the network, speaks of any."""
        if is_told_its_device(self.program, self.event) or self._goes_on_to_the_cpu:
            return True
        if not self.program.picks_device:
            return False
        return speaks_of_devices(self.program, self.event) or any(
            chooses_a_device(option) for state in self._states() for option in options(state.target)
        )

    @property
    def _goes_on_to_the_cpu(self) -> bool:
        """Whether a network is moved to the CPU once it has been read: `net = torch.load(path).cpu()`."""
        asked = (one(e.target) for root in self.program.roots for e in of_kind(root, "mode", "forward"))
        moves = (found.callee for found in asked if isinstance(found, Result))
        return any(
            isinstance(move, Member) and move.name == "cpu" and move.receiver is self.event.value
            for move in moves
        )

    @property
    def needs_the_gpu(self) -> bool:
        """Whether what is loaded goes into a module that is on the GPU on every way here: nothing runs without one."""
        return needs_the_gpu(self.program, self.event)

    def _is_what_is_loaded(self, module: Value) -> bool:
        """Whether the file holds a module as a whole, and this is it."""
        return any(origin is self.event.value for origin in _origins(module))

    def _states(self) -> Iterator[Event]:
        """The `load_state_dict` of the same run that take what is loaded."""
        root = self.event.region.root
        for event in of_kind(root, "load_state"):
            if event.value is not None and self._is_in(event.value):
                yield event

    def _is_in(self, state: Value) -> bool:
        """Whether a state has tensors of this file. What tells the name of another file is no part of that one."""
        return any(v is self.event.value for v in walk(state, lambda v: not _is_loaded(v)))

    @property
    def is_partial(self) -> bool:
        """Whether only what fits is taken (`strict=False`): the weights of another network, published as a rule.

        A network that only answers, and is not trained before, has to have all of its own.
        """
        states = list(self._states())
        partial = bool(states) and all(_strict(state) is False for state in states)
        return partial and not any(map(self._only_answers, states))

    def _only_answers(self, state: Event) -> bool:
        """Whether a network goes to eval mode for good, in a program that trains nothing and takes no other weights."""
        if self.program.events("backward", "fit", "step"):
            return False
        if not _TRAINED_ELSEWHERE.isdisjoint(self.node.unit.code_words):
            return False
        switches = of_kind(state.region.root, "mode")
        modes = [e for e in switches if any(same(moved, state.target) for moved in behind(e.target))]
        return bool(modes) and all(event.detail is False for event in modes)

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
            or (given is not None and self._is_beside_the_code(given))
            or saves_from_the_cpu(project, self.event, given, self._keys())
            or (given is not None and is_published(project, self.event, given))
            or (given is not None and is_saved_unmoved(self.program, given))
        )

    def _is_beside_the_code(self, given: Value) -> bool:
        """Whether a file is found by the place of the code, and nothing here writes one of its name."""
        if not any(isinstance(v, Free) and v.name == "__file__" for v in walk(given)) or _is_chosen(given):
            return False
        written = (e.inputs[1] for e in self.program.events("save") if len(e.inputs) > 1)
        return not any(same_name(given, target) for target in written) and not is_written(
            self.program.reading.project, given
        )

    def _keys(self) -> set[str]:
        """The entries that are read of the file."""
        states = [e.value for e in self._states() if e.value is not None]
        return {
            v.key.value
            for state in states
            for v in walk(state)
            if isinstance(v, Item)
            and v.source is self.event.value
            and isinstance(v.key, Constant)
            and isinstance(v.key.value, str)
        }

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
            or (given is not None and (names_device(given) or is_of_each_process(given) or is_stamped(given)))
        )

    def is_of_this_run(self, given: Value | None) -> bool:
        """Whether the same run has written a file before this place."""
        if given is not None and is_handed_in(given):
            return False
        root = self.event.region.root
        events = list(root.events())
        here = events.index(self.event)
        for saved in of_kind(root, "save"):
            later = events.index(saved) > here
            if later and not self._is_in_the_loop_of(saved):
                break  # written after it was read: what is read is of another run
            if self._is_of_another_phase(saved):
                continue
            target = saved.inputs[1] if len(saved.inputs) > 1 else None
            if given is None or target is None:
                continue
            if same_file(given, target) or (not later and same_name(given, target)):
                return True
        return False

    def _is_in_the_loop_of(self, saved: Event) -> bool:
        """Whether a file is written later in the same loop: what is read comes from a turn before."""
        if exclusive(self.event, saved):
            return False
        loops = [r for r in self.event.region.ancestors() if r.kind == "loop" and not r.unrolled]
        return any(saved.region.inside(loop) for loop in loops)

    def _is_of_another_phase(self, saved: Event) -> bool:
        """Whether a setting decides if the file is written (`if args.train:`, `if not args.evaluate:`), and not if it
        is read as well."""
        around = set(map(id, self.event.region.ancestors()))
        return any(
            region.kind == "arm"
            and id(region) not in around
            and region.truth is not None
            and (
                is_setting_for_training(region.truth)
                or is_told_not_to_evaluate(region)
                or _is_off(region.truth, region.holds)
            )
            for region in saved.region.ancestors()
        )

    def _is_one_of_two(self) -> bool:
        """One arm of a choice, perhaps by device: the other arm loads with care, or a file of each process."""
        for arm in self.event.guards(self.event.region.root):
            if arm.parent is None or isinstance(arm.parent.node, Call):
                continue  # one class of several that a call may reach: what the others load is their own affair
            siblings = arm.parent.items
            others = [s for s in siblings if type(s) is Region and s is not arm]
            loads = [Load(event, self.program) for other in others for event in of_kind(other, "load")]
            if is_without_a_gpu(arm) and any(self._reads_as(load) for load in loads):
                return False  # of the two it is this one that cannot read what was saved from a GPU
            if any(load.is_told_where for load in loads):
                return True
            if any(load.given is not None and is_of_each_process(load.given) for load in loads):
                return True
            if loads and asks_for_a_gpu(arm) and not any(self._reads_as(load) for load in loads):
                return True  # each kind of machine has files of its own
        return self._is_tried() or self._is_switched()

    def _is_switched(self) -> bool:
        """`torch.load(f, map_location="cpu") if on_cpu else torch.load(f)`, although a constant rules the first out today."""
        home = enclosing_function(self.event)
        body = home.node.body if home is not None and isinstance(home.node, Define) else self.node.unit.body
        for found in nodes_in(body):
            if isinstance(found, Conditional):
                for mine, other in ((found.then, found.otherwise), (found.otherwise, found.then)):
                    if any(node is self.node for node in nodes_in(mine)):
                        return any(_says_where(node) for node in nodes_in(other))
        return False

    def _reads_as(self, other: Load) -> bool:
        return self.given is not None and other.given is not None and same_file(self.given, other.given)

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
            and self._is_in(e.value)
            and not all(_holds_numbers(o) for o in options(e.target))
            for root in self.program.roots
            for e in of_kind(root, "load_state")
        )


def _says_where(node: Node) -> bool:
    return isinstance(node, Call) and any(given.keyword == "map_location" for given in node.arguments)


def _is_loaded(value: Value) -> bool:
    return (
        isinstance(value, Result) and isinstance(value.callee, External) and value.callee.name == "torch.load"
    )


def _is_off(test: Value, holds: bool) -> bool:
    """Whether an arm is left out unless the user asks for it: `if args.train_data:`, None by default."""
    found = one(test)
    return isinstance(found, Constant) and found.under is not None and bool(found.value) is not holds


def _is_chosen(path: Value) -> bool:
    """Whether a setting says which file of a folder it is: `os.path.join(here, config["weights"])`."""
    match one(path):
        case Result(callee=External(name="os.path.join" | "operator./"), arguments=[*_, last]):
            return _is_chosen(last)
        case Item(key=key) if key is not None:
            return isinstance(constant(key), str)
    return False  # an option that names one of several networks: their files may come with the code


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


def _fetches(function: object, *more: str) -> bool:
    """Whether a function's text says that it downloads: what is published was saved to be read anywhere."""
    function = function.function if isinstance(function, Bound) else function
    node = function.node if isinstance(function, Function) else None
    words = node.body.words if isinstance(node, Define) else frozenset()
    return any(word in _FETCHING or word in more or word.startswith("download_") for word in words)


_FETCHING = frozenset(
    "urlretrieve urlopen gdown wget hf_hub_download snapshot_download load_file_from_url".split()
)


# A script of more paths than were followed trains, or a network is put together of published parts.
_TRAINED_ELSEWHERE = frozenset("backward zero_grad from_pretrained get_peft_model".split())


def _holds_numbers(value: Value) -> bool:
    """A gradient scaler, a schedule, a TensorRT engine or nothing: its state has no tensors on a device."""
    match value:
        case Instance(cls=External(name=name)) if name.endswith(("GradScaler", ".TRTModule")):
            return True
        case Instance():
            return is_schedule(value)
        case Constant(value=None):
            return True
        case Free(name=name) | Argument(name=name) | Member(name=name):
            return name.lower().endswith(("scaler", "scheduler"))
    return False


def _origins(value: Value) -> Iterator[Value]:
    """What an attribute or item was taken from, in each alternative."""
    pending, looked = [value], 0
    while pending and looked < 50:
        current, looked = pending.pop(), looked + 1
        match current:
            case Choice():
                pending += options(current)
            case Member(receiver=inner) | Item(source=inner) | Result(callee=Member(receiver=inner)):
                pending.append(inner)
            case _:
                yield current


def loads(program: Program) -> list[Load]:
    found = []
    for root in program.roots:
        written = (e for e in of_kind(root, "load") if isinstance(e.node, Call))
        found += [
            Load(e, program) for e in written if not is_in_unit_test(e)
        ]  # a test reads what it has written
    return found
