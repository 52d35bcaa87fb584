"""Modules as objects: what they hold, whether mode matters to them, what is hidden from their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trainlint.meaning.conditions import by_default
from trainlint.meaning.facts.layers import (
    BUILT_IN_DROPOUT,
    DROPOUT,
    INSTANCE_NORM,
    NORMALISATION,
    OPTIONAL_DROPOUT,
    RECURRENT,
    WEIGHTED,
    is_module_class,
    layer_name,
)
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.facts.pretrained import drops_by_default, normalises_throughout
from trainlint.meaning.members import ALL_CHILDREN, used_names
from trainlint.meaning.objects import (
    CLOSED,
    external_bases,
    has_unknown_base,
    is_module,
    lineage,
)
from trainlint.meaning.syntax import Attribute, Call, Define, Literal, nodes_in
from trainlint.meaning.values import (
    MISSING,
    NONE,
    Argument,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    constant,
    one,
    options,
    passed,
)

_LIBRARY_MODELS = (
    "torchvision.models.",
    "timm.",
    "transformers.",
    "segmentation_models_pytorch.",
    "efficientnet_pytorch.",
)


def held(
    instance: Instance, alternatives: Callable[[Value], list[Value]] = options
) -> Iterator[tuple[str, Value]]:
    """The attributes of an object and the values they can have; containers are opened."""
    for name, value in instance.attributes.items():
        if type(value) in _OPENED:
            for item in _opened(value, alternatives):
                yield name, item
        else:
            yield name, value


_OPENED = (Choice, Sequence, Mapping)


def _opened(value: Value, alternatives: Callable[[Value], list[Value]]) -> Iterator[Value]:
    """The alternatives of a value, and in place of a container those of its items."""
    for option in alternatives(value):
        if isinstance(option, (Sequence, Mapping)):
            inside = option.items if isinstance(option, Sequence) else option.items.values()
            for item in (*inside, *((option.element,) if option.element is not None else ())):
                yield from alternatives(item)
        else:
            yield option


def parts(module: Value) -> list[Value]:
    """The modules that switch together with one: itself and all that it registers."""
    found: list[Value] = [module]
    known = {id(module)}
    for current in found:
        if len(found) < 200:
            for inner in registered(current):
                if id(inner) not in known:
                    known.add(id(inner))
                    found.append(inner)
    return found


def registered(module: Value) -> Iterator[Instance]:
    """The modules that one registers itself: its attributes, its layers."""
    if isinstance(module, Instance) and is_module(module):
        for name, value in module.attributes.items():
            if type(value) is Instance:
                if is_module(value) and not _is_plain(name):
                    yield value
            elif type(value) in _OPENED and not _is_plain(name):
                for inner in _opened(value, options):
                    if isinstance(inner, Instance) and is_module(inner):
                        yield inner


def decides_its_mode_alone(module: Value) -> bool:
    """Whether no layer that a module holds depends on the mode, so that its own `training` is all that counts."""
    return isinstance(module, Instance) and all(mode_dependent(m) is False for m in registered(module))


def _is_plain(name: str) -> bool:
    return name.startswith("*") and name not in ("*layers", "*registered")


def mode_dependent(value: Value, depth: int = 0, entry: str | None = None) -> bool | None:
    """Whether train and eval mode differ for a module, for a call of its method `entry`; None where that cannot be told."""
    answers = {_mode_dependent(option, depth, entry) for option in by_default(value)}
    return True if True in answers else (None if None in answers or not answers else False)


def _mode_dependent(value: Value, depth: int, entry: str | None = None) -> bool | None:
    if isinstance(value, Member):
        return _mode_of_piece(value)
    if not isinstance(value, Instance) or depth > 6:
        return None
    if isinstance(value.cls, External):
        return _library_mode(value, depth)
    drops, asks = _reads_mode(value.cls)
    if drops:
        return True
    answers: set[bool | None] = {None} if asks or CLOSED in value.attributes else set()
    used = used_names(value.cls, entry)
    for name, inner in held(value, by_default):
        if used is not None and name not in used and not name.startswith("*"):
            continue
        if isinstance(inner, Instance) and is_module(inner) and inner is not value:
            answers.add(_mode_dependent(inner, depth + 1))
        elif name == "*dynamic" or (_could_be_module(inner) and _is_read(value.cls, name)):
            answers.add(None)
    if has_unknown_base(value.cls) or not any(is_module_class(n) for n in external_bases(value.cls)):
        answers.add(None)
    return True if True in answers else (None if None in answers else False)


def _could_be_module(value: Value) -> bool:
    match value:
        case Argument(annotation=External(name=name)) if name in _PLAIN:
            return False
        case Argument(default=default):
            given = MISSING if default is None else constant(default)
            return given is MISSING or given is None
        case Item(source=Member(name="shape")):
            return False
        case Result():
            return _may_be_module(value)
    return isinstance(value, (Unknown, Item))


_PLAIN = frozenset("builtins.int builtins.float builtins.bool builtins.str".split())


def _is_read(cls: Class, name: str) -> bool:
    """Whether a method other than `__init__` mentions an attribute, or goes through all there are."""
    for base in lineage(cls):
        for member in base.names.values() if isinstance(base, Class) else ():
            if isinstance(member, Function) and isinstance(member.node, Define) and member.name != "__init__":
                words = member.node.body.words
                if name in words or not ALL_CHILDREN.isdisjoint(words):
                    return True
    return False


def only_tracks_instances(value: Value) -> bool:
    """Whether InstanceNorm's running statistics are all that depends on the mode.

    In train mode each instance is normalised by itself, as it was meant, whatever else is in the batch.
    """
    found = {_what_depends(part) for option in options(value) for part in parts(option)} - {""}
    return bool(found) and found <= INSTANCE_NORM


def normalises_by_batch_only(value: Value) -> bool:
    """Whether BatchNorm keeps the last batch's statistics alone: eval mode would be of no use."""
    norms = [
        part
        for option in options(value)
        for part in parts(option)
        if isinstance(part, Instance)
        and isinstance(part.cls, External)
        and _what_depends(part) in NORMALISATION
    ]
    return bool(norms) and all(constant(norm.keywords.get("momentum", NONE)) == 1 for norm in norms)


