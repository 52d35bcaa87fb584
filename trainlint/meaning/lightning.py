"""What Lightning does with a module on the user's behalf: loops over its loaders, modes, backward passes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlint.meaning import syntax as s
from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.facts.optimizers import SCHEDULE_FACTORIES, is_schedule_class
from trainlint.meaning.iteration import element_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member, is_of_project_alone, lineage
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    Argument,
    Bound,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Mapping,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

STEPS = {
    "training_step": "train_dataloader",
    "validation_step": "val_dataloader",
    "test_step": "test_dataloader",
    "predict_step": "predict_dataloader",
}
_MOST_LOADERS = 4  # of one step that are told apart
RETURNED = "returned"  # detail of the backward pass on what a step returns
_MODULE, _SERVER = "*module", "*server"  # attribute keys of what a trainer has fitted, and of what served it
_READY = "*ready"  # attribute key of what has been set up
CONFIGURED = "*configured"  # attribute key of what a module's `configure_optimizers` gave
# What serves a framework its training batches, and in which class.
_SERVING = {
    "train_dataloader": r"\.LightningDataModule$",
    "get_train_dataloader": r"^(transformers|trl)\..*Trainer$",
}
_GIVEN = {
    "training_step": ("train_dataloaders", "train_dataloader", "datamodule"),
    "validation_step": ("val_dataloaders", "datamodule"),
}


def is_lightning(cls: Class) -> bool:
    """Whether a class has the methods that Lightning looks for, and is no trainer, of transformers or of its own."""
    if any(name.startswith(("transformers.", "trl.")) for name in external_bases(cls)) or _steps_itself(cls):
        return False
    return any(name in cls.names for name in ("training_step", "validation_step", "configure_optimizers"))


def _steps_itself(cls: Class) -> bool:
    """Whether a class that inherits nothing from a library calls its steps: what they give goes to its own code."""
    if not is_of_project_alone(cls):
        return False
    return any(isinstance(b, Class) and _CALLED.search(b.unit.source.text) for b in lineage(cls))


_CALLED = re.compile(r"\bself\.(?:training_step|validation_step|configure_optimizers)\(")


def evaluates(cls: Class, name: str) -> bool:
    """Whether Lightning calls a method within an evaluation: in eval mode, and without gradients."""
    if name.startswith(("on_validation_", "on_test_", "on_predict_")) or name in _EVALUATING:
        return is_lightning(cls) or any(map(_CALLBACK.match, external_bases(cls)))
    return False


_EVALUATING = frozenset(
    "validation_step_end test_step_end validation_epoch_end test_epoch_end predict_epoch_end".split()
)
_CALLBACK = re.compile(r"(pytorch_)?lightning\..*Callback$|pytorch_lightning\.Callback$")


def run_hook(machine: Machine, hook: Bound, arguments: dict[str, Value]) -> None:
    """What Lightning calls within an evaluation."""
    machine.record("mode", hook.function.node, hook.receiver, detail=False)
    before, machine.grad = machine.grad, False
    machine.call(machine, hook, (), arguments, None, None)
    machine.grad = before


def run_step(
    machine: Machine,
    module: Instance,
    step: Bound,
    arguments: dict[str, Value],
    served: Value | None = None,
    index: int | None = None,
) -> None:
    """One pass of a step method over its loader: the one that was given, by its index of several, or the module's own."""
    function = step.function
    loader = served or loader_of(machine, module, STEPS[function.name])
    parameters = function.node.parameters
    if loader is not None and len(parameters) > 1 and not parameters[1].star:
        arguments = {**arguments, parameters[1].name: element_of(machine, loader, function.node)}
    if len(parameters) > 2 and not parameters[2].star:
        arguments = {**arguments, parameters[2].name: Unknown("index", function.node)}
    if index is not None and len(parameters) > 3 and not parameters[3].star:
        arguments = {**arguments, parameters[3].name: Constant(index)}
    before, machine.grad = machine.grad, function.name == "training_step"  # it evaluates without gradients
    with machine.within("loop", function.node, iterable=loader):
        result = machine.call(machine, step, (), arguments, None, None)
        by_hand = constant(module.attributes.get("automatic_optimization", Constant(True))) is False
        if function.name == "training_step" and not by_hand:
            _go_back(machine, result)
    machine.grad = before


