"""Calling functions of libraries: what one gives, as far as training cares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from trainlint.meaning import ignite
from trainlint.meaning.arguments import environment_variable
from trainlint.meaning.asking import note_asked
from trainlint.meaning.candidates import candidate_settings
from trainlint.meaning.configured import create, load_file, load_settings, load_text, merged, update_settings
from trainlint.meaning.dataflow import is_gradient
from trainlint.meaning.facts.layers import is_wrapper
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.fields import from_dictionary, replaced, run_by_command_line
from trainlint.meaning.flags import (
    CONFIGURATIONS,
    DEFINITIONS,
    define_flag,
    define_settings,
    set_flag_default,
)
from trainlint.meaning.hydra import NAMED, by_path, composed, initialise, instantiate
from trainlint.meaning.imports import imported
from trainlint.meaning.iteration import NO_ENTRY, element_of
from trainlint.meaning.kinds import are_settings, is_instance, is_tensor, type_of
from trainlint.meaning.library import apply_criterion, library_result, make_library_object, makes_object
from trainlint.meaning.machine import Machine
from trainlint.meaning.objects import fields_of, get_attribute, is_module, register_unnamed
from trainlint.meaning.offered import by_names, is_class, is_subclass, members, offered
from trainlint.meaning.overrides import copied, is_dictionary, overwrite, weaken
from trainlint.meaning.picked import pick
from trainlint.meaning.processes import note_handed, note_start
from trainlint.meaning.python_settings import CONFIGURATIONS as PYTHON_CONFIGURATIONS
from trainlint.meaning.python_settings import from_file, module_from_spec, module_of
from trainlint.meaning.registries import build_registered
from trainlint.meaning.restored import note_saved, saved_network
from trainlint.meaning.skorch import apply_by_itself, is_net
from trainlint.meaning.syntax import Node
from trainlint.meaning.truth import truth
from trainlint.meaning.values import (
    NONE,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Module,
    Partial,
    Result,
    Sequence,
    Unknown,
    Value,
    choice,
    constant,
    one,
    options,
)

Arguments = tuple[Value, ...]
Keywords = dict[str, Value]


def call_external(
    machine: Machine, callee: External, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    name = callee.name
    note_start(machine, name, arguments, keywords, node)
    note_handed(machine, arguments, keywords)
    written = keywords.get("out", arguments[0] if arguments and name.startswith(_FOREACH) else None)
    if written is not None and node is not None and is_gradient(written):
        machine.record("rescale", node, written, None, arguments)
    handler = _HANDLERS.get(name)
    if handler is not None:
        value = handler(machine, arguments, keywords, node)
        if value is not None:
            return value
    if criterion(name) is not None and not name.rpartition(".")[2][:1].isupper():
        return apply_criterion(machine, callee, arguments, keywords, node)
    if is_wrapper(name) and (arguments or "model" in keywords or "module" in keywords):
        return arguments[0] if arguments else keywords.get("model") or keywords["module"]
    if name.startswith("torch.nn.init.") and name.endswith(_FILLERS):
        return _fill(machine, name, arguments, keywords, node)
    if is_net(name):
        apply_by_itself(machine, name, arguments, keywords, node)
    if makes_object(name):
        return make_library_object(machine, name, arguments, keywords, node)
    result = library_result(machine, callee, arguments, keywords, node)
    note_asked(machine, callee, result, (*arguments, *keywords.values()), node)
    return result


_FOREACH = "torch._foreach_"  # writes its first argument in place
_FILLERS = ("_", "init.constant", "normal", "uniform", "init.orthogonal")


def _fill(machine: Machine, name: str, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value:
    """`nn.init.normal_(layer.weight, std=0.02)` gives the tensor back."""
    if not arguments and "tensor" not in keywords:
        return Unknown("tensor", node)
    target = arguments[0] if arguments else keywords["tensor"]
    machine.drawn_into[id(one(target))] = one(target)
    if node is not None:
        filler = name.rpartition(".")[2]
        machine.record("initialise", node, target, None, arguments[1:], detail=(filler, keywords))
    return target


# Functions with a meaning of their own


def _range(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    return library_result(machine, External("builtins.range"), arguments, {}, node)


def _next(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    return element_of(machine, arguments[0], node) if arguments else None


def _getattr(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    if len(arguments) < 2:
        return None
    name = constant(arguments[1])
    if not isinstance(name, str):
        home = arguments[0]
        if isinstance(home, External) and home.name == "torch.optim" and len(arguments) == 2:
            return External("torch.optim.Optimizer")  # one of its classes, chosen by a setting
        if isinstance(home, External) and home.name == _SCHEDULES and len(arguments) == 2:
            return External(f"{_SCHEDULES}.LRScheduler")
        chosen = one(arguments[1])
        found = (
            by_names(machine, home, chosen, node) if isinstance(chosen, Choice) else offered(machine, home)
        )
        if found is not None and len(arguments) == 2:
            return found
        return library_result(machine, External("builtins.getattr"), arguments, {}, node)
    found = get_attribute(machine, arguments[0], name, node)
    if len(arguments) > 2 and isinstance(found, (Member, Unknown)):
        return Choice([found, arguments[2]])
    return found


_SCHEDULES = "torch.optim.lr_scheduler"


def _setattr(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    holder = one(arguments[0]) if arguments else NONE
    if len(arguments) == 3 and isinstance(holder, (Class, Module)):
        name = constant(arguments[1])
        overwrite(
            machine, holder, Mapping({name: arguments[2]}) if isinstance(name, str) else Unknown("names")
        )
    elif len(arguments) == 3 and isinstance(holder, Instance):
        name = constant(arguments[1])
        if isinstance(name, str):
            machine.write(holder.attributes, name, arguments[2])
        elif isinstance(arguments[2], Choice) and isinstance(arguments[2].each, Mapping):
            overwrite(
                machine, holder, arguments[2].each
            )  # `for k, v in settings.items(): setattr(self, k, v)`
        elif arguments[2] is not NO_ENTRY:
            register_unnamed(machine, holder, arguments[2])
            weaken(machine, holder)
    return NONE


def _dict(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    mapping = Mapping({}, node, region=machine.region)
    for argument in arguments:
        inner = one(argument)
        if isinstance(inner, Mapping):
            overwrite(machine, mapping, inner)
            mapping.element = inner.element or mapping.element
        elif isinstance(inner, Sequence) and all(
            isinstance(i, Sequence) and len(i.items) == 2 for i in inner.items
        ):
            for pair in inner.items:
                assert isinstance(pair, Sequence)
                key = constant(pair.items[0])
                if isinstance(key, (str, int)):
                    mapping.items[key] = pair.items[1]
            mapping.open = mapping.open or inner.open
            mapping.element = _second(inner.element) or mapping.element
        elif (pairs := _side_by_side(inner, node)) is not None:
            mapping.items.update(pairs)
        else:
            weaken(machine, mapping)
    if "**" in keywords:
        weaken(machine, mapping)
    mapping.items.update((key, value) for key, value in keywords.items() if key != "**")
    return mapping


def _side_by_side(pairs: Value, node: Node | None) -> dict[Any, Value] | None:
    """The entries of `zip(names, random_split(whole, sizes))`: names, and what is by them."""
    match pairs:
        case Result(callee=External(name="builtins.zip"), arguments=(first, second)):
            names, values = one(first), one(second)
        case _:
            return None
    if not isinstance(names, Sequence) or names.open or names.element is not None:
        return None
    keys = [constant(item) for item in names.items]
    if not keys or not all(isinstance(key, (str, int)) for key in keys):
        return None
    if isinstance(values, Sequence):
        whole = not values.open and values.element is None and len(values.items) == len(keys)
        return dict(zip(keys, values.items, strict=True)) if whole else None
    if not isinstance(values, Result) or not isinstance(values.callee, External):
        return None
    if values.callee.name.startswith("builtins."):
        return None
    return {key: Item(values, Constant(place), node) for place, key in enumerate(keys)}


def _second(pair: Value | None) -> Value | None:
    """What a dictionary holds that is made of pairs: `OrderedDict((key[7:], value) for key, value in ...)`."""
    found = one(pair) if pair is not None else None
    return found.items[1] if isinstance(found, Sequence) and len(found.items) == 2 else None


def _defaultdict(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    element: Value = Unknown("default", node)
    made_by = one(arguments[0]) if arguments else NONE
    if isinstance(made_by, External) and made_by.name == "builtins.list":
        element = Sequence("list", (), node)
    elif isinstance(made_by, (Class, Function, Partial)):
        element = machine.call(machine, made_by, (), {}, node, None)
    return Mapping({}, node, True, element, machine.region, made_by)


def _copy_sequence(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if not arguments:
        return Sequence("list", (), node, region=machine.region)
    inner = one(arguments[0])
    return (
        Sequence("list", inner.items, node, inner.open, inner.element, machine.region)
        if isinstance(inner, Sequence)
        else None
    )


def _deepcopy(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    inner = one(arguments[0]) if arguments else None
    if isinstance(inner, Mapping) and are_settings(inner.items.values()):
        return copied(machine, inner, node)
    if isinstance(inner, Instance) and isinstance(inner.cls, External) and is_dictionary(inner):
        return copied(machine, inner, node)
    found = options(inner) if inner is not None else []
    if len(found) > 1 and all(isinstance(each, Instance) and is_module(each) for each in found):
        return choice([_twin(machine, each, node) for each in found if isinstance(each, Instance)])
    return _twin(machine, inner, node) if isinstance(inner, Instance) else None


def _twin(machine: Machine, inner: Instance, node: Node | None) -> Instance:
    twin = Instance(inner.cls, node, inner.arguments, inner.keywords, dict(inner.attributes), inner.symbolic)
    if node is not None and is_module(inner):
        machine.record("remember", node, inner, twin)
    twin.loop = inner.loop  # its parts were made there
    twin.places.update(inner.places)
    machine.instances.append(twin)
    return twin


def _partial(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    return Partial(arguments[0], arguments[1:], keywords) if arguments else None


def _import_module(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    name = constant(arguments[0]) if len(arguments) == 1 else None
    return imported(machine, node.unit, name) if isinstance(name, str) and node is not None else None


def _globals(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    return Module(node.unit) if node is not None else None


def _load(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    result = library_result(machine, External("torch.load"), arguments, keywords, node)
    if node is not None:
        machine.record("load", node, External("torch.load"), result, arguments, detail=keywords)
    path = arguments[0] if arguments else keywords.get("f")
    return saved_network(machine, result, path, node) or result


def _save(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    given = (*arguments, *(keywords[name] for name in ("obj", "f")[len(arguments) :] if name in keywords))
    if node is not None and given:
        machine.record("save", node, given[0], None, given)
        note_saved(machine, given[0], given[1] if len(given) > 1 else None)
    return NONE


def _copy_file(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> None:
    """`shutil.copyfile("last.pt", "best.pt")`."""
    if node is not None:
        machine.record("remember", node, External("shutil.copyfile"), None, arguments)


def _set_grad(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    switch = arguments[0] if arguments else keywords.get("mode")
    made = make_library_object(machine, "torch.set_grad_enabled", arguments, keywords, node)
    machine.grad = truth(switch) if switch is not None else None
    return made


def _autograd_backward(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    loss = arguments[0] if arguments else keywords.get("tensors")
    if node is not None and loss is not None:
        first = one(loss)
        if isinstance(first, Sequence) and first.items:
            loss = first.items[0]
        machine.record("backward", node, loss, loss, arguments, detail=keywords)
    return NONE


def _autograd_grad(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    result = library_result(machine, External("torch.autograd.grad"), arguments, keywords, node)
    names = ("outputs", "inputs")
    given = [*arguments, *(keywords[name] for name in names[len(arguments) :] if name in keywords)]
    if node is not None and given:
        machine.record("grad_write", node, given[0], result, tuple(given), detail="autograd.grad")
    return result


def _clip(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    if node is not None:
        machine.record("clip", node, arguments[0] if arguments else Unknown("parameters"), None, arguments)
    return None


def _apex_initialize(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    first = arguments[0] if arguments else keywords.get("models")
    second = arguments[1] if len(arguments) > 1 else keywords.get("optimizers")
    if first is None:
        return None
    return first if second is None else Sequence("tuple", (first, second), node)


def _deepspeed_initialize(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """The engine is the model that clears and steps by itself; what else comes with it is the engine's own."""
    model = keywords.get("model") or (arguments[1] if len(arguments) > 1 else None)
    others = (Unknown("optimizer", node), Unknown("loader", node), Unknown("schedule", node))
    return Sequence("tuple", (model, *others), node) if model is not None else None