def starts_in_eval_mode(value: Value) -> bool:
    """Whether all that depends on the mode in a network came from `from_pretrained`, which gives it in eval mode."""
    depending = [part for option in options(value) for part in parts(option) if _what_depends(part)]
    return bool(depending) and all(
        isinstance(part, Instance) and "*pretrained" in part.attributes for part in depending
    )


def shown_mode_dependence(value: Value, entry: str | None = None) -> bool | None:
    """Whether a network depends on the mode; False where the code shows it whole and nothing that does, so that a
    branch on `self.training` or a part that was not followed is no reason to say so.

    What a file may hold instead, `try: net = load(path)`, `except OSError: net = Net()`, was made by the same code.
    """
    found = mode_dependent(value, 0, entry)
    made = [option for option in options(value) if isinstance(option, Instance)] or options(value)
    if found is None and not any(map(_is_left_to_others, made)):
        return False
    return found


def _is_left_to_others(module: Value) -> bool:
    """Whether a network, or a part of it, comes from elsewhere than the code at hand, or drops at a rate not known."""
    if not isinstance(module, Instance):
        return True
    for part in parts(module):
        if isinstance(part, Instance) and isinstance(part.cls, External):
            layer = layer_name(part.cls.name)
            if layer not in _HOLDERS and (layer is None or _library_mode(part, 6) is None):
                return True
    return False


def _what_depends(part: Value) -> str:
    if not isinstance(part, Instance):
        return "?"
    if not isinstance(part.cls, External):
        return "code" if any(_reads_mode(part.cls)) else ""
    layer = layer_name(part.cls.name) or "?"
    return "" if layer in _HOLDERS or _library_mode(part, 6) is False else layer


_HOLDERS = ("Sequential", "ModuleList", "ModuleDict")


def _may_be_module(value: Result) -> bool:
    callee = value.callee
    return not isinstance(callee, External) or not callee.name.startswith(
        ("torch.", "operator.", "builtins.", "numpy.")
    )


