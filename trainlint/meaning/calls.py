"""Calling values: functions are followed, classes made, the rest handed to the library's rooms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeGuard

from trainlint.meaning import syntax as s
from trainlint.meaning.arguments import declared_default, declared_options
from trainlint.meaning.attachment import attached
from trainlint.meaning.conditions import conditions_of, conditions_within, exclude
from trainlint.meaning.contexts import UNCHANGED, grad_effect
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.facts.names import knows_no_torch
from trainlint.meaning.fields import fill_fields, named_tuple
from trainlint.meaning.fragments import same_name
from trainlint.meaning.hydra import composed_for
from trainlint.meaning.leading import leads_to_training
from trainlint.meaning.library import call_library_object, make_library_object
from trainlint.meaning.library_functions import call_external
from trainlint.meaning.machine import (
    DEPTH,
    STEPS_FOR_MODULES,
    STEPS_PER_CALL,
    STEPS_PER_MODULE,
    STEPS_PER_TRAINING,
    TRAINING_WORDS,
    Allowance,
    Exhausted,
    Machine,
)
from trainlint.meaning.methods import call_method
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import (
    external_bases,
    find_member,
    has_unknown_base,
    is_module,
    leave_closed,
)
from trainlint.meaning.optimisation import own_step
from trainlint.meaning.overrides import fill_dictionary, is_dictionary
from trainlint.meaning.own_clips import note_own_clip
from trainlint.meaning.own_loaders import note_loader
from trainlint.meaning.skorch import apply_by_itself, base_of
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.unit import Frame
from trainlint.meaning.unpacked import by_name, by_place
from trainlint.meaning.values import (
    MOST_ALTERNATIVES,
    NONE,
    Argument,
    Bound,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Partial,
    Result,
    Sequence,
    Super,
    Unknown,
    Unpacked,
    Value,
    choice,
    one,
    options,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]


def call(
    machine: Machine,
    callee: Value,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
    frame: Frame | None,
) -> Value:
    match callee:
        case External():
            return call_external(machine, callee, arguments, keywords, node)
        case Function():
            return call_function(machine, callee, arguments, keywords, node)
        case Bound(function=function, receiver=Instance() as receiver, cls=Class() as home) if (
            function.name == "forward" and is_module(receiver)
        ):
            return forward(machine, receiver, function, home, arguments, keywords, node)
        case Bound(receiver=Instance() as receiver) if is_module(receiver) and not machine.forwarding:
            return _call_module(machine, callee, receiver, arguments, keywords, node)
        case Bound(function=function, receiver=receiver, cls=cls):
            before = len(machine.region.items)
            result = call_function(machine, function, (receiver, *arguments), keywords, node, receiver, cls)
            if function.name == "step":
                own_step(machine, receiver, node, before)
            return result
        case Class():
            return make(machine, callee, arguments, keywords, node)
        case Instance(cls=Class()):
            return call_object(machine, callee, arguments, keywords, node)
        case Instance():
            return call_library_object(machine, callee, arguments, keywords, node)
        case Partial(function=function, arguments=first, keywords=given):
            return call(machine, function, (*first, *arguments), {**given, **keywords}, node, frame)
        case Member(receiver=Super() as sup):
            return _call_base(machine, sup, callee, arguments, keywords, node)
        case Member(receiver=Class() as cls, name="load_from_checkpoint"):
            return _restored(machine, cls, arguments, keywords, node)
        case Member(receiver=Instance(cls=Class() as cls), name="load_from_checkpoint"):
            return _restored(machine, cls, arguments, keywords, node)
        case Member():
            return call_method(machine, callee, arguments, keywords, node)
        case Choice():
            return _call_each(machine, callee, arguments, keywords, node, frame)
    return call_unknown(machine, callee, arguments, keywords, node)


def call_unknown(
    machine: Machine, callee: Value, arguments: Arguments, keywords: Keywords, node: s.Node | None
) -> Value:
    """A call whose callee nobody can tell: perhaps a model, perhaps a criterion, perhaps neither."""
    settings = named_tuple(callee, arguments, keywords)
    if settings is not None:
        return settings
    result = Result(callee, arguments, keywords, node, machine.grad)
    result.region = machine.region
    if (
        node is not None
        and machine.forwarding == 0
        and isinstance(callee, (Free, Argument, Item, Unknown, Result))
        and not _is_no_network(callee)
    ):
        given = (*arguments, *keywords.values())
        machine.record("forward", node, callee, result, given, detail="unknown")
    return result


def _is_no_network(value: Value) -> bool:
    """A class that the standard library has made, `namedtuple("Node", ["id", "name"])`, or another library's parser."""
    maker = value.callee if isinstance(value, Result) else None
    return isinstance(maker, External) and (
        maker.name.startswith(("collections.", "typing.", "dataclasses.", "enum."))
        or knows_no_torch(maker.name)
    )


