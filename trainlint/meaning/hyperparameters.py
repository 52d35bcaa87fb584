"""What `save_hyperparameters()` puts into a Lightning module's `hparams`: the arguments of its constructor.

Source: Lightning's documentation of `HyperparametersMixin.save_hyperparameters`.
"""

from __future__ import annotations

from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import fields_of, is_module
from trainlint.meaning.syntax import Node
from trainlint.meaning.trace import Region
from trainlint.meaning.values import (
    External,
    Instance,
    Mapping,
    Member,
    Sequence,
    Value,
    constant,
    one,
)

_ATTRIBUTES = External(
    "ml_collections.ConfigDict"
)  # read by attribute and by key, as Lightning's AttributeDict is


def save_hyperparameters(
    machine: Machine,
    callee: Member,
    arguments: tuple[Value, ...],
    keywords: dict[str, Value],
    node: Node | None,
) -> Value | None:
    """`self.save_hyperparameters()`, with names to keep, names to leave out, or a collection of settings."""
    owner = one(callee.receiver)
    if not isinstance(owner, Instance) or not (is_module(owner) or "DataModule" in _bases(owner)):
        return None
    given = _given(machine.region)
    names = [name for argument in arguments if isinstance(name := constant(argument), str)]
    wanted = {name: given[name] for name in names if name in given} if arguments else given
    left_out = _names(one(keywords["ignore"])) if "ignore" in keywords else []
    found = {name: value for name, value in wanted.items() if name not in left_out}
    for argument in arguments:
        found |= _entries(one(argument), node)
    old = owner.attributes.get("hparams")
    before = old.attributes if isinstance(old, Instance) else {}
    made = Instance(_ATTRIBUTES, node, attributes={**before, **found})
    machine.write(owner.attributes, "hparams", made)
    return None


def _given(region: Region) -> dict[str, Value]:
    """What the constructor around a place was given, by the names of its parameters."""
    call = next((r for r in region.ancestors() if r.kind == "call"), None)
    function = call.function if call is not None else None
    if call is None or function is None or call.names is None:
        return {}
    found: dict[str, Value] = {}
    for parameter in function.node.parameters[1:]:
        value = call.names.get(parameter.name)
        if parameter.star == "**" and isinstance(value, Mapping):
            found |= {key: held for key, held in value.items.items() if isinstance(key, str)}
        elif value is not None and not parameter.star:
            found[parameter.name] = value
    return found


def _entries(given: Value, node: Node | None) -> dict[str, Value]:
    """The settings in a dictionary, a namespace or an object of settings."""
    match given:
        case Mapping(items=items):
            return {key: value for key, value in items.items() if isinstance(key, str)}
        case Instance(cls=External(), attributes=attributes):
            return {key: value for key, value in attributes.items() if key[0] not in "_*"}
        case Instance():
            fields = fields_of(given, node)
            return dict(fields.items) if fields is not None else {}
    return {}


def _names(given: Value) -> list[object]:
    items = given.items if isinstance(given, Sequence) else (given,)
    return [constant(item) for item in items]


def _bases(owner: Instance) -> str:
    from trainlint.meaning.objects import external_bases
    from trainlint.meaning.values import Class

    return " ".join(external_bases(owner.cls)) if isinstance(owner.cls, Class) else ""