def _go_back(machine: Machine, result: Value) -> None:
    """Lightning calls backward on what `training_step` returns."""
    for option in options(result):
        loss = option.items.get("loss", option) if isinstance(option, Mapping) else option
        nodes = (getattr(made, "node", None) for made in (loss, *options(loss), option))
        node = next((n for n in nodes if n is not None), None)
        if node is not None:
            machine.record("backward", node, loss, loss, detail=RETURNED)


def loader_of(machine: Machine, owner: Value | None, name: str) -> Value | None:
    """What a module or a data module gives for a loader; None where that is not one loader."""
    made = _served_by(machine, owner, name)
    return made if made is not None and _is_loader(made) else None


def _served_by(machine: Machine, owner: Value | None, name: str) -> Value | None:
    """What a method of a module or a data module gives; anything else is what it is."""
    holder = _there(owner) if owner is not None else None
    if not isinstance(holder, Instance) or isinstance(holder.cls, External):
        return holder
    found = find_member(holder.cls, name)
    if found is None or not isinstance(found[0], Function):
        return None
    _set_up(machine, holder, holder.cls, _STAGES.get(name, "fit"))
    return one(machine.call(machine, Bound(found[0], holder, found[1]), (), {}, None, None))


_STAGES = {"test_dataloader": "test", "predict_dataloader": "predict"}


def _set_up(machine: Machine, holder: Instance, cls: Class, stage: str) -> None:
    """Run what Lightning runs before it asks for a loader, once for a stage: `__init__` may have left its sets None."""
    if _READY + stage in holder.attributes:
        return
    first = not any(key.startswith(_READY) for key in holder.attributes)
    holder.attributes[_READY + stage] = Constant(True)
    for name in ("prepare_data", "setup") if first else ("setup",):
        found = find_member(cls, name)
        if found is None or not isinstance(found[0], Function):
            continue
        parameters = [p for p in found[0].node.parameters[1:] if not p.star]
        if not first and not _reads(found[0], [p.name for p in parameters]):
            continue  # it does the same again
        asked = [p for p in parameters if p.default is None or p is parameters[0]]
        if len(asked) < 2:
            given: dict[str, Value] = {parameter.name: Constant(stage) for parameter in asked}
            machine.call(machine, Bound(found[0], holder, found[1]), (), given, None, None)


def _reads(method: Function, names: list[str]) -> bool:
    return isinstance(method.node, s.Define) and any(n.id in names for n in s.names_in(method.node.body))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A run of Lightning's own loop: its length, the one optimizer that it steps, and what sets its rate."""

    epochs: Value
    optimizer: Value
    schedules: tuple[Value, ...] = ()
    trainer: Instance | None = None
    by_epoch: tuple[Value, ...] = ()  # of the schedules those that step once in each epoch


def fit(
    machine: Machine,
    trainer: Value,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node,
) -> bool:
    """`trainer.fit(module, ...)`; whether there was a module of the project to train."""
    module = _built(arguments[0] if arguments else keywords.get("model", External("")))
    if not isinstance(module, Instance) or not isinstance(module.cls, Class) or module.cls.lineage is None:
        _fit_unseen(machine, arguments, keywords, node)
        return False
    _note_served(trainer, module, [*arguments[1:2], *(keywords[k] for k in ("datamodule",) if k in keywords)])
    for position, (name, training) in enumerate(
        (("training_step", True), ("validation_step", False)), start=1
    ):
        found = find_member(module.cls, name)
        if found is None or not isinstance(found[0], Function):
            continue
        given = [*arguments[position : position + 1], *(keywords[k] for k in _GIVEN[name] if k in keywords)]
        if not given and len(arguments) == 2 and not _is_loader(arguments[1]):
            given = [arguments[1]]  # a data module
        machine.record("mode", node, module, detail=training)
        step = Bound(found[0], module, found[1])
        served = _served_by(machine, given[0], STEPS[name]) if given else None
        several = _several(served) if not training else []
        for index, each in enumerate(several):
            run_step(machine, module, step, _unknown(found[0]), each, index)
        if not several:
            alone = served if served is not None and _is_loader(served) else None
            run_step(machine, module, step, _unknown(found[0]), alone)
    _note_fitted(machine, module, trainer, node)
    return True


def _built(module: Value) -> Value:
    """A module that is built on one path, and on others read from a file or built of the same class."""
    made = [option for option in options(module) if isinstance(option, Instance)]
    known = [m for m in made if isinstance(m.cls, Class)]
    if len(known) < len(made) or len({id(m.cls.node) for m in known if isinstance(m.cls, Class)}) != 1:
        return one(module)
    others = [option for option in options(module) if option not in made]
    return known[0] if all(isinstance(other, Result) for other in others) else one(module)