def _call_each(
    machine: Machine,
    callee: Choice,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
    frame: Frame | None,
) -> Value:
    found = [
        option
        for option in options(callee, MOST_ALTERNATIVES)
        if not (isinstance(option, Constant) and option.value is None)
    ]
    if len(found) > 1:
        given = machine.conditions()  # of which some may be gone where this is called
        found = [o for o in found if not exclude(conditions_within(callee, o), given)] or found
    if len(found) == 1:
        return call(machine, found[0], arguments, keywords, node, frame)
    results, under = [], []
    with machine.within("branch", node):
        for option in found:
            under.append(conditions_of(callee, option))
            with machine.within("arm", node, given=under[-1]):
                results.append(call(machine, option, arguments, keywords, node, frame))
    return choice(results, None, under) if results else Unknown("no callee", node)


# Functions


def call_function(
    machine: Machine,
    function: Function,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
    receiver: Value | None = None,
    cls: Class | None = None,
) -> Value:
    if len(machine.stack) >= DEPTH or _recurs(machine, function, (*arguments, *keywords.values())):
        return call_unknown(machine, function, arguments, keywords, node)
    if function.node in machine.heavy or _is_left_open(function):
        return call_unknown(machine, function, arguments, keywords, node)
    wrapper = decorated(machine, function)
    if wrapper is not function:
        return call_function(machine, wrapper, arguments, keywords, node, receiver, cls)
    if receiver is None and function.owner is not None and arguments and isinstance(arguments[0], Instance):
        receiver = arguments[0]  # `Base.method(self)`, or a decorator's `function(self)`
    if not arguments and not keywords and function.decorators:
        settings = composed_for(machine, function)
        arguments = (settings,) if settings is not None else ()
        keywords = declared_options(function) if settings is None else {}
    names = bind(machine, function, arguments, keywords)
    frame = Frame(function.unit, names, function.scope, function, receiver, cls or function.owner)
    machine.stack.append(function)
    machine.entered.add(function.node)
    grad, assumed = machine.grad, len(machine.assumed)
    for decorator in function.decorators:
        effect = grad_effect(decorator)
        if effect is not UNCHANGED:
            machine.grad = effect if isinstance(effect, bool) else None
    if function.name == "update" and function.owner is not None and _is_metric(function.owner):
        machine.grad = False  # torchmetrics wraps it in `set_grad_enabled(False)`
    try:
        value = _run(machine, function, frame, node)
        note_own_clip(machine, function, node)
        return value
    finally:
        machine.grad = grad
        del machine.assumed[assumed:]
        machine.stack.pop()


def _is_metric(cls: Class) -> bool:
    return any(
        name.startswith(("torchmetrics.", "pytorch_lightning.metrics.")) for name in external_bases(cls)
    )


def _recurs(machine: Machine, function: Function, given: Arguments) -> bool:
    """Whether a function calls itself; one that builds parts of what it builds is entered again, a few times."""
    running = [index for index, other in enumerate(machine.stack) if other.node is function.node]
    if not running or _goes_into(machine, function, given):
        return False
    return len(running) > 2 or all(other.name != "__init__" for other in machine.stack[running[-1] + 1 :])


def _goes_into(machine: Machine, function: Function, given: Arguments) -> bool:
    """Whether a call is for settings within those that the function was called for: these come to an end."""
    known = {id(one(argument)) for argument in given}
    if any(id(settings) in known for _, settings in machine.read.values()):
        return True  # those of a file that the ones at hand name
    outer = next((r for r in machine.region.ancestors() if _is_call_of(r, function)), None)
    for value in list((outer.names or {}).values()) if outer is not None else ():
        for part in _parts(one(value)):
            passed_on = {id(one(inner)) for inner in part.items.values()}  # `Settings(**part)`
            if id(part) in known or (passed_on and passed_on <= known):
                return True
    return False


