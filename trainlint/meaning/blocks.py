"""How many transformer layers a network stacks: torch's own, blocks of the project's around an attention, configured ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import layers, named
from trainlint.meaning.modules import held, parts
from trainlint.meaning.objects import lineage
from trainlint.meaning.optimizers import number
from trainlint.meaning.syntax import Define
from trainlint.meaning.turns import turns_of_making
from trainlint.meaning.values import Class, External, Function, Instance, Value, one, passed

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_STACKS = ("TransformerEncoder", "TransformerDecoder")
_ATTENDING = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer")
_CONFIGURED = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_USUAL_DEPTH = 12.0  # of `BertConfig()`, `GPT2Config()` and most others
_PRODUCTS = frozenset("matmul bmm einsum baddbmm transpose permute mT".split())
_WEIGHING = ("softmax", "Softmax", "scaled_dot_product_attention")


def transformer_layers(program: Program, network: Instance) -> int:
    """How many transformer layers a network has, at least; 0 where none is seen."""
    every = [part for part in parts(network) if isinstance(part, Instance)]
    repeated = {id(layer) for part in every if named(part) in _STACKS for layer in _first(part)}
    own = [_times(holder, repeated, network) for holder in every]
    library = [_of_library(layer) for layer in layers(network)]
    return round(sum(own) + sum(library) or _written_out(program, network))


def _of_library(layer: Instance) -> float:
    match named(layer):
        case "Transformer":
            return _count(layer, "num_encoder_layers", 2, 6) + _count(layer, "num_decoder_layers", 3, 6)
        case "TransformerEncoder" | "TransformerDecoder":
            return _count(layer, "num_layers", 1, 0)
    assert isinstance(layer.cls, External)
    return _by_configuration(layer) if layer.cls.name.startswith("transformers.") else 0.0


def _count(layer: Instance, keyword: str, position: int, default: float) -> float:
    given = passed(layer, position, keyword)
    known = number(given) if given is not None else (default, None)
    return known[0] if known is not None else 0.0


def _by_configuration(layer: Instance) -> float:
    """`BertModel(BertConfig(num_hidden_layers=6))`."""
    given = one(next(iter((*layer.arguments, *layer.keywords.values())), External("")))
    if not isinstance(given, Instance) or not isinstance(given.cls, External):
        return 0.0
    if not given.cls.name.endswith("Config") or "**" in given.keywords:
        return 0.0
    asked = next((given.keywords[key] for key in _CONFIGURED if key in given.keywords), None)
    known = number(asked) if asked is not None else (_USUAL_DEPTH, None)
    return known[0] if known is not None else 0.0


def _times(holder: Instance, repeated: set[int], network: Instance) -> float:
    """How many layers a module is: as often as the attention that it holds is made."""
    if named(holder) in (*_STACKS, *_ATTENDING, "Transformer"):
        return 0.0
    inside = [part for part in _held(holder) if id(part) not in repeated and named(part) in _ATTENDING]
    if named(holder) in ("Sequential", "ModuleList"):
        return sum(turns_of_making(part, network, None)[0] for part in inside)
    return max((turns_of_making(part, network, None)[0] for part in inside), default=0.0)


def _held(holder: Instance) -> Iterator[Instance]:
    found: dict[int, Instance] = {}
    for _, part in held(holder):
        if isinstance(part, Instance):
            found.setdefault(id(part), part)
    yield from found.values()


def _written_out(program: Program, network: Instance) -> float:
    """How often attention that the project computes itself comes one after the other: heads stand side by side."""
    found = next((a for a in program.architectures if a.network is network), None)
    if found is None or not any(map(_attends, found.parts)):
        return 0.0
    times = [step.times for step in found.chain.every if step.kind in _WEIGHING]
    return max((t for t in times if t > 1), default=0.0)


def _attends(module: Instance) -> bool:
    """Whether a module of the project's own computes attention: a softmax between two products of matrices."""
    if not isinstance(module.cls, Class):
        return False
    words: set[str] = set()
    for base in lineage(module.cls):
        for member in base.names.values() if isinstance(base, Class) else ():
            if isinstance(member, Function) and isinstance(member.node, Define):
                words |= member.node.body.words
    if "scaled_dot_product_attention" in words:
        return True
    return not words.isdisjoint(("softmax", "Softmax")) and not words.isdisjoint(_PRODUCTS)


def _first(stack: Instance) -> Iterator[Value]:
    given = stack.arguments[:1] or tuple(v for k, v in stack.keywords.items() if k.endswith("_layer"))
    yield from (one(value) for value in given)
