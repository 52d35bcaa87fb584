"""From a project's file to traces: the file's module body, then what nobody is seen to call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.imports import imports_in
from trainlint.meaning import huggingface
from trainlint.meaning import syntax as s
from trainlint.meaning.calls import call, call_function, iterate, standalone_arguments
from trainlint.meaning.expressions import evaluate
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.fragments import HEADLESS, has_no_imports, in_order, lacks_constructor
from trainlint.meaning.lightning import (
    STEPS,
    evaluates,
    is_lightning,
    run_hook,
    run_step,
    serve,
    serves_training,
)
from trainlint.meaning.machine import STEPS_BEFORE_REPEATS, Exhausted, Knot, Machine, trains
from trainlint.meaning.objects import external_bases, find_member, has_unknown_base, lineage
from trainlint.meaning.statements import execute
from trainlint.meaning.tables import Tables
from trainlint.meaning.trace import Region
from trainlint.meaning.unit import Frame, Unit, words_within
from trainlint.meaning.values import Bound, Class, Constant, Deferred, Free, Function, Instance, Module, Value
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.dependents import Files
    from trainlint.project import Project
    from trainlint.source import Source

# A function that nobody calls is looked at on its own only if it holds one of these.
_TRAINERS = frozenset(
    "backward step zero_grad DataLoader eval train load cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss"
    " binary_cross_entropy binary_cross_entropy_with_logits huber_loss criterion loss_fn criterions loss no_grad"
    " CrossEntropyLoss BCELoss BCEWithLogitsLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss"
    " training_step validation_step test_step fit Trainer train_one_epoch train_epoch validate evaluate".split()
)
_STEPS = frozenset((*STEPS, *huggingface.STEPS))  # what frameworks call, whatever is in it
_MAKERS = frozenset(
    "Compose fit_transform train_test_split argmax multinomial ModuleList ModuleDict Sequential Linear Conv2d LSTM Module softmax state_dict".split()
)
TRIGGERS = _TRAINERS | _MAKERS
_SAVED_FOR_EVALUATION = frozenset(("save", "eval"))  # in one file


@dataclass(slots=True)
class Reading:
    """What one entry file gave: traces, objects, the file itself."""

    entry: Unit
    project: Project
    roots: list[Region] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    exhausted: bool = False
    knots: list[Knot] = field(default_factory=list)  # see `forgetting`
    steps: int = 0  # of the interpreter, over all traces
    tables: Tables = field(default_factory=Tables)  # what is done to data in tables
    machine: Machine | None = None
    left: set[str] = field(default_factory=set)  # what trains and was left to the files that name it

    @property
    def entered(self) -> frozenset[tuple[Path, str]]:
        """What trains, in whichever file, and was gone through: functions and `Class.method`."""
        run = self.machine.entered if self.machine is not None else set()
        return frozenset(
            (unit.file, name)
            for unit in self.units
            if unit.file is not None
            for name, function in definitions(unit)
            if function.node in run and goes_backward(function)
        )

    def applied(self, module: Instance) -> Value | None:
        """What the forward of a module gives that nobody is seen to call; it leaves no trace of events."""
        assert isinstance(module.cls, Class)
        found = find_member(module.cls, "forward")
        own = found if found is not None and isinstance(found[0], Function) else None
        if self.machine is None or (own is None and "torch.nn.Sequential" not in external_bases(module.cls)):
            return None
        machine = self.machine
        machine.open_root(True)
        arguments = _arguments_of_method(machine, own[0]) if own is not None else {}  # type: ignore[arg-type]
        machine.forwarding = 1
        try:
            with machine.unrecorded():
                if own is None:  # a Sequential of its own name: what it holds is run in order
                    return machine.call(machine, module, (Free("input", module.cls.node),), {}, None, None)
                return call_function(machine, own[0], (module,), arguments, None, module, own[1])  # type: ignore[arg-type]
        except Exhausted:
            return None
        finally:
            machine.forwarding = 0


def definitions(unit: Unit) -> Iterator[tuple[str, Function]]:
    """The functions of a file, and the methods of its classes as `Class.method`."""
    for value in list(unit.scope.names.values()) if unit.scope is not None else ():
        if isinstance(value, Function) and value.unit is unit:
            yield value.name, value
        elif isinstance(value, Class) and value.unit is unit:
            yield from ((f"{value.node.name}.{method.name}", method) for method in _own_methods(value))


def goes_backward(function: Function) -> bool:
    return not _BACKWARD.isdisjoint(_code(function))


_BACKWARD = frozenset(("backward", "manual_backward"))


def read_entry(project: Project, file: Path, unseen: frozenset[str] = frozenset()) -> Reading:
    """Run an entry file and then its own functions and methods that were never entered.

    `unseen`: those that no file of the project is seen to enter, although some name them.
    """
    source = project.source(file)
    units: dict[Path, Unit] = {}

    def load_unit(path: Path) -> Unit | None:
        if path not in units:
            from trainlint.source import SourceError

            try:
                found = project.source(path)
                _ = found.tree
            except SourceError:
                return None
            units[path] = _fresh(project, path, found)
        return units[path]

    entry = _fresh(project, file, source)
    units[file] = entry
    reading = Reading(entry, project)
    reading.machine = machine = Machine(
        load_unit=load_unit,
        resolve=lambda unit, dotted, level: project.resolve(unit.file or file, dotted, level),
        rival=lambda unit, dotted, name: project.rival(unit.file or file, dotted, (name,)),
        named=project.named,
        decorated=project.decorated,
        registered=lambda: project.registered,
        configurations=lambda: project.configurations,
        spoken=project.spoken,
        saves_in_eval_mode=lambda: project.has_together(_SAVED_FOR_EVALUATION),
        evaluate=evaluate,
        execute=execute,
        call=call,
        iterate=iterate,
        region=Region("root", None, None),
        root_folder=project.root,
        entry=entry,
    )
    machine.units = units
    reading.knots, reading.tables = machine.knots, machine.tables
    machine.tables.wanted = _speaks_of_tables(project, file)
    foreign = is_of_other_framework(entry, project)
    if foreign and not machine.tables.wanted:
        reading.units = list(units.values())
        return reading
    entry.scope = Frame(entry, {"__name__": Constant("__main__")})
    entry.state = "running"
    _root(machine, reading, lambda: execute(machine, in_order(entry), entry.scope) if entry.scope else None)
    entry.state = "done"
    _standalone(machine, project, reading, unseen)
    reading.instances, reading.steps = machine.instances, machine.steps
    if foreign:  # its tables are like anybody's; what trains there is not torch
        reading.roots, reading.instances = [], []
    reading.units = list(units.values())
    return reading


_TABLES = frozenset("sklearn fit_transform train_test_split random_split pandas pd Subset std".split())


def _speaks_of_tables(project: Project, file: Path) -> bool:
    """Whether a file, or one that it imports, handles data in tables or splits it."""
    return any(not _TABLES.isdisjoint(project.words(each)) for each in (file, *project.imports(file)))


_OTHER_FRAMEWORKS = frozenset("mxnet tensorflow jax paddle mindspore chainer".split())


def is_of_other_framework(unit: Unit, project: Project) -> bool:
    """Whether a file imports another framework and never speaks of torch, nor does what it imports of its project.

    The same words mean other things there. A script that imports TensorFlow for its logs only is none of these.
    """
    imported: set[str] = set()
    for statement in unit.body.statements:
        if isinstance(statement, s.Import):
            imported |= {name.partition(".")[0] for name, _ in statement.names}
        elif isinstance(statement, s.ImportFrom) and not statement.level:
            imported.add(statement.module.partition(".")[0])
    if imported.isdisjoint(_OTHER_FRAMEWORKS) or "torch" in unit.code_words:
        return False
    if any("torch" in name or "lightning" in name for name in imported):
        return False
    return not any("torch" in project.words(file) for file, _ in _imported(unit, project))


def _imported(unit: Unit, project: Project) -> Iterator[tuple[Path, str]]:
    """The project's files that a file's own statements import, each with a name that it is used by."""
    if unit.file is None:
        return
    for statement in unit.body.statements:
        if isinstance(statement, s.ImportFrom):
            home = project.resolve(unit.file, statement.module, statement.level)
            for name, alias in statement.names or (("*", None),):
                dotted = f"{statement.module}.{name}" if statement.module else name
                found = project.resolve(unit.file, dotted, statement.level) or home
                if found is not None:
                    yield found, alias or name
        elif isinstance(statement, s.Import):
            for name, alias in statement.names:
                found = project.resolve(unit.file, name, 0)
                if found is not None:
                    yield found, alias or name.partition(".")[0]


def _fresh(project: Project, path: Path, source: Source) -> Unit:
    """The unit of a file for a new reading; the lowered syntax of an earlier one is used again."""
    known = _lowered(project).get(path)
    unit = Unit(path, source)
    if known is not None and known.source is source:
        known.scope, known.state = None, "new"
        return known
    _lowered(project)[path] = unit
    return unit


def _lowered(project: Project) -> dict[Path, Unit]:
    """Units by file, kept with the project that they belong to."""
    return project.units


def _root(machine: Machine, reading: Reading, run: Callable[[], object], makes: bool = False) -> None:
    root, began = machine.open_root(makes), machine.steps
    try:
        run()
    except Exhausted:
        reading.exhausted = True
    machine.close_root(root, began)
    reading.roots.append(root)
    _workers(machine, reading)


def _workers(machine: Machine, reading: Reading) -> None:
    """What a trace has started in processes and threads of their own."""
    started, machine.started = machine.started, []
    for one in started:
        if one.unless_entered and isinstance(one.function, Function) and one.function.node in machine.entered:
            continue
        _root(machine, reading, partial(call, machine, one.function, one.arguments, one.keywords, None, None))


def _standalone(machine: Machine, project: Project, reading: Reading, unseen: frozenset[str]) -> None:
    assert reading.entry.scope is not None
    elsewhere = _Elsewhere(project, reading.entry, unseen)
    values = list(reading.entry.scope.names.values())
    functions = {
        v.name: v
        for v in values
        if isinstance(v, Function) and v.unit is reading.entry and isinstance(v.node, s.Define)
    }
    classes = {v.node.name: v for v in values if isinstance(v, Class) and v.unit is reading.entry}
    imported = _imported_trainers(project, reading.entry)
    held = frozenset(_given_to(reading.entry.body.statements))
    if has_no_imports(reading.entry):
        held |= _training_methods(classes)  # of an object that the piece does not show being made
    trainers = _trainers(functions, classes, imported, held)
    past = _Past([*functions.values(), *(m for cls in classes.values() for m in _own_methods(cls))])
    reached: set[str] = set()  # from other files, directly or through such a function
    missed = _with_callers({n: f for n, f in functions.items() if n in unseen}, _BACKWARD)
    for function in _callers_first(functions, classes, imported, held):
        if function.node in machine.entered:
            continue
        if function.name not in missed and (function.name in reached or elsewhere.calls(function.name)):
            if function.name in reached or elsewhere.names(function.name):
                reached |= _called(function)
            if goes_backward(function):
                reading.left.add(function.name)
            continue
        if machine.idle >= STEPS_BEFORE_REPEATS and not any(map(trains, reading.roots)):
            past.go_on(machine)
            if _repeats(machine, function, past.words):
                continue
            trainers = _trainers(functions, classes, _not_gone_through(machine, reading, imported), held)
        makes = function.name not in trainers
        _root(machine, reading, partial(_run_function, machine, function), makes)
    for value in values:
        if isinstance(value, Class) and value.unit is reading.entry:
            _methods(machine, reading, value, elsewhere)


@dataclass(slots=True)
class _Past:
    """The words of the entry's functions that the traces so far went through."""

    left: list[Function]
    words: set[str] = field(default_factory=set)

    def go_on(self, machine: Machine) -> None:
        for function in self.left:
            if function.node in machine.entered:
                self.words |= _code(function)
        self.left = [function for function in self.left if function.node not in machine.entered]