def _is_call_of(region: Region, function: Function) -> bool:
    return region.kind == "call" and region.function is not None and region.function.node is function.node


def _parts(settings: Value) -> Iterator[Mapping]:
    """The dictionaries right within a dictionary, or in a list of it."""
    for value in map(one, settings.items.values()) if isinstance(settings, Mapping) else ():
        for part in map(one, value.items) if isinstance(value, Sequence) else (value,):
            if isinstance(part, Mapping):
                yield part


def _is_left_open(function: Function) -> bool:
    """A method that only raises, or is abstract and does nothing: what a subclass gives in its place is not known."""
    if function.owner is None or not isinstance(function.node, s.Define):
        return False
    if any(isinstance(d, External) and d.name in _ABSTRACT for d in function.decorators):
        return all(isinstance(statement, s.Evaluate) for statement in function.node.body.statements)
    *before, last = function.node.body.statements or (None,)
    return (
        isinstance(last, s.Jump)
        and last.kind == "raise"
        and all(isinstance(statement, s.Evaluate) for statement in before)
    )


_ABSTRACT = frozenset(("abc.abstractmethod", "abc.abstractproperty"))


def decorated(machine: Machine, function: Function) -> Function:
    """The function that decorators of the project put in the place of one; itself where they are none."""
    if function.decorated is None:
        function.decorated = function  # stops a decorator that calls what it decorates
        own = [d for d in function.decorators if isinstance(d, Function)]
        if own:
            others = tuple(d for d in function.decorators if not isinstance(d, Function))
            made = replace(function, decorators=others, decorated=None)
            for decorator in reversed(own):
                with machine.unrecorded():
                    found = call_function(machine, decorator, (made,), {}, None)
                if _hands_on(found, decorator):
                    made = found
                elif ways := _wraps_by(found, made):
                    made = replace(made, decorators=(*made.decorators, choice(ways)))
            function.decorated = made
    return function.decorated  # type: ignore[no-any-return]  # a function in a slot that cannot name its type


def _wraps_by(found: Value, function: Function) -> list[Value]:
    """What a decorator hands a function to at its end: `torch.no_grad()(function)`; nothing where one way does not."""
    made = [o for o in options(found) if isinstance(o, Result) and any(a is function for a in o.arguments)]
    return [result.callee for result in made] if len(made) == len(options(found)) else []


def _hands_on(made: Value, decorator: Function) -> TypeGuard[Function]:
    """Whether what a decorator gave is a function that uses the one it was given."""
    if not isinstance(made, Function) or not isinstance(made.node, s.Define) or not decorator.node.parameters:
        return False
    return decorator.node.parameters[0].name in made.node.body.words


def _run(machine: Machine, function: Function, frame: Frame, node: s.Node | None) -> Value:
    definition = function.node
    place = node if node is not None else definition
    with machine.within("call", place, function=function, names=frame.names) as region:
        if isinstance(definition, s.Lambda):
            return machine.evaluate(machine, definition.value, frame)
        if not _within_allowance(machine, function, frame, region):
            machine.heavy.add(definition)
            return (
                choice(frame.returned) if frame.returned else Unknown(f"{function.name} goes too far", node)
            )
    if frame.yielded or "yield" in definition.body.words:
        element = choice(frame.yielded) if frame.yielded else Unknown("yielded", node)
        return Sequence("generator", (), node, True, element, region)
    if not frame.returned:
        return NONE
    return choice(
        frame.returned, None, frame.returned_under
    )  # falling off the end counts only where nothing is returned


def defaults_of(machine: Machine, function: Function) -> tuple[Value | None, ...]:
    """The default of each parameter, evaluated in the scope of the definition."""
    if function.defaults is None:
        function.defaults = tuple(
            None for _ in function.node.parameters
        )  # stops a default that calls its function
        scope = function.scope
        function.defaults = tuple(
            declared_default(
                function, p.name, None if p.default is None else machine.evaluate(machine, p.default, scope)
            )
            for p in function.node.parameters
        )
    return function.defaults


