"""What Ignite's engines do on the user's behalf: they call a step for every batch, and handlers around the batches.

The step itself is the user's: an `Engine` switches no modes and clears no gradients. Those of
`create_supervised_trainer` and `create_supervised_evaluator` are Ignite's own and do.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning import huggingface, lightning
from trainlint.meaning import syntax as s
from trainlint.meaning.iteration import element_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.trace import BY_FRAMEWORK
from trainlint.meaning.values import (
    NONE,
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Member,
    Partial,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
)
from trainlint.meaning.watching import note_metrics, watch

_ENGINE = "ignite.engine.Engine"
_ENGINES = (_ENGINE, "ignite.engine.engine.Engine")
_HANDLERS = "*handlers"
_STEP = "*step"
_OTHER_STEPS = frozenset((*lightning.STEPS, *huggingface.STEPS))  # their frameworks switch the modes
_POSITIONS = ("model", "optimizer", "loss_fn")


def is_step(node: s.Node | None) -> bool:
    """Whether the node of a loop is a function that an engine calls for every batch, and no step of another framework."""
    if not isinstance(node, s.Define):
        return False
    return node.name not in _OTHER_STEPS or [p.name for p in node.parameters[:1]] != ["self"]


def is_engine(value: Value) -> bool:
    found = one(value)
    return isinstance(found, Instance) and isinstance(found.cls, External) and found.cls.name in _ENGINES


def make_trainer(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`create_supervised_trainer(model, optimizer, loss_fn)`."""
    return _made("train", arguments, keywords, node)