def _trainers(
    functions: dict[str, Function],
    classes: dict[str, Class],
    imported: frozenset[str],
    held: frozenset[str],
) -> set[str]:
    """The functions behind which something may train; `imported`: the names from other files that may."""
    return _with_callers(functions, _TRAINERS | imported | held | _using(classes, _TRAINERS | imported))


def _repeats(machine: Machine, function: Function, past: set[str]) -> bool:
    """Whether a function only hands other values to what earlier traces went through without training."""
    words = _code(function)
    if not TRIGGERS.isdisjoint(words):
        return False
    names = function.unit.scope.names if function.unit.scope is not None else {}
    return all(
        _is_known(machine, names[name]) or (name in past and _is_layer(names[name]))
        for name in words
        if name in names
    )


def _is_layer(value: Value | Deferred) -> bool:
    """Whether a name stands for a class of modules: where an earlier trace had it and made none, the next makes none."""
    return isinstance(value, Class) and any(map(is_module_class, external_bases(value)))


def _not_gone_through(machine: Machine, reading: Reading, imported: frozenset[str]) -> frozenset[str]:
    """The imported names that no trace so far went through: those that one did have trained nothing."""
    names = reading.entry.scope.names if reading.entry.scope is not None else {}
    return frozenset(name for name in imported if name not in names or not _is_known(machine, names[name]))