def _there(owner: Value) -> Value:
    """What is handed over unless it is None: a loader of validation data that a setting may leave out."""
    left = [option for option in options(owner) if not is_none(option)]
    return left[0] if len(left) == 1 else one(owner)


def _several(listed: Value | None) -> list[Value]:
    """The loaders of a list of them: `trainer.fit(module, train_loader, [val_loader, test_loader])`."""
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return []
    loaders = [one(item) for item in listed.items]
    return loaders if len(loaders) <= _MOST_LOADERS and all(map(_is_loader, loaders)) else []


def _note_served(trainer: Value, module: Instance, given: list[Value]) -> None:
    """Note what a trainer has fitted, and the data module that it goes on with."""
    made = one(trainer)
    if isinstance(made, Instance):
        made.attributes[_MODULE] = module
        made.attributes[_SERVER] = next((v for v in given if not _is_loader(v)), module)


def judge(
    machine: Machine,
    trainer: Instance,
    name: str,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node,
) -> bool:
    """`trainer.test(module, ...)` and `trainer.validate(module, ...)` over what they are given, or `fit` was."""
    step = {"test": "test_step", "validate": "validation_step"}[name]
    asked = [
        *arguments[:1],
        *(keywords[k] for k in ("model",) if k in keywords),
        trainer.attributes.get(_MODULE),
    ]
    module = next((made for v in asked if v is not None and isinstance(made := one(v), Instance)), None)
    given = [*arguments[1:2], *(keywords[k] for k in ("dataloaders", "datamodule") if k in keywords)]
    if not given and _SERVER in trainer.attributes:
        given = [trainer.attributes[_SERVER]]
    if not isinstance(module, Instance) or not isinstance(module.cls, Class) or not given:
        return False
    found, served = find_member(module.cls, step), loader_of(machine, given[0], STEPS[step])
    if found is None or not isinstance(found[0], Function) or served is None:
        return False
    machine.record("mode", node, module, detail=False)
    run_step(machine, module, Bound(found[0], module, found[1]), _unknown(found[0]), served)
    return True


def _note_fitted(machine: Machine, module: Instance, trainer: Value, node: s.Node) -> None:
    """Note how long the trainer's loop runs and what it steps, if it is one optimizer."""
    made, given = one(trainer), _configuration(machine, module)
    if not isinstance(made, Instance) or "max_epochs" not in made.keywords or given is None:
        return
    steps = _configured(given)
    if isinstance(one(steps), Instance) and not _drives_itself(module):
        fitted = Fitted(
            made.keywords["max_epochs"], steps, tuple(_scheduled(given)), made, tuple(_by_epoch(given))
        )
        machine.record("fit", node, module, None, (), detail=fitted)


def _drives_itself(module: Instance) -> bool:
    """Whether a module takes part in the steps: by hand, or in a hook that may set the rate."""
    if constant(module.attributes.get("automatic_optimization", Constant(True))) is False:
        return True
    return isinstance(module.cls, Class) and find_member(module.cls, "optimizer_step") is not None


def _fit_unseen(
    machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node
) -> None:
    """A module that is not at hand is trained on what `fit` is given: a loader, or what serves one."""
    given = [*arguments[1:2], *(keywords[k] for k in _GIVEN["training_step"] if k in keywords)]
    loader = loader_of(machine, given[0], STEPS["training_step"]) if given else None
    if loader is not None:
        record_loader(machine, loader, node)


def record_loader(machine: Machine, loader: Value, node: s.Node) -> None:
    """Note that a framework trains on the batches of a loader."""
    trained = Result(External("pytorch_lightning.Trainer.fit"), (loader,), {}, node, True)
    machine.record("fit", node, loader, trained, (loader,))


def serves_training(function: Function) -> bool:
    """`train_dataloader` of a data module, or pasted without its class; `get_train_dataloader` of a trainer."""
    home = _SERVING.get(function.name)
    if home is None or not isinstance(function.node, s.Define):
        return False
    if function.owner is not None:
        return any(re.search(home, name) is not None for name in external_bases(function.owner))
    return [p.name for p in function.node.parameters] == ["self"]