def make_evaluator(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`create_supervised_evaluator(model, metrics)`."""
    return _made("evaluate", arguments[:1], keywords, node)


def _made(
    step: str, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    given = dict(zip(_POSITIONS, arguments, strict=False)) | keywords
    if "**" in given or "model_fn" in given or not given.keys() >= {"model"}:
        return None
    return Instance(External(_ENGINE), node, (), given, {_STEP: Constant(step)})


def make_loader(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`idist.auto_dataloader(data, ...)`: a loader by the same arguments, shared out among processes where there are several."""
    return machine.call(machine, External("torch.utils.data.DataLoader"), arguments, keywords, node, None)


def handed_back(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node | None
) -> Value | None:
    """`idist.auto_model(model)`, `idist.auto_optim(optimizer)`: the same, made ready for several processes."""
    return arguments[0] if arguments else None


def is_launcher(value: Value) -> bool:
    """`idist.Parallel(backend)`, whose `run(function, ...)` calls the function with a rank before all else."""
    found = one(value)
    return isinstance(found, Instance) and isinstance(found.cls, External) and found.cls.name in _LAUNCHERS


_LAUNCHERS = ("ignite.distributed.Parallel", "ignite.distributed.launcher.Parallel")


def attach(machine: Machine, engine: Value, arguments: tuple[Value, ...]) -> None:
    """`engine.add_event_handler(Events.EPOCH_COMPLETED, handler, ...)`."""
    owner = one(engine)
    if isinstance(owner, Instance) and len(arguments) > 1:
        known = owner.attributes.get(_HANDLERS)
        before = known.items if isinstance(known, Sequence) else ()
        machine.write(owner.attributes, _HANDLERS, Sequence("tuple", (*before, Sequence("tuple", arguments))))


def attach_decorated(machine: Machine, function: Function) -> None:
    """`@engine.on(Events.EPOCH_COMPLETED)` above a function."""
    for decorator in function.decorators:
        match decorator:
            case Result(callee=Member(receiver=engine, name="on"), arguments=[event, *others]) if is_engine(
                engine
            ):
                attach(machine, engine, (event, function, *others))


def run(
    machine: Machine,
    engine: Value,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node,
) -> Value:
    """`engine.run(data, max_epochs)`: epochs of batches, each handed to the step."""
    owner = one(engine)
    assert isinstance(owner, Instance)
    given = dict(zip(("data", "max_epochs"), arguments, strict=False)) | keywords
    state = Instance(External("ignite.engine.State"), node)
    owner.attributes["state"] = state

    def one_epoch() -> None:
        _fire(machine, owner, "EPOCH_STARTED")
        _one_pass(machine, owner, state, given.get("data"), node)
        _fire(machine, owner, "EPOCH_COMPLETED")

    _fire(machine, owner, "STARTED")
    if "max_epochs" in given:
        epochs = Result(External("builtins.range"), (given["max_epochs"],), {}, node)
        with machine.within("loop", node, iterable=epochs):
            one_epoch()
    else:
        one_epoch()
    _fire(machine, owner, "COMPLETED")
    return state


def _one_pass(machine: Machine, engine: Instance, state: Instance, data: Value | None, node: s.Node) -> None:
    given = engine.arguments[0] if engine.arguments else engine.keywords.get("process_function")
    step = one(given) if given is not None else None
    function = step.function if isinstance(step, Bound) else step
    home = function.node if isinstance(function, Function) else node
    with machine.within("loop", home, iterable=data):
        batch = (
            element_of(machine, data, node) if data is not None else Item(Unknown("data", node), None, node)
        )
        state.attributes["batch"] = batch
        _fire(machine, engine, "ITERATION_STARTED")
        if isinstance(step, (Function, Bound, Partial, Instance)) and _is_own(step):
            output = machine.call(machine, step, (engine, batch), {}, None, None)
        else:
            output = _own_step(machine, engine, batch)
        state.attributes["output"] = output
        _fire(machine, engine, "ITERATION_COMPLETED")
    note_metrics(state, output)


def _own_step(machine: Machine, engine: Instance, batch: Value) -> Value:
    """What Ignite's own steps do with a batch."""
    kind, given, node = engine.attributes.get(_STEP), engine.keywords, engine.node
    if not isinstance(kind, Constant) or node is None:
        return Unknown("output")
    model, trains = given["model"], kind.value == "train"
    machine.record("mode", node, model, detail=trains)
    x, y = (Item(batch, Constant(index), node) for index in (0, 1))
    with machine.grad_mode(trains):
        output = machine.call(machine, model, (x,), {}, node, None)
        if not trains or "optimizer" not in given or "loss_fn" not in given:
            return _handed_out(machine, given, (x, y, output), output)
        if "model_transform" in given:
            output = machine.call(machine, given["model_transform"], (output,), {}, node, None)
        machine.record("zero_grad", node, given["optimizer"])
        loss = machine.call(machine, given["loss_fn"], (output, y), {BY_FRAMEWORK: NONE}, node, None)
    machine.record("backward", node, loss, loss, detail=(loss, {}))
    machine.record("step", node, given["optimizer"], detail=("plain", given["optimizer"]))
    number = machine.call(machine, Member(loss, "item", node), (), {}, node, None)
    return _handed_out(machine, given, (x, y, output, loss), number)


def _handed_out(machine: Machine, given: dict[str, Value], parts: tuple[Value, ...], usual: Value) -> Value:
    """What a step gives the engine's `state.output`: the number of the loss, unless `output_transform` makes it."""
    chosen = given.get("output_transform")
    return usual if chosen is None else machine.call(machine, chosen, parts, {}, None, None)


def _fire(machine: Machine, engine: Instance, event: str) -> None:
    """Call the handlers of an event."""
    handlers = engine.attributes.get(_HANDLERS)
    for entry in handlers.items if isinstance(handlers, Sequence) else ():
        assert isinstance(entry, Sequence)
        when, handler, *others = entry.items
        found = one(handler)
        if not any(name == event for name in _events(when)):
            continue
        watch(machine, engine, found)
        if _is_own(found):
            given = (engine, *others) if _takes_engine(found, len(others)) else tuple(others)
            machine.call(machine, found, given, {}, None, None)


def _is_own(handler: Value | None) -> bool:
    """Whether a handler is code of the project."""
    match handler:
        case Function() | Bound() | Instance(cls=Class()):
            return True
        case Partial(function=inner):
            return _is_own(one(inner))
    return False


def _takes_engine(handler: Value, others: int) -> bool:
    """Ignite hands over the engine where the handler has a parameter left for it."""
    match handler:
        case Function(node=node):
            return len(node.parameters) > others
        case Bound(function=function):
            return len(function.node.parameters) > others + 1
    return True


def _events(when: Value) -> Iterator[str]:
    """`Events.STARTED`, `Events.EPOCH_COMPLETED(every=5)`, one event or another."""
    match one(when):
        case External(name=name) | Member(name=name):
            yield name.rpartition(".")[2]
        case Result(callee=External(name="operator.|"), arguments=parts):
            for part in parts:
                yield from _events(part)
        case Instance(cls=External() as called) | Result(callee=External() as called):
            yield from _events(called)