def _is_known(machine: Machine, value: Value | Deferred) -> bool:
    if isinstance(value, Class):
        found = find_member(value, "__init__")
        return found is None or _is_known(machine, found[0])
    if isinstance(value, Function):
        return value.node in machine.entered
    return not isinstance(value, Deferred)


def _run_function(machine: Machine, function: Function) -> Value | None:
    if serves_training(function):
        serve(machine, function, None)
        return None
    return call_function(machine, function, (), standalone_arguments(machine, function), None)


def _imported_trainers(project: Project, entry: Unit) -> frozenset[str]:
    """The imported names behind which something of the project may train: `from engine import train_one_epoch`."""
    if entry.scope is None or entry.file is None or project.is_test(entry.file):
        return frozenset()
    found = set()
    for name, value in entry.scope.names.items():
        file = (
            value.file if type(value) is Deferred else value.unit.file if isinstance(value, Module) else None
        )
        if file is not None and _speaks_of_training(project, file, name):
            found.add(name)
    return frozenset(found)


def _speaks_of_training(project: Project, file: Path, name: str) -> bool:
    """Whether the file that defines a name does, or where a package hands it on, one of those that it has it from."""
    files = [file, *project.imports(file)] if file.name == "__init__.py" else [file]
    speaking = [each for each in files if not _WORK.isdisjoint(project.words(each))]
    if len(files) == 1 or not speaking:
        return bool(speaking)
    homes = [each for each in files if name in project.words(each) and _is_home(project, each, name)]
    return any(each in speaking for each in homes) if homes else bool(speaking)