def serve(machine: Machine, function: Function, module: Instance | None) -> None:
    """Run a `train_dataloader` that nobody is seen to call."""
    assert isinstance(function.node, s.Define)
    owner = module or Argument("self", function)
    if module is not None and isinstance(module.cls, Class):
        _set_up(machine, module, module.cls, "fit")
    loader = one(machine.call(machine, function, (owner,), {}, None, None))
    if _is_loader(loader):
        record_loader(machine, loader, function.node)


def _is_loader(value: Value) -> bool:
    found = one(value)
    return isinstance(found, Instance) and isinstance(found.cls, External) and found.cls.name in LOADERS


def _unknown(function: Function) -> dict[str, Value]:
    """Arguments that Lightning gives and nobody sees."""
    names = [p.name for p in function.node.parameters[1:] if not p.star and p.default is None]
    return {name: Argument(name, function) for name in names}


def own_optimizers(machine: Machine, module: Instance, node: s.Node | None) -> Value | None:
    """`self.optimizers()`: what the module's `configure_optimizers` gave, or a name for what a paste left out."""
    given = _configuration(machine, module)
    if given is not None:
        return _configured(given)
    return _left_out(module, "optimizers", node)


def own_schedules(machine: Machine, module: Instance, node: s.Node | None) -> Value | None:
    """`self.lr_schedulers()`, in the same way."""
    given = _configuration(machine, module)
    if given is None:
        return _left_out(module, "lr_schedulers", node)
    found = tuple(_scheduled(given))
    if not found:
        return None
    return found[0] if len(found) == 1 else Sequence("list", found, node)


def _configuration(machine: Machine, module: Instance) -> Value | None:
    """What `configure_optimizers` gives, made once and before all loops."""
    if CONFIGURED not in module.attributes and isinstance(module.cls, Class):
        found = find_member(module.cls, "configure_optimizers")
        if found is None or not isinstance(found[0], Function):
            return None
        region, machine.region = machine.region, Region("root", None, None)
        try:
            with machine.unrecorded():
                given = machine.call(machine, Bound(found[0], module, found[1]), (), {}, None, None)
        finally:
            machine.region = region
        module.attributes[CONFIGURED] = given
    return module.attributes.get(CONFIGURED)


def _left_out(module: Instance, name: str, node: s.Node | None) -> Value | None:
    """The one stand-in for the optimizers of a module that does not show how it makes them."""
    if not isinstance(module.cls, Class) or not is_lightning(module.cls) or node is None:
        return None
    if find_member(module.cls, "configure_optimizers") is not None:
        return None
    key = f"*{name}"
    if key not in module.attributes:
        module.attributes[key] = Free(f"self.{name}", node)
    return module.attributes[key]


def _scheduled(given: Value) -> Iterator[Value]:
    """The schedules in what is returned: beside their optimizers, plain or each in a dictionary of its own."""
    match one(given):
        case Mapping(items=items) if "lr_scheduler" in items:
            yield from _scheduled(items["lr_scheduler"])
        case Mapping(items=items) if "scheduler" in items:
            yield items["scheduler"]
        case Sequence(items=(first, second)) if isinstance(one(first), Sequence):
            yield from _scheduled(second)
        case Sequence(items=items):
            for item in items:
                yield from _scheduled(item)
        case Instance(cls=External(name=name)) as made if (
            is_schedule_class(name) or name in SCHEDULE_FACTORIES
        ):
            yield made


def _by_epoch(given: Value) -> Iterator[Value]:
    """The schedules that Lightning steps once in each epoch, as it does unless it is told otherwise."""
    for made in _scheduled(given):
        told = [inner for inner in walk(given) if isinstance(inner, Mapping) and "interval" in inner.items]
        rare = [inner for inner in walk(given) if isinstance(inner, Mapping) and "frequency" in inner.items]
        if not rare and all(constant(inner.items["interval"]) == "epoch" for inner in told):
            yield made


def _configured(given: Value) -> Value:
    """The optimizers in what is returned: one, several, a dictionary, or a pair with schedules."""
    match one(given):
        case Mapping(items=items) if "optimizer" in items:
            return items["optimizer"]
        case Sequence(items=(first, *_)) if isinstance(one(first), Sequence):
            return _configured(first)
        case Sequence(items=items, node=node) if items:
            found = tuple(_configured(item) for item in items)
            return found[0] if len(found) == 1 else Sequence("list", found, node)
        case found:
            return found