def bind(machine: Machine, function: Function, arguments: Arguments, keywords: Keywords) -> dict[str, Value]:
    """The names a call binds, by Python's rules; what cannot be told is Unknown."""
    names: dict[str, Value] = {}
    position = 0
    unpacked = next((a for a in arguments if isinstance(a, Unpacked)), None) or keywords.get("**")
    rest = dict(keywords)
    rest.pop("**", None)
    parameters = function.node.parameters
    for parameter, default in zip(parameters, defaults_of(machine, function), strict=True):
        if parameter.star == "*":
            names[parameter.name] = Sequence("tuple", arguments[position:], None, unpacked is not None)
            position = len(arguments)
        elif parameter.star == "**":
            names[parameter.name] = Mapping(rest, None, unpacked is not None)
        elif (
            position < len(arguments)
            and not parameter.keyword_only
            and not isinstance(arguments[position], Unpacked)
        ):
            names[parameter.name] = arguments[position]
            position += 1
        elif parameter.name in rest:
            names[parameter.name] = rest.pop(parameter.name)
        elif unpacked is not None:
            names[parameter.name] = (
                by_place(arguments, len(names), default)
                or by_name(keywords.get("**"), parameter.name, default)
                or Unknown(f"passed on as {parameter.name}")
            )
        else:
            names[parameter.name] = (
                default if default is not None else Unknown(f"{parameter.name} is not given")
            )
    return names


def standalone_arguments(machine: Machine, function: Function) -> Keywords:
    """Arguments for a function that nobody is seen to call."""
    found: Keywords = {}
    for parameter, default in zip(function.node.parameters, defaults_of(machine, function), strict=True):
        if parameter.star:
            found["**"] = Unpacked(Unknown("caller"))
            continue
        if isinstance(default, Instance) and isinstance(default.cls, External):
            found[parameter.name] = (
                default  # `criterion=nn.CrossEntropyLoss()`: the code's own way to call it
            )
            continue
        annotation = None
        if parameter.annotation is not None and isinstance(function.scope, Frame):
            with machine.unrecorded():
                annotation = machine.evaluate(machine, parameter.annotation, function.scope)
        known = (
            same_name(machine, function, parameter.name) if default is None and annotation is None else None
        )
        found[parameter.name] = known or Argument(parameter.name, function, default, annotation)
    return found


_SWITCHES = frozenset("train eval zero_grad step backward".split())
_TRAINING = frozenset(("zero_grad", "backward"))