def _is_home(project: Project, file: Path, name: str) -> bool:
    return re.search(rf"^(?:class|def)[ \t]+{name}\b", project.text(file) or "", re.MULTILINE) is not None


_WORK = frozenset(
    "backward zero_grad DataLoader load_state_dict no_grad inference_mode training_step".split()
)


def _callers_first(
    functions: dict[str, Function],
    classes: dict[str, Class] | None = None,
    imported: frozenset[str] = frozenset(),
    held: frozenset[str] = frozenset(),
) -> list[Function]:
    """The functions that matter, those that others of them call last: by then they have been entered."""
    words = {name: _code(f) for name, f in functions.items()}
    matter = _with_callers(functions, TRIGGERS | imported | held | _using(classes or {}, TRIGGERS))
    matter |= functions.keys() & _STEPS
    calls = {name: sum(1 for other in matter if other != name and name in words[other]) for name in matter}
    return [functions[name] for name in functions if name in matter and not calls[name]] + [
        functions[name] for name in functions if name in matter and calls[name]
    ]


def _with_callers(functions: dict[str, Function], triggers: frozenset[str]) -> set[str]:
    """The functions that use one of these words, in themselves or in what they call."""
    words = {name: _code(f) for name, f in functions.items()}
    found = {name for name in functions if not triggers.isdisjoint(words[name])}
    for _ in range(4):
        found |= {name for name in functions if not found.isdisjoint(words[name])}
    return found


