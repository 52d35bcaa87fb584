"""What skorch's nets do on the user's behalf: they make the module and the criterion and apply one to the other."""

from __future__ import annotations

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import external_bases, find_member
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
    Unknown,
    Value,
    one,
)

_CRITERIA = {
    "NeuralNetBinaryClassifier": "torch.nn.BCEWithLogitsLoss"
}  # what a net takes where none is given


def apply_by_itself(
    machine: Machine,
    name: str,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: s.Node | None,
    made: Instance | None = None,
) -> None:
    """`NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, module__hidden=20)`: the output meets the criterion.

    `made` is the net itself where its class is the project's: it may compute the loss in `get_loss`.
    """
    module = one(arguments[0]) if arguments else one(keywords.get("module", NONE))
    if not isinstance(module, (Class, Instance)) or node is None:
        return
    default = External(_CRITERIA.get(name.rpartition(".")[2], ""))
    given = one(keywords.get("criterion", arguments[1] if len(arguments) > 1 else default))
    own = find_member(made.cls, "get_loss") if made is not None and isinstance(made.cls, Class) else None
    if own is None and (not isinstance(given, External) or criterion(given.name) is None):
        return
    if own is None and isinstance(given, External) and given.name == "torch.nn.NLLLoss":
        return  # skorch takes the logarithm itself
    with machine.within("loop", node):
        _one_batch(machine, module, given, own, made, keywords, node)


def _one_batch(
    machine: Machine,
    module: Class | Instance,
    given: Value,
    own: tuple[Value, Class] | None,
    made: Instance | None,
    keywords: dict[str, Value],
    node: s.Node,
) -> None:
    options = {k.removeprefix("module__"): v for k, v in keywords.items() if k.startswith("module__")}
    model = machine.call(machine, module, (), options, node, None) if isinstance(module, Class) else module
    batch = Item(Unknown("data", node), None, node)
    x, y = (Item(batch, Constant(index), node) for index in (0, 1))
    machine.forwarding += 1
    try:
        output = machine.call(machine, model, (x,), {}, node, None)
    finally:
        machine.forwarding -= 1
    machine.record("forward", node, model, output, (x,))
    if own is not None and made is not None and isinstance(own[0], Function):
        loss = machine.call(machine, Bound(own[0], made, own[1]), (output, y), {}, None, None)
        place = getattr(loss, "node", None) or node
    else:
        criterion_made = machine.call(machine, given, (), {}, node, None)
        loss = machine.call(machine, criterion_made, (output, y), {BY_FRAMEWORK: NONE}, node, None)
        place = node
    machine.record("backward", place, loss, loss, detail=RETURNED)


def is_net(name: str) -> bool:
    return name.startswith("skorch.") and name.rpartition(".")[2].startswith("NeuralNet")


def base_of(cls: Class) -> str:
    """The class of skorch behind a class of the project, "" where there is none."""
    return next((name for name in external_bases(cls) if is_net(name)), "")