def _library_mode(value: Instance, depth: int) -> bool | None:
    assert isinstance(value.cls, External)
    name = value.cls.name
    if name.startswith("transformers."):
        return _drops(value, name)
    if name.startswith(_LIBRARY_MODELS):
        return True
    layer = layer_name(name)
    if layer is None:
        return _other_library_mode(value, name, depth)
    if layer in NORMALISATION or layer == "RReLU":
        return True
    if layer in INSTANCE_NORM:
        return constant(value.keywords.get("track_running_stats", Constant(False))) is True
    if layer in DROPOUT:
        return _rate(value, 0, "p", 0.5)
    if layer in BUILT_IN_DROPOUT:
        return _rate(value, 99, "dropout", 0.1)
    if layer in OPTIONAL_DROPOUT:
        if layer in RECURRENT and constant(_layers_of(value)) == 1:
            return False  # there is nothing between layers to drop
        return _rate(value, 99, "dropout", 0.0)
    if layer in ("Sequential", "ModuleList", "ModuleDict", "TransformerEncoder", "TransformerDecoder"):
        inner = [
            *(v for _, v in held(value, by_default)),
            *(o for v in value.arguments for o in by_default(v)),
        ]
        answers = {
            _mode_of_children(v) if isinstance(v, Unpacked) else _mode_dependent(v, depth + 1)
            for v in inner
            if not isinstance(v, (Constant, Sequence, Mapping)) and not _is_known_list(v)
        }
        return True if True in answers else (None if None in answers else False)
    return False


def _mode_of_children(unpacked: Unpacked) -> bool | None:
    """`*list(resnet.children())[:-2]`: whichever parts these are, BatchNorm is in all of some families but the last."""
    source = one(unpacked.source)
    if isinstance(source, Item) and source.key is not None and _takes_most(one(source.key)):
        source = one(source.source)
    if isinstance(source, Result) and isinstance(source.callee, External) and source.arguments:
        source = one(source.arguments[0])  # `list(...)`
    match source:
        case Result(callee=Member(receiver=receiver, name="children")):
            network = one(receiver)
            if isinstance(network, Instance) and isinstance(network.cls, External):
                usual = "norm_layer" not in network.keywords and normalises_throughout(network.cls.name)
                return True if usual else None
    return None


def _mode_of_piece(piece: Member) -> bool | None:
    """`resnet.layer3`: each stage of some families has BatchNorm, whatever the network was made for."""
    network = one(piece.receiver)
    if isinstance(network, Instance) and isinstance(network.cls, External):
        usual = "norm_layer" not in network.keywords and normalises_throughout(network.cls.name)
        return True if usual and piece.name.rstrip("0123456789") in ("bn", "layer", "features") else None
    return None


def _takes_most(key: Value) -> bool:
    """`[:-2]`, `[:8]`, `[1:-1]`: not the first or the last part alone."""
    match key:
        case Result(callee=External(name="builtins.slice"), arguments=(lower, upper, _)):
            first, last = constant(lower), constant(upper)
            begins = first is None or (type(first) is int and first >= 0)
            return begins and (last is None or (type(last) is int and (last < 0 or last > 1)))
    return False


def _layers_of(recurrent: Instance) -> Value:
    """How many layers an RNN has: `nn.LSTM(64, 128, 2)`, `num_layers=2`, one where nothing is said."""
    if "**" in recurrent.keywords or any(isinstance(given, Unpacked) for given in recurrent.arguments):
        return NONE
    return passed(recurrent, 2, "num_layers") or Constant(1)