def _using(classes: dict[str, Class], words: frozenset[str]) -> frozenset[str]:
    """The names of the classes whose own methods use one of these words."""
    return frozenset(
        name
        for name, cls in classes.items()
        if any(not words.isdisjoint(_code(method)) for method in _own_methods(cls))
    )


def _training_methods(classes: dict[str, Class]) -> frozenset[str]:
    methods = (method for cls in classes.values() for method in _own_methods(cls))
    return frozenset(m.name for m in methods if not _BACKWARD.isdisjoint(_code(m)))


def _code(function: Function) -> frozenset[str]:
    return words_within(function.node.body) if isinstance(function.node, s.Define) else frozenset()


def _called(function: Function) -> frozenset[str]:
    """The last words of what a function calls."""
    if not isinstance(function.node, s.Define):
        return frozenset()
    calls = (node.function for node in s.nodes_in(function.node.body) if isinstance(node, s.Call))
    return frozenset(
        callee.id if isinstance(callee, s.Name) else callee.name
        for callee in calls
        if isinstance(callee, (s.Name, s.Attribute))
    )


@dataclass(slots=True)
class _Elsewhere:
    """What the files that import an entry call: what those names reach is read from there."""

    project: Project
    entry: Unit
    unseen: frozenset[str] = frozenset()  # what is named there, and yet never entered
    others: Files | None = None
    answers: dict[str, bool] = field(default_factory=dict)

    def calls(self, name: str) -> bool:
        if name not in self.answers:
            self.answers[name] = self.project.calling(name, self._users())
        return self.answers[name]

    def names(self, name: str) -> bool:
        """Whether a file that imports the entry says that it means the entry's function, by import or as its member."""
        if self.entry.file is None:
            return False
        stem = re.escape(
            self.entry.file.parent.name if self.entry.file.stem == "__init__" else self.entry.file.stem
        )
        meant = re.compile(
            rf"\bimport\b[^\n]*\b{name}\b|\b{stem}\.{name}[ \t]*\(|^[ \t]+{name},", re.MULTILINE
        )
        mentioning = self.project.mentioning(name, self._users())
        return any(
            meant.search(line) and not line.lstrip().startswith("#")
            for file in mentioning
            for line in _lines_with(self.project.text(file) or "", name)
        )

    def makes(self, name: str) -> bool:
        """Whether one of the callers of a class may mean the entry's: the project may have several of one name."""
        callers = (f for f in self.project.mentioning(name, self._users()) if name in self.project.calls(f))
        return not all(self._has_another(file, name) for file in callers)

    def _has_another(self, file: Path, name: str) -> bool:
        """Whether a name is that of another file's class: it is imported from there, or defined in the file itself."""
        text = self.project.text(file) or ""
        if re.search(rf"\.{name}[ \t]*\(", text):
            return False  # of whatever module that is
        if _defines(text, name):
            return not re.search(rf"\bclass[ \t]+{name}\b[^:]*\b{name}\b", text)
        homes = [
            self.project.resolve(file, found.module, found.level)
            for found in imports_in(text)
            if name in found.names
        ]
        return bool(homes) and all(
            home is not None and home != self.entry.file and _defines(self.project.text(home) or "", name)
            for home in homes
        )

    def _users(self) -> Files:
        if self.others is None:
            self.others = self.project.users(self.entry.file) if self.entry.file is not None else 0
        return self.others


