"""Objects of libraries: what their classes make, and what calling such an object gives."""

from __future__ import annotations

from typing import Any

from trainlint.meaning.attachment import attached
from trainlint.meaning.facts.layers import is_container, is_module_class, layer_name
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.facts.operations import ACTIVATIONS, MODULE_OPERATIONS
from trainlint.meaning.facts.optimizers import SCHEDULE_FACTORIES
from trainlint.meaning.facts.settings import NAMESPACES
from trainlint.meaning.facts.transforms import FACTORIES
from trainlint.meaning.gathering import note_call
from trainlint.meaning.machine import Machine
from trainlint.meaning.matrices import note_matrix
from trainlint.meaning.objects import listed
from trainlint.meaning.samples import note_sample
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    choice,
    constant,
    one,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]
_CLASS_LIKE = frozenset(
    "torch.no_grad torch.enable_grad torch.inference_mode torch.set_grad_enabled tqdm.tqdm collections.deque".split()
)


def library_result(
    machine: Machine, callee: Value, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Result:
    """What a call gives that is not followed any further."""
    result = Result(callee, arguments, keywords, node, machine.grad)
    result.region = machine.region
    if type(callee) is External:
        machine.tables.note_call(result, callee.name, machine.steps)
    return result


def makes_object(name: str) -> bool:
    """Whether calling this makes an object, class or not."""
    last = name.rpartition(".")[2]
    if name in _CLASS_LIKE or name in SCHEDULE_FACTORIES:
        return True
    if name.startswith(("torchvision.models.", "timm.create_model", "segmentation_models_pytorch.")):
        return True
    if last == "from_pretrained" or name in FACTORIES:
        return True
    return last[:1].isupper() and last not in ("Tensor", "FloatTensor", "LongTensor", "Variable")


def make_library_object(
    machine: Machine, name: str, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    instance = Instance(External(name), node, arguments, dict(keywords), loop=machine.region.loop)
    if machine.forwarding and arguments and _is_meant_as_function(name, arguments[0]):
        instance.arguments = ()
        return library_result(machine, instance, arguments[:1], {}, node)
    if name.endswith(".from_pretrained"):
        instance.cls = External(name.removesuffix(".from_pretrained"))
        instance.attributes["*pretrained"] = Constant(True)
    elif is_container(name):
        instance.attributes["*layers"] = _layers(name, arguments, keywords)
    elif name in NAMESPACES:
        _fill_namespace(instance, arguments, keywords)
    elif name.endswith(".DataLoader"):
        note_sample(machine, instance)
        machine.tables.note_taken(instance, machine.steps)
    elif name.endswith(".Subset"):
        machine.tables.note_taken(instance, machine.steps)
    elif name.startswith("transformers.") and name.endswith(("Output", "WithPast", "WithPooling")):
        instance.attributes.update({key: value for key, value in keywords.items() if key != "**"})
    elif name.endswith(".Parameter"):
        note_matrix(machine, instance, node)
    machine.instances.append(instance)
    return instance


def _is_meant_as_function(name: str, given: Value) -> bool:
    """`nn.Sigmoid(self.out(x))` in a forward: the class of the activation stands where its function is meant."""
    layer = layer_name(name) if name.startswith("torch.nn.") else None
    return layer is not None and MODULE_OPERATIONS.get(layer) in ACTIVATIONS and attached(given) is True


def _layers(name: str, arguments: Arguments, keywords: Keywords) -> Value:
    first = one(arguments[0]) if arguments else one(keywords.get("modules", Sequence("tuple", ())))
    if name.endswith("ModuleList") and isinstance(held := listed(first), Sequence) and held is not first:
        first = Sequence("list", held.items, None, held.open, held.element)
    if name.endswith("Sequential"):
        if isinstance(first, (Mapping, Sequence)) and len(arguments) == 1:
            return Sequence("tuple", tuple(first.items.values())) if isinstance(first, Mapping) else first
        if any(isinstance(a, Unpacked) for a in arguments):
            return _in_order(arguments)
        return Sequence("tuple", arguments)
    if isinstance(first, (Mapping, Sequence)):
        return first
    return Sequence("list", ()) if not arguments else Sequence("list", (), None, True, Item(first, None))


def _in_order(arguments: Arguments) -> Sequence:
    """`nn.Sequential(stem, *stage(64), *stage(128), head)`: what is known of each part, one behind the other."""
    items: list[Value] = []
    elements: list[Value] = []
    for given in arguments:
        inner = listed(given.source) if isinstance(given, Unpacked) else Sequence("tuple", (given,))
        if isinstance(inner, Sequence):
            items += inner.items
            elements += [inner.element] if inner.element is not None else []
    return Sequence("tuple", tuple(items), None, True, choice(elements) if elements else None)


def _fill_namespace(instance: Instance, arguments: Arguments, keywords: Keywords) -> None:
    instance.attributes["*namespace"] = Constant(True)
    if arguments and isinstance(one(arguments[0]), Mapping):
        given = one(arguments[0])
        assert isinstance(given, Mapping)
        keywords = {**{str(k): v for k, v in given.items.items()}, **keywords}
    for key, value in keywords.items():
        if key != "**":
            instance.attributes[key] = value


def call_library_object(
    machine: Machine, instance: Instance, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    """`layer(x)`, `criterion(out, y)`, `model(x)` for objects of library classes."""
    assert isinstance(instance.cls, External)
    name = instance.cls.name
    if criterion(name) is not None:
        return apply_criterion(machine, instance, arguments, keywords, node)
    if name == "torch.nn.Sequential" and arguments:
        result = _chain(machine, instance, arguments[0], node)
    else:
        result = library_result(machine, instance, arguments, keywords, node)
    replaced = next((instance.attributes[n] for n in _HEADS if n in instance.attributes), None)
    if replaced is not None and name.startswith(("torchvision.models.", "timm.")):
        machine.forwarding += 1
        try:
            result = machine.call(machine, replaced, (result,), {}, node, None)
        finally:
            machine.forwarding -= 1
    if name.startswith("segmentation_models_pytorch."):
        result = _segmented(machine, instance, result, node)
    if node is not None and machine.forwarding == 0:
        known = is_model_like(instance)
        note_call(machine, instance, result, (*arguments, *keywords.values()), node)
        if known or not name.startswith(_NO_MODELS):
            given = (*arguments, *keywords.values())
            machine.record("forward", node, instance, result, given, detail=None if known else "unknown")
    return result


def _segmented(machine: Machine, network: Instance, result: Value, node: Node | None) -> Value:
    """What `smp.Unet(...)` gives: a mask, and with `aux_params` the classes of the whole picture beside it."""
    beside = one(network.keywords.get("aux_params", NONE))
    if isinstance(beside, Mapping) and not beside.open:
        classes = _activated(machine, beside.items, Item(result, Constant(1)), node)
        mask = _activated(machine, network.keywords, Item(result, Constant(0)), node)
        return Sequence("tuple", (mask, classes))
    if not isinstance(beside, Constant) or beside.value is not None:
        return Unknown("a mask or a pair")
    return _activated(machine, network.keywords, result, node)


def _activated(machine: Machine, settings: dict[Any, Value], result: Value, node: Node | None) -> Value:
    """`activation="sigmoid"` of a head is applied to what it gives."""
    asked = constant(settings.get("activation", NONE))
    found = {"sigmoid": "torch.sigmoid", "softmax2d": "torch.softmax", "softmax": "torch.softmax"}.get(
        str(asked)
    )
    return library_result(machine, External(found), (result,), {}, node) if found is not None else result


_HEADS = ("fc", "classifier", "head", "heads")
_NO_MODELS = (
    "transformers.",
    "torch.",
    "torchvision.transforms",
    "builtins.",
    "tqdm",
    "numpy.",
    "collections.",
    "sklearn.",
    "torchmetrics.",
)


def is_model_like(instance: Instance) -> bool:
    """Modules that can be somebody's whole model; a lone activation is not."""
    from trainlint.meaning.facts.layers import WEIGHTED, layer_name

    assert isinstance(instance.cls, External)
    name = instance.cls.name
    layer = layer_name(name)
    if layer is not None:
        return layer == "Sequential" or layer in WEIGHTED
    return is_module_class(name)


def _chain(machine: Machine, instance: Instance, value: Value, node: Node | None) -> Value:
    layers = instance.attributes.get("*layers")
    machine.forwarding += 1
    try:
        if isinstance(layers, Sequence):
            if not layers.items and (layers.element is not None or layers.open):
                return library_result(machine, instance, (value,), {}, node)
            ahead = _ahead(instance, layers)
            for number, layer in enumerate(layers.items):
                if number == ahead:
                    value = library_result(machine, _repeated(instance, layers), (value,), {}, node)
                value = machine.call(machine, layer, (value,), {}, node, None)
            if ahead == len(layers.items):
                value = library_result(machine, _repeated(instance, layers), (value,), {}, node)
            return value
        return library_result(machine, instance, (value,), {}, node)
    finally:
        machine.forwarding -= 1


def _ahead(instance: Instance, layers: Sequence) -> int:
    """How many of the layers that are known one by one come before those that a loop makes; -1 where none does."""
    if layers.element is None:
        return -1
    count = 0
    for given in instance.arguments:
        inner = listed(given.source) if isinstance(given, Unpacked) else None
        if isinstance(inner, Sequence) and inner.element is not None:
            return min(count, len(layers.items))
        count += len(inner.items) if isinstance(inner, Sequence) else inner is None
    return 0


def _repeated(instance: Instance, layers: Sequence) -> Instance:
    """Of a container the layers that a loop makes, without those that are known one by one."""
    kept = {"*layers": Sequence("tuple", (), None, True, layers.element)}
    return Instance(instance.cls, instance.node, attributes={**kept}, loop=instance.loop)


def apply_criterion(
    machine: Machine, callee: Value, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    given = list(arguments)
    for key in ("input", "inputs", "preds", "target", "targets"):
        if key in keywords and len(given) < 2:
            given.append(keywords[key]) if not key.startswith(("input", "pred")) else given.insert(
                0, keywords[key]
            )
    result = library_result(machine, callee, arguments, keywords, node)
    if node is not None and len(given) >= 2:
        machine.record("criterion", node, callee, result, tuple(given[:2]), detail=keywords)
    return result
