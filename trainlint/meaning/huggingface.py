"""What the Trainer of transformers does with a model on the user's behalf: batches, modes, backward passes.

What is left to the user is the loss (`compute_loss`) and the model; an overridden `training_step` does it all itself.
"""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member, is_module
from trainlint.meaning.values import (
    Argument,
    Bound,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Sequence,
    Unknown,
    Value,
    one,
    options,
)

_HOMES = ("transformers.", "trl.")
_LABELS = frozenset("labels label label_ids targets start_positions end_positions".split())
STEPS = ("compute_loss", "training_step")


def is_trainer_class(cls: Class | External) -> bool:
    names = [cls.name] if isinstance(cls, External) else external_bases(cls)
    return any(name.startswith(_HOMES) and name.endswith("Trainer") for name in names)


def is_trainer(value: Value) -> bool:
    found = one(value)
    return isinstance(found, Instance) and is_trainer_class(found.cls)


def train(machine: Machine, trainer: Value, node: s.Node) -> Value:
    """`trainer.train()`: the loop over the batches."""
    made = one(trainer)
    assert isinstance(made, Instance)
    if not _run_own_step(machine, made, node):
        _run_default(machine, made, node)
    return Unknown("what training gave", node)


def run_step(machine: Machine, trainer: Instance, node: s.Node) -> None:
    """The loop over the batches of a trainer that nobody is seen to start."""
    _run_own_step(machine, trainer, node)


def _run_own_step(machine: Machine, trainer: Instance, node: s.Node) -> bool:
    """Run what a subclass gives for a step; whether it gives anything."""
    for name in reversed(STEPS):  # a step of its own asks for the loss where it needs it
        step = _method(trainer, name)
        if step is None:
            continue
        function = step.function
        parameters = [p.name for p in function.node.parameters[1:3]]
        model = _model_of(trainer) or Argument("model", function)
        given: dict[str, Value] = dict(zip(parameters, (model, _batch(function, node)), strict=False))
        with machine.within("loop", function.node):
            machine.record("mode", node, model, detail=True)
            result = machine.call(machine, step, (), given, None, None)
            if name == "compute_loss":
                _go_back(machine, result)
            log = _method(trainer, "log")  # every few steps
            if log is not None:
                machine.call(machine, log, (Unknown("logs", node),), {}, None, None)
        return True
    return False


def _method(owner: Instance, name: str) -> Bound | None:
    """A method that the project gives to an object."""
    found = find_member(owner.cls, name) if isinstance(owner.cls, Class) else None
    return Bound(found[0], owner, found[1]) if found is not None and isinstance(found[0], Function) else None


def _run_default(machine: Machine, trainer: Instance, node: s.Node) -> None:
    """The model gets a batch with its labels, and gives the loss."""
    model = one(_model_of(trainer) or Unknown("model", node))
    forward = _method(model, "forward") if isinstance(model, Instance) and is_module(model) else None
    if forward is None:
        return
    batch = _batch(forward.function, node)
    given: dict[str, Value] = {
        p.name: Item(batch, Constant(p.name), node)
        for p in forward.function.node.parameters[1:]
        if not p.star and (p.default is None or p.name in _LABELS)
    }
    with machine.within("loop", node):
        machine.record("mode", node, model, detail=True)
        _go_back(machine, machine.call(machine, model, (), given, node, None))


def _batch(function: Function, node: s.Node) -> Value:
    return Item(Argument("train_dataset", function), None, node)


def _model_of(trainer: Instance) -> Value | None:
    """The model that a trainer was made with."""
    given = trainer.attributes.get("model") or trainer.keywords.get("model")
    return given if given is not None else next(iter(trainer.arguments), None)


def _go_back(machine: Machine, result: Value) -> None:
    """The trainer calls backward on the loss that it is given."""
    for option in options(result):
        loss = _loss_in(option)
        node = getattr(loss, "node", None)
        if loss is not None and node is not None:
            machine.record("backward", node, loss, loss, detail=RETURNED)


def _loss_in(result: Value) -> Value | None:
    match result:
        case Mapping(items=items):
            return items.get("loss")
        case Sequence(items=(first, *_)):
            return _loss_in(one(first))
        case Instance(attributes=attributes):
            return attributes.get("loss")
        case Member(name=name):
            return result if name == "loss" else None  # `outputs.loss`
        case Unknown():
            return None
    return result