def _defines(text: str, name: str) -> bool:
    return re.search(rf"^class[ \t]+{name}\b", text, re.MULTILINE) is not None


def _lines_with(text: str, word: str) -> Iterator[str]:
    """The lines in which a word stands: a pattern is looked for much longer than a word."""
    start = text.find(word)
    while start >= 0:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[text.rfind("\n", 0, start) + 1 : end]
        start = text.find(word, end)


def _methods(machine: Machine, reading: Reading, cls: Class, elsewhere: _Elsewhere) -> None:
    """The methods of a class that nobody was seen to call, on a stand-in for `self`."""
    pending = [
        m
        for m in _callers_first({m.name: m for m in _own_methods(cls)}, held=_criteria_held(cls))
        if m.node not in machine.entered
    ]
    if not (pending or _is_unmade_module(machine, cls)):
        return
    if not is_lightning(cls) and elsewhere.calls(cls.node.name) and elsewhere.makes(cls.node.name):
        reading.left |= {f"{cls.node.name}.{m.name}" for m in pending if goes_backward(m)}
        uncalled = {
            *map(id, _left_uncalled(cls, pending, elsewhere)),
            *map(id, _unseen(cls, pending, elsewhere)),
        }
        pending = [method for method in pending if id(method) in uncalled]
        if not pending:
            return
    made = _symbolic(machine, reading, cls)
    if lacks_constructor(reading.project, cls):
        made.attributes[HEADLESS] = Constant(True)
    inherited = _inherited_callers(cls, pending)
    for method in (*inherited, *pending):
        known = method.node in machine.entered and all(method is not caller for caller in inherited)
        if known or method.name == "__init__":
            continue
        _root(machine, reading, partial(_run_method, machine, method, made, cls))


def _unseen(cls: Class, methods: list[Function], elsewhere: _Elsewhere) -> Iterator[Function]:
    """The methods that train although no reading of another file came by, and those that call them on their object."""
    found = {m.name for m in methods if f"{cls.node.name}.{m.name}" in elsewhere.unseen}
    for _ in range(4) if found else ():
        found |= {m.name for m in methods if not found.isdisjoint(_called_on_self(m))}
    yield from (method for method in methods if method.name in found)


def _called_on_self(method: Function) -> Iterator[str]:
    """The methods that a method calls on its own object."""
    own = method.node.parameters[0].name if method.node.parameters else ""
    for node in s.nodes_in(method.node.body) if isinstance(method.node, s.Define) else ():
        match node:
            case s.Call(function=s.Attribute(name=name, value=s.Name(id=receiver))) if receiver == own:
                yield name


# What a module's base class calls, or torch calls of a module.
_OF_MODULES = frozenset("forward train eval apply parameters state_dict load_state_dict extra_repr".split())


def _left_uncalled(cls: Class, methods: list[Function], elsewhere: _Elsewhere) -> Iterator[Function]:
    """The methods of a class made elsewhere that its user has to call by hand: no file of the project does.

    What a base class or the class itself may call is read from there.
    """
    if has_unknown_base(cls) or any(isinstance(base, Class) and base is not cls for base in lineage(cls)):
        return
    if any(base != "torch.nn.Module" for base in external_bases(cls)):
        return
    called = frozenset[str]().union(*(_code(method) for method in _own_methods(cls)))
    for method in methods:
        if method.name.startswith("_") or method.decorators or method.name in called | _OF_MODULES:
            continue
        if _TRAINERS.isdisjoint(_code(method)) or elsewhere.calls(method.name):
            continue
        yield method