def _other_library_mode(value: Instance, name: str, depth: int) -> bool | None:
    """Of torch_geometric's and diffusers' modules, whose dropout is off by default and whose norms are of groups, and of
    layers on sparse tensors and graphs that wrap one of torch."""
    home, last = name.partition(".")[0], name.rpartition(".")[2]
    if home == "torch_geometric" and last in _WRAPPED_NORMS:
        return True
    if name.rpartition(".")[0] in ("MinkowskiEngine", "torchsparse.nn"):
        if last.removeprefix("Minkowski") == "Dropout":
            return _rate(value, 0, "p", 0.5)
        return last.removeprefix("Minkowski") in _WRAPPED_NORMS
    if name.startswith("MinkowskiEngine.") and last in _BLOCKS:
        return True
    if home == "diffusers" and last.endswith(_DIFFUSERS):
        return _rate(value, 99, "dropout", 0.0)
    if not name.startswith("torch_geometric.nn.") or not (
        last in _PLAIN_GRAPH_LAYERS or last.endswith("Conv")
    ):
        return None
    if last in _NORMALISED_CONVOLUTIONS or "batch_norm" in value.keywords or "norm" in value.keywords:
        return None
    given = [o for v in (*value.arguments, *value.keywords.values()) for o in by_default(v)]
    given += [o for v in given if isinstance(v, Mapping) for i in v.items.values() for o in by_default(i)]
    inner = {_mode_dependent(v, depth + 1) for v in given if isinstance(v, Instance) and is_module(v)}
    answers = {_rate(value, 99, "dropout", 0.0), *inner}
    return True if True in answers else (None if None in answers else False)


_WRAPPED_NORMS = frozenset("BatchNorm SyncBatchNorm HeteroBatchNorm RReLU".split())
_BLOCKS = ("BasicBlock", "Bottleneck")  # with batch normalisation behind each convolution
_DIFFUSERS = ("Model", "AutoencoderKL")
_PLAIN_GRAPH_LAYERS = frozenset(
    "Linear HeteroLinear HeteroDictLinear JumpingKnowledge TopKPooling SAGPooling".split()
)
_NORMALISED_CONVOLUTIONS = frozenset(
    "GENConv GPSConv XConv".split()
)  # with batch normalisation inside by default


def _is_known_list(value: Value) -> bool:
    """`*layers` of a list whose elements are among what the container holds."""
    return isinstance(value, Unpacked) and all(isinstance(o, Sequence) for o in options(value.source))


def _drops(value: Instance, name: str) -> bool | None:
    """Whether a model of transformers has dropout, unless the call says something about that itself."""
    if any("drop" in keyword or keyword in ("config", "**") for keyword in value.keywords):
        return None
    given = constant(value.arguments[0]) if value.arguments else None
    return drops_by_default(name, given if isinstance(given, str) else None)


def _rate(value: Instance, position: int, keyword: str, default: float) -> bool | None:
    given = passed(value, position, keyword)
    if given is None:
        return default > 0
    rate = constant(given)
    return rate > 0 if isinstance(rate, (int, float)) else None


def reads_mode(module: Instance) -> bool:
    """Whether a module depends on the mode by itself, whatever it holds."""
    return isinstance(module.cls, Class) and any(_reads_mode(module.cls))


def _reads_mode(cls: Class) -> tuple[bool, bool]:
    """Whether a class applies a functional dropout or normalisation, and whether it asks for `self.training` at all.

    What it does otherwise in training (more outputs, auxiliary heads) evaluation may want as well.
    """
    asks = False
    for base in lineage(cls):
        for member in base.names.values() if isinstance(base, Class) else ():
            if isinstance(member, Function) and isinstance(member.node, Define):
                if member.name in ("train", "__init__"):
                    continue
                words = member.node.body.words
                if ("F" in words and "dropout" in words and not _drops_nothing(member.node)) or (
                    "training" in words and not words.isdisjoint(_BY_MODE)
                ):
                    return True, True
                asks = asks or "training" in words
    return False, asks


def _drops_nothing(function: Define) -> bool:
    """Whether all calls of `F.dropout` give a rate of zero."""
    calls = [
        node
        for node in nodes_in(function.body)
        if isinstance(node, Call) and isinstance(node.function, Attribute) and node.function.name == "dropout"
    ]
    rates = [next((a.value for a in call.arguments[1:] if a.keyword in (None, "p")), None) for call in calls]
    return bool(calls) and all(isinstance(rate, Literal) and rate.value == 0 for rate in rates)


_BY_MODE = frozenset(
    "dropout dropout1d dropout2d dropout3d alpha_dropout batch_norm instance_norm rand rand_like randn randn_like bernoulli bernoulli_ normal_ uniform_".split()
)