def _scale_loss(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    return arguments[0] if arguments else None


def _vars(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    inner = one(arguments[0]) if arguments else None
    if isinstance(inner, Module):
        return inner  # its `__dict__`
    if not isinstance(inner, Instance):
        return None
    return Mapping(inner.attributes, node, open="*namespace" not in inner.attributes)


def _converted(
    kind: Callable[[Any], object],
    machine: Machine,
    arguments: Arguments,
    keywords: Keywords,
    node: Node | None,
) -> Value | None:
    """`int("3")`, `float(settings["rate"])`: of a constant, under the setting that can change it."""
    given = one(arguments[0]) if len(arguments) == 1 and not keywords else None
    if not isinstance(given, Constant) or not isinstance(given.value, (str, int, float)):
        return None
    try:
        asked = given.asked if kind is bool else None
        return Constant(kind(given.value), node, given.under, asked, given.sides)
    except (ValueError, OverflowError):
        return None


def _asdict(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`dataclasses.asdict(settings)`."""
    inner = one(arguments[0]) if arguments else None
    return fields_of(inner, node) if isinstance(inner, Instance) else None


def _map(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    if len(arguments) == 2 and (items := _few_items(arguments[1])) and _is_followed(arguments[0]):
        made = (machine.call(machine, arguments[0], (item,), {}, node, None) for item in items)
        return Sequence("generator", tuple(made), node)
    if len(arguments) == 2 and isinstance(arguments[0], Function):
        element = element_of(machine, arguments[1], node)
        result = machine.call(machine, arguments[0], (element,), {}, node, None)
        return Sequence("generator", (), node, True, result)
    return None


def _is_followed(function: Value) -> bool:
    return isinstance(function, Function) or (
        isinstance(function, External) and function.name.startswith("torch.")
    )


def _few_items(listed: Value) -> tuple[Value, ...]:
    """What `first, second = map(function, (first, second))` goes through one by one."""
    match one(listed):
        case Sequence(items=items, open=False, element=None) if len(items) <= _FEW:
            return items
    return ()


_FEW = 6


def _read_file(
    suffixes: tuple[str, ...],
    machine: Machine,
    arguments: Arguments,
    keywords: Keywords,
    node: Node | None,
) -> Value | None:
    """`yaml.safe_load(opened)`: of a text in the code, of a file that is known, or of one that is given at the start."""
    given = arguments[0] if arguments else keywords.get("stream")
    if given is None:
        return None
    before = machine.read.get(id(given))
    if before is not None:
        return before[1]  # read again where the first time failed
    found = load_text(given, node)
    if found is None:
        found = load_file(machine, given, node)
    if found is None:
        found = candidate_settings(machine, given, node, suffixes)
    if found is not None and isinstance(given, Result):
        machine.read[id(given)] = given, found
    return found


_read_yaml = partial(_read_file, (".yaml", ".yml"))
_read_json = partial(_read_file, (".json",))
_read_toml = partial(_read_file, (".toml",))


def _load_settings(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`OmegaConf.load("config.yaml")`."""
    found = load_settings(machine, arguments, keywords, node)
    if found is not None:
        return found
    given = arguments[0] if arguments else keywords.get("file_")
    return candidate_settings(machine, given, node, (".yaml", ".yml"), resolved=True)


def _read_box(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`Box.from_yaml(filename="config.yaml")`."""
    return load_file(machine, keywords.get("filename", arguments[1] if len(arguments) > 1 else None), node)


def _build_from_settings(
    machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`build_from_cfg(settings, MODELS, dict(depth=18))` of mmcv."""
    given = dict(zip(("cfg", "registry", "default_args"), arguments, strict=False)) | keywords
    defaults = one(given.get("default_args", NONE))
    own = {str(k): v for k, v in defaults.items.items()} if isinstance(defaults, Mapping) else {}
    return build_registered(machine, given.get("registry", NONE), given.get("cfg", NONE), (), own, node)


def _itself(machine: Machine, arguments: Arguments, keywords: Keywords, node: Node | None) -> Value | None:
    """`OmegaConf.create(settings)`, `OmegaConf.to_container(cfg)`: the same settings in another dress."""
    first = one(arguments[0]) if arguments else None
    return first if isinstance(first, (Mapping, Instance)) else None


_HANDLERS: dict[str, Callable[[Machine, Arguments, Keywords, Node | None], Value | None]] = {
    "ignite.engine.create_supervised_trainer": ignite.make_trainer,
    "ignite.engine.create_supervised_evaluator": ignite.make_evaluator,
    "ignite.distributed.auto_dataloader": ignite.make_loader,
    "ignite.distributed.auto_model": ignite.handed_back,
    "ignite.distributed.auto_optim": ignite.handed_back,
    "builtins.range": _range,
    "dataclasses.asdict": _asdict,
    "attr.asdict": _asdict,
    "attrs.asdict": _asdict,
    "yaml.load": _read_yaml,
    "yaml.safe_load": _read_yaml,
    "yaml.full_load": _read_yaml,
    "yaml.unsafe_load": _read_yaml,
    "json.load": _read_json,
    "json.loads": _read_json,
    "toml.load": _read_toml,
    "toml.loads": _read_toml,
    "tomllib.load": _read_toml,
    "tomllib.loads": _read_toml,
    "tomli.load": _read_toml,
    **dict.fromkeys(
        (
            f"{home}.build_from_cfg"
            for home in ("mmcv", "mmcv.utils", "mmcv.utils.registry", "mmengine", "mmengine.registry")
        ),
        _build_from_settings,
    ),
    "omegaconf.OmegaConf.load": _load_settings,
    "omegaconf.OmegaConf.merge": merged,
    "omegaconf.OmegaConf.unsafe_merge": merged,
    "omegaconf.OmegaConf.create": create,
    "omegaconf.OmegaConf.structured": create,
    "omegaconf.OmegaConf.update": update_settings,
    "omegaconf.OmegaConf.to_container": _itself,
    "omegaconf.OmegaConf.to_object": _itself,
    "hydra.utils.instantiate": instantiate,
    "hydra.utils.call": instantiate,
    "hydra.initialize": initialise,
    "hydra.experimental.initialize": initialise,
    "hydra.compose": composed,
    "hydra.experimental.compose": composed,
    **dict.fromkeys(DEFINITIONS, define_flag),
    **dict.fromkeys((f"{home}DEFINE_config_file" for home in CONFIGURATIONS), define_settings),
    **dict.fromkeys((f"{home}DEFINE_config_dict" for home in CONFIGURATIONS), define_settings),
    "absl.flags.FLAGS.set_default": set_flag_default,
    "dataclasses.replace": replaced,
    "attr.evolve": replaced,
    "attrs.evolve": replaced,
    "dacite.from_dict": from_dictionary,
    "tyro.cli": run_by_command_line,
    "simple_parsing.parse": run_by_command_line,
    "pyrallis.parse": run_by_command_line,
    "draccus.parse": run_by_command_line,
    "tqdm.trange": _range,
    "builtins.next": _next,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _defaultdict,
    "builtins.globals": _globals,
    **dict.fromkeys(("munch.munchify", "munch.Munch.fromDict", "munch.DefaultMunch.fromDict"), _itself),
    **dict.fromkeys(("box.Box.from_yaml", "box.Box.from_json", "box.Box.from_toml"), _read_box),
    **dict.fromkeys(NAMED, by_path),
    "inspect.getmembers": members,
    "inspect.isclass": is_class,
    "builtins.issubclass": is_subclass,
    **dict.fromkeys(PYTHON_CONFIGURATIONS, from_file),
    "imp.load_source": module_of,
    "importlib.util.module_from_spec": module_from_spec,
    "importlib.import_module": _import_module,
    "builtins.__import__": _import_module,
    "builtins.list": _copy_sequence,
    "builtins.tuple": _copy_sequence,
    "builtins.vars": _vars,
    "builtins.int": partial(_converted, int),
    "builtins.float": partial(_converted, float),
    "builtins.bool": partial(_converted, bool),
    "os.environ.get": environment_variable,
    "os.getenv": environment_variable,
    "builtins.type": type_of,
    "builtins.isinstance": is_instance,
    "builtins.hasattr": is_instance,
    "torch.is_tensor": is_tensor,
    "builtins.map": _map,
    "builtins.max": pick,
    "builtins.min": pick,
    "copy.deepcopy": _deepcopy,
    "copy.copy": _deepcopy,
    "functools.partial": _partial,
    "torch.load": _load,
    "torch.save": _save,
    **dict.fromkeys(("shutil.copyfile", "shutil.copy", "shutil.copy2"), _copy_file),
    "torch.set_grad_enabled": _set_grad,
    "torch.autograd.backward": _autograd_backward,
    "torch.autograd.grad": _autograd_grad,
    "torch.nn.utils.clip_grad_norm_": _clip,
    "torch.nn.utils.clip_grad_norm": _clip,
    "torch.nn.utils.clip_grad_value_": _clip,
    "apex.amp.initialize": _apex_initialize,
    "apex.amp.scale_loss": _scale_loss,
    "deepspeed.initialize": _deepspeed_initialize,
}