def _within_allowance(machine: Machine, function: Function, frame: Frame, region: Region) -> bool:
    """Run a body as far as the call may go; whether it came to its end."""
    is_part = machine.forwarding > 0 or is_module(frame.receiver or NONE)
    if node_is_root(machine):
        machine.execute(machine, function.node.body, frame)  # type: ignore[union-attr]  # a lambda has returned before
        return True
    trains = not is_part and (leads_to_training(machine, function) or _builds_a_trainer(function))
    more = STEPS_PER_MODULE if is_part else (STEPS_PER_TRAINING if trains else STEPS_PER_CALL)
    start, outer = machine.steps, list(machine.allowances)
    limit = start + more
    if outer and not is_part and not trains:
        left = outer[-1].limit - start  # what a call may spend, its callees share, and leave it some to go on
        limit = min(limit, start + max(left * 3 // 4, 50))
    allowance = Allowance(limit, region, more)
    machine.allowances.append(allowance)
    machine.renew()
    came_through = False
    try:
        machine.execute(machine, function.node.body, frame)  # type: ignore[union-attr]
        came_through = True
    except Exhausted as stop:
        if stop.args[0] is not allowance:
            raise
        if not _may_be_left(function, is_part):
            region.cut()
    finally:
        machine.allowances[:] = outer
        for around in () if came_through and not is_part else outer:
            around.limit += machine.steps - start  # modules pay for themselves; what is too long is run once
        machine.renew()
    return came_through


def _speaks_of_training(function: Function) -> bool:
    return isinstance(function.node, s.Define) and not TRAINING_WORDS.isdisjoint(function.node.body.words)


def _builds_a_trainer(function: Function) -> bool:
    """Whether a constructor sets up what other methods of its class train: data sets first, the model last."""
    if function.name != "__init__" or function.owner is None:
        return False
    return any(isinstance(m, Function) and _speaks_of_training(m) for m in function.owner.names.values())


def _may_be_left(function: Function, is_part: bool) -> bool:
    """Whether a function can be left half-way: it switches nothing, nor would its file know how to train."""
    if not _SWITCHES.isdisjoint(function.node.body.words):  # type: ignore[union-attr]  # a lambda has returned before
        return False
    return is_part or _TRAINING.isdisjoint(function.unit.code_words)


def node_is_root(machine: Machine) -> bool:
    """Whether the call at hand is the trace's own function."""
    return (
        len(machine.stack) <= 1 and machine.region.parent is not None and machine.region.parent.kind == "root"
    )


# Objects of the project's classes


def make(
    machine: Machine, cls: Class, arguments: Arguments, keywords: Keywords, node: s.Node | None
) -> Value:
    instance = Instance(cls, node, arguments, dict(keywords), loop=machine.region.loop)
    machine.instances.append(instance)
    initialiser = find_member(cls, "__init__")
    net = base_of(cls)
    if net:
        apply_by_itself(machine, net, arguments, keywords, node, instance)
    if initialiser is not None and isinstance(initialiser[0], Function):
        _initialise(machine, instance, initialiser[0], initialiser[1], (instance, *arguments), keywords, node)
    elif is_dictionary(instance):
        fill_dictionary(machine, instance, arguments, keywords)
    else:
        fill_fields(machine, cls, instance, arguments, keywords, node)
        note_loader(machine, instance, arguments, keywords, node)
    return instance


# What Lightning's `load_from_checkpoint` takes itself; all else goes to the constructor.
_OF_THE_FILE = frozenset("checkpoint_path map_location hparams_file strict weights_only".split())


def _restored(
    machine: Machine, cls: Class, arguments: Arguments, keywords: Keywords, node: s.Node | None
) -> Value:
    """`Classifier.load_from_checkpoint(path, classes=10)`: an object as trained; what else its constructor got, the file says."""
    found = find_member(cls, "__init__")
    given: Keywords = {}
    if found is not None and isinstance(found[0], Function):
        given = standalone_arguments(machine, found[0])
        for parameter in found[0].node.parameters[:1]:
            given.pop(parameter.name, None)
    given.update((name, value) for name, value in keywords.items() if name not in _OF_THE_FILE)
    made = make(machine, cls, (), given, node)
    if node is not None:
        path = arguments[0] if arguments else keywords.get("checkpoint_path")
        machine.record("load_state", node, made, path, detail={})
    return made


def _initialise(
    machine: Machine,
    instance: Instance,
    method: Function,
    home: Class,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
) -> None:
    """Run a constructor; those of modules share a budget, and what is beyond it stays closed."""
    if not is_module(instance):
        call_function(machine, method, arguments, keywords, node, instance, home)
        return
    outermost = machine.making is None
    started = machine.steps if machine.making is None else machine.making
    if machine.made + machine.steps - started > STEPS_FOR_MODULES:
        leave_closed(instance)
        return
    machine.making = started
    if outermost:
        machine.making_in = len(machine.stack)
    try:
        call_function(machine, method, arguments, keywords, node, instance, home)
    finally:
        if outermost:
            machine.making = None
            machine.made += machine.steps - started


def call_object(
    machine: Machine, instance: Instance, arguments: Arguments, keywords: Keywords, node: s.Node | None
) -> Value:
    assert isinstance(instance.cls, Class)
    for name in ("__call__", "forward"):
        found = find_member(instance.cls, name)
        if found is None or not isinstance(found[0], Function):
            continue
        if name == "forward" and not (is_module(instance) or has_unknown_base(instance.cls)):
            break
        method, home = found[0], found[1]
        if name == "__call__" and not is_module(instance):
            return call_function(machine, method, (instance, *arguments), keywords, node, instance, home)
        return forward(machine, instance, method, home, arguments, keywords, node)
    library = next((b for b in external_bases(instance.cls) if is_module_class(b)), None)
    if library is not None:  # a subclass of nn.Sequential or of a loss that only sets things up
        stand_in = Instance(
            External(library), instance.node, instance.arguments, instance.keywords, instance.attributes
        )
        result = call_library_object(machine, stand_in, arguments, keywords, node)
        if node is not None and machine.forwarding == 0:
            machine.record("forward", node, instance, result, arguments)
        return result
    return call_unknown(machine, instance, arguments, keywords, node)


def forward(
    machine: Machine,
    instance: Instance,
    method: Function,
    home: Class,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
) -> Value:
    """A module of the project is called: its forward is followed, and the outermost call is an event."""
    machine.forwarding += 1
    try:
        result = call_function(machine, method, (instance, *arguments), keywords, node, instance, home)
    finally:
        machine.forwarding -= 1
    if node is not None and machine.forwarding == 0:
        machine.record("forward", node, instance, result, (*arguments, *keywords.values()))
    return result


def _call_module(
    machine: Machine,
    bound: Bound,
    module: Instance,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
) -> Value:
    """A method of a module that is not its forward. If it only computes, it is a forward pass under another name."""
    outer = machine.region
    before = len(outer.items)
    within = any(module is other for other in machine.modules)
    machine.modules.append(module)
    try:
        result = call_function(
            machine, bound.function, (module, *arguments), keywords, node, module, bound.cls
        )
    finally:
        machine.modules.pop()
    if within or node is None or not arguments:
        return result
    added = [item for item in outer.items[before:] if type(item) is Region]
    inner = parts(module)
    runs = any(event.kind == "forward" for region in added for event in region.events())
    handed_on = any(attached(argument) is True for argument in (*arguments, *keywords.values()))
    computes = runs or (attached(result) is True and not handed_on)
    if computes and all(_only_computes(region, inner) for region in added):
        for region in added:
            _forget_forwards(region)
        machine.record("forward", node, module, result, (*arguments, *keywords.values()), detail="method")
    return result


def _only_computes(region: Region, inner: list[Value]) -> bool:
    """Whether nothing is trained or switched there, and no forward pass but those of parts of the module is run."""
    return all(
        event.kind in _COMPUTING
        or (
            event.kind == "forward"
            and event.detail != "unknown"
            and any(event.target is p for p in inner[1:])
        )
        for event in region.events()
    )


_COMPUTING = frozenset("criterion keep reset sync requires_grad initialise put".split())


def _forget_forwards(region: Region) -> None:
    region.items[:] = [i for i in region.items if not (type(i) is Event and i.kind == "forward")]
    region.flat = None
    for item in region.items:
        if type(item) is Region:
            _forget_forwards(item)


def _call_base(
    machine: Machine,
    sup: Super,
    member: Member,
    arguments: Arguments,
    keywords: Keywords,
    node: s.Node | None,
) -> Value:
    """`super().method(...)` that leaves the project: the library's base class does it."""
    receiver = sup.receiver
    if member.name == "__init__":
        if isinstance(receiver, Instance) and isinstance(receiver.cls, Class):
            base = next((b for b in external_bases(receiver.cls) if is_module_class(b)), None)
            if base is not None:
                made = make_library_object(machine, base, arguments, keywords, node)
                if isinstance(made, Instance) and "*layers" in made.attributes:
                    receiver.attributes["*layers"] = made.attributes["*layers"]
            elif is_dictionary(receiver):
                fill_dictionary(machine, receiver, arguments, keywords)
            else:
                note_loader(machine, receiver, arguments, keywords, node)
        return NONE
    if (
        member.name in ("forward", "__call__")
        and isinstance(receiver, Instance)
        and isinstance(receiver.cls, Class)
    ):
        base = next((b for b in external_bases(receiver.cls) if is_module_class(b)), None)
        if base is not None:
            stand_in = Instance(
                External(base), receiver.node, receiver.arguments, receiver.keywords, receiver.attributes
            )
            return call_library_object(machine, stand_in, arguments, keywords, node)
    return call_method(machine, Member(receiver, member.name, member.node), arguments, keywords, node)


def iterate(machine: Machine, instance: Instance, node: s.Node | None) -> Value | None:
    """What `for x in instance` goes through, where the class says so itself."""
    if not isinstance(instance.cls, Class) or is_module(instance):
        return None
    found = find_member(instance.cls, "__iter__")
    if found is None or not isinstance(found[0], Function):
        return None
    result = call_function(machine, found[0], (instance,), {}, node, instance, found[1])
    if isinstance(result, Sequence):
        return result
    return None
