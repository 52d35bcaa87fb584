"""Methods of library objects, tensors and unknowns: which of them are events of training."""

from __future__ import annotations

from collections.abc import Callable

from trainlint.meaning import huggingface, ignite
from trainlint.meaning.arguments import add_argument, add_parser, parsed_arguments, set_defaults
from trainlint.meaning.asking import note_asked
from trainlint.meaning.candidates import candidate_settings
from trainlint.meaning.configured import (
    clone,
    get_option,
    load_file,
    merge_from,
    merge_from_list,
    read_sections,
)
from trainlint.meaning.contexts import stacked
from trainlint.meaning.dataflow import is_gradient
from trainlint.meaning.entries import entry, note_entry
from trainlint.meaning.fields import copied_model, parsed_into_fields, validated
from trainlint.meaning.gathering import note_call
from trainlint.meaning.hydra import store_settings
from trainlint.meaning.hyperparameters import save_hyperparameters
from trainlint.meaning.items import keep_in
from trainlint.meaning.lightning import fit, judge, own_optimizers, own_schedules
from trainlint.meaning.machine import Machine
from trainlint.meaning.matrices import note_start
from trainlint.meaning.objects import external_bases, fields_of, is_module, register_unnamed
from trainlint.meaning.optimisation import OPTIMISATION
from trainlint.meaning.overrides import is_dictionary, under_setting
from trainlint.meaning.processes import note_handed, start_by_method
from trainlint.meaning.registries import (
    MOST_CANDIDATES,
    build_registered,
    find_all_registered,
    find_registered,
    is_registry,
    is_table,
    registered_in,
)
from trainlint.meaning.restored import note_average
from trainlint.meaning.roles import is_nothing, is_unseen_object, role
from trainlint.meaning.stores import note_frozen
from trainlint.meaning.strings import applied
from trainlint.meaning.syntax import Attribute, Call, Define, Lambda, Node
from trainlint.meaning.trace import RESTORE
from trainlint.meaning.values import (
    MISSING,
    NONE,
    Argument,
    Bound,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
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
SELF_RETURNING = frozenset(
    "to cuda cpu float half double bfloat16 train eval requires_grad_ apply share_memory to_empty type xpu compile"
    " make_gpt2_compatible half_ float_".split()
)


def call_method(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    receiver, name = callee.receiver, callee.name
    if name in ("forward", "__call__") and is_module(one(receiver)):
        return machine.call(machine, one(receiver), arguments, keywords, node, None)
    if name == "forward" and isinstance(one(receiver), (Argument, Free, Item, Result)):
        return machine.call(machine, one(receiver), arguments, keywords, node, None)
    text = applied(receiver, name, arguments, keywords)
    if text is not None:
        return text
    if name.endswith("_") and node is not None and is_gradient(receiver):
        machine.record("rescale", node, receiver, None, arguments)
    handler = _HANDLERS.get(name)
    if handler is not None:
        value = handler(machine, callee, arguments, keywords, node)
        if value is not None:
            return value
    if name in SELF_RETURNING and _is_model(receiver):
        if name in ("cuda", "to") and node is not None:
            machine.record("device", node, receiver, device_of(callee, arguments, keywords), arguments)
        return receiver
    note_handed(machine, arguments, keywords)
    if name in ("cuda", "to") and node is not None:
        machine.record("device", node, receiver, device_of(callee, arguments, keywords), arguments)
    if name in _IN_PLACE and node is not None and _is_of_layer(receiver):
        machine.record("initialise", node, receiver, None, arguments, detail=(name, keywords))
    if name in _WRITING:
        machine.drawn_into[id(one(receiver))] = one(receiver)
    if name == "copy_" and arguments and node is not None and _is_of_layer(receiver):
        note_start(machine, receiver, arguments[0], node)
    result = Result(callee, arguments, keywords, node, machine.grad)
    result.region = machine.region
    machine.tables.note_call(result, name, machine.steps)
    if name == "apply" and machine.tables.wanted:
        _apply_to_columns(machine, result, receiver, arguments, keywords)
    if node is not None:
        note_call(machine, callee, result, (*arguments, *keywords.values()), node)
    if node is not None and _could_do_anything(receiver, name):
        machine.record("unresolved", node, callee, result, (*arguments, *keywords.values()))
    else:
        note_asked(machine, callee, result, (*arguments, *keywords.values()), node)
    return result


_IN_PLACE = frozenset("fill_ zero_ normal_ uniform_ copy_ clamp_ mul_ div_".split())

_WRITING = _IN_PLACE | frozenset(
    "random_ exponential_ log_normal_ cauchy_ geometric_ bernoulli_ add_ sub_ scatter_ masked_fill_ index_fill_".split()
)


def _is_of_layer(tensor: Value) -> bool:
    """`layer.weight`, `layer.weight.data`, one of `model.parameters()`; not a gradient."""
    match one(tensor):
        case Member(receiver=receiver, name="data"):
            return _is_of_layer(receiver)
        case Member(name="weight" | "bias"):
            return True
        case Item(source=Result(callee=Member(name="parameters" | "named_parameters"))):
            return True
    return False


def _apply_to_columns(
    machine: Machine, result: Result, table: Value, arguments: Arguments, keywords: Keywords
) -> None:
    """`table.apply(scaled)`: what the function makes of a column; along the rows it is each row's own."""
    function = one(arguments[0]) if arguments else None
    along = constant(keywords.get("axis", arguments[1] if len(arguments) > 1 else NONE))
    if not isinstance(function, Function) or along not in (None, 0, "index"):
        return
    column = Item(table, Unknown("column", result.node), result.node, machine.steps)
    with machine.unrecorded():
        machine.tables.inner[id(result)] = machine.call(machine, function, (column,), {}, result.node, None)


def device_of(callee: Member, arguments: Arguments, keywords: Keywords) -> Value | None:
    """The device that `x.to(device)` or `x.cuda(0)` names; `x.cuda()` means the current one."""
    given = arguments[0] if arguments else keywords.get("device")
    return Constant("cuda", None) if given is None and callee.name == "cuda" else given


def _is_model(value: Value) -> bool:
    """Whether a value is a module whichever path it came by, perhaps of a class that is not at hand."""
    found = [option for option in options(value) if not is_nothing(option)]
    if not all(is_module(option) or _is_made_elsewhere(option) or _is_unknown(option) for option in found):
        return False
    return any(is_module(option) or _is_made_elsewhere(option) for option in found)


def _is_unknown(value: Value) -> bool:
    """What nobody can tell, beside modules: something else that could take a module's place."""
    return isinstance(value, Unknown) or (isinstance(value, Result) and _is_unknown_callee(value.callee))


def _is_unknown_callee(callee: Value) -> bool:
    return isinstance(callee, (Unknown, Item, Argument)) or (
        isinstance(callee, Result) and isinstance(callee.callee, Member)
    )


def _is_made_elsewhere(value: Value) -> bool:
    """An object of a class that is not at hand: `Net()` in a fragment, a class of an unknown package."""
    if isinstance(value, Instance) and isinstance(value.cls, External):
        return not value.cls.name.startswith(("torch.", "numpy."))
    return is_unseen_object(value)


def _could_do_anything(receiver: Value, name: str) -> bool:
    """Whether an unresolved method may train: its receiver is the user's own or unknown, not a tensor."""
    if name in _MODULE_METHODS:
        return False
    if isinstance(receiver, Instance):
        return isinstance(receiver.cls, Class)
    return isinstance(receiver, (Argument, Free, Unknown)) and name not in _TENSOR_WORDS


_MODULE_METHODS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers state_dict apply"
    " register_forward_hook register_forward_pre_hook register_full_backward_hook get_submodule get_parameter type"
    " log log_dict save_hyperparameters print toggle_optimizer untoggle_optimizer lr_schedulers clip_gradients"
    " all_gather __getattr__ __getattribute__".split()
)
_TENSOR_WORDS = frozenset(
    "size view reshape squeeze unsqueeze item detach cpu numpy mean sum max min argmax to cuda float long dim shape"
    " format join split append items keys values add_scalar log write flush close strip startswith endswith get".split()
)


# Modes and state


def _apply(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> None:
    """`model.apply(freeze_norms)`: which of the modules a function switches is not known."""
    function = one(arguments[0]) if arguments else None
    body = function.node if isinstance(function, Function) else None
    switches = False
    match body:
        case Lambda(value=Call(function=Attribute(name="train" | "eval"))):
            switches = True
        case Define():
            switches = not body.body.words.isdisjoint(("train", "eval"))
    if switches and node is not None and is_module(one(callee.receiver)):
        machine.record("mode", node, callee.receiver, detail=None, inputs=arguments)
    elif isinstance(function, (Function, Bound)):
        _apply_to_each(machine, callee, function, node)


def _apply_to_each(machine: Machine, callee: Member, function: Function | Bound, node: Node | None) -> None:
    """`model.apply(initialise)`: the function is run for any of the modules, if it fills tensors."""
    body = function.function.node if isinstance(function, Bound) else function.node
    if isinstance(body, Define) and not body.body.words.isdisjoint(_FILLING):
        every = Result(Member(callee.receiver, "modules"), (), {}, node)
        machine.call(machine, function, (Item(every, None, node),), {}, node, None)


_FILLING = frozenset(
    "init fill_ zero_ normal_ uniform_ data constant_ zeros_ ones_ xavier_normal_ xavier_uniform_ kaiming_normal_"
    " kaiming_uniform_ orthogonal_ trunc_normal_".split()
)


def _mode(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if callee.name == "train" and node is not None and huggingface.is_trainer(callee.receiver):
        return huggingface.train(machine, callee.receiver, node)
    switch = arguments[0] if arguments else keywords.get("mode")
    on: object = callee.name == "train"
    if switch is not None and callee.name == "train":
        value = constant(switch)
        asked = one(switch)
        restores = isinstance(asked, Member) and asked.name == "training"
        on = (
            RESTORE
            if restores
            else value
            if isinstance(value, bool) and not getattr(one(switch), "under", None)
            else None
        )
    if node is not None:
        machine.record("mode", node, callee.receiver, detail=on, inputs=arguments)
    return callee.receiver


def _requires_grad(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    value = arguments[0] if arguments else keywords.get("requires_grad", Constant(True))
    if node is not None:
        machine.record("requires_grad", node, callee.receiver, value)
    owner = one(callee.receiver)
    if isinstance(owner, Instance) and is_module(owner):
        if constant(value) is False:
            owner.attributes["*frozen"] = Constant(True)
        return callee.receiver
    note_frozen(owner, value)
    result = Result(callee, arguments, keywords, node, machine.grad)
    result.region = machine.region
    return result


def _detach_in_place(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`for p in model.parameters(): p.detach_()` freezes the model: a leaf that is detached requires no gradient."""
    match one(callee.receiver):
        case Item(source=Result(callee=Member(name="parameters"))) if node is not None:
            machine.record("requires_grad", node, callee.receiver, Constant(False))
            note_frozen(callee.receiver, Constant(False))
            return callee.receiver
    return None


def _set_epoch(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None:
        machine.record("set_epoch", node, callee.receiver, None, arguments)
    return NONE


def _load_state(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value:
    if node is not None:
        state = arguments[0] if arguments else keywords.get("state_dict")
        machine.record("load_state", node, callee.receiver, state, arguments, detail=keywords)
    return Unknown("keys", node)


def _remember(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> None:
    """`model.state_dict()`, `trainer.save_model(path)`: what becomes of it, nobody need know."""
    if node is not None:
        machine.record("remember", node, callee.receiver, None, arguments)


def _log(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> None:
    """`self.log("val_loss", loss)` of Lightning: a number by the name that its callbacks know it by."""
    if node is not None and arguments and is_module(one(callee.receiver)):
        machine.record("log", node, callee.receiver, None, arguments)


def _prepare(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if role(callee.receiver) != "engine" and not isinstance(
        one(callee.receiver), (Free, Argument, Member, Item)
    ):
        return None
    if not arguments:
        return None
    return arguments[0] if len(arguments) == 1 else Sequence("tuple", arguments, node)


def _setup(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    holder = one(callee.receiver)
    left_out = isinstance(holder, (Free, Argument)) and holder.name.lower().endswith("fabric")
    if role(holder) != "engine" and not left_out:
        return None
    return _prepare(machine, callee, arguments, keywords, node)


def _own_optimizers(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    module = one(callee.receiver)
    if not isinstance(module, Instance) or arguments:
        return None
    return (own_optimizers if callee.name == "optimizers" else own_schedules)(machine, module, node)


# Modules


def _register(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    receiver = one(callee.receiver)
    by_name = (
        "name",
        "tensor" if "buffer" in callee.name else "param" if "param" in callee.name else "module",
    )
    arguments = (*arguments, *(keywords[key] for key in by_name[len(arguments) :] if key in keywords))
    if not isinstance(receiver, Instance) or len(arguments) < 2:
        if isinstance(receiver, Instance) and is_module(receiver):
            receiver.attributes["*dynamic"] = Constant(True)
        return None
    name = constant(arguments[0])
    layers = receiver.attributes.get("*layers")
    if callee.name == "add_module" and isinstance(layers, Sequence):
        _put(machine, layers, arguments[1])  # of a container, whose members run in this order
    elif isinstance(name, str):
        machine.write(receiver.attributes, name, arguments[1])
    else:
        register_unnamed(machine, receiver, arguments[1])
    return NONE


# Containers


def _put(machine: Machine, sequence: Sequence, value: Value) -> None:
    machine.extend(sequence, (*sequence.items, value))
    sequence.open = sequence.open or machine.region.loop is not None


def _append(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if not arguments:
        return None
    receiver, value = one(callee.receiver), arguments[-1]
    sequence = receiver
    if isinstance(receiver, Instance) and "*layers" in receiver.attributes:
        sequence = receiver.attributes["*layers"]
    if node is not None:
        machine.record("keep", node, callee.receiver, value, detail=callee.name)
    if isinstance(sequence, Sequence):
        if callee.name == "extend":
            inner = one(value)
            if isinstance(inner, Sequence):
                machine.extend(sequence, sequence.items + inner.items)
                sequence.element = sequence.element or inner.element
            elif _is_of_many(inner):
                sequence.element = sequence.element or Item(inner, None, node)
            sequence.open = True
        else:
            _put(machine, sequence, value)
        return NONE
    return None


def _is_of_many(value: Value) -> bool:
    """What a network or a tensor gives, `scores.tolist()`, and a part of a table; the layers of a network are one by one what
    they are."""
    match value:
        case Result(callee=Member(name=name)):
            return name not in _LISTING
        case Result(callee=Instance()):
            return True
        case Item(key=Sequence(kind="tuple") | Result(callee=External(name="builtins.slice"))):
            return True
    return False


_LISTING = frozenset(
    "children modules parameters named_children named_modules named_parameters keys values items".split()
)


def _get(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    receiver = one(callee.receiver)
    if isinstance(receiver, Instance) and is_registry(receiver) and arguments:
        return registered_in(machine, receiver, arguments[0])
    if isinstance(receiver, Instance):
        return get_option(machine, callee, arguments, keywords, node) or _entry(receiver, arguments)
    if not isinstance(receiver, Mapping) or not arguments:
        return entry(machine, receiver, arguments[0]) if arguments else None
    key = constant(arguments[0])
    try:
        if key in receiver.items or find_registered(machine, receiver, key):
            return receiver.items[key]
    except TypeError:
        return None
    if key is MISSING:
        find_all_registered(machine, receiver)
    fallback = arguments[1] if len(arguments) > 1 else NONE
    if receiver.open or not isinstance(key, str):
        others: list[Value] = [] if is_table(receiver) else [Unknown("item", node)]
        if receiver.element is not None:
            others.append(receiver.element)
        if callee.name == "get" or len(arguments) > 1:
            others.append(fallback)
        return choice([*list(receiver.items.values())[:MOST_CANDIDATES], *others])
    return fallback


def _build(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`MODELS.build(settings)` of a registry of mmcv."""
    given = arguments[0] if arguments else keywords.get("cfg", NONE)
    others = {key: value for key, value in keywords.items() if key != "cfg"}
    return build_registered(machine, callee.receiver, given, arguments[1:], others, node)


def _merge(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`cfg.merge_from_file(args.config)` of yacs, where only the command line names the file."""
    given = arguments[0] if arguments else keywords.get("cfg_filename")
    found = candidate_settings(machine, given, node, (".yaml", ".yml"))
    if found is None or given is None:
        return merge_from(machine, callee, (given,) if given is not None else (), {}, node)
    under_setting(one(callee.receiver), "settings")  # a file may hold what none of these does
    other = Member(callee.receiver, "merge_from_other_cfg", callee.node)
    return merge_from(machine, other, (found,), {}, node)


def _set_default(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`meters.setdefault(name, Meter()).update(loss)`."""
    receiver = one(callee.receiver)
    if len(arguments) != 2 or keywords:
        return None
    if not isinstance(receiver, Mapping):
        if entry(machine, receiver, arguments[0]) is None:
            note_entry(machine, receiver, constant(arguments[0]), arguments[1])
        return entry(machine, receiver, arguments[0])
    key = constant(arguments[0])
    if not isinstance(key, (str, int)):
        return None
    if key not in receiver.items:
        keep_in(machine, receiver, key, arguments[1])
    return receiver.items[key]


def _entry(holder: Instance, arguments: Arguments) -> Value | None:
    """`settings.get("lr", 0.1)` of an attribute dictionary."""
    name = constant(arguments[0]) if arguments and is_dictionary(holder) else None
    return holder.attributes.get(name) if isinstance(name, str) else None


def _load(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`YAML(typ="safe").load(stream)` of ruamel."""
    receiver = one(callee.receiver)
    made = receiver.cls if isinstance(receiver, Instance) else None
    if not isinstance(made, External) or made.name not in ("ruamel.yaml.YAML", "ruamel.yaml.main.YAML"):
        return None
    return load_file(machine, arguments[0] if arguments else None, node)


def _iterator(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`loader.__iter__()` is `iter(loader)`."""
    if arguments or keywords:
        return None
    return machine.call(machine, External(_ITER), (callee.receiver,), {}, node, None)


def _next(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`iterator.next()` of older code, and `iterator.__next__()`, are `next(iterator)`."""
    made = [callee.receiver] if not arguments and not keywords else []
    iterators = [o for value in made for o in options(value)]
    if not iterators or not all(_is_iterator(o) for o in iterators):
        return None
    return machine.call(machine, External("builtins.next"), (callee.receiver,), {}, node, None)


def _is_iterator(value: Value) -> bool:
    return isinstance(value, Result) and isinstance(value.callee, External) and value.callee.name == _ITER


_ITER = "builtins.iter"


def _fit(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if node is None or not _is_lightning_trainer(one(callee.receiver)):
        return None
    return NONE if fit(machine, callee.receiver, arguments, keywords, node) else None


def _judge(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`trainer.test(module, loader)` of Lightning."""
    made = one(callee.receiver)
    if node is None or not isinstance(made, Instance) or not _is_lightning_trainer(made):
        return None
    return NONE if judge(machine, made, callee.name, arguments, keywords, node) else None


def _is_lightning_trainer(value: Value) -> bool:
    """Lightning's, or what a fragment calls `trainer`."""
    if isinstance(value, (Free, Result)):
        called = value if isinstance(value, Free) else value.callee
        return isinstance(called, Free) and called.name.lower().endswith("trainer")
    if not isinstance(value, Instance) or not isinstance(value.cls, External):
        return False
    return value.cls.name.endswith(".Trainer") and "lightning" in value.cls.name


def _dumped(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """`settings.model_dump()` of a model of pydantic."""
    holder = one(callee.receiver)
    if not isinstance(holder, Instance) or not isinstance(holder.cls, Class):
        return None
    if arguments or keywords or not any(n.startswith("pydantic") for n in external_bases(holder.cls)):
        return None
    return fields_of(holder, node)


def _run_engine(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if ignite.is_launcher(callee.receiver) and arguments:
        rank = Unknown("rank", node)
        return machine.call(machine, arguments[0], (rank, *arguments[1:]), keywords, node, None)
    if node is None or not ignite.is_engine(callee.receiver):
        return None
    return ignite.run(machine, callee.receiver, arguments, keywords, node)


def _attach_handler(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    if not ignite.is_engine(callee.receiver):
        return None
    ignite.attach(machine, callee.receiver, arguments)
    return NONE


def _values(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    result = Result(callee, arguments, keywords, node, machine.grad)
    result.region = machine.region
    return result


def _generate(
    machine: Machine, callee: Member, arguments: Arguments, keywords: Keywords, node: Node | None
) -> Value | None:
    """The generation of transformers: forward passes without gradients, in the mode that the model is in."""
    receiver = callee.receiver
    found = [option for option in options(receiver) if not is_nothing(option)]
    if node is None or not found or not all(_generates(option) for option in found):
        return None
    with machine.grad_mode(False):
        result = Result(callee, arguments, keywords, node, machine.grad)
        result.region = machine.region
        machine.record("forward", node, receiver, result, (*arguments, *keywords.values()), detail="method")
    return result


def _generates(value: Value) -> bool:
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, External)
        and value.cls.name.startswith("transformers.")
        and "*pretrained" in value.attributes
    )


_HANDLERS: dict[str, Callable[[Machine, Member, Arguments, Keywords, Node | None], Value | None]] = {
    **OPTIMISATION,
    "apply": _apply,
    "train": _mode,
    "eval": _mode,
    "requires_grad_": _requires_grad,
    "detach_": _detach_in_place,
    "set_epoch": _set_epoch,
    "enter_context": stacked,
    "callback": stacked,
    "load_state_dict": _load_state,
    "copy_to": note_average,
    **dict.fromkeys("state_dict save_pretrained save_model save_checkpoint save_state".split(), _remember),
    "log": _log,
    "log_dict": _log,
    "generate": _generate,
    "prepare": _prepare,
    "optimizers": _own_optimizers,
    "lr_schedulers": _own_optimizers,
    "setup": _setup,
    "setup_dataloaders": _setup,
    "setup_module": _setup,
    "setup_optimizers": _setup,
    "add_module": _register,
    "register_module": _register,
    "register_parameter": _register,
    "register_buffer": _register,
    "append": _append,
    "add": _append,
    "appendleft": _append,
    "insert": _append,
    "extend": _append,
    "__iter__": _iterator,
    "__next__": _next,
    "next": _next,
    "fit": _fit,
    "test": _judge,
    "validate": _judge,
    "save_hyperparameters": save_hyperparameters,
    "run": _run_engine,
    "model_dump": _dumped,
    "dict": _dumped,
    "add_event_handler": _attach_handler,
    "get": _get,
    "build": _build,
    "setdefault": _set_default,
    "pop": _get,
    "items": _values,
    "values": _values,
    "keys": _values,
    "Process": start_by_method,
    "load": _load,
    "getint": get_option,
    "getfloat": get_option,
    "getboolean": get_option,
    "read": read_sections,
    "clone": clone,
    "copy": clone,
    "copy_and_resolve_references": clone,
    "merge_from_file": _merge,
    "merge_from_other_cfg": merge_from,
    "merge_from_list": merge_from_list,
    "store": store_settings,
    "model_validate": validated,
    "parse_obj": validated,
    "model_copy": copied_model,
    "_replace": copied_model,
    "parse_args_into_dataclasses": parsed_into_fields,
    "add_argument": add_argument,
    "add_parser": add_parser,
    "set_defaults": set_defaults,
    "parse_args": parsed_arguments,
    "parse_known_args": parsed_arguments,
}