def _inherited_callers(cls: Class, methods: list[Function]) -> list[Function]:
    """The methods of base classes that call these: a template's `fit` shows how the parts of it are used."""
    names = {method.name for method in methods}
    return [
        value
        for base in lineage(cls)
        if isinstance(base, Class) and base is not cls
        for name, value in base.names.items()
        if isinstance(value, Function) and find_member(cls, name) == (value, base)
        if not names.isdisjoint(_code(value))
    ]


def _is_unmade_module(machine: Machine, cls: Class) -> bool:
    """A network that nobody is seen to make: what it holds is known all the same."""
    found = find_member(cls, "__init__")
    if found is None or not isinstance(found[0], Function) or found[0].node in machine.entered:
        return False
    return any(is_module_class(name) for name in external_bases(cls))


def _run_method(machine: Machine, method: Function, made: Instance, cls: Class) -> None:
    arguments = _arguments_of_method(machine, method)
    machine.modules = [made]
    if serves_training(method):
        serve(machine, method, made)
        return
    if huggingface.is_trainer_class(cls) and method.name in huggingface.STEPS:
        huggingface.run_step(machine, made, method.node)
        return
    framework = method.owner if method.owner is not None and is_lightning(method.owner) else cls
    if evaluates(framework, method.name):
        run_hook(machine, Bound(method, made, cls), arguments)
        return
    if not (is_lightning(framework) and method.name in STEPS):
        call_function(machine, method, (made,), arguments, None, made, cls)
        return
    if method.name != "training_step":
        machine.record("mode", method.node, made, detail=False)  # whoever runs it, it is Lightning
    run_step(machine, made, Bound(method, made, cls), arguments)


def _criteria_held(cls: Class) -> frozenset[str]:
    """The names under which an object keeps its criteria: `self.exist_term = nn.BCEWithLogitsLoss()`."""
    makers = (m.node for m in _own_methods(cls) if not _CRITERIA.isdisjoint(_code(m)))
    return frozenset(
        name for node in makers if isinstance(node, s.Define) for name in _given_to(s.nodes_in(node.body))
    )


def _given_to(nodes: Iterable[s.Node]) -> Iterator[str]:
    """The names and attributes that these statements set to a criterion."""
    for node in nodes:
        if not isinstance(node, s.Assign) or not isinstance(node.value, s.Call):
            continue
        made: s.Expression = node.value.function
        while isinstance(made, s.Attribute) and isinstance(made.value, s.Call):
            made = made.value.function  # `nn.BCELoss().cuda()`
        if (made.name if isinstance(made, s.Attribute) else getattr(made, "id", "")) in _CRITERIA:
            for target in node.targets:
                if isinstance(target, (s.Attribute, s.Name)):
                    yield target.name if isinstance(target, s.Attribute) else target.id


_CRITERIA = frozenset(word for word in _TRAINERS if word.endswith("Loss"))


def _own_methods(cls: Class) -> Iterator[Function]:
    for value in cls.names.values():
        if isinstance(value, Function) and isinstance(value.node, s.Define) and value.owner is cls:
            yield value


def _symbolic(machine: Machine, reading: Reading, cls: Class) -> Instance:
    instance = Instance(cls, cls.node, symbolic=True)
    machine.instances.append(instance)
    found = find_member(cls, "__init__")
    if found is not None and isinstance(found[0], Function):
        initialiser, home = found[0], found[1]

        def run() -> Value:
            arguments = _arguments_of_method(machine, initialiser)
            return call_function(machine, initialiser, (instance,), arguments, None, instance, home)

        _root(machine, reading, run)
    return instance


def _arguments_of_method(machine: Machine, method: Function) -> dict[str, Value]:
    """As for a function, less `self`."""
    arguments = standalone_arguments(machine, method)
    if method.node.parameters:
        arguments.pop(method.node.parameters[0].name, None)
    return arguments
