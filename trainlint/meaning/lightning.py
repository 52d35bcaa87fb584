"""What Lightning does with a module on the user's behalf: loops over its loaders, modes, backward passes."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.datasets import LOADERS
from trainlint.meaning.iteration import element_of
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    Argument,
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Mapping,
    Sequence,
    Value,
    constant,
    one,
    options,
)

STEPS = {
    "training_step": "train_dataloader",
    "validation_step": "val_dataloader",
    "test_step": "test_dataloader",
    "predict_step": "predict_dataloader",
}
RETURNED = "returned"  # detail of the backward pass on what a step returns
_OPTIMIZERS = "*optimizers"  # attribute key of a module's configured optimizers
_GIVEN = {
    "training_step": ("train_dataloaders", "train_dataloader", "datamodule"),
    "validation_step": ("val_dataloaders", "datamodule"),
}


def is_lightning(cls: Class) -> bool:
    """Whether a class has the methods that Lightning looks for, and is not a trainer of transformers."""
    if any(name.startswith(("transformers.", "trl.")) for name in external_bases(cls)):
        return False
    return any(name in cls.names for name in ("training_step", "validation_step", "configure_optimizers"))


def run_step(
    machine: Machine,
    module: Instance,
    step: Bound,
    arguments: dict[str, Value],
    served: Value | None = None,
) -> None:
    """One pass of a step method over its loader: the one that was given, or the module's own."""
    function = step.function
    loader = served or loader_of(machine, module, STEPS[function.name])
    parameters = function.node.parameters
    if loader is not None and len(parameters) > 1 and not parameters[1].star:
        arguments = {**arguments, parameters[1].name: element_of(machine, loader, function.node)}
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
    holder = one(owner) if owner is not None else None
    if not isinstance(holder, Instance):
        return None
    if isinstance(holder.cls, External):
        return holder if holder.cls.name in LOADERS else None
    found = find_member(holder.cls, name)
    if found is None or not isinstance(found[0], Function):
        return None
    made = one(machine.call(machine, Bound(found[0], holder, found[1]), (), {}, None, None))
    return made if isinstance(made, Instance) and loader_of(machine, made, name) is made else None


def fit(machine: Machine, arguments: tuple[Value, ...], keywords: dict[str, Value], node: s.Node) -> bool:
    """`trainer.fit(module, ...)`; whether there was a module of the project to train."""
    module = one(arguments[0]) if arguments else one(keywords.get("model", External("")))
    if not isinstance(module, Instance) or not isinstance(module.cls, Class) or module.cls.lineage is None:
        return False
    for position, (name, training) in enumerate(
        (("training_step", True), ("validation_step", False)), start=1
    ):
        found = find_member(module.cls, name)
        if found is None or not isinstance(found[0], Function):
            continue
        given = [*arguments[position : position + 1], *(keywords[k] for k in _GIVEN[name] if k in keywords)]
        if not given and len(arguments) == 2 and not _is_loader(arguments[1]):
            given = [arguments[1]]  # a data module
        served = loader_of(machine, given[0], STEPS[name]) if given else None
        machine.record("mode", node, module, detail=training)
        run_step(machine, module, Bound(found[0], module, found[1]), _unknown(found[0]), served)
    return True


def _is_loader(value: Value) -> bool:
    found = one(value)
    return isinstance(found, Instance) and isinstance(found.cls, External)


def _unknown(function: Function) -> dict[str, Value]:
    """Arguments that Lightning gives and nobody sees."""
    names = [p.name for p in function.node.parameters[1:] if not p.star and p.default is None]
    return {name: Argument(name, function) for name in names}


def own_optimizers(machine: Machine, module: Instance) -> Value | None:
    """`self.optimizers()`: what the module's `configure_optimizers` gave."""
    if _OPTIMIZERS not in module.attributes and isinstance(module.cls, Class):
        found = find_member(module.cls, "configure_optimizers")
        if found is None or not isinstance(found[0], Function):
            return None
        region, machine.region = machine.region, Region("root", None, None)  # it ran before all loops
        try:
            with machine.unrecorded():
                given = machine.call(machine, Bound(found[0], module, found[1]), (), {}, None, None)
        finally:
            machine.region = region
        module.attributes[_OPTIMIZERS] = _configured(given)
    return module.attributes.get(_OPTIMIZERS)


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