def has_weights(value: Value, depth: int = 0) -> bool | None:
    """Whether a module holds trainable weights; None where that cannot be told."""
    match one(value):
        case Instance(cls=External(name=name)) as instance:
            layer = layer_name(name)
            if layer in WEIGHTED:
                return True
            if layer in ("Sequential", "ModuleList", "ModuleDict"):
                return any(has_weights(v, depth + 1) for _, v in held(instance)) or None
            if name.startswith(_LIBRARY_MODELS):
                return True
            return False if layer is not None or criterion(name) is not None else None
        case Instance(cls=Class()) as instance if is_module(instance) and depth < 5:
            inner = [v for _, v in held(instance) if v is not instance]
            return any(is_parameter(v) or has_weights(v, depth + 1) for v in inner) or None
    return None


def holds_no_weights(value: Value, depth: int = 0) -> bool:
    """Whether the project's own module is shown whole and has nothing to learn: fixed coefficients, or all of it frozen."""
    if not isinstance(value, Instance) or not isinstance(value.cls, Class) or depth > 5:
        return False
    members = [m for base in lineage(value.cls) if isinstance(base, Class) for m in base.names.values()]
    words = (m.node.body.words for m in members if isinstance(m, Function) and isinstance(m.node, Define))
    if has_unknown_base(value.cls) or any(not _PARAMETERS.isdisjoint(found) for found in words):
        return False
    for name, inner in held(value, by_default):
        if isinstance(inner, Instance) and is_module(inner) and inner is not value:
            if "*frozen" in inner.attributes or _FROZEN_PARTS in inner.attributes:
                continue  # where only a part is, that part is what is kept for use
            layer = layer_name(inner.cls.name) if isinstance(inner.cls, External) else None
            plain = layer is not None and layer not in WEIGHTED and layer not in _HOLDERS
            if not plain and not holds_no_weights(inner, depth + 1):
                return False
        elif (whole := network_of_part(inner)) is not None:
            if not _is_frozen_part(inner, whole):
                return False
        elif name == "*dynamic" or _could_be_module(inner) or _is_foreign(inner):
            return False
    return True


def network_of_part(value: Value) -> Instance | None:
    """The network of torchvision that `vgg.features` and `vgg.features[:-1]` are a part of."""
    match one(value):
        case Member(receiver=receiver):
            whole = one(receiver)
        case Item(source=Member(receiver=receiver), key=Result(callee=External(name="builtins.slice"))):
            whole = one(receiver)
        case _:
            return None
    if isinstance(whole, Instance) and isinstance(whole.cls, External) and is_module(whole):
        return whole if whole.cls.name.startswith("torchvision.models.") else None
    return None


_FROZEN_PARTS = "*frozen parts"  # attribute of such a network


def note_frozen_part(part: Value) -> bool:
    """Keep with a network the part of it that gets no gradients; False where the value is none."""
    whole = network_of_part(part)
    if whole is None:
        return False
    before = whole.attributes.get(_FROZEN_PARTS)
    kept = before.items if isinstance(before, Sequence) else ()
    whole.attributes[_FROZEN_PARTS] = Sequence("tuple", (*kept, one(part)))
    return True


def _is_frozen_part(part: Value, whole: Instance) -> bool:
    kept = whole.attributes.get(_FROZEN_PARTS)
    return "*frozen" in whole.attributes or (
        isinstance(kept, Sequence) and any(k is one(part) for k in kept.items)
    )


def _is_foreign(value: Value) -> bool:
    """Whether an object is of a library that is not known: it may be a network."""
    if not isinstance(value, Instance) or not isinstance(value.cls, External):
        return False
    return not value.cls.name.startswith(("torch.", "builtins.", "collections.", "numpy."))


_PARAMETERS = frozenset("Parameter ParameterList ParameterDict register_parameter".split())


def is_parameter(value: Value) -> bool:
    """A weight of its own, `nn.Parameter(...)`, unless it is made frozen."""
    match value:
        case Instance(cls=External(name="torch.nn.Parameter" | "torch.nn.parameter.Parameter")):
            return constant(value.keywords.get("requires_grad", Constant(True))) is True
    return False
