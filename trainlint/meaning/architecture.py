"""What a network is made of, as far as rates depend on it: depth, pretrained weights, kinds of layers."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.facts.layers import layer_name
from trainlint.meaning.modules import parts
from trainlint.meaning.objects import is_module
from trainlint.meaning.optimizers import number
from trainlint.meaning.turns import turns_of_making
from trainlint.meaning.values import Constant, External, Instance, Value, constant, one, passed

_DEEP = 10  # layers that a library's network has at least
_LIBRARIES = (
    "torchvision.models.", "timm.create_model", "timm.models.", "transformers.", "segmentation_models_pytorch.",
    "efficientnet_pytorch.", "pretrainedmodels.",
)  # fmt: skip
_MATRICES = frozenset(
    "Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d RNNCell LSTMCell"
    " GRUCell MultiheadAttention LazyLinear LazyConv1d LazyConv2d LazyConv3d".split()
)
_STACKED = frozenset(("RNN", "LSTM", "GRU"))  # with a matrix or more in each of their layers
_BLOCKS = {"TransformerEncoderLayer": 4, "TransformerDecoderLayer": 6, "Transformer": 36}  # matrices in each


def layers(model: Value) -> Iterator[Instance]:
    """The layers of libraries that a network holds, and itself if it is one."""
    for part in (*parts(one(model)), *_in_stacks(model)):
        if isinstance(part, Instance) and isinstance(part.cls, External):
            yield part


def _in_stacks(model: Value) -> Iterator[Value]:
    """The layer that `nn.TransformerEncoder(layer, 6)` repeats."""
    for part in parts(one(model)):
        if named(part) in ("TransformerEncoder", "TransformerDecoder") and isinstance(part, Instance):
            given = part.arguments[:1] or tuple(v for k, v in part.keywords.items() if k.endswith("_layer"))
            yield from (one(value) for value in given)


def named(part: Value) -> str:
    """`Linear` of one of torch.nn's own layers, "" for all else."""
    if isinstance(part, Instance) and isinstance(part.cls, External):
        return layer_name(part.cls.name) or ""
    return ""


def depth(model: Value) -> int:
    """How many layers with matrices of weights are seen in a network: at least so many it has."""
    network = one(model)
    made = network if isinstance(network, Instance) else None
    return sum(_depth_of(layer) * (_times(layer, made) if made is not None else 1) for layer in layers(model))


_FEW_UNITS, _FEW_INPUTS, _FEW_LAYERS = 10, 20, 3


def is_tiny(model: Value) -> bool:
    """Whether it is a perceptron of a few hidden units, which bears rates that wider networks do not.

    How many columns a table has is seldom said: only a number of inputs that is known can be too large.
    """
    weighted = [layer for layer in layers(model) if _depth_of(layer)]
    if not weighted or depth(model) > _FEW_LAYERS or any(named(layer) != "Linear" for layer in weighted):
        return False
    inputs = number(passed(weighted[0], 0, "in_features"))
    if inputs is not None and inputs[0] > _FEW_INPUTS:
        return False
    hidden = [number(passed(layer, 1, "out_features")) for layer in weighted[:-1]]
    return all(units is not None and units[0] <= _FEW_UNITS for units in hidden)


def _times(layer: Instance, network: Instance) -> int:
    """How often a loop of the constructor makes it, as far as the turns are known."""
    return max(1, int(turns_of_making(layer, network, None)[0]))


def _depth_of(layer: Instance) -> int:
    name = named(layer)
    if name in _STACKED:
        stacked = number(passed(layer, 2, "num_layers") or Constant(1))
        return int(stacked[0]) if stacked is not None else 1
    if name in _MATRICES:
        return 1
    assert isinstance(layer.cls, External)
    return _DEEP if layer.cls.name.startswith(_LIBRARIES) and is_module(layer) else _BLOCKS.get(name, 0)


def pretrained(model: Value) -> list[Instance]:
    """The parts of a network that come with weights trained before."""
    return [layer for layer in layers(model) if is_pretrained(layer)]


def is_pretrained(layer: Instance) -> bool:
    """`from_pretrained(...)`, `weights=...`, `pretrained=True`; a weight that is not known for sure does not count."""
    if not isinstance(layer.cls, External) or not layer.cls.name.startswith(_LIBRARIES):
        return False  # a table of word vectors has nothing to forget but itself
    if "*pretrained" in layer.attributes:
        return True
    if constant(layer.keywords.get("pretrained", Constant(False))) is True:
        return True
    given = layer.keywords.get("weights") or layer.keywords.get("encoder_weights")
    if given is not None:
        return not (isinstance(one(given), Constant) and constant(given) is None)
    position = 0 if layer.cls.name.startswith("torchvision.models.") else 1
    return constant(layer.arguments[position]) is True if len(layer.arguments) > position else False


def may_be_pretrained(model: Value) -> bool:
    """Whether some part may come with weights, by an argument whose value is not known."""
    for layer in layers(model):
        if is_pretrained(layer):
            return True
        assert isinstance(layer.cls, External)
        if not layer.cls.name.startswith(_LIBRARIES):
            continue
        asked = [
            v for k, v in layer.keywords.items() if k in ("pretrained", "weights", "encoder_weights", "**")
        ]
        given = (
            () if layer.cls.name.startswith("transformers.") else layer.arguments
        )  # a configuration has no weights
        if any(not isinstance(one(v), Constant) for v in (*asked, *given)):
            return True
    return False


def holds(model: Value, *names: str) -> bool:
    """Whether a network has one of torch.nn's layers of these names."""
    return any(named(layer) in names for layer in layers(model))


_NORM_FIRST = {"TransformerEncoderLayer": 7, "TransformerDecoderLayer": 7, "Transformer": 11}


def post_norm_layers(model: Value) -> int:
    """How many transformer layers normalise behind their residual sums; 0 where that is not known."""
    count = 0
    for layer in layers(model):
        name = named(layer)
        if name == "Transformer" and _is_post_norm(layer):
            count += _count(layer, "num_encoder_layers", 2, 6) + _count(layer, "num_decoder_layers", 3, 6)
        elif name in ("TransformerEncoder", "TransformerDecoder"):
            given = layer.arguments[:1] or tuple(v for k, v in layer.keywords.items() if k.endswith("_layer"))
            inner = one(given[0]) if given else None
            if isinstance(inner, Instance) and named(inner) in _NORM_FIRST and _is_post_norm(inner):
                count += _count(layer, "num_layers", 1, 0)
    return count


def _is_post_norm(layer: Instance) -> bool:
    if "**" in layer.keywords or len(layer.arguments) > _NORM_FIRST[named(layer)]:
        return False
    return constant(layer.keywords.get("norm_first", Constant(False))) is False


def _count(layer: Instance, keyword: str, position: int, default: int) -> int:
    given = passed(layer, position, keyword)
    known = number(given) if given is not None else (float(default), None)
    return int(known[0]) if known is not None else 0
