"""How many weights recurrent layers and blocks of transformers have, by their sizes."""

from __future__ import annotations

from trainlint.meaning.architecture import named
from trainlint.meaning.values import Constant, Instance, constant, one, passed

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_ATTENTIONS = {"TransformerEncoderLayer": 1, "TransformerDecoderLayer": 2}
_BY_STACK = {"TransformerEncoder": "encoder_layer", "TransformerDecoder": "decoder_layer"}
_USUAL = 2048  # units of `dim_feedforward`


def weights_in(layer: Instance) -> int:
    """The weights of a recurrent layer or a block of a transformer, or of a stack of these; 0 where they are not known."""
    if "**" in layer.keywords:
        return 0
    name = named(layer)
    if name in _GATES:
        return _recurrent(layer, _GATES[name])
    if name in _ATTENTIONS:
        return _block(layer, _ATTENTIONS[name])
    if name in _BY_STACK:
        repeated = one(passed(layer, 0, _BY_STACK[name]) or Constant(None))
        count = _size(layer, "num_layers", 1)
        return weights_in(repeated) * count if isinstance(repeated, Instance) else 0
    return 0


def _recurrent(layer: Instance, gates: int) -> int:
    into, units = _size(layer, "input_size", 0), _size(layer, "hidden_size", 1)
    count = _size(layer, "num_layers", 2, 1)
    ways = 2 if constant(layer.keywords.get("bidirectional", Constant(False))) is True else 1
    if not (into and units and count):
        return 0
    return ways * gates * units * (into + units + (count - 1) * (ways * units + units))


def _block(layer: Instance, attentions: int) -> int:
    width, inner = _size(layer, "d_model", 0), _size(layer, "dim_feedforward", 2, _USUAL)
    return 4 * attentions * width * width + 2 * width * inner if width and inner else 0


def _size(layer: Instance, keyword: str, position: int, usual: int = 0) -> int:
    """A whole number that a layer is given; 0 where it is not known."""
    found = constant(passed(layer, position, keyword) or Constant(usual))
    return found if type(found) is int and found > 0 else 0
